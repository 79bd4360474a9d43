"""How a callback's signer is written down: its kind, its keys or where they are kept, and its shape."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from attrs import field, frozen

from alarm_dispatch.converters import JsonConverter, gathered
from alarm_dispatch.errors import InvalidFieldError
from alarm_dispatch.secret import Secret, resolve_secret
from alarm_dispatch.signing import Algorithm, Encoding, HmacSigner, Signer, Signs, StandardWebhooks

__all__ = ["HmacSettings", "StandardWebhooksSettings", "signer_from"]

_Key = Secret | str

# Of the right length; nothing is signed by it.
_ANY_KEY = "x" * 32


def _standard_keys(texts: tuple[_Key, ...]) -> tuple[_Key, ...]:
    """The keys that the texts stand for; all that are wrong are told."""
    if not texts:
        raise ValueError("is empty; nothing can be signed without a key")
    return tuple(gathered((index, partial(_key, text, StandardWebhooks)) for index, text in enumerate(texts)))


def _hmac_key(text: _Key) -> _Key:
    return _key(text, partial(HmacSigner, header="X"))


def _hmac_setting(_instance: object, attribute: Any, value: Any) -> None:
    """What the signer says of this setting alone: its constructor would end at the first that is wrong."""
    try:
        HmacSigner(**{"key": _ANY_KEY, "header": "X", attribute.name: value})
    except InvalidFieldError as error:
        raise ValueError(error.problem) from None


def _key(text: _Key, check: Callable[[_Key], object]) -> _Key:
    try:
        # Converters are called twice: first to tell all that is wrong, then by the class.
        key = resolve_secret(text, "key") if isinstance(text, str) else text
        check(key)
    except InvalidFieldError as error:
        # The path tells where it is.
        raise ValueError(error.problem) from None
    return key


@frozen(kw_only=True)
class StandardWebhooksSettings:
    """The written form of a StandardWebhooks."""

    kind: str
    # As they are written; what they stand for may be secrets.
    keys: tuple[str, ...] = field(converter=_standard_keys)

    def signer(self) -> Signer:
        """The signer."""
        return StandardWebhooks(*self.keys)


@frozen(kw_only=True)
class HmacSettings:
    """The written form of an HmacSigner."""

    kind: str
    key: str = field(converter=_hmac_key)
    header: str = field(validator=_hmac_setting)
    algorithm: str = field(default=Algorithm.SHA256, validator=_hmac_setting)
    encoding: str = field(default=Encoding.HEX, validator=_hmac_setting)
    prefix: str = field(default="", validator=_hmac_setting)
    signs: str = field(default=Signs.BODY, validator=_hmac_setting)
    timestamp_header: str | None = field(default=None, validator=_hmac_setting)

    def signer(self) -> Signer:
        """The signer."""
        return HmacSigner(
            self.key,
            header=self.header,
            algorithm=self.algorithm,
            encoding=self.encoding,
            prefix=self.prefix,
            signs=self.signs,
            timestamp_header=self.timestamp_header,
        )


_KINDS: dict[str, type[StandardWebhooksSettings | HmacSettings]] = {
    "standard-webhooks": StandardWebhooksSettings,
    "hmac": HmacSettings,
}


def signer_from(value: Any, converter: JsonConverter) -> Signer:
    """The signer that a table describes; ``converter`` structures its parts."""
    if not isinstance(value, Mapping) or "kind" not in value:
        raise TypeError(
            'must be a table such as {kind = "standard-webhooks", keys = ["env:NAME"]}, '
            'or {kind = "hmac", key = "env:NAME", header = "X-Signature"}'
        )
    kind = value["kind"]
    settings = _KINDS.get(kind) if isinstance(kind, str) else None
    if settings is None:
        # What stands there is not repeated: it may be the key.
        raise InvalidFieldError("signer.kind", f"must be one of: {', '.join(_KINDS)}")
    return converter.structure(value, settings).signer()

"""How alarm groups are written down: the same settings as in code, as a mapping or a file."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from functools import partial, reduce
from operator import and_, or_
from typing import Any

from attrs import fields, frozen

from alarm_dispatch import formats
from alarm_dispatch.callbacks import Callback
from alarm_dispatch.confirmation import (
    Confirmation,
    any_2xx,
    json_field_equals,
    session_echo,
    status_is,
)
from alarm_dispatch.converters import StructureError, at_key, collecting_converter, gathered, problems_of
from alarm_dispatch.egress import EgressPolicy
from alarm_dispatch.egress.policy import Preset, check_not_empty
from alarm_dispatch.errors import ConfigurationError, InvalidFieldError
from alarm_dispatch.exchange import Transport
from alarm_dispatch.formats import Format
from alarm_dispatch.groups import AlarmGroup
from alarm_dispatch.http_values import check_headers
from alarm_dispatch.limits import Rate
from alarm_dispatch.loading.signers import signer_from
from alarm_dispatch.loading.source import Source, read_source
from alarm_dispatch.schedule import RetrySchedule
from alarm_dispatch.secret import Secret, resolve_secret, revealed
from alarm_dispatch.service_urls import is_service_url
from alarm_dispatch.signing import Signer
from alarm_dispatch.transports.auth import BasicAuth, BearerAuth
from alarm_dispatch.transports.httpx import DEFAULT_MAX_REPLY_BYTES, HttpxTransport

__all__ = ["load_groups"]


def load_groups(source: Source) -> dict[str, AlarmGroup]:
    """The alarm groups that a JSON file, a TOML file or a mapping describes, by name and in their order.

    The source is one group (``name`` and ``callbacks``), or a list of groups, or a table of groups by
    name; a list or table may stand under the key ``groups``.  A callback's ``fallback`` is one of them.

    Raises :class:`~alarm_dispatch.errors.ConfigurationError`, which tells every problem with the path of
    its field (``$.callbacks[1].timeout``), and OSError when a file cannot be read.
    """
    content, name = read_source(source, "alarm groups")
    written = _single_groups(content, name)
    names = [group["name"] for _, group in written if isinstance(group, Mapping) and "name" in group]
    found: dict[str, AlarmGroup] = {}
    problems: list[tuple[str, str]] = []
    for path, group in written:
        try:
            loaded = _converter.structure(group, AlarmGroup)
        except StructureError as error:
            problems.extend(problems_of(error, path))
            continue
        if loaded.name in found:
            problems.append(
                (f"{path}.name", f"{loaded.name!r} occurs twice; each group needs a name of its own")
            )
        problems.extend(_wrong_fallbacks(loaded, path, names))
        found[loaded.name] = loaded
    if not found and not problems:
        problems.append(("$", "has no group; there must be at least one"))
    if problems:
        raise ConfigurationError(name, problems)
    return found


def _wrong_fallbacks(group: AlarmGroup, path: str, names: Collection[Any]) -> Iterator[tuple[str, str]]:
    """Fallbacks that would never be told; ``names`` are those of all groups, also of the wrong ones."""
    for index, callback in enumerate(group.callbacks):
        fallback = callback.fallback
        if fallback == group.name:
            problem = "is its own group, which had the alarm already"
        elif fallback is not None and fallback not in names:
            problem = f"{fallback!r} is none of the groups: {', '.join(map(str, names))}"
        else:
            continue
        yield f"{path}.callbacks[{index}].fallback", problem


_GROUP_KEYS = {attribute.name for attribute in fields(AlarmGroup)}


def _holds_tables(content: Mapping[str, Any]) -> bool:
    return all(isinstance(value, Mapping) for value in content.values())


def _single_groups(content: Any, name: str) -> list[tuple[str, Any]]:
    """Each group's mapping with its path, whichever of the shapes the source has."""
    if isinstance(content, Mapping) and "groups" in content:
        others = sorted(str(key) for key in content if key != "groups")
        if others:
            raise ConfigurationError(
                name, [(at_key("$", key), "unknown key; allowed are: groups") for key in others]
            )
        groups, path = content["groups"], "$.groups"
    elif (
        content
        and isinstance(content, Mapping)
        and (_GROUP_KEYS & content.keys() or not _holds_tables(content))
    ):
        return [("$", content)]
    else:
        groups, path = content, "$"
    if isinstance(groups, Mapping):
        for key, group in groups.items():
            if isinstance(group, Mapping) and group.get("name", key) != key:
                told = f"is {group['name']!r} in a table that is called {key!r}"
                raise ConfigurationError(name, [(f"{at_key(path, key)}.name", told)])
        return [
            (at_key(path, key), {"name": key, **group} if isinstance(group, Mapping) else group)
            for key, group in groups.items()
        ]
    if isinstance(groups, list | tuple):
        return [(f"{path}[{index}]", group) for index, group in enumerate(groups)]
    raise ConfigurationError(name, [(path, "must be a list of groups, or a table of groups by name")])


_Headers = tuple[tuple[str, Secret], ...]
_ClientCert = tuple[str, str] | tuple[str, str, str | Secret]


@frozen(kw_only=True)
class _HttpxSettings:
    """The written form of an HttpxTransport."""

    kind: str = "httpx"
    http2: bool = False
    proxy: Secret | None = None
    ca_file: str | None = None
    client_cert: _ClientCert | None = None
    auth: BasicAuth | BearerAuth | None = None
    headers: _Headers = ()
    insecure_tls: bool = False
    max_reply_bytes: int = DEFAULT_MAX_REPLY_BYTES

    def transport(self) -> HttpxTransport:
        if self.kind != "httpx":
            raise ValueError(f"has the kind {self.kind!r}; allowed is: httpx")
        return HttpxTransport(
            http2=self.http2,
            proxy=self.proxy,
            ca_file=self.ca_file,
            client_cert=self.client_cert,
            insecure_tls=self.insecure_tls,
            auth=self.auth,
            headers=self.headers,
            max_reply_bytes=self.max_reply_bytes,
        )


def _callback(value: Any, kind: Any) -> Callback:
    # What is missing is told with the rest, and not when all the rest is right.
    if isinstance(value, Mapping) and "format" not in value and not _is_for_apprise(value.get("url")):
        value = {**value, "format": _MISSING}
    return _callback_table(value, kind)  # type: ignore[no-any-return]  # a hook gives what it is for


_MISSING = object()


def _is_for_apprise(url: Any) -> bool:
    try:
        return is_service_url(revealed(resolve_secret(url, "")))
    except InvalidFieldError:
        return False  # it is told as the URL's


def _format(value: Any, _type: Any) -> Any:
    if value is _MISSING:
        raise KeyError("format")
    if isinstance(value, str):
        return formats.get(value)
    if isinstance(value, Mapping):
        options = {str(key): option for key, option in value.items()}
        name = options.pop("name", None)
        if isinstance(name, str):
            return formats.get(name, **{key: _option(key, option) for key, option in options.items()})
    raise TypeError(
        'must be the name of a format, or a table such as {name = "tencent", dialect = "observed"}'
    )


def _option(key: str, value: Any) -> Any:
    # Which options are secrets, only the format knows; it refuses one that may be none.
    return resolve_secret(value, f"Format.{key}") if isinstance(value, str) else value


_CONFIRMATIONS = (
    '200 or [200, 204], "2xx", {json_field = "errcode", equals = 0}, {session_echo = "sessionId"}, '
    "{all = […]}, {any = […]}"
)


def _confirmation(value: Any, _type: Any) -> Confirmation:
    found = _written_confirmation(value)
    if found is None:
        raise ValueError(f"must be one of: {_CONFIRMATIONS}")
    return found


def _written_confirmation(value: Any) -> Confirmation | None:
    if value == "2xx":
        return any_2xx()
    codes = value if isinstance(value, list | tuple) else [value]
    if codes and all(isinstance(code, int) and not isinstance(code, bool) for code in codes):
        return status_is(*codes)
    found: Confirmation | None = None
    rest: Mapping[object, object] = {}
    match value:
        case {"json_field": str(name), "equals": str() | int() | float() | None as expected, **rest}:
            found = json_field_equals(name, expected)
        case {"session_echo": str(name), **rest}:
            found = session_echo(name)
        case {"all": [_, *_] as parts, **rest}:
            found = reduce(and_, (_confirmation(part, None) for part in parts))
        case {"any": [_, *_] as parts, **rest}:
            found = reduce(or_, (_confirmation(part, None) for part in parts))
    return None if rest else found


def _auth(value: Any, _type: Any) -> BasicAuth | BearerAuth:
    if isinstance(value, Mapping) and "token" in value:
        if value.keys() & {"user", "password"}:
            raise ValueError("must have either a user and a password, or a token")
        return _converter.structure(value, BearerAuth)
    return _converter.structure(value, BasicAuth)


def _secret(value: Any, _type: Any) -> Secret | str:
    """``env:NAME`` and ``file:PATH`` are secrets, wherever one may be given."""
    return resolve_secret(_converter.structure(value, str), "")


def _headers(value: Any, _type: Any) -> Any:
    given: dict[str, str] = _converter.structure(value, dict[str, str])
    return tuple(gathered((name, partial(_header, name, text)) for name, text in given.items()))


def _header(name: str, text: str) -> tuple[str, Secret | str]:
    try:
        value = resolve_secret(text, "header")
        check_headers({name: value}, "header")
    except InvalidFieldError as error:
        raise ValueError(error.problem) from None
    return name, value


def _client_cert(value: Any, _type: Any) -> tuple[str | Secret, ...]:
    parts: tuple[str, ...] = _converter.structure(value, tuple[str, ...])
    if len(parts) not in {2, 3}:
        raise ValueError("must be [certificate, key] or [certificate, key, password]")
    certificate, key, *password = parts
    return certificate, key, *(resolve_secret(text, "") for text in password)


def _delays(value: Any, _type: Any) -> tuple[float, ...]:
    if not isinstance(value, list | tuple):
        raise TypeError("must be a list of seconds")
    return tuple(gathered((index, partial(_delay, delay)) for index, delay in enumerate(value)))


def _delay(value: Any) -> float:
    seconds: float = _converter.structure(value, float)
    try:
        RetrySchedule(delays=(seconds,))
    except InvalidFieldError as error:
        raise ValueError(error.problem) from None
    return seconds


def _transport(value: Any, _type: Any) -> HttpxTransport:
    return _converter.structure(value, _HttpxSettings).transport()


def _egress(value: Any, _type: Any) -> EgressPolicy:
    if isinstance(value, str):
        try:
            return EgressPolicy(preset=value)
        except InvalidFieldError as error:
            raise ValueError(error.problem) from None
    if not isinstance(value, Mapping):
        raise TypeError(
            'must be the name of a preset, or a table such as {preset = "internal", https_only = true}'
        )
    if "preset" not in value:
        # The default would replace a dispatcher's stricter policy, for a rule that was to be added to it.
        raise ValueError(
            f"has no preset, and does not add to the dispatcher's; allowed are: {', '.join(Preset)}"
        )
    check_not_empty(value)
    return _egress_table(value, EgressPolicy)  # type: ignore[no-any-return]  # a hook gives what it is for


def _rate(value: Any, _type: Any) -> Any:
    return value  # the field's own converter reads it, and names what is allowed


def _signer(value: Any, _type: Any) -> Signer:
    return signer_from(value, _converter)


_converter = collecting_converter(leave_out={RetrySchedule: frozenset({"stop", "wait"})})
_converter.register_structure_hook(Format, _format)
_converter.register_structure_hook(Confirmation, _confirmation)
_converter.register_structure_hook(Transport, _transport)
_converter.register_structure_hook(BasicAuth | BearerAuth, _auth)
_converter.register_structure_hook(Secret, _secret)
_converter.register_structure_hook_func(lambda kind: kind == _Headers, _headers)
_converter.register_structure_hook_func(lambda kind: kind == _ClientCert, _client_cert)
_converter.register_structure_hook_func(lambda kind: kind == (Rate | bool | None), _rate)
# The hook of any class of settings, before the one that takes a preset's name as well.
_egress_table = _converter.get_structure_hook(EgressPolicy)
_converter.register_structure_hook(EgressPolicy, _egress)
_callback_table = _converter.get_structure_hook(Callback)
_converter.register_structure_hook(Callback, _callback)
_converter.register_structure_hook(Signer, _signer)
_converter.register_structure_hook_func(lambda kind: kind == tuple[float, ...], _delays)

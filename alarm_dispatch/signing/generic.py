"""An HMAC in a header, in the shapes that receivers ask for: the signer and the verifier."""

from __future__ import annotations

import base64
import binascii
import enum
import hmac
from collections.abc import Callable
from datetime import datetime

from attrs import frozen

from alarm_dispatch import values
from alarm_dispatch.errors import InvalidFieldError, SigningError
from alarm_dispatch.http_values import check_headers
from alarm_dispatch.request_headers import ALWAYS_THERE, ID_HEADER, TIMESTAMP_HEADER, unix_seconds
from alarm_dispatch.signing.base import KeyHolder
from alarm_dispatch.signing.keys import KeyLike, raw_key
from alarm_dispatch.signing.reasons import SignatureRefusal
from alarm_dispatch.signing.verifying import (
    DEFAULT_TOLERANCE,
    HeadersLike,
    Verified,
    Window,
    check_content,
    exact_bytes,
    listed,
    one_header,
    refuse,
    utc_now,
)

__all__ = ["Algorithm", "Encoding", "HmacSigner", "HmacVerifier", "Signs", "mac_by"]


class Algorithm(enum.StrEnum):
    """The hash of an HMAC."""

    SHA256 = "sha256"
    SHA384 = "sha384"
    SHA512 = "sha512"
    SHA1 = "sha1"
    """For receivers that know no other; what breaks SHA-1 does not break its HMAC (RFC 6194, section 3.3)."""


class Encoding(enum.StrEnum):
    """How the signature's bytes are written."""

    HEX = "hex"
    BASE64 = "base64"


class Signs(enum.StrEnum):
    """What is signed."""

    BODY = "body"
    """The body alone.  A recorded request can then be sent again at any time."""
    TIMESTAMP_BODY = "{timestamp}.{body}"
    """The attempt's time in whole seconds since 1970, a full stop, the body."""
    ID_TIMESTAMP_BODY = "{id}.{timestamp}.{body}"
    """The delivery's id, a full stop, and that: the order of Standard Webhooks."""


def mac_by(key: bytes, algorithm: str) -> Callable[[bytes], bytes]:
    """Makes the HMAC of a message."""
    # Begun once and copied: half the time, and the key itself is kept nowhere.
    begun = hmac.new(key, digestmod=algorithm)

    def mac(message: bytes) -> bytes:
        made = begun.copy()
        made.update(message)
        return made.digest()

    return mac


@frozen(kw_only=True)
class _Shape:
    """What the signer and the verifier must agree on."""

    header: str
    algorithm: Algorithm
    encoding: Encoding
    prefix: str
    signs: Signs
    timestamp_header: str | None

    def message(self, delivery_id: str, timestamp: str, content: bytes) -> bytes:
        if self.signs is Signs.BODY:
            return content
        if self.signs is Signs.TIMESTAMP_BODY:
            return b"%b.%b" % (timestamp.encode(), content)
        return b"%b.%b.%b" % (exact_bytes(delivery_id), timestamp.encode(), content)

    def written(self, signature: bytes) -> str:
        text = signature.hex() if self.encoding is Encoding.HEX else base64.b64encode(signature).decode()
        return self.prefix + text

    def read(self, text: str) -> bytes | None:
        """The signature's bytes; None for what holds none."""
        if not text.startswith(self.prefix):
            return None
        bare = text.removeprefix(self.prefix)
        try:
            if self.encoding is Encoding.HEX:
                return binascii.unhexlify(bare)
            return base64.b64decode(bare, validate=True)
        except ValueError:  # of which binascii.Error is one
            return None


def _shape(
    kind: str,
    header: str,
    algorithm: Algorithm | str,
    encoding: Encoding | str,
    prefix: str,
    signs: Signs | str,
    timestamp_header: str | None,
) -> _Shape:
    values.check_text(prefix, f"{kind}.prefix")
    _check_name(f"{kind}.header", header)
    # By a header that is right, so that what is wrong is the text before its signature.
    _check_header(f"{kind}.prefix", "X", f"{prefix}x")
    if timestamp_header is not None:
        _check_name(f"{kind}.timestamp_header", timestamp_header)
        if timestamp_header.lower() == header.lower():
            raise InvalidFieldError(f"{kind}.timestamp_header", "is the header of the signature")
    return _Shape(
        header=header,
        algorithm=values.enum_member(Algorithm, algorithm, f"{kind}.algorithm"),
        encoding=values.enum_member(Encoding, encoding, f"{kind}.encoding"),
        prefix=prefix,
        signs=values.enum_member(Signs, signs, f"{kind}.signs"),
        timestamp_header=timestamp_header,
    )


def _check_name(field: str, name: str) -> None:
    """Nothing for the name of a header that can be sent, and that is not others' to write."""
    _check_header(field, name, "x")
    if name.lower() in ALWAYS_THERE:
        raise InvalidFieldError(field, f"cannot be {name}: every request has that already")


def _check_header(field: str, name: str, value: str) -> None:
    try:
        check_headers([(name, value)], field)
    except InvalidFieldError as error:
        raise InvalidFieldError(field, error.problem) from None


class HmacSigner(KeyHolder):
    """Signs by an HMAC in the header ``header``.

    ``key`` is text (its UTF-8 is the key), bytes, or a :class:`~alarm_dispatch.secret.Secret`, of 16 bytes at
    least.  ``algorithm`` is sha256, sha384, sha512, or sha1 for receivers that know no other; ``encoding`` is
    hex or base64; ``prefix`` stands before the signature (``sha256=``).  ``signs`` is ``body``,
    ``{timestamp}.{body}`` or ``{id}.{timestamp}.{body}``: the attempt's time in whole seconds since 1970, and
    the delivery's id.  ``timestamp_header`` is sent with that time; without it receivers find the time in
    ``Alarm-Dispatch-Timestamp``, as they find the id in ``Alarm-Dispatch-Id``.

    Raises :class:`~alarm_dispatch.errors.InvalidFieldError`, which never repeats the key.
    """

    __slots__ = ("_mac", "_shape", "header_names")

    header_names: tuple[str, ...]

    def __init__(
        self,
        key: KeyLike,
        *,
        header: str,
        algorithm: Algorithm | str = Algorithm.SHA256,
        encoding: Encoding | str = Encoding.HEX,
        prefix: str = "",
        signs: Signs | str = Signs.BODY,
        timestamp_header: str | None = None,
    ) -> None:
        self._shape = _shape("HmacSigner", header, algorithm, encoding, prefix, signs, timestamp_header)
        self._mac = mac_by(raw_key(key, "HmacSigner.key"), self._shape.algorithm)
        self.header_names = (header,) if timestamp_header is None else (header, timestamp_header)

    def sign(
        self,
        content: bytes,
        *,
        delivery_id: str,
        attempt: int,  # noqa: ARG002 - the signature does not cover it
        at: datetime,
    ) -> tuple[tuple[str, str], ...]:
        """The header, and that of the time where one is set.

        Raises :class:`~alarm_dispatch.errors.SigningError` when the id is signed and holds a full stop, since
        its end could not be told.
        """
        shape, timestamp = self._shape, str(unix_seconds(at))
        if shape.signs is Signs.ID_TIMESTAMP_BODY and "." in delivery_id:
            raise SigningError("the delivery's id has a full stop, which ends the id in what is signed")
        signature = (shape.header, shape.written(self._mac(shape.message(delivery_id, timestamp, content))))
        if shape.timestamp_header is None:
            return (signature,)
        return signature, (shape.timestamp_header, timestamp)

    def __repr__(self) -> str:
        return f"HmacSigner(<{self._shape.algorithm}>, header={self._shape.header!r})"


class HmacVerifier(KeyHolder):
    """Verifies what an :class:`HmacSigner` of the same settings signed; any one of the keys will do.

    The time is checked when it is signed: ``tolerance`` is in seconds and holds in both directions, and
    ``timestamp_header`` names the header.  ``id_header`` is where the id is found when it is signed.  ``now``
    answers the aware time.

    Raises :class:`~alarm_dispatch.errors.InvalidFieldError`, which never repeats a key.
    """

    __slots__ = ("_id_header", "_macs", "_now", "_shape", "_timestamp_header", "_window")

    def __init__(
        self,
        *keys: KeyLike,
        header: str,
        algorithm: Algorithm | str = Algorithm.SHA256,
        encoding: Encoding | str = Encoding.HEX,
        prefix: str = "",
        signs: Signs | str = Signs.BODY,
        timestamp_header: str = TIMESTAMP_HEADER,
        id_header: str = ID_HEADER,
        tolerance: float = DEFAULT_TOLERANCE,
        now: Callable[[], datetime] = utc_now,
    ) -> None:
        self._shape = _shape("HmacVerifier", header, algorithm, encoding, prefix, signs, None)
        self._macs = [
            mac_by(raw_key(key, f"HmacVerifier.keys[{index}]"), self._shape.algorithm)
            for index, key in enumerate(keys)
        ]
        if not keys:
            raise InvalidFieldError("HmacVerifier.keys", "is empty; nothing can be verified without a key")
        self._timestamp_header = values.check_text(
            timestamp_header, "HmacVerifier.timestamp_header", empty=False
        )
        self._id_header = values.check_text(id_header, "HmacVerifier.id_header", empty=False)
        self._window = Window(tolerance, "HmacVerifier.tolerance")
        self._now = now

    def verify(self, content: bytes, headers: HeadersLike) -> Verified:
        """What the signature vouches for; ``content`` are the exact bytes of the body.

        Raises :class:`~alarm_dispatch.errors.SignatureRefusedError` with one of the closed reasons, and
        :class:`~alarm_dispatch.errors.InvalidFieldError` when ``content`` is not bytes.
        """
        check_content(content)
        shape, pairs = self._shape, listed(headers)
        delivery_id, timestamp, at = None, "", None
        if shape.signs is Signs.ID_TIMESTAMP_BODY:
            delivery_id = one_header(pairs, self._id_header)
            if "." in delivery_id:
                refuse(SignatureRefusal.MALFORMED_HEADER, f"the header {self._id_header} has a full stop")
        if shape.signs is not Signs.BODY:
            timestamp, at = self._window.time(pairs, self._timestamp_header, self._now())
        signature = shape.read(one_header(pairs, shape.header))
        if signature is None:
            told = f"the header {shape.header} holds no signature in {shape.encoding}"
            refuse(SignatureRefusal.NO_SUITABLE_SIGNATURE, told)
        message = shape.message(delivery_id or "", timestamp, content)
        # All are compared, so that the time tells nothing of which key it was.
        matches = [hmac.compare_digest(mac(message), signature) for mac in self._macs]
        if not any(matches):
            refuse(SignatureRefusal.WRONG_SIGNATURE, "the signature is by none of the keys")
        return Verified(delivery_id=delivery_id, at=at)

    def __repr__(self) -> str:
        return f"HmacVerifier(<{self._shape.algorithm}>, header={self._shape.header!r})"

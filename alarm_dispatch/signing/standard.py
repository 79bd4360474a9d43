"""Standard Webhooks 1.0.0: the signer, and the verifier for receivers of one's own."""

from __future__ import annotations

import base64
import binascii
import hmac
from collections.abc import Callable, Iterator
from datetime import datetime

from alarm_dispatch.errors import InvalidFieldError, SigningError
from alarm_dispatch.request_headers import unix_seconds
from alarm_dispatch.signing.base import KeyHolder
from alarm_dispatch.signing.generic import mac_by
from alarm_dispatch.signing.keys import PRIVATE, PUBLIC, SHARED, KeyLike, prefixed_key
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

__all__ = ["StandardWebhooks", "StandardWebhooksVerifier"]

_ID, _TIMESTAMP, _SIGNATURE = "webhook-id", "webhook-timestamp", "webhook-signature"
_SYMMETRIC, _ASYMMETRIC = "v1", "v1a"

# Each costs a verification by each public key, and any caller may send as many as a header holds.
_MOST_SIGNATURES = 32

_Sign = Callable[[bytes], bytes]
_Verify = Callable[[bytes, bytes], bool]


class StandardWebhooks(KeyHolder):
    """Signs by Standard Webhooks 1.0.0: ``webhook-id``, ``webhook-timestamp`` and ``webhook-signature``.

    ``webhook-id`` is the delivery's id, the same in each attempt; the timestamp is the attempt's.  What is
    signed is ``{id}.{timestamp}.{body}``.

    A key is text, bytes, or a :class:`~alarm_dispatch.secret.Secret`: ``whsec_`` and base64 of 24 to 64
    bytes signs by HMAC-SHA256 (``v1``), ``whsk_`` and base64 of an Ed25519 private key by that (``v1a``),
    which needs the extra ``signing``.  Bytes without a prefix are a shared secret itself.  With several keys
    there is a signature by each, so that a receiver may know the old key or the new one.

    Raises :class:`~alarm_dispatch.errors.InvalidFieldError`, which never repeats a key.
    """

    __slots__ = ("_signing",)

    header_names = (_ID, _TIMESTAMP, _SIGNATURE)

    def __init__(self, *keys: KeyLike) -> None:
        self._signing = [
            _signing_by(key, f"StandardWebhooks.keys[{index}]") for index, key in enumerate(keys)
        ]
        if not keys:
            raise InvalidFieldError("StandardWebhooks.keys", "is empty; nothing can be signed without a key")

    def sign(
        self,
        content: bytes,
        *,
        delivery_id: str,
        attempt: int,  # noqa: ARG002 - the signature does not cover it
        at: datetime,
    ) -> tuple[tuple[str, str], ...]:
        """The three headers, as :class:`~alarm_dispatch.signing.Signer` has it.

        Raises :class:`~alarm_dispatch.errors.SigningError` when the id holds a full stop: the specification
        forbids it ("Signature scheme"), since the end of the id could not be told.
        """
        if "." in delivery_id:
            raise SigningError("the delivery's id has a full stop, which Standard Webhooks forbids")
        timestamp = str(unix_seconds(at))
        message = b"%b.%b.%b" % (delivery_id.encode(), timestamp.encode(), content)
        signatures = " ".join(
            f"{version},{base64.b64encode(sign(message)).decode()}" for version, sign in self._signing
        )
        return (_ID, delivery_id), (_TIMESTAMP, timestamp), (_SIGNATURE, signatures)

    def __repr__(self) -> str:
        return f"StandardWebhooks(<{', '.join(version for version, _ in self._signing)}>)"


class StandardWebhooksVerifier(KeyHolder):
    """Verifies what a :class:`StandardWebhooks` of anybody's signed; any one of the keys will do.

    Keys are as there, with ``whpk_`` and base64 of an Ed25519 public key in place of the private one.
    ``tolerance`` is in seconds and holds in both directions; ``now`` answers the aware time.

    Raises :class:`~alarm_dispatch.errors.InvalidFieldError`, which never repeats a key.
    """

    __slots__ = ("_now", "_verifying", "_window")

    def __init__(
        self,
        *keys: KeyLike,
        tolerance: float = DEFAULT_TOLERANCE,
        now: Callable[[], datetime] = utc_now,
    ) -> None:
        kind = type(self).__name__
        self._verifying = [_verifying_by(key, f"{kind}.keys[{index}]") for index, key in enumerate(keys)]
        if not keys:
            raise InvalidFieldError(f"{kind}.keys", "is empty; nothing can be verified without a key")
        self._window = Window(tolerance, f"{kind}.tolerance")
        self._now = now

    def verify(self, content: bytes, headers: HeadersLike) -> Verified:
        """What the signature vouches for; ``content`` are the exact bytes of the body.

        Raises :class:`~alarm_dispatch.errors.SignatureRefusedError` with one of the closed reasons, and
        :class:`~alarm_dispatch.errors.InvalidFieldError` when ``content`` is not bytes.
        """
        check_content(content)
        pairs = listed(headers)
        delivery_id = one_header(pairs, _ID)
        timestamp, at = self._window.time(pairs, _TIMESTAMP, self._now())
        given = list(_signatures(one_header(pairs, _SIGNATURE)))
        versions = {version for version, _ in self._verifying}
        if not any(version in versions for version, _ in given):
            told = f"the header {_SIGNATURE} has none of the kinds that the keys are for"
            refuse(SignatureRefusal.NO_SUITABLE_SIGNATURE, told)
        if "." in delivery_id:
            refuse(SignatureRefusal.MALFORMED_HEADER, f"the header {_ID} has a full stop")
        message = b"%b.%b.%b" % (exact_bytes(delivery_id), timestamp.encode(), content)
        # All are compared, so that the time tells nothing of which key it was.
        matches = [
            verify(signature, message)
            for kind, verify in self._verifying
            for version, signature in given
            if version == kind
        ]
        if not any(matches):
            refuse(SignatureRefusal.WRONG_SIGNATURE, "no signature is by any of the keys")
        return Verified(delivery_id=delivery_id, at=at)

    def __repr__(self) -> str:
        return f"StandardWebhooksVerifier(<{', '.join(version for version, _ in self._verifying)}>)"


def _signing_by(key: KeyLike, field: str) -> tuple[str, _Sign]:
    prefix, content = prefixed_key(key, field, (SHARED, PRIVATE))
    if prefix == SHARED:
        return _SYMMETRIC, mac_by(content, "sha256")
    try:
        from alarm_dispatch.signing.ed25519 import signing_by  # noqa: PLC0415 - it is an extra
    except ImportError as error:
        raise InvalidFieldError(field, str(error)) from None
    return _ASYMMETRIC, signing_by(content, field)


def _verifying_by(key: KeyLike, field: str) -> tuple[str, _Verify]:
    prefix, content = prefixed_key(key, field, (SHARED, PUBLIC))
    if prefix == SHARED:
        mac = mac_by(content, "sha256")
        return _SYMMETRIC, lambda signature, message: hmac.compare_digest(mac(message), signature)
    try:
        from alarm_dispatch.signing.ed25519 import verifying_by  # noqa: PLC0415 - it is an extra
    except ImportError as error:
        raise InvalidFieldError(field, str(error)) from None
    return _ASYMMETRIC, verifying_by(content, field)


def _signatures(text: str) -> Iterator[tuple[str, bytes]]:
    """The signatures of a header with their versions; a piece that is none is passed over."""
    pieces = text.split(" ", _MOST_SIGNATURES)
    if len(pieces) > _MOST_SIGNATURES:
        told = f"the header {_SIGNATURE} has more than {_MOST_SIGNATURES} signatures"
        refuse(SignatureRefusal.MALFORMED_HEADER, told)
    for piece in pieces:
        version, comma, encoded = piece.partition(",")
        try:
            signature = base64.b64decode(encoded, validate=True)
        except (ValueError, binascii.Error):
            continue
        if comma:
            yield version, signature

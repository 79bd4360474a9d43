"""Ed25519 over the library cryptography: what signs by a private key, and what verifies by a public one."""

from __future__ import annotations

from collections.abc import Callable

from alarm_dispatch.errors import InvalidFieldError
from alarm_dispatch.signing.keys import counted

try:
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
except ImportError as error:
    raise ImportError("Ed25519 needs cryptography: install alarm-dispatch[signing]") from error

__all__ = ["signing_by", "verifying_by"]

_HALF = 32
_PAIR = 64


def signing_by(key: bytes, field: str) -> Callable[[bytes], bytes]:
    """Signs by a private key: its 32 bytes (RFC 8032, section 5.1.5), or these and the public key's 32.

    Raises :class:`~alarm_dispatch.errors.InvalidFieldError`.
    """
    if len(key) not in {_HALF, _PAIR}:
        told = f"has {counted(key)}; an Ed25519 private key has {_HALF}, or {_PAIR} with the public one"
        raise InvalidFieldError(field, told)
    private = Ed25519PrivateKey.from_private_bytes(key[:_HALF])
    if len(key) == _PAIR and private.public_key().public_bytes_raw() != key[_HALF:]:
        raise InvalidFieldError(field, "has a public half that does not belong to its private half")
    return private.sign


def verifying_by(key: bytes, field: str) -> Callable[[bytes, bytes], bool]:
    """Whether a signature (first) of a content (second) was made by the private key to this public one.

    Raises :class:`~alarm_dispatch.errors.InvalidFieldError`.
    """
    if len(key) != _HALF:
        raise InvalidFieldError(field, f"has {counted(key)}; an Ed25519 public key has {_HALF}")
    public = Ed25519PublicKey.from_public_bytes(key)

    def verify(signature: bytes, content: bytes) -> bool:
        try:
            public.verify(signature, content)
        except InvalidSignature:
            return False
        return True

    return verify

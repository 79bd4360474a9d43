"""Keys as people have them, and what is wrong with one, told without the key."""

from __future__ import annotations

import base64
import re
from collections.abc import Sequence
from typing import Any, Protocol, TypeAlias, runtime_checkable

from alarm_dispatch.errors import InvalidFieldError

__all__ = ["PRIVATE", "PUBLIC", "SHARED", "KeyLike", "Revealing", "counted", "prefixed_key", "raw_key"]

SHARED, PRIVATE, PUBLIC = "whsec_", "whsk_", "whpk_"
_KINDS = {SHARED: "a shared secret", PRIVATE: "a private key", PUBLIC: "a public key"}

# Standard Webhooks 1.0.0, "Signature scheme": at least 24 bytes, at most 512 bits.
_LEAST_SHARED, _MOST_SHARED = 24, 64
# Of a generic HMAC key: 128 bits cannot be guessed, and a longer text is a file that was read by mistake.
_LEAST_RAW, _MOST_RAW = 16, 4096

_BASE64 = re.compile(r"[A-Za-z0-9+/]*={0,2}")


@runtime_checkable
class Revealing(Protocol):
    """What tells its text only when it is asked, as a :class:`~alarm_dispatch.secret.Secret` does."""

    def reveal(self) -> str:
        """The text."""
        ...


KeyLike: TypeAlias = "str | bytes | Revealing"


def raw_key(key: KeyLike, field: str) -> bytes:
    """The bytes of a generic HMAC key: a text's are those of its UTF-8.

    Raises :class:`~alarm_dispatch.errors.InvalidFieldError` when there are less than 16 or more than 4096.
    """
    found = _material(key, field)
    try:
        content = found.encode() if isinstance(found, str) else found
    except UnicodeEncodeError:
        raise InvalidFieldError(field, "has a lone surrogate; text must be encodable as UTF-8") from None
    return _within(content, _LEAST_RAW, _MOST_RAW, "a key", field)


def prefixed_key(key: KeyLike, field: str, allowed: Sequence[str]) -> tuple[str, bytes]:
    """The prefix and the bytes of a Standard Webhooks key, which begins with one of ``allowed``.

    Bytes without any of the prefixes are a shared secret itself, as the reference packages have it.  Raises
    :class:`~alarm_dispatch.errors.InvalidFieldError`.
    """
    found = _material(key, field)
    if isinstance(found, bytes):
        if not found.startswith(tuple(prefix.encode() for prefix in _KINDS)):
            return SHARED, _within(found, _LEAST_SHARED, _MOST_SHARED, _KINDS[SHARED], field)
        found = found.decode("latin-1")
    prefix = next((prefix for prefix in _KINDS if found.startswith(prefix)), None)
    wanted = f"it must begin with {' or '.join(allowed)}"
    if prefix is None:
        raise InvalidFieldError(field, f"has none of the prefixes of Standard Webhooks; {wanted}")
    if prefix not in allowed:
        raise InvalidFieldError(field, f"is {_KINDS[prefix]} ({prefix}); {wanted}")
    content = _decoded(found.removeprefix(prefix), field)
    if prefix == SHARED:
        _within(content, _LEAST_SHARED, _MOST_SHARED, _KINDS[SHARED], field)
    return prefix, content


def _material(key: KeyLike, field: str) -> str | bytes:
    """The key's text or bytes, whatever holds it."""
    found: Any = key.reveal() if isinstance(key, Revealing) and not isinstance(key, type) else key
    if not isinstance(found, str | bytes):
        raise InvalidFieldError(field, f"must be text, bytes or a Secret, not {type(found).__name__}")
    return found


def _decoded(text: str, field: str) -> bytes:
    # Some issuers leave the padding out.
    bare = text.rstrip("=")
    if not _BASE64.fullmatch(text) or len(bare) % 4 == 1:
        raise InvalidFieldError(field, "is not base64 after its prefix")
    return base64.b64decode(bare + "=" * (-len(bare) % 4))


def _within(content: bytes, least: int, most: int, kind: str, field: str) -> bytes:
    if not least <= len(content) <= most:
        raise InvalidFieldError(field, f"has {counted(content)}; {kind} has {least} to {most}")
    return content


def counted(content: bytes) -> str:
    """How many bytes there are, in words."""
    return "1 byte" if len(content) == 1 else f"{len(content)} bytes"

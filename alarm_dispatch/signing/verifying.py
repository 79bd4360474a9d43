"""What verifiers share: the headers of a request from whatever server, the window of time, the refusals."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any, NoReturn, Protocol, TypeAlias

from attrs import frozen

from alarm_dispatch import values
from alarm_dispatch.errors import InvalidFieldError, SignatureRefusedError
from alarm_dispatch.request_headers import unix_seconds
from alarm_dispatch.signing.reasons import SignatureRefusal

__all__ = [
    "DEFAULT_TOLERANCE",
    "HeadersLike",
    "Verified",
    "Window",
    "check_content",
    "exact_bytes",
    "listed",
    "one_header",
    "refuse",
    "utc_now",
]

DEFAULT_TOLERANCE = 300.0
"""Seconds that the clocks and the way may take, in both directions: what the reference packages allow."""


class _Items(Protocol):
    """A mapping, or what is like one, as the headers of ``http.server`` are."""

    def items(self) -> Iterable[tuple[Any, Any]]: ...


HeadersLike: TypeAlias = "_Items | Iterable[tuple[Any, Any]]"
"""A request's headers as a web framework has them: a mapping or pairs, of texts or of bytes."""

_SECONDS = re.compile(r"[0-9]{1,11}", re.ASCII)
_PAIR = 2


@frozen(kw_only=True)
class Verified:
    """What a signature vouches for beside the body.

    ``delivery_id`` is for dropping repeats, ``at`` the aware time of the attempt; either is None where the
    signature does not cover it.
    """

    delivery_id: str | None = None
    at: datetime | None = None


def utc_now() -> datetime:
    """The machine's own time."""
    return datetime.now(UTC)


def exact_bytes(text: str) -> bytes:
    """The text's bytes, other ones for each other text: servers hand on bytes beyond UTF-8 as surrogates."""
    return text.encode(errors="surrogatepass")


def check_content(content: Any) -> None:
    """Nothing for bytes; :class:`~alarm_dispatch.errors.InvalidFieldError` for a text, decoded by a guess."""
    if not isinstance(content, bytes | bytearray | memoryview):
        told = f"must be bytes, the body exactly as it came, not {type(content).__name__}"
        raise InvalidFieldError("content", told)


def refuse(reason: SignatureRefusal, told: str) -> NoReturn:
    """Raise :class:`~alarm_dispatch.errors.SignatureRefusedError`."""
    raise SignatureRefusedError(reason, told)


def listed(headers: HeadersLike) -> list[Any]:
    """The headers' pairs, to be gone through more than once: a generator's are there but once."""
    given: Any = headers
    return list(given.items() if hasattr(given, "items") else given)


def one_header(headers: Iterable[Any], name: str) -> str:
    """The value of a header that must be there once; names count in any case.

    What servers hand over differs, so whatever is no pair of texts or bytes is passed over.
    """
    wanted, found = name.lower(), []
    for pair in headers:
        if isinstance(pair, tuple | list) and len(pair) == _PAIR:
            key, value = map(_text, pair)
            if key is not None and key.lower() == wanted and value is not None:
                found.append(value)
    if not any(found):
        refuse(SignatureRefusal.MISSING_HEADER, f"the header {name} is missing")
    if len(found) > 1:
        refuse(SignatureRefusal.MALFORMED_HEADER, f"the header {name} occurs {len(found)} times")
    return found[0]


def _text(value: Any) -> str | None:
    if isinstance(value, bytes):
        return value.decode("latin-1")
    return value if isinstance(value, str) else None


class Window:
    """How far a timestamp may be from now: ``tolerance`` seconds, before and after."""

    __slots__ = ("_seconds",)

    def __init__(self, tolerance: float, field: str) -> None:
        if values.check_number(tolerance, field) <= 0:
            raise InvalidFieldError(field, f"must be more than 0 seconds, not {tolerance!r}")
        self._seconds = tolerance

    def time(self, headers: Iterable[Any], name: str, now: datetime) -> tuple[str, datetime]:
        """The header's text and its time, when it is in the window."""
        text = one_header(headers, name)
        if not _SECONDS.fullmatch(text):
            told = f"the header {name} is not a whole number of seconds since 1970"
            refuse(SignatureRefusal.MALFORMED_HEADER, told)
        age, allowed = unix_seconds(now) - int(text), f"{self._seconds:g} s are allowed"
        if age > self._seconds:
            refuse(SignatureRefusal.TOO_OLD, f"the timestamp is {age} s old; {allowed}")
        if -age > self._seconds:
            refuse(SignatureRefusal.TOO_NEW, f"the timestamp is {-age} s ahead; {allowed}")
        return text, datetime.fromtimestamp(int(text), UTC)

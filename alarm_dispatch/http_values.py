"""Which URLs and headers may be configured: checked where they are written down, not where they fail."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterable, Mapping
from typing import Any, TypeAlias
from urllib.parse import unquote, urlsplit

from alarm_dispatch.egress.urls import check_service_url, target_of
from alarm_dispatch.errors import InvalidFieldError
from alarm_dispatch.request_headers import FORBIDDEN
from alarm_dispatch.secret import revealed
from alarm_dispatch.service_urls import is_service_url

__all__ = [
    "HeaderValue",
    "basic_authorization",
    "called_url",
    "check_headers",
    "check_url",
    "split_user_info",
]

# Text or a Secret, as is checked when it is given: of a dict with both, type checkers make one of objects.
HeaderValue: TypeAlias = object

_PAIR = 2
# RFC 9110, section 5.6.2: what a header name is made of.
_TOKEN = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
# RFC 9110, section 5.5, without the obsolete bytes beyond ASCII.
_NO_VALUE = re.compile(r"[^\t -~]")


def check_url(url: Any, field: str) -> str:
    """``url`` when it is a whole http(s) URL; the error never repeats it, as it may hold a secret."""
    target_of(url, field)
    return str(url)


def called_url(url: Any, field: str) -> str:
    """What is called for a callback's URL: http(s) with its host in one spelling, or Apprise's as it is.

    Raises :class:`~alarm_dispatch.errors.InvalidFieldError`, which never repeats the URL.
    """
    if isinstance(url, str) and is_service_url(url):
        check_service_url(url, field)
        return url
    return target_of(url, field).url


def check_headers(
    headers: Mapping[str, HeaderValue] | Iterable[tuple[str, HeaderValue]], field: str
) -> tuple[tuple[str, str], ...]:
    """The headers as pairs, when names are tokens and values have no line breaks or control characters.

    Values may be secrets, which are revealed here; the error never repeats a value.  Refuses those of
    :data:`~alarm_dispatch.request_headers.FORBIDDEN`, which others write.
    """
    pairs = _pairs(headers, field)
    names = [name.lower() for name, _ in pairs if isinstance(name, str)]
    for name, value in pairs:
        if not isinstance(name, str) or not _TOKEN.fullmatch(name):
            raise InvalidFieldError(
                field, f"{name!a} is no header name; allowed are letters, digits and !#$%&'*+-.^_`|~"
            )
        problem = _header_problem(name.lower(), value, names)
        if problem is not None:
            raise InvalidFieldError(f"{field}[{name!r}]", problem)
    return pairs


def _header_problem(name: str, value: object, names: list[str]) -> str | None:
    """What is wrong with a header whose name is a token; ``names`` are those of all, in lower case."""
    if (why := FORBIDDEN.get(name)) is not None:
        return f"cannot be set: {why}"
    if not isinstance(value, str):
        return f"must be text, not {type(value).__name__}"
    # The first is quick, and tells of nearly all that nothing is wrong: signatures are checked each time.
    if not (value.isascii() and value.isprintable()) and _NO_VALUE.search(value):
        return "has a line break, a control character or a character outside of ASCII; none is allowed"
    if value != value.strip():
        return "has white space at its beginning or end"
    return "is given more than once" if names.count(name) > 1 else None


def _pairs(headers: object, field: str) -> tuple[tuple[Any, Any], ...]:
    given = headers.items() if isinstance(headers, Mapping) else headers
    if isinstance(given, str | bytes) or not isinstance(given, Iterable):
        raise InvalidFieldError(field, f"must be a mapping or pairs, not {type(given).__name__}")
    pairs = tuple(given)
    if not all(isinstance(pair, tuple | list) and len(pair) == _PAIR for pair in pairs):
        raise InvalidFieldError(field, "must be pairs of a name and a value")
    return tuple((name, revealed(value)) for name, value in pairs)


def basic_authorization(user: str, password: str) -> str:
    """The value of an Authorization header for basic authentication, in UTF-8 (RFC 7617)."""
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode("ascii")


def split_user_info(url: str) -> tuple[str, str | None]:
    """The URL without its user information, and the Authorization header value that this stood for."""
    parts = urlsplit(url)
    user_info, at, host = parts.netloc.rpartition("@")
    if not at:
        return url, None
    if not user_info:
        return parts._replace(netloc=host).geturl(), None
    user, _, password = user_info.partition(":")
    return parts._replace(netloc=host).geturl(), basic_authorization(unquote(user), unquote(password))

"""Which URLs and headers may be configured: checked where they are written down, not where they fail."""

from __future__ import annotations

import base64
import ipaddress
import re
import unicodedata
from collections.abc import Iterable, Mapping
from typing import Any, TypeAlias
from urllib.parse import SplitResult, unquote, urlsplit

import idna

from alarm_dispatch.errors import InvalidFieldError
from alarm_dispatch.secret import revealed
from alarm_dispatch.values import check_text

__all__ = ["HeaderValue", "basic_authorization", "check_headers", "check_url", "split_user_info"]

# Text or a Secret, as is checked when it is given: of a dict with both, type checkers make one of objects.
HeaderValue: TypeAlias = object

_MAX_URL = 8192
_MAX_PORT = 65535
_PAIR = 2
# RFC 9110, section 5.6.2: what a header name is made of.
_TOKEN = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
# A registered name in ASCII; underscores occur in intranets.
_ASCII_HOST = re.compile(r"[0-9A-Za-z._~\-]+")
# An address in brackets and perhaps a port; urlsplit passes over what else stands beside the brackets.
_BRACKETED = re.compile(r"\[[^\]]*\](:[0-9]*)?")
_MAX_LABEL = 63  # RFC 1035, section 2.3.4
# RFC 9112: these frame the message or route it, so the transport alone may write them.
_OWN_HEADERS = frozenset(
    {"host", "content-length", "transfer-encoding", "connection", "te", "upgrade", "trailer"}
)


def check_url(url: Any, field: str) -> str:
    """``url`` when it is a whole http(s) URL; the error never repeats it, as it may hold a secret."""
    check_text(url, field, empty=False)
    if len(url) > _MAX_URL:
        raise InvalidFieldError(field, f"is longer than {_MAX_URL} characters")
    for position, character in enumerate(url):
        if character.isspace() or unicodedata.category(character) in {"Cc", "Cf", "Zl", "Zp"}:
            raise InvalidFieldError(
                field,
                f"has white space or a control character (U+{ord(character):04X}) at position {position}",
            )
    if "\\" in url:
        # Browsers and servers disagree on which host a backslash leaves.
        raise InvalidFieldError(field, "has a backslash; only / separates the parts of a URL")
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise InvalidFieldError(field, f"is not a URL{_without_value(error)}") from None
    if parts.scheme not in ("http", "https"):
        # Without "//" it may be no scheme but a user: ``user:password@host``.
        told = repr(parts.scheme) if parts.scheme and parts.netloc else "missing"
        raise InvalidFieldError(field, f"must be an http or https URL; its scheme is {told}")
    if not parts.hostname:
        raise InvalidFieldError(field, "has no host")
    if port == 0:
        raise InvalidFieldError(field, f"has port 0; allowed are 1 to {_MAX_PORT}")
    _check_host(parts, field)
    return str(url)


def _without_value(error: ValueError) -> str:
    """The library's complaint up to where it starts to quote the input, in brackets."""
    told = re.split(r"[:'\"]", str(error), maxsplit=1)[0].strip()
    return f" ({told})" if told else ""


def _check_host(parts: SplitResult, field: str) -> None:
    host = parts.hostname or ""
    if "[" in parts.netloc:
        if not _BRACKETED.fullmatch(parts.netloc.rpartition("@")[2]):
            raise InvalidFieldError(field, "has something beside the brackets of its IPv6 address")
        try:
            ipaddress.IPv6Address(host.partition("%")[0])
        except ValueError:
            raise InvalidFieldError(field, "has brackets around what is no IPv6 address") from None
        return
    if host.isascii():
        if not _ASCII_HOST.fullmatch(host):
            raise InvalidFieldError(field, "has a host with a character that no host name has")
        if not all(0 < len(label) <= _MAX_LABEL for label in host.removesuffix(".").split(".")):
            raise InvalidFieldError(
                field, f"has a host with an empty label or one longer than {_MAX_LABEL} characters"
            )
        return
    try:
        idna.encode(host)
    except idna.IDNAError:
        raise InvalidFieldError(field, "has a host that is no valid international domain name") from None


def check_headers(
    headers: Mapping[str, HeaderValue] | Iterable[tuple[str, HeaderValue]], field: str
) -> tuple[tuple[str, str], ...]:
    """The headers as pairs, when names are tokens and values have no line breaks or control characters.

    Values may be secrets, which are revealed here; the error never repeats a value.  Refuses those that
    frame or route the message, since the transport writes them (RFC 9112).
    """
    pairs = _pairs(headers, field)
    for name, value in pairs:
        if not isinstance(name, str) or not _TOKEN.fullmatch(name):
            raise InvalidFieldError(
                field, f"{name!a} is no header name; allowed are letters, digits and !#$%&'*+-.^_`|~"
            )
        here = f"{field}[{name!r}]"
        if name.lower() in _OWN_HEADERS:
            raise InvalidFieldError(here, "cannot be set: the transport writes it")
        if not isinstance(value, str):
            raise InvalidFieldError(here, f"must be text, not {type(value).__name__}")
        if any(character != "\t" and not " " <= character <= "~" for character in value):
            raise InvalidFieldError(
                here, "has a line break, a control character or a character outside of ASCII; none is allowed"
            )
        if value != value.strip():
            raise InvalidFieldError(here, "has white space at its beginning or end")
        if sum(name.lower() == other.lower() for other, _ in pairs if isinstance(other, str)) > 1:
            raise InvalidFieldError(here, "is given more than once")
    return pairs


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

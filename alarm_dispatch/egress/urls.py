"""What a URL's text names, read once: the parts that are checked are those of the URL that is called."""

from __future__ import annotations

import re
import unicodedata
from typing import Any
from urllib.parse import SplitResult, urlsplit

from attrs import frozen

from alarm_dispatch.egress.hosts import Address, canonical_host
from alarm_dispatch.errors import InvalidFieldError
from alarm_dispatch.service_urls import scheme_of
from alarm_dispatch.values import check_text

__all__ = ["Target", "check_service_url", "target_of"]

_MAX_URL = 8192
_MAX_PORT = 65535
_DEFAULT_PORTS = {"http": 80, "https": 443}
_REFERENCES = {"env:": 'Secret.from_env("NAME")', "file:": 'Secret.from_file("PATH")'}
# An address in brackets and perhaps a port; urlsplit passes over what else stands beside the brackets.
_BRACKETED = re.compile(r"\[[^\]]*\](:[0-9]*)?")


@frozen(kw_only=True)
class Target:
    """Where a URL leads.

    ``host`` is in lower case ASCII and without brackets, ``address`` is the address when it is one in any
    spelling, ``url`` the URL to call: without user information, and with that host written out.
    """

    scheme: str
    host: str
    port: int
    address: Address | None
    url: str


def target_of(url: Any, field: str) -> Target:
    """Where a whole http(s) URL leads.

    Raises :class:`~alarm_dispatch.errors.InvalidFieldError`, which never repeats the URL, as it may hold a
    secret.
    """
    parts, port = _parts(url, field)
    host, address = _host(parts, field)
    netloc = f"[{host}]" if ":" in host else host
    if port is not None:
        netloc = f"{netloc}:{port}"
    # Only the host is rewritten; what follows it stays byte for byte.
    _, _, rest = url.partition("//")
    return Target(
        scheme=parts.scheme,
        host=host,
        port=_DEFAULT_PORTS[parts.scheme] if port is None else port,
        address=address,
        url=f"{parts.scheme}://{netloc}{rest[len(parts.netloc) :]}",
    )


def check_service_url(url: Any, field: str) -> None:
    """Nothing for a URL for Apprise, as far as we understand those; raises as :func:`target_of` does."""
    _check_characters(url, field)
    if scheme_of(url) is None:
        raise InvalidFieldError(field, "must be apprise: and a URL of Apprise's, such as apprise:mailto://…")


def _check_characters(url: Any, field: str) -> None:
    check_text(url, field, empty=False)
    if len(url) > _MAX_URL:
        raise InvalidFieldError(field, f"is longer than {_MAX_URL} characters")
    for position, character in enumerate(url):
        if character.isspace() or unicodedata.category(character) in {"Cc", "Cf", "Zl", "Zp"}:
            raise InvalidFieldError(
                field,
                f"has white space or a control character (U+{ord(character):04X}) at position {position}",
            )


def _parts(url: Any, field: str) -> tuple[SplitResult, int | None]:
    _check_characters(url, field)
    if "\\" in url:
        # Browsers and servers disagree on which host a backslash leaves.
        raise InvalidFieldError(field, "has a backslash; only / separates the parts of a URL")
    try:
        parts = urlsplit(url)
    except ValueError as error:
        raise InvalidFieldError(field, f"is not a URL{_without_value(error)}") from None
    try:
        port = parts.port
    except ValueError:
        brackets = "; an IPv6 address stands in brackets" if _many_colons(parts.netloc) else ""
        told = f"has a port that is no number from 1 to {_MAX_PORT}{brackets}"
        raise InvalidFieldError(field, told) from None
    if parts.scheme not in _DEFAULT_PORTS:
        # Without "//" it may be no scheme but a user: ``user:password@host``.
        told = repr(parts.scheme) if parts.scheme and parts.netloc else "missing"
        raise InvalidFieldError(field, f"must be an http or https URL; its scheme is {told}{_in_code(url)}")
    if not parts.hostname:
        raise InvalidFieldError(field, "has no host")
    if port == 0:
        raise InvalidFieldError(field, f"has port 0; allowed are 1 to {_MAX_PORT}")
    return parts, port


def _many_colons(netloc: str) -> bool:
    host = netloc.rpartition("@")[2]
    return "[" not in host and host.count(":") > 1


def _in_code(url: str) -> str:
    """How a reference of configuration files is written in code, when it is one."""
    for word, made in _REFERENCES.items():
        if url.startswith(word):
            return f"; {word} is for files and the command line, and in code it is {made}"
    return ""


def _without_value(error: ValueError) -> str:
    """The library's complaint up to where it starts to quote the input, in brackets."""
    told = re.split(r"[:'\"]", str(error), maxsplit=1)[0].strip()
    return f" ({told})" if told else ""


def _host(parts: SplitResult, field: str) -> tuple[str, Address | None]:
    host = parts.hostname or ""
    if "[" in parts.netloc:
        if not _BRACKETED.fullmatch(parts.netloc.rpartition("@")[2]):
            raise InvalidFieldError(field, "has something beside the brackets of its IPv6 address")
        if ":" not in host:
            raise InvalidFieldError(field, "has brackets around what is no IPv6 address")
    try:
        return canonical_host(host)
    except ValueError as error:
        raise InvalidFieldError(field, str(error)) from None

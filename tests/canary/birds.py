"""The canaries: a mark for each secret place of a callback, and the search for them in any text."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from urllib.parse import urlsplit, urlunsplit

__all__ = ["HEADER", "HEADERS", "MARK", "added", "found_in", "removed", "without_header"]

MARK = "c4n4rybird"

_USER = f"{MARK}-user"
_PASSWORD = f"{MARK}-password"
_PATH = f"{MARK}0path0token0of0a0webhook"
_QUERY = f"canary={MARK}-query"
HEADER = "X-Canary"
HEADERS = {HEADER: f"{MARK}-header"}


def _in_base64(text: str) -> Iterator[bytes]:
    """What all texts with this one inside have in common when they are in base64, wherever it begins."""
    for offset in range(3):
        encoded = base64.b64encode(b"\0" * offset + text.encode())
        # The ends depend on what stands beside them.
        yield encoded[(0, 2, 3)[offset] : len(encoded) // 4 * 4 - 4]


_FORMS = (MARK.encode(), MARK.encode("utf-16-le"), MARK.encode().hex().encode(), *_in_base64(MARK))


def found_in(content: str | bytes) -> str | None:
    """The surroundings of the first canary in it; None when there is none."""
    data = content.encode(errors="surrogatepass") if isinstance(content, str) else content
    for form in _FORMS:
        place = data.find(form)
        if place >= 0:
            return ascii(data[max(0, place - 80) : place + 40].decode(errors="replace"))
    return None


def added(url: str, *, query: bool = True) -> str:
    """The URL with a canary as user, password, path token and query value; what it has already stays."""
    parts = urlsplit(url)
    if MARK in url or not parts.netloc:
        return url
    netloc = parts.netloc if "@" in parts.netloc else f"{_USER}:{_PASSWORD}@{parts.netloc}"
    path = f"{parts.path.rstrip('/') if parts.path == '/' else parts.path}/{_PATH}"
    if parts.path == "":
        path = f"/-/{_PATH}"  # so that it is known that there was no path
    words = f"{parts.query}&{_QUERY}" if parts.query else _QUERY
    return urlunsplit((parts.scheme, netloc, path, words if query else parts.query, parts.fragment))


def removed(url: str) -> str:
    """A URL, or the target of a request, as it was before."""
    for canary, before in (
        (f"{_USER}:{_PASSWORD}@", ""),
        (f"&{_QUERY}", ""),
        (f"?{_QUERY}", ""),
        (f"/-/{_PATH}", ""),
    ):
        url = url.replace(canary, before)
    head, slash, rest = url.partition(f"/{_PATH}")
    if not slash:
        return url
    bare = head.partition("://")[2] or head
    return f"{head}{'' if '/' in bare else '/'}{rest}"


def without_header(headers: tuple[tuple[str, str], ...]) -> tuple[tuple[str, str], ...]:
    """The headers without those that a canary has brought."""
    return tuple((name, value) for name, value in headers if found_in(value) is None)

"""What of a URL or a header may be shown: everything but what could be a secret."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

__all__ = ["MASK", "redact_headers", "redact_url"]

MASK = "***"

# A path segment this long with both letters and digits is a token more often than a word.
_TOKEN = re.compile(r"(?=[^/]*[0-9])(?=[^/]*[A-Za-z])[A-Za-z0-9_\-=.~%+]{20,}")


def redact_url(url: str) -> str:
    """The URL without user, password, query values and fragment, with long path tokens masked."""
    try:
        parts = urlsplit(url)
        host = parts.netloc.rpartition("@")[2]
    except ValueError:
        return MASK
    path = "/".join(MASK if _TOKEN.fullmatch(segment) else segment for segment in parts.path.split("/"))
    query = ""
    if parts.query:
        names = (pair.partition("=") for pair in parts.query.split("&"))
        query = "?" + "&".join(f"{name}={MASK}" if equals else MASK for name, equals, _ in names)
    return f"{parts.scheme}://{host}{path}{query}"


def redact_headers(headers: tuple[tuple[str, str], ...]) -> str:
    """The headers' names only: which of the values are secret cannot be told from outside."""
    return "(" + ", ".join(f"{name}: {MASK}" for name, _ in headers) + ")"

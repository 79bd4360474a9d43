"""What of a URL or a header may be shown: everything but what could be a secret."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

__all__ = ["MASK", "redact_headers", "redact_url"]

MASK = "***"

# A part this long with both letters and digits is a token more often than a word.  Any character may be
# in it: a Telegram bot's has a colon.
_TOKEN = re.compile(r"(?=.*[0-9])(?=.*[A-Za-z]).{20,}", re.DOTALL)


def redact_url(url: str) -> str:
    """The URL without user, password, query values and fragment, with long path tokens masked."""
    try:
        parts = urlsplit(url)
        host = parts.netloc.rpartition("@")[2]
        # What is no port may be a password with a bare / or ? in it.
        _ = parts.port
    except ValueError:
        return MASK
    if not host:
        # Not a URL, so there is no telling where in it a secret would stand.
        return MASK
    path = "/".join(map(_masked, parts.path.split("/")))
    query = ""
    if parts.query:
        names = (pair.partition("=") for pair in parts.query.split("&"))
        query = "?" + "&".join(f"{_masked(name)}={MASK}" if equals else MASK for name, equals, _ in names)
    return f"{parts.scheme}://{host}{path}{query}"


def _masked(part: str) -> str:
    return MASK if _TOKEN.fullmatch(part) else part


def redact_headers(headers: tuple[tuple[str, str], ...]) -> str:
    """The headers' names only: which of the values are secret cannot be told from outside."""
    return "(" + ", ".join(f"{name}: {MASK}" for name, _ in headers) + ")"

"""What of a URL or a header may be shown: everything but what could be a secret."""

from __future__ import annotations

import re
from urllib.parse import unquote_plus, urlsplit

from alarm_dispatch.shown import shown

__all__ = ["MASK", "described", "presentable", "redact_headers", "redact_url"]

MASK = "***"

# A part this long with both letters and digits is a token more often than a word, and so is one of letters
# or digits alone without any break, or of hexadecimal digits.  Any character may be in the first kind: a
# Telegram bot's has a colon.
_TOKEN = re.compile(
    r"(?=.*[0-9])(?=.*[A-Za-z]).{20,}|[A-Za-z0-9]{24,}|(?=.*[0-9])[0-9a-fA-F]{16,}", re.DOTALL
)


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


def presentable(text: str, url: str, headers: tuple[tuple[str, str], ...]) -> str:
    """Foreign text about a request, without what the request's URL and headers hold, and not too long.

    Libraries and receivers quote what they were given: a URL with its key, an Authorization header.
    """
    text = text.replace(url, redact_url(url))
    secrets = [value for _, value in headers]
    secrets += [pair.partition("=")[2] for pair in urlsplit(url).query.split("&")]
    secrets += [part for part in urlsplit(url).path.split("/") if _masked(part) == MASK]
    for secret in secrets:
        for form in (secret, secret.rpartition(" ")[2], unquote_plus(secret)):
            if len(form) >= _LEAST_SECRET:
                text = text.replace(form, MASK)
    text = "".join(character if character.isprintable() else "�" for character in text[: _MOST_SHOWN + 1])
    return text if len(text) <= _MOST_SHOWN else text[: _MOST_SHOWN - 1] + "…"


# Shorter values ("1", "json") are no secrets, and masking them would garble every text.
_LEAST_SECRET = 5
_MOST_SHOWN = 200
_MOST_DESCRIBED = 2_000


def redact_headers(headers: tuple[tuple[str, str], ...]) -> str:
    """The headers' names only: which of the values are secret cannot be told from outside."""
    return "(" + ", ".join(f"{name}: {MASK}" for name, _ in headers) + ")"


def described(error: BaseException) -> str:
    """The error's kind and text, and its kind alone where it has no text to tell.

    It may quote what a receiver sent, so it is escaped and cut.
    """
    try:
        return shown(f"{type(error).__name__}: {error}", _MOST_DESCRIBED)
    except Exception:  # noqa: BLE001 - it is somebody else's, and broken
        return type(error).__name__

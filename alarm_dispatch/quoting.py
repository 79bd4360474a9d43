"""How a secret looks where others quote it: encoded, escaped, or cut off."""

from __future__ import annotations

import html
import json
import re
from collections.abc import Collection, Iterator
from urllib.parse import quote, quote_plus, unquote, unquote_plus

__all__ = ["CUT", "LEAST_SECRET", "MASK", "forms", "without_beginnings"]

MASK = "***"
CUT = "…"
LEAST_SECRET = 5
"""Shorter values ("1", "json") are no secrets, and masking them would garble every text."""

# Also as it looks when it was escaped with the rest.
_CUT_IN_TEXT = re.compile(r"(…|\\u2026)")
# The same in every form.
_PLAIN = re.compile(r"[A-Za-z0-9_.~\-]*")
_PERCENT = re.compile(r"%[0-9A-F]{2}")


def forms(secret: str) -> Iterator[str]:
    """The secret as libraries and receivers write it: decoded, percent-encoded, as in JSON or HTML."""
    if _PLAIN.fullmatch(secret):
        yield secret
        return
    for plain in {secret, unquote(secret), unquote_plus(secret)}:
        # Base64 is quoted without its padding, too, and bytes are quoted as Python writes them.
        yield from (plain, plain.rstrip("="), repr(plain.encode(errors="replace"))[2:-1])
        for encoded in (
            quote(plain, safe="", errors="replace"),
            quote(plain, errors="replace"),
            quote_plus(plain, errors="replace"),
        ):
            yield encoded
            yield _PERCENT.sub(lambda found: found[0].lower(), encoded)
        for ascii_only in (True, False):
            in_json = json.dumps(plain, ensure_ascii=ascii_only)[1:-1]
            # PHP escapes the slash, and base64 has many.
            yield from (in_json, in_json.replace("/", "\\/"))
        in_html = html.escape(plain)
        yield from (in_html, in_html.replace("&#x27;", "&#39;"), html.escape(plain, quote=False))


def without_beginnings(text: str, secrets: Collection[str]) -> str:
    """The text without what of a secret stands before a place where the text was cut off."""
    parts = _CUT_IN_TEXT.split(text)
    # Whoever wrote the text may have put thousands of marks into it.
    for index in range(0, len(parts) - 1, 2):  # between them are the marks
        if len(parts[index]) >= LEAST_SECRET:
            for secret in secrets:
                parts[index] = _without_beginning(parts[index], secret)
    return "".join(parts)


def _without_beginning(part: str, secret: str) -> str:
    beginning = secret[:LEAST_SECRET]
    at = part.find(beginning, max(0, len(part) - len(secret))) if len(beginning) == LEAST_SECRET else -1
    while at >= 0 and not secret.startswith(part[at:]):
        at = part.find(beginning, at + 1)
    return part if at < 0 else part[:at] + MASK

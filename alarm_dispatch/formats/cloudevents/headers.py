"""How an event's attributes stand in headers, there and back."""

from __future__ import annotations

import re
from collections.abc import Iterable
from urllib.parse import quote, unquote_to_bytes

__all__ = ["PREFIX", "attributes_in", "from_header", "to_header"]

PREFIX = "ce-"

# HTTP protocol binding, section 3.1.3.2: all printable ASCII characters but the blank, " and %.
_AS_THEY_ARE = "".join(map(chr, range(0x21, 0x7F))).replace('"', "").replace("%", "")
_ESCAPED = re.compile(r"\\(.)")
_QUOTED = re.compile(r'"((?:[^"\\]|\\.)*+)"')


def to_header(value: str) -> str:
    """An attribute as a header's value: every other character as the percent-encoded bytes of its UTF-8."""
    return quote(value, safe=_AS_THEY_ARE)


def from_header(value: str) -> str:
    """The attribute in a header's value; ValueError where the bytes are no UTF-8.

    Older senders put what has blanks into double quotes.
    """
    unquoted = _QUOTED.sub(lambda found: _ESCAPED.sub(r"\1", found[1]), value)
    return unquote_to_bytes(unquoted).decode()


def attributes_in(headers: Iterable[tuple[str, str]]) -> dict[str, str]:
    """The attributes that stand in these headers, by name; ValueError as above, with the header's name."""
    found = {}
    for name, value in headers:
        if name.lower().startswith(PREFIX):
            try:
                found[name.lower().removeprefix(PREFIX)] = from_header(value)
            except ValueError as error:
                raise ValueError(f"the header {name} is not percent-encoded UTF-8") from error
    return found

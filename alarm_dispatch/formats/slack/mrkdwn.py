"""How text stands in Slack's markup: nobody is called by it, and what is long is split where it can be."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

__all__ = ["escaped", "packed", "split"]

# Slack, "Formatting text for app surfaces": these three are its control characters, and with < escaped
# neither a mention (<!channel>, <@U1>) nor a link can be written.
_ENTITIES = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;"})
_PIECE = re.compile(r"&(?:amp|lt|gt);|.", re.DOTALL)


def escaped(text: str) -> str:
    """The text as Slack shows it literally, save for its stars and underscores."""
    return text.translate(_ENTITIES)


def split(text: str, most: int) -> Iterator[str]:
    """An escaped text in parts of at most ``most`` characters; no entity is cut, and nothing is left out."""
    start, end = 0, 0
    for piece in _PIECE.finditer(text):
        if piece.end() - start > most:
            yield text[start:end]
            start = end
        end = piece.end()
    if start < end:
        yield text[start:end]


def packed(lines: Iterable[str], most: int) -> Iterator[str]:
    """The escaped lines in as few texts of at most ``most`` characters as their order allows."""
    text = ""
    for line in lines:
        for part in split(line, most):
            if not text:
                text = part
            elif len(text) + len(part) + 1 <= most:
                text = f"{text}\n{part}"
            else:
                yield text
                text = part
    if text:
        yield text

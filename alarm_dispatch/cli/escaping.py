"""How text of other people's making is shown: nothing in it can control a terminal."""

from __future__ import annotations

import json
import unicodedata
from typing import Any

__all__ = ["json_text", "printable", "printable_lines"]

# Control characters, invisible ones that turn the writing direction, lone surrogates, line separators.
_UNSAFE = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})


def _is_safe(character: str) -> bool:
    return unicodedata.category(character) not in _UNSAFE


def printable(text: str) -> str:
    """The text with every character that a terminal could obey escaped."""
    return "".join(
        character if _is_safe(character) else character.encode("unicode_escape").decode()
        for character in text
    )


def printable_lines(text: str) -> str:
    """The same, but line breaks stay."""
    return "\n".join(map(printable, text.split("\n")))


def json_text(value: Any, *, indent: int | None = None) -> str:
    """The value as JSON with readable text; what could control a terminal is escaped, which JSON allows.

    Raises ValueError for what JSON cannot hold, such as NaN.
    """
    text = json.dumps(value, ensure_ascii=False, allow_nan=False, indent=indent)
    return "".join(
        character if character == "\n" or _is_safe(character) else json.dumps(character)[1:-1]
        for character in text
    )

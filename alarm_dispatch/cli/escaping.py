"""How text of other people's making is shown: nothing in it can control a terminal."""

from __future__ import annotations

import json
from typing import Any

from alarm_dispatch.shown import is_safe, printable

__all__ = ["json_text", "printable", "printable_lines"]


def printable_lines(text: str) -> str:
    """The same, but line breaks stay."""
    return "\n".join(map(printable, text.split("\n")))


def json_text(value: Any, *, indent: int | None = None) -> str:
    """The value as JSON with readable text; what could control a terminal is escaped, which JSON allows.

    Raises ValueError for what JSON cannot hold, such as NaN.
    """
    text = json.dumps(value, ensure_ascii=False, allow_nan=False, indent=indent)
    return "".join(
        character if character == "\n" or is_safe(character) else json.dumps(character)[1:-1]
        for character in text
    )

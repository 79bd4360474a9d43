"""How many bytes a text takes where a vendor counts them, and a shorter form of a text."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TypeAlias

from alarm_dispatch.formats.robots.graphemes import units

__all__ = ["Cost", "clipped", "json_cost", "utf8_cost"]

Cost: TypeAlias = Callable[[str], int]
"""Bytes of a text; those of two texts together are the sum."""

# What JSON escapes with two characters, and what with six.
_SHORT = re.compile(r'["\\\b\f\n\r\t]')
_LONG = re.compile(r"[\x00-\x07\x0b\x0e-\x1f]")
_SHORT_MORE, _LONG_MORE = 1, 5

_CUT = "…"


def utf8_cost(text: str) -> int:
    """The bytes of its UTF-8: of a field that the vendor limits by itself."""
    return len(text.encode())


def json_cost(text: str) -> int:
    """The bytes of its UTF-8 within a JSON text: of a body that the vendor limits as a whole."""
    if text.isprintable() and '"' not in text and "\\" not in text:
        return len(text.encode())
    short, long = len(_SHORT.findall(text)), len(_LONG.findall(text))
    return len(text.encode()) + short * _SHORT_MORE + long * _LONG_MORE


def clipped(text: str, most: int) -> str:
    """The text, or its beginning and ``…`` where it has more than ``most`` bytes.

    For what only says which alarm it is, and stands whole in another place.
    """
    if len(text.encode()) <= most:
        return text
    size, kept = len(_CUT.encode()), []
    for unit in units(text):  # pragma: no branch - all of them are too many
        size += len(unit.encode())
        if size > most:
            break
        kept.append(unit)
    return "".join(kept) + _CUT

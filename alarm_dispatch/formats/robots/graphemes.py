"""Where a text may be cut: never within what a reader takes for one character, nor within an escape."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator

__all__ = ["units"]

_ZWJ = "\u200d"
_CONTROLS = frozenset({"Cc", "Zl", "Zp"})
_MARKS = frozenset({"Mn", "Me", "Mc"})
# ZWNJ, and the voicing marks of half-width Katakana, which are letters in Unicode.
_FURTHER_EXTENDING = frozenset("\u200c\uff9e\uff9f")
# Of General_Category Cf and Lo, but in front of what they belong to (Grapheme_Cluster_Break=Prepend).
_PREPENDED = frozenset(
    "\u0600\u0601\u0602\u0603\u0604\u0605\u06dd\u070f\u0890\u0891\u08e2\u0d4e\U000110bd\U000110cd"
)
_VIRAMA = 9  # the canonical combining class of what joins two Indic consonants
# A picture's category; unassigned are those that are newer than Python's table.
_PICTURES = frozenset({"So", "Sm", "Cn"})
_FURTHER_PICTURES = frozenset("\u203c\u2049\u3030\u303d")
_FIRST_MARK = "\u0300"

# Of CommonMark: a backslash before ASCII punctuation, and the references to characters.
_ESCAPES = re.compile(r"\\[!-/:-@\[-`{-~]|&(?:#[0-9]{1,7}|#[xX][0-9a-fA-F]{1,6}|[A-Za-z][A-Za-z0-9]{1,31});")

# Characters that are whole between two of their kind: Latin ones save those that escape, and Chinese ones.
_PLAIN = "[ -%'-[\\]-~\u4e00-\u9fff]"
_PLAIN_RUNS = re.compile(rf"(?<={_PLAIN}){_PLAIN}+(?={_PLAIN})")


def units(text: str) -> Iterator[str]:
    """The pieces of the text that must not be cut; together they are the text.

    They are the extended grapheme clusters of Unicode's UAX #29 (a letter with its marks, an emoji of
    several, a flag), in doubt too large a one, and the escapes of markdown.
    """
    at = 0
    # Most texts are of nothing else, and a long one takes a tenth of the time.  A reference is of them, too.
    for found in _PLAIN_RUNS.finditer(text) if "&" not in text else ():
        yield from _odd_units(text[at : found.start()])
        yield from found[0]
        at = found.end()
    yield from _odd_units(text[at:])


def _odd_units(text: str) -> Iterator[str]:
    inside = _cuts_within_escapes(text)
    start = 0
    for end in _boundaries(text):
        if end not in inside:
            yield text[start:end]
            start = end


def _cuts_within_escapes(text: str) -> frozenset[int]:
    return frozenset(at for found in _ESCAPES.finditer(text) for at in range(found.start() + 1, found.end()))


def _boundaries(text: str) -> Iterator[int]:
    """The ends of the clusters, the last one's among them."""
    flags = 0  # of the cluster's regional indicators, how many come last
    before = ""
    for at, character in enumerate(text):
        regional = "\U0001f1e6" <= character <= "\U0001f1ff"
        if before and not (_joined(before, character) or (regional and flags % 2)):
            yield at
            flags = 0
        flags = flags + 1 if regional else 0
        before = character
    if text:
        yield len(text)


def _joined(before: str, character: str) -> bool:
    if before == "\r":
        return character == "\n"
    if before in _PREPENDED:
        return unicodedata.category(character) not in _CONTROLS
    if before == _ZWJ:
        # Also where the cluster before it is no picture: in doubt too large.
        return _is_picture(character) or _extends(character) or unicodedata.category(character) == "Lo"
    if character < _FIRST_MARK:
        return False
    if _extends(character):
        return unicodedata.category(before) not in _CONTROLS
    return _one_syllable(before, character) or (
        unicodedata.combining(before) == _VIRAMA and unicodedata.category(character) == "Lo"
    )


def _extends(character: str) -> bool:
    return (
        unicodedata.category(character) in _MARKS
        or character == _ZWJ
        or character in _FURTHER_EXTENDING
        or "\U0001f3fb" <= character <= "\U0001f3ff"  # skin tones
        or "\U000e0020" <= character <= "\U000e007f"  # the letters in the flags of regions
    )


def _is_picture(character: str) -> bool:
    return unicodedata.category(character) in _PICTURES or character in _FURTHER_PICTURES


_LEADING, _VOWEL, _TRAILING, _OPEN, _CLOSED = "L", "V", "T", "LV", "LVT"
_FOLLOWED_BY = {
    _LEADING: {_LEADING, _VOWEL, _OPEN, _CLOSED},
    _VOWEL: {_VOWEL, _TRAILING},
    _OPEN: {_VOWEL, _TRAILING},
    _TRAILING: {_TRAILING},
    _CLOSED: {_TRAILING},
}
_VOWELS_AND_ENDS = 28  # a syllable without an end is every 28th


def _one_syllable(before: str, character: str) -> bool:
    first = _hangul(before)
    return first is not None and _hangul(character) in _FOLLOWED_BY[first]


def _hangul(character: str) -> str | None:
    if "\uac00" <= character <= "\ud7a3":
        return _CLOSED if (ord(character) - 0xAC00) % _VOWELS_AND_ENDS else _OPEN
    if "\u1100" <= character <= "\u115f" or "\ua960" <= character <= "\ua97c":
        return _LEADING
    if "\u1160" <= character <= "\u11a7" or "\ud7b0" <= character <= "\ud7c6":
        return _VOWEL
    if "\u11a8" <= character <= "\u11ff" or "\ud7cb" <= character <= "\ud7fb":
        return _TRAILING
    return None

"""How text of other people's making is shown: nothing in it can control a terminal, or go on for ever."""

from __future__ import annotations

import unicodedata

__all__ = ["a_kind", "is_safe", "kind_of", "printable", "shown"]

# Control characters, invisible ones that turn the writing direction, lone surrogates, line separators.
_UNSAFE = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})


def is_safe(character: str) -> bool:
    """Whether a character is only itself wherever it is shown."""
    return unicodedata.category(character) not in _UNSAFE


def printable(text: str) -> str:
    """The text with every character that a terminal could obey escaped."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(
        character if is_safe(character) else character.encode("unicode_escape").decode() for character in text
    )


def shown(text: str, most: int) -> str:
    """The same, with at most ``most`` characters."""
    told = printable(text[: most + 1])
    return told if len(told) <= most else told[: most - 1] + "…"


def kind_of(thing: object) -> str:
    """What an object of others is, as its repr may show a key: a function's name, else its class's."""
    return str(getattr(thing, "__qualname__", type(thing).__name__))


def a_kind(name: str) -> str:
    """The name of a class with its article."""
    return f"an {name}" if name[:1] in tuple("AEIOaeio") else f"a {name}"

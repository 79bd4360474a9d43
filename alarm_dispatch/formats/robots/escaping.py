"""How values are kept from being taken for markup: characters that mean something get a look-alike's shape.

No vendor's page tells an escape that its renderer knows, and one that it does not know would leave the markup
working.  A full-width character is text to every renderer.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TypeAlias
from urllib.parse import quote

__all__ = [
    "Escape",
    "as_it_is",
    "escaped_markdown",
    "is_link",
    "link_target",
    "without_at_tags",
    "without_user_tags",
]

Escape: TypeAlias = Callable[[str, bool], str]
"""From a value to the text that stands for it; the bool says whether it begins a line."""

_WIDE = 0xFEE0  # from an ASCII character to its full-width form

# Links, images, mentions (<@user>, <at …>), colours (<font …>), emphasis and code, wherever they stand.
_ANYWHERE = re.compile(
    r"<(?=\s*(?:[A-Za-z/@!?]|$))"  # what a tag begins with: 5 < 6 is text
    r"|[\[\]*`~]"
    r"|(?<![^\W_])_|_(?![^\W_])"  # an underscore within a word is text: disk_used
    r"|\\(?=[!-/:-@\[-`{-~]|$)"  # a backslash that would escape, or break the line
    r"|&(?=#?[A-Za-z0-9]+;)"  # an entity
)
# Quotes, headings, lists, rules, underlines of headings, tables: only at the beginning of a line.
_AT_BEGINNING = re.compile(r"^([ \t]*)([#>+=|-]|[0-9]+[.)](?=\s|$))")
_LINK = re.compile(r"https?://\S+", re.IGNORECASE)
_NOT_IN_LINKS = re.compile(r"[\s()<>\[\]\\\"'`|\x00-\x1f\x7f]")

_USER_TAG = re.compile("<(?=@)")
# Possessive: blanks without end after one < would otherwise be shared out between the two in every way.
_AT_TAG = re.compile(r"<(?=\s*+/?\s*+at\b)", re.IGNORECASE)


def escaped_markdown(text: str, begins: bool = True) -> str:
    """The text as it stands in markdown without being markup, in which it looks the same.

    ``<@all>`` becomes ``＜@all>``.  Line breaks stay; a bare URL does, too, since it shows where it leads.
    ``begins`` says that the text stands at the beginning of a line, where more is markup.
    """
    first, *further = (_ANYWHERE.sub(lambda found: _wide(found[0]), line) for line in text.split("\n"))
    return "\n".join((_at_beginning(first) if begins else first, *map(_at_beginning, further)))


def _at_beginning(line: str) -> str:
    return _AT_BEGINNING.sub(lambda found: f"{found[1]}{found[2][:-1]}{_wide(found[2][-1])}", line)


def _wide(character: str) -> str:
    return chr(ord(character) + _WIDE)


def is_link(url: str) -> bool:
    """Whether the text can be the target of a link: a URL of the web, and nothing else."""
    return _LINK.fullmatch(url) is not None


def link_target(url: str) -> str:
    """The URL as it stands in ``[…](…)``, so that it cannot end it."""
    return _NOT_IN_LINKS.sub(lambda found: quote(found[0], safe=""), url)


def as_it_is(text: str, _begins: bool) -> str:
    """A plain text where nothing is markup."""
    return text


def without_user_tags(text: str, _begins: bool) -> str:
    """A plain text in which ``<@user>`` mentions nobody."""
    return _USER_TAG.sub("＜", text)


def without_at_tags(text: str, _begins: bool) -> str:
    """A plain text in which ``<at user_id="all">`` mentions nobody."""
    return _AT_TAG.sub("＜", text)

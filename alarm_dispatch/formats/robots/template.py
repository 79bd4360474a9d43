"""The text that a user wants instead of ours: names in braces, filled in from the alarm."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from string import Formatter
from typing import TypeAlias

from alarm_dispatch.errors import InvalidFieldError, UnsuitableFieldError
from alarm_dispatch.formats.wording import FactName
from alarm_dispatch.model import Alarm
from alarm_dispatch.values import check_text

__all__ = ["Template", "as_template", "called", "filled"]

Template: TypeAlias = str | Callable[[Alarm], str]
"""``"{headline}\\n{description}"``, or a function from an alarm to the text."""

_FACTS = "facts"
_OWN = ("headline", "state", "id")
_NAMES = (*_OWN, _FACTS, *(name.value for name in FactName))


def as_template(value: Template | None) -> Template | None:
    """The template, when it is one.

    Raises :class:`~alarm_dispatch.errors.InvalidFieldError`, which names the placeholders that there are.
    """
    given: object = value
    if isinstance(given, str):
        _parsed(check_text(given, "Format.template", empty=False))
    elif given is not None and (not callable(given) or isinstance(given, type)):
        told = f"must be a text such as '{{headline}}', or a function from an alarm, not {given!r}"
        raise InvalidFieldError("Format.template", told)
    return value


def called(template: Callable[[Alarm], str], alarm: Alarm, name: str) -> str:
    """What the function makes of the alarm; what it raises is its own."""
    text: object = template(alarm)
    if not isinstance(text, str) or not text:
        told = f"the template returned {'no text' if text == '' else type(text).__name__}"
        raise UnsuitableFieldError(name, "content", "Alarm", told)
    return check_text(text, "Format.template")


def filled(template: str, shown: Callable[[str, bool], str]) -> Sequence[str | None]:
    """The lines of the message; None stands for those of all facts.

    ``shown`` is the value of a name, "" where there is none; the bool says whether it begins a line.  A line
    is left out when it has placeholders and the alarm has none of their values.
    """
    lines: list[str | None] = []
    for parts in _parsed(template):
        names = [name for _, name in parts if name is not None]
        if names == [_FACTS]:
            lines.append(None)
            continue
        text, known = "", not names
        for literal, name in parts:
            text += literal
            if name is not None:
                value = shown(name, not text.strip())
                text, known = text + value, known or bool(value)
        if known:
            lines.extend(text.split("\n"))
    return lines


@functools.lru_cache(maxsize=64)
def _parsed(template: str) -> tuple[tuple[tuple[str, str | None], ...], ...]:
    """Each line's literal texts, and the placeholder behind each."""
    return tuple(_parsed_line(line) for line in template.splitlines())


def _parsed_line(line: str) -> tuple[tuple[str, str | None], ...]:
    try:
        parts = tuple(Formatter().parse(line))
    except ValueError as error:
        told = f"cannot be read: {error}; a brace that stands for itself is written twice"
        raise InvalidFieldError("Format.template", told) from None
    for literal, name, spec, conversion in parts:
        # Only plain names: an attribute of an attribute could reach anything.
        if name is not None and (name not in _NAMES or spec or conversion):
            shown = name + (f"!{conversion}" if conversion else "") + (f":{spec}" if spec else "")
            told = f"has the placeholder {{{shown}}}; allowed are: {', '.join(_NAMES)}"
            raise InvalidFieldError("Format.template", told)
        if name == _FACTS and (literal.strip() or len(parts) > 1):
            raise InvalidFieldError(
                "Format.template", "{facts} stands for several lines, so alone in its own"
            )
    return tuple((literal, name) for literal, name, _, _ in parts)

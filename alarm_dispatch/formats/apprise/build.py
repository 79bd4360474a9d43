"""How an alarm becomes a message for people: its title, its lines, its type."""

from __future__ import annotations

import enum
import re
from collections.abc import Iterable, Mapping
from datetime import datetime, tzinfo
from typing import Literal

from alarm_dispatch import values
from alarm_dispatch.formats.apprise.wire import Message
from alarm_dispatch.formats.wording import Fact, Language, facts, headline
from alarm_dispatch.model import Alarm
from alarm_dispatch.states import AlarmState, Level

__all__ = ["TextFormat", "as_text_format", "message", "trial"]

_Type = Literal["info", "success", "warning", "failure"]


class TextFormat(enum.StrEnum):
    """What a body is written in."""

    TEXT = "text"
    MARKDOWN = "markdown"


def as_text_format(value: TextFormat | str) -> TextFormat:
    """The one of that name, or :class:`~alarm_dispatch.errors.InvalidFieldError` with the known ones."""
    return values.enum_member(TextFormat, value, "Format.text_format")


_OF_STATE: Mapping[AlarmState, _Type] = {
    AlarmState.RESOLVED: "success",
    AlarmState.NO_DATA: "warning",
    AlarmState.CLOSED: "info",
}
_OF_LEVEL: Mapping[Level | None, _Type] = {
    Level.FATAL: "failure",
    Level.WARNING: "warning",
    Level.INFO: "info",
    None: "warning",
}

_COLONS = {Language.ENGLISH: ": ", Language.CHINESE: "："}
_MARKUP = re.compile(r"[\\`*_\[\]]")
_ENTITIES = {"&": "&amp;", "<": "&lt;"}
# What is markup where a line begins with it: the label stands before the first line only.
_AT_BEGINNING = re.compile(r"(\s*\d*)([-+>=#.)])")

_TRIAL = {
    Language.ENGLISH: (
        "Test message",
        "This is a test by which alarm-dispatch verifies that alarms arrive here. There is no alarm.",
    ),
    Language.CHINESE: ("测试消息", "这是 alarm-dispatch 的测试，用于验证告警能否送达此处，并非真实告警。"),
}


def message(alarm: Alarm, now: datetime, language: Language, zone: tzinfo, written: TextFormat) -> Message:
    """What people are told of the alarm; ``now`` is the aware time of the sending."""
    told = facts(alarm, now, language, zone)
    lines = _markdown(told, language) if written is TextFormat.MARKDOWN else _text(told, language)
    return Message(
        title=headline(alarm, language),
        body="\n".join(lines),
        type=_OF_STATE.get(alarm.state) or _OF_LEVEL[alarm.level],
        format=written.value,
    )


def trial(language: Language) -> Message:
    """A message that says of itself that it is a test."""
    title, body = _TRIAL[language]
    return Message(title=title, body=body, type="info", format="text")


def _text(told: Iterable[Fact], language: Language) -> Iterable[str]:
    return (f"{fact.label}{_COLONS[language]}{fact.value}" for fact in told)


def _markdown(told: Iterable[Fact], language: Language) -> Iterable[str]:
    return (f"- **{fact.label}**{_COLONS[language]}{_escaped(fact.value)}" for fact in told)


def _escaped(text: str) -> str:
    text = re.sub("[&<]", lambda found: _ENTITIES[found[0]], _MARKUP.sub(r"\\\g<0>", text))
    first, *others = text.splitlines()
    # Two blanks break the line within the item.
    return "  \n  ".join([first, *(_beginning_escaped(line) for line in others)])


def _beginning_escaped(line: str) -> str:
    found = _AT_BEGINNING.match(line)
    return line if found is None else f"{found[1]}\\{line[found.end(1) :]}"

"""How Alibaba tells people how long an alert has lasted."""

from __future__ import annotations

import enum

from alarm_dispatch import values

__all__ = ["Language", "as_language", "lasting_text"]


class Language(enum.StrEnum):
    """The language of the duration text."""

    CHINESE = "zh"
    ENGLISH = "en"


def as_language(value: Language | str) -> Language:
    """The language of that code, or :class:`~alarm_dispatch.errors.InvalidFieldError` with the known ones."""
    return values.enum_member(Language, value, "Format.language")


_UNITS = ((86_400, "天", "day"), (3_600, "小时", "hour"), (60, "分钟", "minute"), (1, "秒", "second"))


def lasting_text(seconds: int, language: Language) -> str:
    """``2分钟`` or ``2 minutes``: the largest unit and, unless it is nothing, the one below it."""
    counted = []
    for size, chinese, english in _UNITS:
        count, seconds = divmod(seconds, size)
        if language is Language.CHINESE:
            counted.append((count, f"{count}{chinese}"))
        else:
            counted.append((count, f"{count} {english}" if count == 1 else f"{count} {english}s"))
    first = next((index for index, (count, _) in enumerate(counted) if count), len(counted) - 1)
    shown = [counted[first][1], *(told for count, told in counted[first + 1 : first + 2] if count)]
    return ("" if language is Language.CHINESE else " ").join(shown)

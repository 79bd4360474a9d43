"""The words that an alarm's states, levels and repeats are told in."""

from __future__ import annotations

import enum

from alarm_dispatch import values

__all__ = [
    "AlarmState",
    "Level",
    "RepeatMode",
    "as_alarm_level",
    "as_alarm_state",
    "as_anomaly_level",
    "as_previous_level",
    "as_repeat_mode",
    "rank_of",
]


class AlarmState(enum.StrEnum):
    """What the alarm is now."""

    TRIGGERED = "triggered"
    RESOLVED = "resolved"
    NO_DATA = "no_data"
    CLOSED = "closed"
    """Ended by a person or by a change of its policy, not by its condition."""

    @property
    def ended(self) -> bool:
        """Whether the alarm is over."""
        return self in {AlarmState.RESOLVED, AlarmState.CLOSED}


class Level(enum.StrEnum):
    """How bad it is, worst first."""

    FATAL = "fatal"
    WARNING = "warning"
    INFO = "info"


class RepeatMode(enum.StrEnum):
    """How an unresolved alarm is notified again.

    The words of the Tencent documents (``singleAlarm``, ``continuousAlarm``, ``exponentialAlarm``) mean the
    same wherever a mode is taken.
    """

    ONCE = "once"
    """Once, when it is triggered."""
    CONTINUOUS = "continuous"
    """Every period, while it is unresolved."""
    EXPONENTIAL = "exponential"
    """When it is found firing for the 1st, 2nd, 4th, 8th, … 2^N-th time."""

    @classmethod
    def _missing_(cls, value: object) -> RepeatMode | None:
        return _TENCENT_MODES.get(value) if isinstance(value, str) else None


_TENCENT_MODES: dict[str, RepeatMode] = {
    "singleAlarm": RepeatMode.ONCE,
    "continuousAlarm": RepeatMode.CONTINUOUS,
    "exponentialAlarm": RepeatMode.EXPONENTIAL,
}


def as_repeat_mode(value: RepeatMode | str) -> RepeatMode:
    """The word's member, for the field that the name says; the error names the allowed words."""
    return values.enum_member(RepeatMode, value, "Repeat.mode", also=_TENCENT_MODES)


def as_alarm_state(value: AlarmState | str) -> AlarmState:
    """The word's member, for the field that the name says; the error names the allowed words."""
    return values.enum_member(AlarmState, value, "Alarm.state")


def as_alarm_level(value: Level | str | None) -> Level | None:
    """The word's member, for the field that the name says; the error names the allowed words."""
    return None if value is None else values.enum_member(Level, value, "Alarm.level")


def as_previous_level(value: Level | str | None) -> Level | None:
    """The word's member, for the field that the name says; the error names the allowed words."""
    return None if value is None else values.enum_member(Level, value, "Alarm.previous_level")


def as_anomaly_level(value: Level | str) -> Level:
    """The word's member, for the field that the name says; the error names the allowed words."""
    return values.enum_member(Level, value, "Anomaly.level")


_RANKS: dict[Level | None, int] = {Level.FATAL: 0, Level.WARNING: 1}
_LAST_RANK = 2


def rank_of(level: Level | None) -> int:
    """Whose turn comes first: 0 for fatal, 1 for warning, 2 for the rest."""
    return _RANKS.get(level, _LAST_RANK)

"""What is told of an alarm at an evaluation, by its state, the evaluation and the time; it has no clock."""

from __future__ import annotations

import enum
from datetime import datetime
from typing import Any

import attrs
from attrs import frozen

from alarm_dispatch.model import Alarm
from alarm_dispatch.states import AlarmState, Level, RepeatMode

__all__ = ["Observation", "RepeatDecision", "RepeatState", "decide"]

_DAY = 86_400.0


class RepeatDecision(enum.StrEnum):
    """What is told of an alarm now."""

    FIRST = "first"
    """It fires, and nobody has been told of this occurrence."""
    REPEAT = "repeat"
    """It goes on, and it is time to say so again; or it fires again after it had no data."""
    RESOLVED = "resolved"
    """It is over: resolved, or closed."""
    NO_DATA = "no_data"
    """It has no data, since now."""
    NOTHING = "nothing"
    """Nothing is to be told."""


@frozen(kw_only=True)
class RepeatState:
    """What is known of an alarm in a group, from what is told first to its end.

    ``told`` is what its receivers were told last, triggered or no data, and ``told_at`` (aware) when.
    ``started_at`` is when the occurrence began, None while there was no more than a lack of data.
    ``firing`` counts the evaluations that found it firing, ``level`` is the last that one had.
    ``resolved_since`` is when it was first found resolved, None while it is not, and ``seen_at`` when it was
    evaluated last.

    Of an evaluation that finds nothing new a tracker notes the time now and then only, and the count only in
    the exponential mode.
    """

    told: AlarmState
    told_at: datetime
    started_at: datetime | None = None
    firing: int = 0
    level: Level | None = None
    resolved_since: datetime | None = None
    seen_at: datetime


@frozen(kw_only=True)
class Observation:
    """What came of an evaluation: the decision, and the alarm to be sent; None when nothing is to be."""

    decision: RepeatDecision
    alarm: Alarm | None = None


_NOTHING = Observation(decision=RepeatDecision.NOTHING)


def decide(
    state: RepeatState | None, alarm: Alarm, now: datetime, *, min_hold: float = 0.0
) -> tuple[Observation, RepeatState | None]:
    """What is told at this evaluation, and the state that follows; None is that of an alarm that is over.

    ``now`` is aware.  A resolution counts when the alarm has been found resolved for ``min_hold`` seconds.
    """
    if state is not None:
        state = _seen(state, now)
    if alarm.state.ended:
        return _ended(state, alarm, now, min_hold)
    if alarm.state is AlarmState.NO_DATA:
        return _without_data(state, alarm, now)
    return _firing(state, alarm, now)


def _seen(state: RepeatState, now: datetime) -> RepeatState:
    # When the clock was set back, nothing is waited for longer than it would have been.
    since = state.resolved_since
    return attrs.evolve(
        state,
        told_at=min(state.told_at, now),
        resolved_since=None if since is None else min(since, now),
        seen_at=now,
    )


def _firing(state: RepeatState | None, alarm: Alarm, now: datetime) -> tuple[Observation, RepeatState]:
    started, firing, level = min(alarm.started_at, now), 1, alarm.level
    if state is not None and state.started_at is not None:
        started, firing, level = min(started, state.started_at), state.firing + 1, level or state.level
    known = RepeatState(
        told=AlarmState.TRIGGERED,
        told_at=now,
        started_at=started,
        firing=firing,
        level=level,
        seen_at=now,
    )
    if state is None or state.started_at is None:
        return _told(RepeatDecision.FIRST, alarm, known), known
    if state.told is AlarmState.NO_DATA or _is_due(alarm, state.told_at, started, firing, now):
        return _told(RepeatDecision.REPEAT, alarm, known), known
    return _NOTHING, attrs.evolve(known, told_at=state.told_at)


def _is_due(alarm: Alarm, told_at: datetime, started: datetime, firing: int, now: datetime) -> bool:
    repeat = alarm.condition.repeat
    if repeat is None or repeat.mode is RepeatMode.ONCE:
        return False
    if repeat.mode is RepeatMode.EXPONENTIAL:
        return firing & (firing - 1) == 0
    wait = repeat.period
    if repeat.daily_after is not None and (told_at - started).total_seconds() >= repeat.daily_after:
        wait = max(wait, _DAY)
    return (now - told_at).total_seconds() >= wait


def _without_data(state: RepeatState | None, alarm: Alarm, now: datetime) -> tuple[Observation, RepeatState]:
    if state is not None and state.told is AlarmState.NO_DATA:
        return _NOTHING, attrs.evolve(state, resolved_since=None)
    if state is None:
        known = RepeatState(told=AlarmState.NO_DATA, told_at=now, seen_at=now)
    else:
        known = attrs.evolve(state, told=AlarmState.NO_DATA, told_at=now, resolved_since=None)
    return _told(RepeatDecision.NO_DATA, alarm, known), known


def _ended(
    state: RepeatState | None, alarm: Alarm, now: datetime, min_hold: float
) -> tuple[Observation, RepeatState | None]:
    if state is None:
        return _NOTHING, None  # nobody was told of it
    since = state.resolved_since or now
    known = attrs.evolve(state, resolved_since=since)
    # Who closes an alarm means it: only a condition goes to and fro.
    if alarm.state is AlarmState.RESOLVED and (now - since).total_seconds() < min_hold:
        return _NOTHING, known
    return _told(RepeatDecision.RESOLVED, alarm, known), None


def _told(decision: RepeatDecision, alarm: Alarm, state: RepeatState) -> Observation:
    """The alarm with what is known of its occurrence and it does not say itself."""
    known: dict[str, Any] = {}
    ended_at = alarm.ended_at
    if alarm.evaluated_at is None:
        known["evaluated_at"] = state.seen_at
    if alarm.state.ended and ended_at is None:
        known["ended_at"] = ended_at = state.resolved_since
    if alarm.level is None:
        known["level"] = state.level
    if state.started_at is not None:
        # It cannot have begun after what was told of it: a start of this evaluation's own is not the first.
        known["started_at"] = started = min(alarm.started_at, state.started_at)
        if alarm.duration is None:
            known["duration"] = max(0.0, ((ended_at or state.seen_at) - started).total_seconds())
    return Observation(decision=decision, alarm=attrs.evolve(alarm, **known))

"""Alarms that are evaluated again and again, and a short way to write down what came of it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import attrs

from alarm_dispatch import Alarm, AlarmState, EventCondition, Repeat
from alarm_dispatch.repeats import Observation, RepeatDecision, RepeatTracker

from ..unit.made import alarm

NOW = datetime(2026, 1, 31, 8, 0, tzinfo=UTC)
STATES = {
    "F": AlarmState.TRIGGERED,
    "R": AlarmState.RESOLVED,
    "N": AlarmState.NO_DATA,
    "C": AlarmState.CLOSED,
}
SIGNS = {
    RepeatDecision.FIRST: "1",
    RepeatDecision.REPEAT: "+",
    RepeatDecision.RESOLVED: "r",
    RepeatDecision.NO_DATA: "n",
    RepeatDecision.NOTHING: ".",
}
ONCE, EXPONENTIAL = Repeat(), Repeat("exponential")


def at(seconds: float) -> datetime:
    """So many seconds after the tests' time."""
    return NOW + timedelta(seconds=seconds)


def found(state: str = "F", repeat: Repeat | None = ONCE, **fields: Any) -> Alarm:
    """An evaluation, its state by its letter."""
    condition = EventCondition(name="reboot", repeat=repeat)
    return alarm(state=STATES[state], condition=condition, **{"started_at": NOW, **fields})


def played(
    tracker: RepeatTracker,
    script: str,
    *,
    every: float = 60.0,
    repeat: Repeat | None = ONCE,
    group: str = "oncall",
    restarted: Callable[[RepeatTracker], RepeatTracker] = lambda tracker: tracker,
    since: float = 0.0,
) -> str:
    """The signs of what is decided at each evaluation, one every so many seconds."""
    signs = ""
    for number, state in enumerate(script):
        tracker = restarted(tracker)
        observation = tracker.observe(found(state, repeat), group, now=at(since + number * every))
        assert (observation.alarm is None) == (observation.decision is RepeatDecision.NOTHING)
        signs += SIGNS[observation.decision]
    return signs


def sent(observation: Observation) -> dict[str, Any]:
    """What the alarm to be sent has beside its usual fields."""
    assert observation.alarm is not None
    names = ("started_at", "duration", "evaluated_at", "ended_at", "level")
    every = attrs.asdict(observation.alarm, recurse=False)
    return {name: every[name] for name in names if every[name] is not None}

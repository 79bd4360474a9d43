"""Repeated alarms: what is told of an unresolved alarm, evaluation for evaluation."""

from alarm_dispatch.repeats.decision import Observation, RepeatDecision, RepeatState, decide
from alarm_dispatch.repeats.store import MemoryRepeats, RepeatKey, RepeatStore
from alarm_dispatch.repeats.tracker import DEFAULT_KEEP, DEFAULT_MOST, RepeatTracker

__all__ = [
    "DEFAULT_KEEP",
    "DEFAULT_MOST",
    "MemoryRepeats",
    "Observation",
    "RepeatDecision",
    "RepeatKey",
    "RepeatState",
    "RepeatStore",
    "RepeatTracker",
    "decide",
]

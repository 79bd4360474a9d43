"""Follows alarms from evaluation to evaluation, and answers what is to be sent now."""

from __future__ import annotations

from datetime import datetime, timedelta

import attrs

from alarm_dispatch.clock import Clock, SystemClock
from alarm_dispatch.errors import InvalidFieldError
from alarm_dispatch.groups import AlarmGroup
from alarm_dispatch.model import Alarm
from alarm_dispatch.repeats.decision import Observation, RepeatState, decide
from alarm_dispatch.repeats.store import MemoryRepeats, RepeatKey, RepeatStore
from alarm_dispatch.states import RepeatMode
from alarm_dispatch.values import check_at_least, check_aware_time, check_kind, check_text

__all__ = ["DEFAULT_KEEP", "DEFAULT_MOST", "RepeatTracker"]

DEFAULT_KEEP = 604_800.0
"""Seconds after its last evaluation for which an unresolved alarm is remembered: a week."""

DEFAULT_MOST = 100_000
"""Unresolved alarms that are remembered; beyond that the one that was evaluated longest ago is forgotten."""

# New alarms between two looks at what is remembered too long.
_LOOK_EVERY = 64
# It is noted so many times while an alarm is remembered that it is still evaluated.
_SEEN_OFTEN = 8
# As long as the calendar.
_LONGEST = 315_360_000_000.0


class RepeatTracker:
    """Is fed with each evaluation of an alarm, and answers what to send: first, again, its end, or nothing.

    An evaluation is an :class:`~alarm_dispatch.model.Alarm` in the state it was found in; how it repeats is
    its condition's ``repeat``.  There is one state for each alarm id and group name, kept in ``store``: a
    :class:`MemoryRepeats` of its own, or an outbox's ``repeats``.

    ``min_hold``: seconds for which an alarm must have been found resolved before its resolution is told.
    ``keep``: seconds after its last evaluation for which an alarm is remembered, ``most``: how many are.
    Raises :class:`~alarm_dispatch.errors.InvalidFieldError` for what is none of that.
    """

    def __init__(
        self,
        store: RepeatStore | None = None,
        *,
        min_hold: float = 0.0,
        keep: float = DEFAULT_KEEP,
        most: int = DEFAULT_MOST,
        clock: Clock | None = None,
    ) -> None:
        given: object = store
        if given is not None and (isinstance(given, type) or not isinstance(given, RepeatStore)):
            kind = given.__name__ if isinstance(given, type) else type(given).__name__
            raise InvalidFieldError("RepeatTracker.store", f"must keep repeats; a {kind} does not")
        check_at_least(min_hold, "RepeatTracker.min_hold")
        check_at_least(keep, "RepeatTracker.keep")
        check_at_least(most, "RepeatTracker.most", 1, whole=True)
        self.store: RepeatStore = MemoryRepeats() if store is None else store
        self._min_hold = min_hold
        self._keep = timedelta(seconds=min(keep, _LONGEST))
        self._most = most
        self._clock = clock or SystemClock()
        self._new = 0

    def observe(self, alarm: Alarm, group: AlarmGroup | str, *, now: datetime | None = None) -> Observation:
        """What is to be sent to the group, named or given, at this evaluation.

        ``now`` (aware) is the clock's when it is not given.  Raises
        :class:`~alarm_dispatch.errors.InvalidFieldError` for arguments of other kinds, and
        :class:`~alarm_dispatch.errors.OutboxError` where a file cannot be read or written; then nothing has
        changed.
        """
        check_kind(alarm, (Alarm,), "observe.alarm")
        check_kind(group, (AlarmGroup, str), "observe.group")
        name = group if isinstance(group, str) else group.name
        check_text(name, "observe.group", empty=False)
        if now is None:
            now = self._clock.now()
        check_aware_time(now, "observe.now")
        key = RepeatKey(alarm.id, name)
        with self.store.transaction():
            before = self.store.get(key)
            observation, after = decide(before, alarm, now, min_hold=self._min_hold)
            if before is None or after is None or not self._as_known(before, after, alarm):
                self.store.put(key, after)
            if before is None and after is not None:
                self._look(now)
        return observation

    def _as_known(self, before: RepeatState, after: RepeatState, alarm: Alarm) -> bool:
        """Whether nothing has to be kept: most evaluations find what is known, and need not reach a disk."""
        repeat = alarm.condition.repeat
        if repeat is not None and repeat.mode is RepeatMode.EXPONENTIAL:
            return False  # each one counts
        counted = attrs.evolve(after, firing=before.firing, seen_at=before.seen_at)
        return counted == before and after.seen_at - before.seen_at < self._keep / _SEEN_OFTEN

    def _look(self, now: datetime) -> None:
        if self._new % _LOOK_EVERY == 0:
            try:
                before = now - self._keep
            except OverflowError:  # longer than there is a calendar
                before = datetime.min.replace(tzinfo=now.tzinfo)
            self.store.trim(before=before, most=self._most)
        self._new += 1

"""Whose stored deliveries an engine picks up, and how they become jobs again."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

from alarm_dispatch.callbacks import Callback
from alarm_dispatch.clock import Clock
from alarm_dispatch.errors import InvalidFieldError
from alarm_dispatch.groups import AlarmGroup, check_distinct
from alarm_dispatch.jobs import Job
from alarm_dispatch.outbox.base import Entry, Held, LaneKey, Outbox
from alarm_dispatch.preparation import Preparation
from alarm_dispatch.redaction import presentable

__all__ = ["LEASE", "KeepingSettings"]

LEASE = 30.0
"""Seconds for which a dispatcher may be gone before others take what it holds."""


class KeepingSettings:
    """What an engine goes by that keeps its deliveries in an outbox.

    ``groups`` are those whose stored deliveries it picks up, by name: the ones that it was made with, and
    those that alarms were submitted to since.  A callback stays known when its group is given without it
    later: only what was never there is gone.
    """

    def __init__(
        self,
        outbox: Outbox,
        clock: Clock,
        preparation: Preparation,
        groups: Iterable[AlarmGroup],
        *,
        lease: float = LEASE,
    ) -> None:
        self.outbox = outbox
        self.clock = clock
        self.lease = lease
        self._preparation = preparation
        # Other threads may add to these at any time, one step at a time.
        self._groups: dict[str, AlarmGroup] = {}
        self._callbacks: dict[LaneKey, tuple[AlarmGroup, Callback]] = {}
        groups = tuple(groups)
        twice = [name for name, count in Counter(group.name for group in groups).items() if count > 1]
        if twice:
            raise InvalidFieldError("groups", f"has two groups of the name {twice[0]!r}")
        known = {group.name for group in groups}
        for group in groups:
            self._check(group, known)
        for group in groups:
            self._add(group)

    def learn(self, group: AlarmGroup) -> None:
        """Pick up this group's deliveries from now on; it may be called from any thread.

        Raises :class:`~alarm_dispatch.errors.InvalidFieldError` when the outbox could not tell its callbacks
        apart, or one names a fallback that is not known.
        """
        known = self._groups.get(group.name)
        if known is not group and known != group:
            self._check(group, {*self._groups, group.name})
            self._add(group)

    def _check(self, group: AlarmGroup, known: Iterable[str]) -> None:
        field = f"groups[{group.name!r}]"
        check_distinct(group, field)
        for callback in group.callbacks:
            if callback.fallback is not None and callback.fallback not in known:
                others = ", ".join(map(repr, known))
                raise InvalidFieldError(
                    f"{field}.callbacks[{callback.name!r}]",
                    f"names the fallback {callback.fallback!r}, which is none of: {others}",
                )

    def _add(self, group: AlarmGroup) -> None:
        for callback in group.callbacks:
            self._callbacks[LaneKey(group.name, callback.name)] = (group, callback)
        self._groups[group.name] = group

    def lanes(self) -> Sequence[tuple[LaneKey, int]]:
        """All lanes whose deliveries are picked up, with the limits of their callbacks."""
        return [(lane, callback.limit) for lane, (_, callback) in list(self._callbacks.items())]

    def limit(self, lane: LaneKey) -> int:
        """The limit of the lane's callback, 0 when that is no longer there."""
        known = self._callbacks.get(lane)
        return 0 if known is None else known[1].limit

    def is_gone(self, lane: LaneKey) -> bool:
        """Whether the lane's group is known, and its callback is not."""
        return lane.group in self._groups and lane not in self._callbacks

    def job(self, held: Held) -> Job | str:
        """The job that goes on with a stored delivery, or why there can be none."""
        lane = held.entry.lane
        known = self._callbacks.get(lane)
        if known is None:
            return f"group {lane.group!r} has no callback of the name {lane.callback!r} any more"
        item = self._preparation.stored(held.entry, *known)
        if isinstance(item, Job):
            return item
        # A format's exception may quote the URL, and no secret goes into the file.
        callback = item.delivery.callback
        return presentable(item.delivery.outcome, callback.address, callback.headers, callback.secrets)

    def fallback(self, entry: Entry) -> tuple[Entry, ...]:
        """What is put when this delivery is dead; nothing for a group that had the alarm before."""
        known = self._callbacks.get(entry.lane)
        name = None if known is None else known[1].fallback
        group = None if name is None else self._groups.get(name)
        passed = (*entry.passed, entry.lane.group)
        if group is None or group.name in passed:
            return ()
        now = self.clock.now()
        return tuple(
            Entry(
                id=self._preparation.new_id(),
                lane=LaneKey(group.name, callback.name),
                alarm_id=entry.alarm_id,
                level=entry.level,
                content=entry.content,
                created_at=now,
                origin=entry.id,
                passed=passed,
            )
            for callback in group.callbacks
        )

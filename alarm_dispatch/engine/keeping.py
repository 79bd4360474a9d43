"""Whose stored deliveries an engine picks up, and how they become jobs again."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator

from alarm_dispatch.callbacks import AlarmGroup, Callback
from alarm_dispatch.clock import Clock
from alarm_dispatch.errors import InvalidFieldError
from alarm_dispatch.jobs import Job, Preparation
from alarm_dispatch.outbox.base import Held, LaneKey, Outbox

__all__ = ["KeepingSettings"]


class KeepingSettings:
    """What an engine goes by that keeps its deliveries in an outbox.

    ``groups`` are those whose stored deliveries it picks up, by name: the ones that it was made with, and
    those that alarms were submitted to since.
    """

    def __init__(
        self, outbox: Outbox, clock: Clock, preparation: Preparation, groups: Iterable[AlarmGroup]
    ) -> None:
        self.outbox = outbox
        self.clock = clock
        self.new_id = preparation.new_id
        self._preparation = preparation
        self.groups: dict[str, AlarmGroup] = {}
        for group in groups:
            if group.name in self.groups:
                raise InvalidFieldError("groups", f"has two groups of the name {group.name!r}")
            self.learn(group)
        for group in self.groups.values():
            for callback in group.callbacks:
                if callback.fallback is not None and callback.fallback not in self.groups:
                    told = f"names the fallback {callback.fallback!r}, which is none of: {self._names()}"
                    raise InvalidFieldError(f"groups[{group.name!r}].callbacks[{callback.name!r}]", told)

    def learn(self, group: AlarmGroup) -> None:
        """Pick up this group's deliveries from now on; it may be called from any thread."""
        if self.groups.get(group.name) is group:
            return
        names = Counter(callback.name for callback in group.callbacks)
        twice = [name for name, count in names.items() if count > 1]
        if twice:
            told = "has callbacks of one name, which the outbox could not tell apart; give each a name"
            raise InvalidFieldError(f"groups[{group.name!r}].callbacks[{twice[0]!r}]", told)
        # A new dict, as another thread may be reading the old one.
        self.groups = {**self.groups, group.name: group}

    def lanes(self) -> Iterator[tuple[LaneKey, int]]:
        """All lanes whose deliveries are picked up, with the limits of their callbacks."""
        for group in self.groups.values():
            for callback in group.callbacks:
                yield LaneKey(group.name, callback.name), callback.limit

    def callback(self, lane: LaneKey) -> Callback | None:
        """The lane's callback, None when it is no longer there."""
        group = self.groups.get(lane.group)
        found = () if group is None else group.callbacks
        return next((callback for callback in found if callback.name == lane.callback), None)

    def job(self, held: Held) -> Job | str:
        """The job that goes on with a stored delivery, or why there can be none."""
        if held.unreadable:
            return held.unreadable
        lane = held.entry.lane
        callback = self.callback(lane)
        if callback is None:
            return f"group {lane.group!r} has no callback of the name {lane.callback!r} any more"
        item = self._preparation.stored(held.entry, self.groups[lane.group], callback)
        return item if isinstance(item, Job) else item.outcome

    def _names(self) -> str:
        return ", ".join(map(repr, self.groups))

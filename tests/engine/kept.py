"""Dispatchers on an outbox in memory, for tests: they crash, are stopped, and lose their disk."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import attrs

from alarm_dispatch import Alarm, AlarmGroup, AsyncDispatcher, Callback, RetrySchedule
from alarm_dispatch.errors import OutboxUnavailableError
from alarm_dispatch.outbox import StoredDelivery
from alarm_dispatch.testing import MemoryOutbox, MemoryReceiver

from ..dispatch.alarms import numbered

FULL = OutboxUnavailableError("alarms.db cannot grow: the disk is full")
SCHEDULE = RetrySchedule(attempts=3, delays=(5, 10))
URL = "https://receiver.example/alarms"


class Disk:
    """One dispatcher's way to an outbox that others use too.

    ``faults`` are what its methods raise, by their names; ``calls`` are the names of those that were called.
    """

    immediate = True

    def __init__(self, outbox: MemoryOutbox) -> None:
        self.outbox = outbox
        self.faults: dict[str, Exception] = {}
        self.calls: list[str] = []

    def __getattr__(self, name: str) -> Any:
        self.calls.append(name)
        if name in self.faults:
            raise self.faults[name]
        return getattr(self.outbox, name)

    def fill(self) -> None:
        """Nothing can be written from here on."""
        self.faults = dict.fromkeys(("transaction", "join", "extend", "leave", "claim"), FULL)

    def unplug(self) -> None:
        """Nothing can be read either."""
        self.fill()
        self.faults.update(dict.fromkeys(("list", "has_pending", "lanes", "trim"), FULL))

    def free(self) -> None:
        """All is well again."""
        self.faults = {}


# They are looked for on the class when something is asked whether it is an outbox.
for _name in ("transaction", "join", "extend", "leave", "enqueue", "claim", "retry_at", "settle", "lanes"):
    setattr(Disk, _name, property(lambda self, name=_name: self.__getattr__(name)))
for _name in ("list", "has_pending", "replay", "purge", "trim", "close"):
    setattr(Disk, _name, property(lambda self, name=_name: self.__getattr__(name)))


async def crash(dispatcher: AsyncDispatcher, disk: Disk) -> None:
    """End a dispatcher as a kill would, for all that its outbox sees: nothing is written, no lease ends."""
    disk.unplug()
    await dispatcher.close(timeout=0)


def step(number: int, serial: int) -> Alarm:
    """One of the notifications of an alarm; the request's ``durationTime`` tells ``serial``."""
    return attrs.evolve(numbered(number), duration=serial)


def to(*callbacks: Callback, name: str = "oncall", **settings: Any) -> AlarmGroup:
    """A group of these callbacks, or of one to the usual receiver."""
    if not callbacks:
        settings.setdefault("schedule", SCHEDULE)
        callbacks = (Callback(URL, format="tencent", **settings),)
    return AlarmGroup(name, callbacks=callbacks)


def serials(receiver: MemoryReceiver) -> list[int]:
    """What a receiver was sent, by the serials."""
    return [request.json()["durationTime"] for request in receiver.requests]


def sessions(receiver: MemoryReceiver) -> list[str]:
    """The ids of what a receiver was sent."""
    return [request.json()["sessionId"] for request in receiver.requests]


def stored(outbox: MemoryOutbox) -> list[StoredDelivery]:
    """All that is in an outbox."""
    return list(outbox.list())


def states(outbox: MemoryOutbox) -> list[str]:
    """The statuses of all that is in an outbox."""
    return [one.status.value for one in outbox.list()]


def numbers(attempts: Iterable[Any]) -> list[int]:
    """The numbers of attempts."""
    return [attempt.number for attempt in attempts]

"""An id that the outbox has already: the same notification is that one, another one is told."""

from __future__ import annotations

import asyncio
import itertools
from typing import Any

import attrs
import pytest

from alarm_dispatch import Alarm, AlarmGroup, AsyncDispatcher, Delivery
from alarm_dispatch.errors import OutboxError
from alarm_dispatch.testing import MemoryOutbox, MemoryReceiver

from ..dispatch.alarms import numbered
from .kept import Disk, crash, sessions, states, step, stored, to
from .made import callback


class Run:
    """A dispatcher whose ids are counted from 1, as those of a process that has just begun."""

    def __init__(self, clock: Any, receiver: MemoryReceiver, outbox: Any, **settings: Any) -> None:
        ids = itertools.count(1)
        settings.setdefault("new_id", lambda: f"delivery-{next(ids)}")
        self.dispatcher = AsyncDispatcher(
            transport=receiver.transport, clock=clock, outbox=outbox, groups=[to()], **settings
        )

    async def deliver(self, alarm: Alarm, group: AlarmGroup) -> Delivery:
        """How the only delivery of an alarm ended."""
        async with self.dispatcher as dispatcher:
            (delivery,) = (await dispatcher.dispatch(alarm, group)).deliveries
        return delivery


@pytest.mark.parametrize(
    ("alarm", "group"),
    [
        (numbered(2), to()),
        (step(1, 7), to()),
        (numbered(1), to(name="others")),
        (numbered(1), to(callback("b"))),
    ],
    ids=["alarm", "content", "group", "callback"],
)
def test_another_notification_is_told(virtual_clock, memory_receiver, alarm, group):
    """It was not put, so its end is not that of the one which has the id."""
    outbox, receiver = MemoryOutbox(), memory_receiver(200)
    first = virtual_clock.run(Run(virtual_clock, receiver, outbox).deliver(numbered(1), to()))

    second = virtual_clock.run(Run(virtual_clock, receiver, outbox).deliver(alarm, group))

    assert (first.ok, second.ok, second.attempts) == (True, False, ())
    assert isinstance(second.error, OutboxError)
    assert "the outbox has another delivery of the id 'delivery-1'" in second.outcome
    assert "alarm 'alarm-1' to oncall / " in second.outcome
    assert len(receiver.requests) == 1


def test_the_same_notification_is_the_one_that_is_there(virtual_clock, memory_receiver):
    """Also when its JSON was written by another encoder: it is sent once, and told twice."""
    outbox, receiver = MemoryOutbox(), memory_receiver(200)
    first = virtual_clock.run(Run(virtual_clock, receiver, outbox).deliver(numbered(1), to()))
    row = outbox._rows["delivery-1"]
    row.entry = attrs.evolve(row.entry, content=b" " + row.entry.content)

    second = virtual_clock.run(Run(virtual_clock, receiver, outbox).deliver(numbered(1), to()))

    assert (second.ok, second.attempts) == (True, first.attempts)
    assert len(receiver.requests) == 1


def test_what_cannot_be_read_is_another(virtual_clock, memory_receiver):
    """An alarm of a newer version, say."""
    outbox, receiver = MemoryOutbox(), memory_receiver(200)
    virtual_clock.run(Run(virtual_clock, receiver, outbox).deliver(numbered(1), to()))
    row = outbox._rows["delivery-1"]
    row.entry = attrs.evolve(row.entry, content=b"{}")

    second = virtual_clock.run(Run(virtual_clock, receiver, outbox).deliver(numbered(1), to()))

    assert "another delivery" in second.outcome


@pytest.mark.parametrize("later", [31, 28.9], ids=["taken before", "taken after"])
def test_one_that_was_left_behind_is_sent(virtual_clock, later):
    """Not the new one in its place, whenever the lease on it ends."""
    outbox, receiver = MemoryOutbox(), MemoryReceiver("timeout,200", now=virtual_clock.now)
    disk = Disk(outbox)

    async def main() -> Delivery:
        dead = Run(virtual_clock, receiver, disk).dispatcher
        await dead.submit(step(1, 0), to())
        await asyncio.sleep(1)
        await crash(dead, disk)
        await asyncio.sleep(later)
        async with Run(virtual_clock, receiver, outbox).dispatcher as dispatcher:
            await asyncio.sleep(0.2)
            handle = await dispatcher.submit(step(1, 1), to())
            (delivery,) = (await handle.result()).deliveries
            await dispatcher.drain()
            assert dispatcher._backlog.count == 0
        return delivery

    delivery = virtual_clock.run(main())

    assert "another delivery" in delivery.outcome
    assert [request.json()["durationTime"] for request in receiver.requests] == [0, 0]
    assert states(outbox) == ["delivered"]


def test_an_id_for_all_of_them(virtual_clock):
    """Each handle ends: that of the first and its equals as delivered, the others with the error."""
    outbox, receiver = MemoryOutbox(), MemoryReceiver("delay:1:200", now=virtual_clock.now)
    alarms = [numbered(1), numbered(2), numbered(3), numbered(1), numbered(1)]

    async def main() -> list[bool]:
        async with Run(virtual_clock, receiver, outbox, new_id=lambda: "one").dispatcher as dispatcher:
            handles = [await dispatcher.submit(alarm, to()) for alarm in alarms]
            reports = [await handle.result(timeout=10) for handle in handles]
            assert await dispatcher.drain(timeout=1)
            assert dispatcher._backlog.count == 0
        return [report.ok for report in reports]

    assert virtual_clock.run(main()) == [True, False, False, True, True]
    assert sessions(receiver) == ["one"]
    assert len(stored(outbox)) == 1

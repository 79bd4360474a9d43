"""Messages of several alarms whose deliveries an outbox keeps: each goes on by itself after a crash."""

from __future__ import annotations

import asyncio
from typing import Any

import attrs
import pytest

from alarm_dispatch import AsyncDispatcher, RetrySchedule
from alarm_dispatch.errors import DeliveryExpiredError, DispatcherClosedError
from alarm_dispatch.model import Level
from alarm_dispatch.testing import MemoryOutbox, MemoryReceiver

from ..dispatch.alarms import numbered
from .digested import Lines, gathering, ids, told
from .kept import Disk, crash, numbers, states, stored
from .made import ends_of


@pytest.fixture
def receiver_of(virtual_clock):
    """A receiver by the virtual clock."""
    return lambda script: MemoryReceiver(script, now=virtual_clock.now)


def dispatcher_of(clock: Any, receiver: MemoryReceiver, outbox: Any, **settings: Any) -> AsyncDispatcher:
    """A dispatcher that picks up what the gathering group has."""
    settings.setdefault("groups", [gathering()])
    return AsyncDispatcher(transport=receiver.transport, clock=clock, outbox=outbox, **settings)


async def submitted(dispatcher: AsyncDispatcher, count: int, **settings: Any) -> list[Any]:
    """So many alarms to the gathering group; their handles."""
    return [await dispatcher.submit(numbered(number), gathering(**settings)) for number in range(count)]


def test_each_of_a_message_is_kept_with_its_attempts(virtual_clock, receiver_of):
    """A row for each, which tells what became of it."""
    outbox, receiver = MemoryOutbox(), receiver_of("500,200")

    async def main() -> None:
        async with dispatcher_of(virtual_clock, receiver, outbox) as dispatcher:
            handles = await submitted(dispatcher, 3)
            assert states(outbox) == ["pending"] * 3
            reports = [await handle.result() for handle in handles]
            assert all(report.ok for report in reports)

    virtual_clock.run(main())

    assert len(receiver.requests) == 2
    assert states(outbox) == ["delivered"] * 3
    assert [numbers(one.attempts) for one in stored(outbox)] == [[1, 2]] * 3


def test_all_of_a_failed_message_are_dead(virtual_clock, receiver_of):
    """And each can be replayed by itself."""
    outbox, receiver = MemoryOutbox(), receiver_of("500,500,500,200")

    async def main() -> None:
        async with dispatcher_of(virtual_clock, receiver, outbox) as dispatcher:
            handles = await submitted(dispatcher, 2)
            assert not any([(await handle.result()).ok for handle in handles])
            assert states(outbox) == ["dead"] * 2
            outbox.replay(stored(outbox)[1].entry.id, now=virtual_clock.now())
            await dispatcher.drain()

    virtual_clock.run(main())

    assert sorted(states(outbox)) == ["dead", "delivered"]
    assert told(receiver)[-1] == ["alarm-1:triggered"]


@pytest.mark.parametrize("after", [10, 32])
def test_a_crash_loses_none(virtual_clock, receiver_of, after):
    """Neither within the window nor between two attempts; the next one gathers what it finds."""
    outbox, receiver = MemoryOutbox(), receiver_of("500,200")

    async def main() -> None:
        disk = Disk(outbox)
        first = dispatcher_of(virtual_clock, receiver, disk, lease=20.0)
        await submitted(first, 3)
        await asyncio.sleep(after)
        before = len(receiver.requests)
        await crash(first, disk)
        async with dispatcher_of(virtual_clock, receiver, outbox) as second:
            assert len(receiver.requests) == before
            await second.drain()

    virtual_clock.run(main())

    assert states(outbox) == ["delivered"] * 3
    assert told(receiver)[-1] == [f"alarm-{number}:triggered" for number in range(3)]
    assert len(set(ids(receiver))) == 1  # the same deliveries, so the same message


def test_what_a_crash_left_goes_as_fast_as_it_is_taken(virtual_clock, receiver_of):
    """However many there are: those that are old wait for no window, and end that of a new one."""
    outbox, receiver = MemoryOutbox(), receiver_of("200")
    group = gathering(window=600.0, format=Lines(most=10))

    async def main() -> None:
        disk = Disk(outbox)
        first = dispatcher_of(virtual_clock, receiver, disk, lease=5.0, groups=[group])
        for number in range(200):
            await first.submit(numbered(number), group)
        await crash(first, disk)
        await asyncio.sleep(595)
        async with dispatcher_of(virtual_clock, receiver, outbox, groups=[group]) as second:
            await second.submit(numbered(200), group)
            assert await second.drain(timeout=10)

    virtual_clock.run(main())

    assert sum(map(len, told(receiver))) == 201
    assert len(receiver.requests) < 30


def test_what_was_confirmed_of_an_alarm_is_not_sent_again_after_a_crash(virtual_clock, receiver_of):
    """It takes two messages, and the first was."""
    outbox, receiver = MemoryOutbox(), receiver_of("200,500,200")
    schedule = RetrySchedule(attempts=3, delays=(60,))

    async def main() -> None:
        disk = Disk(outbox)
        group = gathering(window=1.0, schedule=schedule)
        first = dispatcher_of(virtual_clock, receiver, disk, lease=5.0, groups=[group])
        await first.submit(attrs.evolve(numbered(7), level=Level.FATAL), group)
        await asyncio.sleep(5)
        await crash(first, disk)
        async with dispatcher_of(virtual_clock, receiver, outbox, groups=[group]) as second:
            await second.drain()

    virtual_clock.run(main())

    assert told(receiver) == [["alarm-7/1"], ["alarm-7/2"], ["alarm-7/2"]]
    (one,) = stored(outbox)
    assert ids(receiver) == [f"{one.entry.id}~{part}" for part in (1, 2, 2)]
    assert [request.header("Alarm-Dispatch-Attempt") for request in receiver.requests] == ["1", "1", "2"]
    assert [attempt.verdict.value for attempt in one.attempts] == ["confirmed", "rejected", "confirmed"]


def test_one_that_was_stopped_has_lost_the_whole_message(virtual_clock, receiver_of):
    """It waited for its next attempt, and what it held is others' now."""
    outbox, receiver = MemoryOutbox(), receiver_of("500,200")
    schedule = RetrySchedule(attempts=3, delays=(60,))
    group = gathering(window=1.0, schedule=schedule)
    loops = [virtual_clock.new_event_loop() for _ in range(2)]
    stopped, other = (dispatcher_of(virtual_clock, receiver, outbox, groups=[group]) for _ in range(2))

    async def begin() -> list[Any]:
        handles = [await stopped.submit(numbered(number), group) for number in range(2)]
        await asyncio.sleep(2)
        return handles

    async def take_over() -> None:
        async with other:
            await other.drain()

    async def go_on(handles: list[Any]) -> list[Any]:
        reports = [await handle.result(timeout=5) for handle in handles]
        await stopped.close()
        return reports

    handles = loops[0].run_until_complete(begin())
    virtual_clock.advance(100)
    loops[1].run_until_complete(take_over())
    reports = loops[0].run_until_complete(go_on(handles))
    for loop in loops:
        loop.close()

    assert told(receiver) == [["alarm-0:triggered", "alarm-1:triggered"]] * 2
    assert states(outbox) == ["delivered"] * 2
    assert all(report.ok for report in reports)


def test_a_message_in_flight_goes_on_for_those_that_are_still_ours(virtual_clock, receiver_of):
    """One of the deliveries was taken by another meanwhile; the attempt does not count for that one."""
    outbox, receiver = MemoryOutbox(), receiver_of("delay:20:500,200")
    seen: list[Any] = []

    async def main() -> None:
        group = gathering(window=1.0, timeout=100.0)
        dispatcher = dispatcher_of(virtual_clock, receiver, outbox, hooks=[seen.append])
        handles = [await dispatcher.submit(numbered(number), group) for number in range(2)]
        await asyncio.sleep(5)
        mine = stored(outbox)[0].entry.id
        outbox._rows[mine].owner = "another"
        outbox._leases["another"] = (virtual_clock.now(), virtual_clock.now().replace(year=9000))
        assert (await handles[1].result()).ok
        assert not handles[0].done()
        assert dispatcher.stats().waiting == 1
        await dispatcher.close()

    virtual_clock.run(main())

    assert told(receiver) == [["alarm-0:triggered", "alarm-1:triggered"]] * 2
    assert [numbers(one.attempts) for one in stored(outbox)] == [[], [1, 2]]
    assert [one.ok for one in ends_of(seen)] == [True, False]


def test_a_message_of_which_nothing_is_ours_is_given_up(virtual_clock, receiver_of):
    """When its attempt ends, and others have all of it."""
    outbox, receiver = MemoryOutbox(), receiver_of("delay:20:500,200")

    async def main() -> None:
        group = gathering(window=1.0, timeout=100.0)
        dispatcher = dispatcher_of(virtual_clock, receiver, outbox)
        for number in range(2):
            await dispatcher.submit(numbered(number), group)
        await asyncio.sleep(5)
        outbox._leases["another"] = (virtual_clock.now(), virtual_clock.now().replace(year=9000))
        for row in outbox._rows.values():
            row.owner = "another"
        await asyncio.sleep(100)
        assert len(receiver.requests) == 1
        assert dispatcher.stats().waiting == 2
        await dispatcher.close()

    virtual_clock.run(main())

    assert states(outbox) == ["pending"] * 2


def test_a_message_that_is_too_old_is_dead_in_the_outbox(virtual_clock, receiver_of):
    """Each of its deliveries, with the reason."""
    outbox, receiver = MemoryOutbox(), receiver_of("200")
    group = gathering(window=1.0, rate="1/1000", max_age=50.0)
    reports = []

    async def main() -> None:
        async with dispatcher_of(virtual_clock, receiver, outbox, groups=[group]) as dispatcher:
            await dispatcher.submit(numbered(0), group)
            await asyncio.sleep(2)
            handles = [await dispatcher.submit(numbered(number), group) for number in (1, 2)]
            reports.extend([await handle.result() for handle in handles])

    virtual_clock.run(main())

    assert states(outbox) == ["delivered", "dead", "dead"]
    assert all(isinstance(report.deliveries[0].error, DeliveryExpiredError) for report in reports)


def test_closing_keeps_what_waits_for_its_next_attempt(virtual_clock, receiver_of):
    """For the next dispatcher, and the handles say so."""
    outbox, receiver = MemoryOutbox(), receiver_of("500,200")
    reports = []

    async def main() -> None:
        first = dispatcher_of(virtual_clock, receiver, outbox)
        handles = await submitted(first, 2, window=1.0)
        await asyncio.sleep(2)
        await first.close()
        reports.extend([await handle.result() for handle in handles])
        async with dispatcher_of(virtual_clock, receiver, outbox) as second:
            await second.drain()

    virtual_clock.run(main())

    assert all(isinstance(report.deliveries[0].error, DispatcherClosedError) for report in reports)
    assert states(outbox) == ["delivered"] * 2


@pytest.mark.parametrize(
    ("script", "full", "ok"), [("200", False, True), ("200", True, True), ("500", True, False)]
)
def test_a_message_that_is_being_noted_at_the_close_counts(virtual_clock, receiver_of, script, full, ok):
    """Each of its deliveries tells what came of it, whether or not it could be written."""
    outbox, receiver = MemoryOutbox(), receiver_of(script)
    disk = Disk(outbox)
    reports = []

    async def main() -> None:
        dispatcher = dispatcher_of(virtual_clock, receiver, disk)
        handles = await submitted(dispatcher, 2, window=5.0)
        await asyncio.sleep(4)
        disk.fill()
        await asyncio.sleep(2)
        assert receiver.requests
        assert not any(handle.done() for handle in handles)
        if not full:
            disk.free()
        await dispatcher.close(timeout=0)
        reports.extend([await handle.result() for handle in handles])

    virtual_clock.run(main())

    assert [report.ok for report in reports] == [ok] * 2
    assert states(outbox) == (["pending"] if full else ["delivered"]) * 2

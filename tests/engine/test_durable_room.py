"""How much comes out of an outbox at a time, and that all of it is counted."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from alarm_dispatch import AsyncDispatcher, Callback, RetrySchedule
from alarm_dispatch.errors import BacklogFullError
from alarm_dispatch.testing import MemoryOutbox, MemoryReceiver

from ..dispatch.alarms import numbered
from .kept import Disk, states, to

ROOM = 64


async def until_not(told: Callable[[], bool], seconds: float) -> None:
    """Look every so many seconds."""
    for _ in range(1_000):
        if not told():
            return
        await asyncio.sleep(seconds)
    raise AssertionError("it is still so")


@pytest.fixture
def many(virtual_clock):
    """An outbox with 300 deliveries for each of two callbacks, and their group."""
    outbox = MemoryOutbox()
    schedule = RetrySchedule(attempts=2, delays=(1,))
    group = to(
        *(
            Callback(f"https://{name}.example/", format="tencent", name=name, schedule=schedule)
            for name in ("dead", "healthy")
        )
    )

    async def main() -> None:
        dispatcher = AsyncDispatcher(
            transport=MemoryReceiver("timeout").transport, clock=virtual_clock, outbox=outbox
        )
        for number in range(300):
            await dispatcher.submit(numbered(number), group)
        await dispatcher.close(timeout=0)

    virtual_clock.run(main())
    return outbox, group


def test_a_dead_callback_takes_no_room_of_a_healthy_one(virtual_clock, many):
    """Of each a few are in memory; what the healthy one has is sent at once."""
    outbox, group = many
    receiver = MemoryReceiver(
        scripts={"https://dead.example/": "timeout", "https://healthy.example/": "delay:0.01:200"}
    )
    most = 0

    async def main() -> None:
        nonlocal most
        async with AsyncDispatcher(
            transport=receiver.transport, clock=virtual_clock, outbox=outbox, groups=[group], timeout=1_000.0
        ) as dispatcher:
            for _ in range(20):
                await asyncio.sleep(0.1)
                most = max(most, dispatcher._backlog.count)
            assert dispatcher.stats().delivered == 300
            assert dispatcher.stats().waiting + dispatcher.stats().in_flight == ROOM
            assert dispatcher._backlog.count == ROOM
            await dispatcher.close(timeout=0)

    virtual_clock.run(main())

    assert most <= 2 * ROOM
    assert states(outbox).count("delivered") == 300


def test_all_is_taken_in_the_end_and_counted(virtual_clock, many):
    """Drained, with nothing over and nothing missing."""
    outbox, group = many
    receiver = MemoryReceiver(scripts={"https://dead.example/": "500", "https://healthy.example/": "500,200"})

    def left() -> bool:
        return "pending" in states(outbox)

    async def main() -> None:
        async with AsyncDispatcher(
            transport=receiver.transport, clock=virtual_clock, outbox=outbox, groups=[group]
        ) as dispatcher:
            await until_not(left, 1)
            assert await dispatcher.drain(timeout=1)
            stats = dispatcher.stats()
            assert (stats.delivered, stats.failed, stats.waiting, stats.in_flight) == (300, 300, 0, 0)
            assert dispatcher._backlog.count == 0

    virtual_clock.run(main())


def test_a_fast_receiver_does_not_run_dry(virtual_clock, many):
    """It is looked for more when half of what was taken is sent, not when it is time to."""
    outbox, group = many
    receiver = MemoryReceiver("delay:0.001:200")

    async def main() -> float:
        async with AsyncDispatcher(
            transport=receiver.transport, clock=virtual_clock, outbox=outbox, groups=[group]
        ):
            started = virtual_clock.elapsed
            await until_not(lambda: "pending" in states(outbox), 0.01)
            return virtual_clock.elapsed - started

    assert virtual_clock.run(main()) < 0.2


def test_nothing_is_asked_for_in_a_circle(virtual_clock, many):
    """With all that there is room for in memory, and more of it due, two looks a second are enough."""
    outbox, group = many
    disk = Disk(outbox)

    async def main() -> None:
        async with AsyncDispatcher(
            transport=MemoryReceiver("timeout").transport,
            clock=virtual_clock,
            outbox=disk,
            groups=[group],
            timeout=1_000.0,
        ) as dispatcher:
            await asyncio.sleep(1)
            disk.calls.clear()
            await asyncio.sleep(100)
            await dispatcher.close(timeout=0)

    virtual_clock.run(main())

    assert 150 <= disk.calls.count("claim") <= 250
    assert disk.calls.count("trim") <= 11


def test_what_is_due_later_is_looked_for_then(virtual_clock, memory_receiver):
    """To the time, not to the next look."""
    outbox = MemoryOutbox()
    receiver = MemoryReceiver("500,200", now=virtual_clock.now)
    group = to(schedule=RetrySchedule(attempts=2, delays=(3.3,)))

    async def main() -> None:
        settings = {"transport": receiver.transport, "clock": virtual_clock, "outbox": outbox}
        async with AsyncDispatcher(**settings) as first:
            await first.submit(numbered(1), group)
            await asyncio.sleep(0.1)
            await first.close()
        async with AsyncDispatcher(**settings, groups=[group]):
            await asyncio.sleep(10)

    virtual_clock.run(main())

    assert receiver.arrivals == (0, 3.3)


def test_what_is_taken_counts_in_the_backlog(virtual_clock, many):
    """So that a submit on top of it may be refused; a submit that waits has its turn when there is room."""
    outbox, group = many
    receiver = MemoryReceiver("delay:1:200")

    async def main() -> None:
        async with AsyncDispatcher(
            transport=receiver.transport, clock=virtual_clock, outbox=outbox, groups=[group], backlog=10
        ) as dispatcher:
            assert dispatcher._backlog.count == 2 * ROOM
            with pytest.raises(BacklogFullError):
                await dispatcher.submit(numbered(1_000), group)
            handle = await dispatcher.submit(numbered(1_000), group, wait=True)
            assert (await handle.result()).ok
            assert await dispatcher.drain()
            assert dispatcher._backlog.count == 0

    virtual_clock.run(main())

    assert states(outbox) == ["delivered"] * 602


def test_settled_ones_are_removed_little_by_little(virtual_clock, memory_receiver):
    """By the settings of the outbox."""
    outbox = MemoryOutbox(keep_settled=30.0)

    async def main() -> None:
        async with AsyncDispatcher(
            transport=memory_receiver(200).transport, clock=virtual_clock, outbox=outbox
        ) as dispatcher:
            await dispatcher.dispatch(numbered(1), to())
            await asyncio.sleep(20)
            assert states(outbox) == ["delivered"]
            await asyncio.sleep(25)

    virtual_clock.run(main())

    assert states(outbox) == []


def test_what_cannot_be_removed_is_told_once(virtual_clock, memory_receiver, caplog):
    """Until it can be: else a file that grows would be the first to tell."""
    disk = Disk(MemoryOutbox())

    async def main() -> None:
        async with AsyncDispatcher(
            transport=memory_receiver(200).transport, clock=virtual_clock, outbox=disk
        ):
            for _ in range(2):
                disk.faults = {"trim": ZeroDivisionError("x")}
                await asyncio.sleep(50)
                disk.free()
                await asyncio.sleep(50)

    virtual_clock.run(main())

    told = "the outbox cannot be tidied up now; that is tried again: the outbox raised ZeroDivisionError: x"
    ours = [record for record in caplog.records if record.name == "alarm_dispatch"]
    assert [record.getMessage() for record in ours] == [told] * 2


def test_more_to_remove_is_removed_soon(virtual_clock, memory_receiver, monkeypatch):
    """As an outbox removes a little at a time."""
    outbox = MemoryOutbox()
    answers = [True] * 20
    times: list[float] = []

    def trim(*, now: object) -> bool:
        times.append(virtual_clock.elapsed)
        return bool(answers and answers.pop())

    monkeypatch.setattr(outbox, "trim", trim)

    async def main() -> None:
        async with AsyncDispatcher(
            transport=memory_receiver(200).transport, clock=virtual_clock, outbox=outbox
        ):
            await asyncio.sleep(25)

    virtual_clock.run(main())

    assert len(times) == 22
    assert times[0] == 10
    assert times[20] - times[0] == pytest.approx(0.4)


def test_nothing_more_is_taken_while_it_is_closed(virtual_clock, many):
    """What is in memory is due and sent; the rest is the next dispatcher's."""
    outbox, group = many
    receiver = MemoryReceiver("delay:0.1:200")

    async def main() -> None:
        dispatcher = AsyncDispatcher(
            transport=receiver.transport, clock=virtual_clock, outbox=outbox, groups=[group]
        )
        await dispatcher.__aenter__()
        await asyncio.sleep(0.05)
        started = virtual_clock.elapsed
        await dispatcher.close(timeout=100)
        assert virtual_clock.elapsed - started < 2

    virtual_clock.run(main())

    assert states(outbox).count("delivered") == len(receiver.requests) == 2 * ROOM


def test_a_lane_that_gave_nothing_is_not_asked_after_each_delivery(virtual_clock, many):
    """All that it has is in memory; one look may be early, not each of them."""
    outbox, group = many
    outbox.purge(virtual_clock.now())
    for name in [name for number, name in enumerate(outbox._rows) if number >= 120]:
        del outbox._rows[name]
    disk = Disk(outbox)

    async def main() -> None:
        async with AsyncDispatcher(
            transport=MemoryReceiver("delay:0.1:200").transport,
            clock=virtual_clock,
            outbox=disk,
            groups=[group],
        ):
            await asyncio.sleep(2)

    virtual_clock.run(main())

    assert states(outbox) == ["delivered"] * 120
    assert disk.calls.count("claim") <= 8

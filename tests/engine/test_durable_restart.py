"""What is on disk goes on after a crash: when, under which id, and in which order."""

from __future__ import annotations

import asyncio
import itertools
from datetime import UTC, datetime, timedelta

import pytest
import tenacity

from alarm_dispatch import AsyncDispatcher, Dispatcher, RetrySchedule
from alarm_dispatch.errors import DeliveryExpiredError, DispatcherClosedError
from alarm_dispatch.exchange import Reply, Request
from alarm_dispatch.testing import MemoryOutbox, MemoryReceiver, VirtualClock

from ..dispatch.alarms import group, numbered
from .kept import SCHEDULE, Disk, crash, numbers, serials, sessions, states, step, stored, to


def test_it_is_on_disk_before_a_blocking_submit_returns(memory_receiver):
    """By the system's clock, as another thread sends it meanwhile."""
    outbox = MemoryOutbox()
    with Dispatcher(transport=memory_receiver("timeout").transport, outbox=outbox) as dispatcher:
        dispatcher.submit(numbered(1), to())
        assert states(outbox) == ["pending"]
        dispatcher.close(timeout=0)


def test_it_is_on_disk_before_submit_returns(virtual_clock, memory_receiver):
    """And has not been sent by then."""
    outbox, receiver = MemoryOutbox(), memory_receiver("timeout")

    async def main() -> None:
        async with AsyncDispatcher(
            transport=receiver.transport, clock=virtual_clock, outbox=outbox
        ) as dispatcher:
            await dispatcher.submit(numbered(1), to())
            assert states(outbox) == ["pending"]
            assert not receiver.requests
            await dispatcher.close(timeout=0)

    virtual_clock.run(main())


@pytest.mark.parametrize("ends", ["closed", "crashed"])
def test_a_delivery_goes_on_where_it_was(virtual_clock, ends):
    """Same id, same bytes, attempts and their numbers counted on, the next one at its time."""
    outbox = MemoryOutbox()
    receiver = MemoryReceiver("500,500,200", now=virtual_clock.now)
    bodies = []

    async def main() -> None:
        disk = Disk(outbox)
        first = AsyncDispatcher(transport=receiver.transport, clock=virtual_clock, outbox=disk)
        handle = await first.submit(numbered(1), to(schedule=RetrySchedule(attempts=3, delays=(5, 100))))
        await asyncio.sleep(7)
        if ends == "closed":
            await first.close()
        else:
            await crash(first, disk)
        (delivery,) = (await handle.result()).deliveries
        assert isinstance(delivery.error, DispatcherClosedError)
        assert numbers(delivery.attempts) == [1, 2]
        await asyncio.sleep(33)
        told: list[object] = []
        group = to(schedule=RetrySchedule(attempts=3, delays=(5, 100)))
        async with AsyncDispatcher(
            transport=receiver.transport,
            clock=virtual_clock,
            outbox=outbox,
            groups=[group],
            hooks=[told.append],
        ) as second:
            await asyncio.sleep(200)
            assert second.stats().delivered == 1
        assert [numbers([event]) for event in told[:1]] == [[3]]

    virtual_clock.run(main())

    bodies = [request.content for request in receiver.requests]
    assert receiver.arrivals == (0, 5, 105)
    assert len(set(bodies)) == 1
    (one,) = stored(outbox)
    assert numbers(one.attempts) == [1, 2, 3]
    assert [attempt.retry_in for attempt in one.attempts] == [5, 100, None]
    assert one.status == "delivered"


def test_what_is_overdue_is_sent_at_once(virtual_clock):
    """Its time came while nobody was there."""
    outbox = MemoryOutbox()
    receiver = MemoryReceiver("500,200", now=virtual_clock.now)

    async def main() -> None:
        first = AsyncDispatcher(transport=receiver.transport, clock=virtual_clock, outbox=outbox)
        await first.submit(numbered(1), to())
        await asyncio.sleep(1)
        await first.close()
        await asyncio.sleep(1_000)
        async with AsyncDispatcher(
            transport=receiver.transport, clock=virtual_clock, outbox=outbox, groups=[to()]
        ) as second:
            assert await second.drain()

    virtual_clock.run(main())

    assert receiver.arrivals == (0, 1_001)


def test_a_schedule_by_time_counts_from_the_first_attempt(virtual_clock):
    """Elapsed and waited are of the delivery, not of the dispatcher."""
    outbox, seen = MemoryOutbox(), []
    receiver = MemoryReceiver("500", now=virtual_clock.now)

    def wait(state: tenacity.RetryCallState) -> float:
        seen.append((state.attempt_number, state.seconds_since_start, state.idle_for))
        return 10.0

    group = to(schedule=RetrySchedule(stop=tenacity.stop_after_delay(35), wait=wait))

    async def main() -> None:
        for _ in range(2):
            dispatcher = AsyncDispatcher(
                transport=receiver.transport, clock=virtual_clock, outbox=outbox, groups=[group]
            )
            async with dispatcher:
                if not outbox.lanes():
                    await dispatcher.submit(numbered(1), group)
                await asyncio.sleep(25)
                await dispatcher.close()
        await asyncio.sleep(1)

    virtual_clock.run(main())

    assert seen == [(1, 0, 0), (2, 10, 10), (3, 20, 20), (4, 30, 30), (5, 40, 40)]
    assert receiver.arrivals == (0, 10, 20, 30, 40)


def test_a_schedule_by_time_ends_when_the_clock_was_set_back(virtual_clock):
    """Its first attempt is in the future then; no hour is added to its time for that."""
    outbox = MemoryOutbox()
    receiver = MemoryReceiver("500", now=virtual_clock.now)
    group = to(schedule=RetrySchedule(stop=tenacity.stop_after_delay(25), wait=tenacity.wait_fixed(10)))
    earlier = VirtualClock(virtual_clock.now() - timedelta(hours=1))

    async def main(clock: VirtualClock, seconds: float) -> None:
        async with AsyncDispatcher(
            transport=receiver.transport, clock=clock, outbox=outbox, groups=[group]
        ) as dispatcher:
            if not outbox.lanes():
                await dispatcher.submit(numbered(1), group)
            await asyncio.sleep(seconds)
            await dispatcher.close(timeout=0)

    virtual_clock.run(main(virtual_clock, 1))
    earlier.run(main(earlier, 100))

    assert states(outbox) == ["dead"]
    assert 3 <= len(receiver.requests) <= 5


def test_a_wait_beyond_the_calendar(virtual_clock, memory_receiver):
    """It is as long as there are dates, and in nobody's way."""
    outbox = MemoryOutbox()
    transport = memory_receiver("500,200").transport

    async def main() -> None:
        async with AsyncDispatcher(transport=transport, clock=virtual_clock, outbox=outbox) as dispatcher:
            endless = to(schedule=RetrySchedule(attempts=2, delays=(1e15,)), limit=1)
            await dispatcher.submit(numbered(1), endless)
            await asyncio.sleep(1)
            assert (await dispatcher.dispatch(numbered(2), endless)).ok
            assert dispatcher.stats().in_flight == 0

    virtual_clock.run(main())

    assert states(outbox) == ["pending", "delivered"]
    assert stored(outbox)[0].due_at == datetime.max.replace(tzinfo=UTC)


def test_a_replayed_one_begins_its_schedule_afresh(virtual_clock):
    """Its attempts are counted on, under the same id."""
    outbox = MemoryOutbox()
    receiver = MemoryReceiver("500", now=virtual_clock.now)

    async def main() -> None:
        async with AsyncDispatcher(
            transport=receiver.transport, clock=virtual_clock, outbox=outbox
        ) as dispatcher:
            report = await dispatcher.dispatch(numbered(1), to())
            assert not report.ok
            assert states(outbox) == ["dead"]
            await asyncio.sleep(985)
            outbox.replay(all=True, now=virtual_clock.now())
            await asyncio.sleep(100)
            assert dispatcher.stats().failed == 2

    virtual_clock.run(main())

    (one,) = stored(outbox)
    assert one.status == "dead"
    assert numbers(one.attempts) == [1, 2, 3, 4, 5, 6]
    assert [attempt.retry_in for attempt in one.attempts] == [5, 10, None] * 2
    assert receiver.arrivals == pytest.approx((0, 5, 15, 1_000, 1_005, 1_015), abs=0.5)
    assert len(set(sessions(receiver))) == 1


def test_a_schedule_by_time_counts_from_the_replay(virtual_clock):
    """From the first attempt after it."""
    outbox = MemoryOutbox()
    receiver = MemoryReceiver("500", now=virtual_clock.now)
    group = to(schedule=RetrySchedule(stop=tenacity.stop_after_delay(25), wait=tenacity.wait_fixed(10)))

    async def main() -> None:
        async with AsyncDispatcher(
            transport=receiver.transport, clock=virtual_clock, outbox=outbox
        ) as dispatcher:
            await dispatcher.dispatch(numbered(1), group)
            await asyncio.sleep(70)
            outbox.replay(all=True, now=virtual_clock.now())
            await asyncio.sleep(100)

    virtual_clock.run(main())

    assert receiver.arrivals == pytest.approx((0, 10, 20, 30, 100, 110, 120, 130), abs=0.5)


def test_age_counts_over_a_restart_and_from_the_last_replay(virtual_clock):
    """What was too old before it was sent is dead; replayed, it is new."""
    outbox = MemoryOutbox()
    receiver = MemoryReceiver("500,200", now=virtual_clock.now)
    fresh = to(max_age=60.0, schedule=SCHEDULE)

    async def main() -> None:
        settings = {"transport": receiver.transport, "clock": virtual_clock, "outbox": outbox}
        first = AsyncDispatcher(**settings)
        await first.submit(numbered(1), fresh)
        await asyncio.sleep(1)
        await first.close()
        await asyncio.sleep(100)
        told: list[object] = []
        async with AsyncDispatcher(**settings, groups=[fresh], hooks=[told.append]) as second:
            await asyncio.sleep(1)
            (delivery,) = told
            assert isinstance(delivery.error, DeliveryExpiredError)
            (one,) = stored(outbox)
            assert (one.status, numbers(one.attempts)) == ("dead", [1])
            assert one.error.startswith("DeliveryExpiredError: not delivered within")
            outbox.replay(one.entry.id, now=virtual_clock.now())
            await asyncio.sleep(1)
            assert second.stats().delivered == 1

    virtual_clock.run(main())

    assert states(outbox) == ["delivered"]


@pytest.mark.parametrize("ends", ["closed", "crashed"])
def test_the_order_of_an_alarm_holds_over_a_restart(virtual_clock, ends):
    """What waits behind a retry is not sent before it, neither at the end nor at the beginning."""
    outbox = MemoryOutbox()
    receiver = MemoryReceiver("500,200", now=virtual_clock.now)

    async def main() -> None:
        disk = Disk(outbox)
        first = AsyncDispatcher(transport=receiver.transport, clock=virtual_clock, outbox=disk)
        handles = [await first.submit(step(1, serial), to()) for serial in range(3)]
        await asyncio.sleep(1)
        if ends == "closed":
            await first.close()
        else:
            await crash(first, disk)
        assert all(handle.done() for handle in handles)
        async with AsyncDispatcher(
            transport=receiver.transport, clock=virtual_clock, outbox=outbox
        ) as second:
            await second.submit(step(1, 3), to())
            assert second.stats().waiting == 1
            assert await second.drain(timeout=60)

    virtual_clock.run(main())

    assert serials(receiver) == [0, 0, 1, 2, 3]
    assert states(outbox) == ["delivered"] * 4


def test_what_ends_a_retry_at_the_close_holds_back_the_next_one(virtual_clock):
    """An attempt that fails while the dispatcher is being closed."""
    outbox = MemoryOutbox()
    receiver = MemoryReceiver("delay:2:500,200", now=virtual_clock.now)

    async def main() -> None:
        first = AsyncDispatcher(transport=receiver.transport, clock=virtual_clock, outbox=outbox)
        handles = [await first.submit(step(1, serial), to()) for serial in range(2)]
        await asyncio.sleep(1)
        await first.close(timeout=10)
        reports = [await handle.result() for handle in handles]
        assert all(isinstance(report.deliveries[0].error, DispatcherClosedError) for report in reports)
        assert serials(receiver) == [0]
        async with AsyncDispatcher(
            transport=receiver.transport, clock=virtual_clock, outbox=outbox, groups=[to()]
        ) as second:
            await asyncio.sleep(10)
            assert second.stats().delivered == 2

    virtual_clock.run(main())

    assert serials(receiver) == [0, 0, 1]
    assert [numbers(one.attempts) for one in stored(outbox)] == [[1, 2], [1]]


def test_each_alarm_that_waits_is_put_off(virtual_clock, memory_receiver):
    """Of one callback as of several; the lane is at rest then."""
    outbox = MemoryOutbox()

    async def main() -> None:
        dispatcher = AsyncDispatcher(
            transport=memory_receiver("500").transport, clock=virtual_clock, outbox=outbox
        )
        handles = [await dispatcher.submit(numbered(number), to()) for number in range(3)]
        await asyncio.sleep(1)
        await dispatcher.close(timeout=10)
        assert virtual_clock.elapsed == 1
        outcomes = {(await handle.result()).deliveries[0].outcome for handle in handles}
        assert len(outcomes) == 1
        assert "the outbox keeps the delivery for the next one" in outcomes.pop()

    virtual_clock.run(main())

    assert states(outbox) == ["pending"] * 3


def test_two_dispatchers_keep_the_order_of_an_alarm(virtual_clock):
    """Each notification is submitted to another one, and each handle learns its end."""
    outbox = MemoryOutbox()
    receiver = MemoryReceiver("500,delay:1:200", now=virtual_clock.now)

    async def main() -> None:
        settings = {"transport": receiver.transport, "clock": virtual_clock, "outbox": outbox}
        async with AsyncDispatcher(**settings) as one, AsyncDispatcher(**settings) as other:
            both = itertools.cycle([one, other])
            handles = [await next(both).submit(step(1, serial), to()) for serial in range(6)]
            assert (one.stats().submitted, other.stats().submitted) == (3, 3)
            reports = [await handle.result(timeout=60) for handle in handles]
            assert all(report.ok for report in reports)
            assert await one.drain(timeout=5)
            assert await other.drain(timeout=5)
            assert one._backlog.count == other._backlog.count == 0

    virtual_clock.run(main())

    assert serials(receiver) == [0, 0, 1, 2, 3, 4, 5]
    assert states(outbox) == ["delivered"] * 6


def test_the_end_of_a_superseded_one_is_written_first(virtual_clock):
    """Before the newer one goes, so that a crash in between cannot bring the older one after it."""
    outbox = MemoryOutbox()
    seen: list[tuple[int, list[str]]] = []

    def answer(request: Request) -> Reply:
        seen.append((request.attempt, states(outbox)))
        return Reply(status_code=500 if len(seen) == 1 else 200)

    receiver = MemoryReceiver(answer, now=virtual_clock.now)

    async def main() -> None:
        async with AsyncDispatcher(
            transport=receiver.transport, clock=virtual_clock, outbox=outbox
        ) as dispatcher:
            latest = to(supersede=True, schedule=SCHEDULE)
            handles = [await dispatcher.submit(step(1, serial), latest) for serial in range(2)]
            await asyncio.sleep(1)
            handles.append(await dispatcher.submit(step(1, 2), latest))
            reports = [await handle.result() for handle in handles]
            stats = dispatcher.stats()
            ends = [report.deliveries[0].status for report in reports]
            assert ends == ["superseded", "superseded", "delivered"]
            assert (stats.submitted, stats.superseded) == (3, 2)

    virtual_clock.run(main())

    assert serials(receiver) == [0, 2]
    assert seen[-1] == (1, ["superseded", "superseded", "pending"])


def test_a_group_that_submit_brings_is_picked_up(virtual_clock, memory_receiver):
    """Also what an earlier dispatcher left of it."""
    outbox, receiver = MemoryOutbox(), memory_receiver(200)

    async def main() -> None:
        settings = {"transport": receiver.transport, "clock": virtual_clock, "outbox": outbox}
        first = AsyncDispatcher(**settings)
        for number in range(3):
            await first.submit(numbered(number), to())
        await first.close(timeout=0)
        assert states(outbox) == ["pending"] * 3
        async with AsyncDispatcher(**settings) as second:
            await asyncio.sleep(10)
            assert not receiver.requests
            await second.submit(numbered(9), to())
            await asyncio.sleep(1)
            assert second.stats().delivered == 4

    virtual_clock.run(main())

    assert states(outbox) == ["delivered"] * 4


def test_another_loop_starts_afresh(virtual_clock, memory_receiver):
    """An asynchronous dispatcher whose loop ended goes on with what its outbox has."""
    outbox, receiver = MemoryOutbox(), memory_receiver("500,200")
    dispatcher = AsyncDispatcher(transport=receiver.transport, clock=virtual_clock, outbox=outbox)

    async def leave() -> None:
        await dispatcher.submit(numbered(1), group(schedule=SCHEDULE))
        await asyncio.sleep(1)

    async def go_on() -> None:
        async with dispatcher:
            await asyncio.sleep(40)
            assert dispatcher.stats().delivered == 1

    virtual_clock.run(leave())
    virtual_clock.run(go_on())

    assert states(outbox) == ["delivered"]

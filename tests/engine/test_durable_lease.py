"""A dispatcher that was away for longer than its lease: others have what it held, and it notices."""

from __future__ import annotations

import asyncio
import contextlib
from datetime import datetime, timedelta
from typing import Any

import pytest

from alarm_dispatch import AsyncDispatcher, Delivery, RetrySchedule
from alarm_dispatch.engine import followed
from alarm_dispatch.errors import DispatcherClosedError
from alarm_dispatch.exchange import Reply, Request
from alarm_dispatch.testing import MemoryOutbox, MemoryReceiver, VirtualClock

from ..dispatch.alarms import numbered
from .kept import Disk, crash, numbers, serials, states, step, stored, to
from .made import ends_of


class Process:
    """A dispatcher on an event loop of its own, which runs only when it is told to."""

    def __init__(self, clock: VirtualClock, receiver: MemoryReceiver, outbox: Any, **settings: Any) -> None:
        self.loop = clock.new_event_loop()
        self.told: list[Any] = []
        settings.setdefault("groups", [to()])
        self.dispatcher = AsyncDispatcher(
            transport=receiver.transport, clock=clock, outbox=outbox, hooks=[self.told.append], **settings
        )

    def run(self, coroutine: Any) -> Any:
        """Let it run until that is done."""
        return self.loop.run_until_complete(coroutine)

    def start(self) -> None:
        """Look into the outbox for the first time."""
        self.run(self.dispatcher.__aenter__())

    def wait(self, seconds: float) -> None:
        """Let it run for so long."""
        self.run(asyncio.sleep(seconds))

    def submit(self, alarm: Any, group: Any = None) -> Any:
        """Submit an alarm; the handle."""
        return self.run(self.dispatcher.submit(alarm, group or to()))

    @property
    def ends(self) -> list[Delivery]:
        """What its hook was told of deliveries."""
        return ends_of(self.told)


@pytest.fixture
def processes(virtual_clock):
    """Makes them, and closes them at the end."""
    made: list[Process] = []

    def make(receiver: MemoryReceiver, outbox: Any, **settings: Any) -> Process:
        made.append(Process(virtual_clock, receiver, outbox, **settings))
        return made[-1]

    yield make
    for one in made:
        one.run(one.dispatcher.close(timeout=0))
        one.loop.close()


def test_others_wait_for_the_lease_and_then_take_over(virtual_clock, processes):
    """Of one that was killed, and whose attempt under way may come twice."""
    outbox, disk = MemoryOutbox(), None
    receiver = MemoryReceiver("timeout,200", now=virtual_clock.now)
    disk = Disk(outbox)
    killed, other = processes(receiver, disk, lease=20.0, timeout=100.0), processes(receiver, outbox)
    killed.submit(step(1, 0))
    killed.submit(step(1, 1))
    killed.wait(5)
    killed.run(crash(killed.dispatcher, disk))

    other.start()
    other.wait(14)
    assert serials(receiver) == [0]
    other.wait(20)

    assert serials(receiver) == [0, 0, 1]
    assert states(outbox) == ["delivered"] * 2
    assert [len(one.attempts) for one in stored(outbox)] == [1, 1]


def test_the_lease_is_extended_while_it_lives(virtual_clock, processes):
    """However long an attempt takes, nobody else makes it."""
    outbox = MemoryOutbox()
    receiver = MemoryReceiver("delay:300:200", now=virtual_clock.now)
    one, other = (processes(receiver, outbox, timeout=400.0) for _ in range(2))
    one.submit(numbered(1))
    other.start()

    for _ in range(100):
        one.wait(4)
        other.wait(0.25)

    assert len(receiver.requests) == 1
    assert states(outbox) == ["delivered"]


def test_one_that_was_stopped_sends_nothing_that_others_have(virtual_clock, processes):
    """It goes on in the middle: what was due meanwhile is not its own any more, and nor is what waited."""
    outbox = MemoryOutbox()
    receiver = MemoryReceiver("500,200", now=virtual_clock.now)
    stopped, other = processes(receiver, outbox), processes(receiver, outbox)
    handles = [stopped.submit(step(1, serial)) for serial in range(3)]
    stopped.wait(1)
    virtual_clock.advance(40)
    other.start()
    other.wait(10)
    assert serials(receiver) == [0, 0, 1, 2]

    stopped.wait(10)

    assert serials(receiver) == [0, 0, 1, 2]
    reports = [stopped.run(handle.result(timeout=1)) for handle in handles]
    assert [numbers(report.deliveries[0].attempts) for report in reports] == [[1, 2], [1], [1]]
    assert all(report.ok for report in reports)
    assert [one.id for one in stopped.ends] == [one.id for one in other.ends]
    assert stopped.dispatcher._backlog.count == other.dispatcher._backlog.count == 0
    assert stopped.run(stopped.dispatcher.drain(timeout=1))
    assert stopped.run(_stats(stopped)).submitted == 3


def test_what_nobody_took_meanwhile_is_its_own_again(virtual_clock, processes):
    """It goes on where it was, by the times in the outbox."""
    outbox = MemoryOutbox()
    receiver = MemoryReceiver("500,200", now=virtual_clock.now)
    group = to(schedule=RetrySchedule(attempts=3, delays=(100, 10)))
    stopped = processes(receiver, outbox, groups=[group])
    handles = [stopped.submit(step(1, serial), group) for serial in range(2)]
    stopped.wait(1)
    virtual_clock.advance(40)
    stopped.wait(55)
    assert serials(receiver) == [0]
    assert stopped.run(_stats(stopped)).waiting == 2

    stopped.wait(10)

    assert serials(receiver) == [0, 0, 1]
    assert receiver.arrivals[1] == 100
    assert all(handle.done() for handle in handles)
    assert len(stopped.ends) == 2


def test_a_late_settle_is_refused_and_told_once(virtual_clock, processes):
    """Of an attempt that was in flight when the process was stopped; the other one's is the end."""
    outbox = MemoryOutbox()
    receiver = MemoryReceiver("delay:2:500,200", now=virtual_clock.now)
    stopped, other = processes(receiver, outbox), processes(receiver, outbox)
    handle = stopped.submit(numbered(1))
    stopped.wait(1)
    virtual_clock.advance(40)
    other.start()
    other.wait(1)
    stopped.wait(5)

    (one,) = stored(outbox)
    assert one.status == "delivered"
    assert numbers(one.attempts) == [1]
    (delivery,) = stopped.run(handle.result(timeout=1)).deliveries
    assert delivery.ok
    assert len(stopped.ends) == len(other.ends) == 1


def test_an_attempt_in_flight_that_nobody_else_made_counts(virtual_clock, processes):
    """The lease was lost and came again under another name, before it ended."""
    outbox = MemoryOutbox()
    receiver = MemoryReceiver("delay:60:500,200", now=virtual_clock.now)
    stopped = processes(receiver, outbox, timeout=100.0)
    handle = stopped.submit(step(1, 0))
    stopped.submit(step(1, 1))
    stopped.wait(1)
    virtual_clock.advance(40)
    stopped.wait(60)

    assert serials(receiver) == [0, 0, 1]
    assert [numbers(one.attempts) for one in stored(outbox)] == [[1, 2], [1]]
    assert handle.done()
    assert len(stopped.ends) == 2
    assert stopped.dispatcher._backlog.count == 0


@pytest.mark.parametrize("awaited", [True, False])
def test_what_came_back_while_it_was_in_flight_goes_on(virtual_clock, processes, awaited):
    """Another made an attempt meanwhile, so that ours does not count, and then it was gone as well."""
    outbox = MemoryOutbox()
    receiver = MemoryReceiver("delay:60:500,500,200", now=virtual_clock.now)
    schedule = RetrySchedule(attempts=5, delays=(30,))
    group = to(schedule=schedule)
    if not awaited:
        outside = processes(MemoryReceiver("timeout"), outbox)
        outside.submit(numbered(1), group)
        outside.run(outside.dispatcher.close(timeout=0))
    disk = Disk(outbox)
    stopped = processes(receiver, outbox, timeout=100.0, groups=[group])
    other = processes(receiver, disk, groups=[group], lease=5.0)
    stopped.start()
    handle = stopped.submit(numbered(1), group) if awaited else None
    stopped.wait(1)
    virtual_clock.advance(31)
    other.start()
    other.wait(1)
    assert len(receiver.requests) == 2
    other.run(crash(other.dispatcher, disk))
    stopped.wait(100)

    (one,) = stored(outbox)
    assert (one.status, numbers(one.attempts)) == ("delivered", [1, 2])
    assert len(receiver.requests) == 3
    assert handle is None or handle.done()
    assert len(stopped.ends) == 1
    assert stopped.dispatcher._backlog.count == 0


@pytest.mark.parametrize("supersede", [False, True])
def test_what_came_back_goes_before_what_was_put_meanwhile(virtual_clock, processes, supersede):
    """Another made an attempt and was gone, and a newer notification came while ours was in flight."""
    outbox = MemoryOutbox()
    receiver = MemoryReceiver("delay:90:500,500,200", now=virtual_clock.now)
    group = to(schedule=RetrySchedule(attempts=5, delays=(30,)), supersede=supersede)
    disk = Disk(outbox)
    stopped = processes(receiver, outbox, timeout=100.0, groups=[group])
    other = processes(receiver, disk, groups=[group], lease=5.0)
    first = stopped.submit(step(1, 0), group)
    stopped.wait(1)
    virtual_clock.advance(31)
    other.start()
    other.wait(1)
    other.run(crash(other.dispatcher, disk))
    stopped.wait(40)
    second = stopped.submit(step(1, 1), group)
    stopped.wait(100)

    assert serials(receiver) == [0, 0, 0, 1]
    assert states(outbox) == ["delivered", "delivered"]
    assert first.done()
    assert second.done()
    assert stopped.dispatcher._backlog.count == 0
    assert stopped.run(stopped.dispatcher.drain(timeout=1))


def test_what_nobody_here_waits_for_is_dropped(virtual_clock, processes):
    """Claimed once, lost, and sent by another."""
    outbox = MemoryOutbox()
    receiver = MemoryReceiver("500,500,200", now=virtual_clock.now)
    first = processes(MemoryReceiver("timeout"), outbox)
    for serial in range(3):
        first.submit(step(1, serial))
    first.run(first.dispatcher.close(timeout=0))
    stopped, other = processes(receiver, outbox), processes(receiver, outbox)
    stopped.start()
    stopped.wait(1)
    assert stopped.run(_stats(stopped)).submitted == 1
    virtual_clock.advance(40)
    other.start()
    other.wait(40)
    assert states(outbox) == ["delivered"] * 3

    stopped.wait(5)

    assert stopped.ends == []
    assert stopped.run(_stats(stopped)).submitted == 0
    assert stopped.dispatcher._backlog.count == 0
    assert stopped.run(stopped.dispatcher.drain(timeout=1))


def test_a_purge_before_the_end_was_seen_ends_the_handle(virtual_clock, processes):
    """What ended elsewhere, and is not there any more, is told as failed with that reason."""
    outbox = MemoryOutbox()
    receiver = MemoryReceiver("delay:1:200", now=virtual_clock.now)
    one, other = processes(receiver, outbox), processes(receiver, outbox)
    one.submit(step(1, 0))
    handle = other.submit(step(1, 1))
    one.wait(5)
    virtual_clock.advance(1)
    assert outbox.purge(virtual_clock.now()) == 2

    other.wait(1)

    (delivery,) = other.run(handle.result(timeout=1)).deliveries
    assert "the outbox has the delivery no more" in delivery.outcome


def test_closing_ends_the_handles_of_what_others_send(virtual_clock, processes):
    """With the same error as those that wait here."""
    outbox = MemoryOutbox()
    receiver = MemoryReceiver("delay:3:200", now=virtual_clock.now)
    one, other = processes(receiver, outbox), processes(receiver, outbox)
    one.submit(step(1, 0))
    handle = other.submit(step(1, 1))
    other.wait(1)
    other.run(other.dispatcher.close())

    (delivery,) = other.run(handle.result()).deliveries
    assert isinstance(delivery.error, DispatcherClosedError)
    assert other.dispatcher._backlog.count == 0
    one.wait(10)
    assert states(outbox) == ["delivered"] * 2


def test_many_that_others_have_are_asked_for_in_turn(virtual_clock, processes, monkeypatch):
    """None is forgotten."""
    monkeypatch.setattr(followed, "_ASKED_FOR", 8)
    outbox = MemoryOutbox()
    receiver = MemoryReceiver("delay:1:200", now=virtual_clock.now)
    one, other = processes(receiver, outbox), processes(receiver, outbox)
    for number in range(20):
        one.submit(numbered(number))
    handles = [other.submit(numbered(number)) for number in range(20)]
    one.wait(20)
    other.wait(3)

    assert states(outbox) == ["delivered"] * 40
    assert all(handle.done() for handle in handles)


def test_a_clock_that_goes_back_and_forth_sends_all_once(virtual_clock, processes):
    """Between two looks: what was not known to be ours goes on."""
    outbox = MemoryOutbox()
    receiver = MemoryReceiver("500,200", now=virtual_clock.now)
    one = processes(receiver, outbox)
    handle = one.submit(numbered(1))
    one.wait(1)
    journal = one.dispatcher._engine._keeper._journal
    held_until, journal.held_until = journal.held_until, virtual_clock.now()
    one.wait(5)
    assert len(receiver.requests) == 1
    journal.held_until = held_until
    one.wait(1)

    assert len(receiver.requests) == 2
    assert handle.done()


def test_a_request_that_is_answered_after_the_close_is_not_written(virtual_clock):
    """By a transport that goes on when it is cancelled; the handle has its end already."""
    outbox = MemoryOutbox()
    answered = asyncio.Event()

    class Stubborn:
        async def send(self, request: Request, *, deadline: float) -> Reply:
            while not answered.is_set():
                with contextlib.suppress(asyncio.CancelledError):
                    await answered.wait()
            return Reply(status_code=200)

    async def main() -> None:
        dispatcher = AsyncDispatcher(transport=Stubborn(), clock=virtual_clock, outbox=outbox)
        handle = await dispatcher.submit(numbered(1), to(timeout=100.0))
        await asyncio.sleep(1)
        await dispatcher.close(timeout=0)
        (delivery,) = (await handle.result()).deliveries
        assert isinstance(delivery.error, DispatcherClosedError)
        answered.set()
        await asyncio.sleep(1)
        assert asyncio.all_tasks() == {asyncio.current_task()}

    virtual_clock.run(main())

    assert states(outbox) == ["pending"]


class Jumping(VirtualClock):
    """A clock that was set ahead; the event loop's time is not."""

    ahead = 0.0

    def now(self) -> datetime:
        return super().now() + timedelta(seconds=self.ahead)


def test_a_clock_that_is_set_ahead_leaves_no_earlier_time_behind():
    """The lease is over, what waited is due, and its next attempt has a time of its own."""
    clock, outbox = Jumping(), MemoryOutbox()
    receiver = MemoryReceiver("500,500,200")
    group = to(schedule=RetrySchedule(attempts=3, delays=(100,)))

    async def main() -> None:
        async with AsyncDispatcher(transport=receiver.transport, clock=clock, outbox=outbox) as dispatcher:
            handle = await dispatcher.submit(numbered(1), group)
            await asyncio.sleep(1)
            clock.ahead = 3_600.0
            await asyncio.sleep(300)
            assert (await handle.result(timeout=0)).ok

    clock.run(main())

    first, second, third = receiver.arrivals
    assert second - first < 5
    assert third - second == 100


def test_a_clock_that_is_set_back_lends_no_time():
    """To one that was stopped then for longer than its lease, which others saw end."""
    clock, outbox = Jumping(), MemoryOutbox()

    async def main() -> None:
        async with AsyncDispatcher(
            transport=MemoryReceiver("timeout").transport, clock=clock, outbox=outbox
        ) as dispatcher:
            keeper = dispatcher._engine._keeper
            await asyncio.sleep(1)
            assert keeper.holds()
            clock.ahead = -3_600.0
            clock.advance(25)
            assert keeper.holds()
            clock.advance(6)
            assert not keeper.holds()

    clock.run(main())


async def _stats(process: Process) -> Any:
    return process.dispatcher.stats()

"""A disk that is full, slow or gone: who is told, what is tried again, and that everything ends."""

from __future__ import annotations

import asyncio
import itertools
import logging
import traceback
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import attrs
import pytest

from alarm_dispatch import AsyncDispatcher, Dispatcher, RetrySchedule
from alarm_dispatch.engine.journal import Journal
from alarm_dispatch.errors import DispatcherClosedError, OutboxError, OutboxUnavailableError
from alarm_dispatch.exchange import Reply, Request
from alarm_dispatch.outbox import Ending, Entry, LaneKey, StoredStatus
from alarm_dispatch.testing import MemoryOutbox, MemoryReceiver

from ..dispatch.alarms import numbered
from .kept import FULL, Disk, numbers, serials, states, step, stored, to


@pytest.fixture
def slow(monkeypatch) -> Callable[[], None]:
    """Nothing is written until this is called; then all that was noted so far."""
    waiting: dict[Journal, list[Any]] = {}

    def take(journal: Journal, note: Any) -> None:
        waiting.setdefault(journal, []).append(note)

    async def ended(journal: Journal, timeout: float) -> None:  # noqa: ASYNC109 - as the journal's own
        for _ in range(int(timeout / 0.1)):
            if journal not in waiting:
                return
            await asyncio.sleep(0.1)

    monkeypatch.setattr(Journal, "_take", take)
    monkeypatch.setattr(Journal, "ended", ended)

    def write() -> None:
        noted = dict(waiting)
        waiting.clear()
        for journal, notes in noted.items():
            journal._notes.put(notes)
            journal._turn()

    return write


# -- a full disk


def test_a_submit_that_cannot_be_written_raises(virtual_clock, memory_receiver):
    """Nothing is sent, and nothing is left over."""
    outbox, receiver = MemoryOutbox(), memory_receiver(200)
    disk = Disk(outbox)
    told: list[Any] = []

    async def main() -> None:
        async with AsyncDispatcher(
            transport=receiver.transport, clock=virtual_clock, outbox=disk, backlog=3, hooks=[told.append]
        ) as dispatcher:
            disk.fill()
            for number in range(10):
                with pytest.raises(OutboxUnavailableError, match="the disk is full"):
                    await dispatcher.submit(numbered(number), to())
            assert dispatcher._backlog.count == 0
            assert await dispatcher.drain(timeout=0)
            stats = dispatcher.stats()
            assert (stats.failed, stats.submitted) == (10, 10)
            disk.free()
            assert (await dispatcher.dispatch(numbered(1), to())).ok

    virtual_clock.run(main())

    assert len(receiver.requests) == 1
    assert states(outbox) == ["delivered"]
    assert sum("alarms.db cannot grow" in event.outcome for event in told[:10]) == 10


def test_a_blocking_submit_raises_too(memory_receiver):
    """In the caller's thread."""
    disk = Disk(MemoryOutbox())
    with Dispatcher(transport=memory_receiver(200).transport, outbox=disk) as dispatcher:
        disk.fill()
        with pytest.raises(OutboxUnavailableError):
            dispatcher.submit(numbered(1), to())
        with pytest.raises(OutboxUnavailableError):
            dispatcher.dispatch(numbered(1), to())
        assert dispatcher.drain(timeout=0)
        disk.free()
        assert dispatcher.dispatch(numbered(1), to()).ok


def test_a_record_that_cannot_be_written_is_tried_again(virtual_clock, caplog):
    """Meanwhile the delivery keeps its place, and what is behind it waits; it is told once."""
    disk = Disk(MemoryOutbox())
    receiver = MemoryReceiver("200", now=virtual_clock.now)

    async def main() -> None:
        async with AsyncDispatcher(
            transport=receiver.transport, clock=virtual_clock, outbox=disk
        ) as dispatcher:
            handles = [await dispatcher.submit(step(number, 0), to(limit=8)) for number in range(9)]
            disk.faults = {"transaction": FULL}
            disk.calls.clear()
            await asyncio.sleep(20)
            assert (dispatcher.stats().in_flight, dispatcher.stats().waiting) == (8, 1)
            assert disk.calls.count("transaction") <= 80
            disk.free()
            await asyncio.sleep(1)
            assert all(handle.done() for handle in handles)

    with caplog.at_level(logging.WARNING, "alarm_dispatch"):
        virtual_clock.run(main())

    assert len(receiver.requests) == 9
    assert states(disk.outbox) == ["delivered"] * 9
    assert [record.message for record in caplog.records] == [
        f"the outbox does not take a record now; that is tried every second: {FULL}"
    ]


def test_a_lease_that_could_not_be_extended_is_lost(virtual_clock, caplog):
    """Nothing is sent after it, as others may have it, until there is room again."""
    disk = Disk(MemoryOutbox())
    receiver = MemoryReceiver("500,200", now=virtual_clock.now)

    async def main() -> None:
        async with AsyncDispatcher(
            transport=receiver.transport, clock=virtual_clock, outbox=disk
        ) as dispatcher:
            handle = await dispatcher.submit(numbered(1), to())
            handles = [await dispatcher.submit(step(1, serial), to()) for serial in range(2)]
            await asyncio.sleep(1)
            disk.unplug()
            await asyncio.sleep(100)
            # The attempt at 5 s could not be noted.
            assert receiver.arrivals == (0, 5)
            disk.free()
            await asyncio.sleep(10)
            assert handle.done()
            assert all(one.done() for one in handles)
            assert await dispatcher.drain(timeout=1)

    with caplog.at_level(logging.WARNING, "alarm_dispatch"):
        virtual_clock.run(main())

    assert len(receiver.requests) == 5
    assert states(disk.outbox) == ["delivered"] * 3
    assert len(caplog.records) == 3


def test_closing_while_the_disk_is_full_ends(virtual_clock):
    """Every handle; what is in the outbox goes on with the next dispatcher."""
    disk = Disk(MemoryOutbox())
    receiver = MemoryReceiver("delay:1:500,delay:1:200", now=virtual_clock.now)

    async def main() -> None:
        dispatcher = AsyncDispatcher(transport=receiver.transport, clock=virtual_clock, outbox=disk)
        handles = [await dispatcher.submit(step(number % 3, number), to(limit=2)) for number in range(9)]
        disk.fill()
        await asyncio.sleep(2)
        started = virtual_clock.elapsed
        await dispatcher.close(timeout=3)
        assert virtual_clock.elapsed - started <= 3
        ends = [(await handle.result()).deliveries[0] for handle in handles]
        assert sum(end.ok for end in ends) == 1
        assert all(end.ok or isinstance(end.error, DispatcherClosedError) for end in ends)
        assert dispatcher._backlog.count == 0
        assert asyncio.all_tasks() == {asyncio.current_task()}
        disk.free()
        await asyncio.sleep(30)
        async with AsyncDispatcher(
            transport=receiver.transport, clock=virtual_clock, outbox=disk, groups=[to()]
        ) as other:
            await asyncio.sleep(20)
            assert other.stats().delivered == 9

    virtual_clock.run(main())

    of_alarms = [[one for one in serials(receiver) if one % 3 == alarm] for alarm in range(3)]
    assert all(sorted(of_alarm) == of_alarm for of_alarm in of_alarms)


class Stumbling(MemoryOutbox):
    """It cannot write the end of one alarm's deliveries, nor put another's."""

    def settle(self, worker: str, endings: Any, **options: Any) -> Any:
        if any(self._rows[ending.id].entry.alarm_id == "alarm-1" for ending in endings):
            raise ZeroDivisionError("a store's own")
        return super().settle(worker, endings, **options)

    def enqueue(self, entries: Any, **options: Any) -> Any:
        if any(entry.alarm_id == "alarm-2" for entry in entries):
            raise ZeroDivisionError("a store's own")
        return super().enqueue(entries, **options)


def test_what_is_about_one_record_harms_only_that(virtual_clock, memory_receiver, slow, caplog):
    """A page of the file may be damaged, or a store of somebody else's stumble over it."""
    outbox = Stumbling()

    async def main() -> None:
        dispatcher = AsyncDispatcher(
            transport=memory_receiver(200).transport, clock=virtual_clock, outbox=outbox
        )
        first = [asyncio.ensure_future(dispatcher.submit(numbered(number), to())) for number in range(2)]
        await asyncio.sleep(1)
        slow()
        await asyncio.sleep(1)
        more = [asyncio.ensure_future(dispatcher.submit(numbered(number), to())) for number in (2, 3)]
        for _ in range(10):
            await asyncio.sleep(1)
            slow()
        handles = [submitted.result() for submitted in (*first, more[1])]
        assert [handle.done() for handle in handles] == [True, False, True]
        assert isinstance(more[0].exception(), OutboxError)
        closing = asyncio.ensure_future(dispatcher.close(timeout=0))
        await asyncio.sleep(0.05)
        slow()
        await closing
        assert (await handles[1].result(timeout=0)).ok

    virtual_clock.run(main())

    assert states(outbox) == ["delivered", "pending", "delivered"]
    assert len([record for record in caplog.records if "does not take a record" in record.message]) == 1


def test_a_store_that_raises_anything_is_told_as_an_outbox_error(virtual_clock, memory_receiver):
    """Its thread goes on."""
    disk = Disk(MemoryOutbox())

    async def main() -> None:
        async with AsyncDispatcher(
            transport=memory_receiver(200).transport, clock=virtual_clock, outbox=disk
        ) as dispatcher:
            await asyncio.sleep(1)
            disk.faults = dict.fromkeys(("enqueue", "claim", "lanes", "list", "trim"), ZeroDivisionError("x"))
            with pytest.raises(OutboxError, match="the outbox raised ZeroDivisionError: x"):
                await dispatcher.submit(numbered(1), to())
            await asyncio.sleep(100)
            disk.faults = {}
            assert (await dispatcher.dispatch(numbered(1), to())).ok
            disk.faults = {"leave": ZeroDivisionError("x"), "close": ZeroDivisionError("x")}

    virtual_clock.run(main())


def test_a_stores_error_shows_no_password(virtual_clock, memory_receiver):
    """A database's quotes the URL by which it is reached."""
    disk = Disk(MemoryOutbox())

    async def main() -> str:
        async with AsyncDispatcher(
            transport=memory_receiver(200).transport, clock=virtual_clock, outbox=disk
        ) as dispatcher:
            disk.faults = {"enqueue": ValueError("cannot reach postgresql://u:5ecret@db/alarms")}
            with pytest.raises(OutboxError) as caught:
                await dispatcher.submit(numbered(1), to())
            disk.faults = {}
            return "".join(traceback.format_exception(caught.value))

    told = virtual_clock.run(main())

    assert "the outbox raised ValueError: cannot reach postgresql://db/alarms" in told
    assert "5ecret" not in told


def test_what_others_send_is_asked_for_again(virtual_clock, memory_receiver):
    """When the file could not be read for a while."""
    outbox = MemoryOutbox()
    disk = Disk(outbox)
    transport = memory_receiver("delay:1:200").transport

    async def main() -> None:
        async with (
            AsyncDispatcher(transport=transport, clock=virtual_clock, outbox=outbox) as one,
            AsyncDispatcher(transport=transport, clock=virtual_clock, outbox=disk) as other,
        ):
            await one.submit(step(1, 0), to())
            handle = await other.submit(step(1, 1), to())
            disk.faults = {"list": FULL, "claim": FULL}
            await asyncio.sleep(10)
            assert states(outbox) == ["delivered"] * 2
            assert not handle.done()
            disk.free()
            assert (await handle.result(timeout=1)).ok

    virtual_clock.run(main())


# -- a slow disk


def test_nothing_is_sent_before_it_is_on_disk(virtual_clock, memory_receiver, slow):
    """And it counts from the submit on."""
    outbox, receiver = MemoryOutbox(), memory_receiver(200)
    settings = {"transport": receiver.transport, "clock": virtual_clock, "outbox": Disk(outbox)}

    async def main() -> None:
        async with AsyncDispatcher(**settings) as dispatcher:
            submitted = asyncio.create_task(dispatcher.submit(numbered(1), to()))
            await asyncio.sleep(1)
            assert not submitted.done()
            assert not receiver.requests
            assert dispatcher.stats().waiting == dispatcher._backlog.count == 1
            assert not await dispatcher.drain(timeout=1)
            slow()
            await submitted
            await asyncio.sleep(1)
            assert len(receiver.requests) == 1
            assert not submitted.result().done()
            slow()
            await asyncio.sleep(0)
            assert submitted.result().done()
            slow()
            closing = asyncio.create_task(dispatcher.close())
            await asyncio.sleep(0)
            slow()
            await closing

    virtual_clock.run(main())


def test_a_submit_that_was_cancelled_meanwhile_is_sent(virtual_clock, memory_receiver, slow):
    """What is on disk is."""
    outbox, receiver = MemoryOutbox(), memory_receiver(200)

    async def main() -> None:
        dispatcher = AsyncDispatcher(transport=receiver.transport, clock=virtual_clock, outbox=outbox)
        submitted = asyncio.create_task(dispatcher.submit(numbered(1), to()))
        await asyncio.sleep(1)
        submitted.cancel()
        await asyncio.sleep(1)
        slow()
        await asyncio.sleep(1)
        slow()
        await dispatcher.close()
        slow()

    virtual_clock.run(main())

    assert states(outbox) == ["delivered"]


@pytest.mark.parametrize("full", [False, True])
def test_closing_waits_for_what_is_being_put(virtual_clock, memory_receiver, slow, full):
    """It was acknowledged, and is due."""
    outbox, receiver = MemoryOutbox(), memory_receiver(200)
    disk = Disk(outbox)

    async def main() -> None:
        dispatcher = AsyncDispatcher(transport=receiver.transport, clock=virtual_clock, outbox=disk)
        submitted = asyncio.create_task(dispatcher.submit(numbered(1), to()))
        await asyncio.sleep(0)
        closing = asyncio.create_task(dispatcher.close())
        await asyncio.sleep(1)
        if full:
            disk.fill()
        slow()
        for _ in range(3):
            await asyncio.sleep(0.5)
            slow()
        await closing
        if full:
            with pytest.raises(OutboxUnavailableError):
                await submitted
        else:
            assert (await (await submitted).result(timeout=0)).ok
        assert dispatcher._backlog.count == 0

    virtual_clock.run(main())

    assert len(receiver.requests) == (not full)


def test_what_is_put_too_late_is_kept_for_the_next_one(virtual_clock, memory_receiver, slow):
    """The close did not wait for so long; it is not sent after its end."""
    outbox, receiver = MemoryOutbox(), memory_receiver(200)

    async def main() -> None:
        dispatcher = AsyncDispatcher(transport=receiver.transport, clock=virtual_clock, outbox=outbox)
        submitted = asyncio.create_task(dispatcher.submit(numbered(1), to()))
        await asyncio.sleep(0)
        await dispatcher.close(timeout=2)
        slow()
        (delivery,) = (await (await submitted).result(timeout=0)).deliveries
        assert isinstance(delivery.error, DispatcherClosedError)
        assert dispatcher._backlog.count == 0
        assert asyncio.all_tasks() == {asyncio.current_task()}

    virtual_clock.run(main())

    assert states(outbox) == ["pending"]
    assert not receiver.requests


def test_a_lease_that_is_lost_during_the_close_ends_nothing_twice(virtual_clock):
    """It is found lost when the last records are written."""
    disk = Disk(MemoryOutbox())
    receiver = MemoryReceiver("500")
    told: list[Any] = []

    async def main() -> None:
        dispatcher = AsyncDispatcher(
            transport=receiver.transport, clock=virtual_clock, outbox=disk, lease=6.0, hooks=[told.append]
        )
        handles = [await dispatcher.submit(step(1, serial), to()) for serial in range(2)]
        disk.faults = {"retry_at": ZeroDivisionError("x")}
        await dispatcher.close(timeout=10)
        assert all(handle.done() for handle in handles)
        assert dispatcher._backlog.count == 0

    virtual_clock.run(main())

    assert [type(event).__name__ for event in told].count("Delivery") == 2
    assert states(disk.outbox) == ["pending"] * 2


def test_what_is_answered_after_the_close_is_let_go(virtual_clock, memory_receiver, slow):
    """What was claimed is anybody's, and there is nothing more to tidy up."""
    outbox = MemoryOutbox()

    async def main() -> None:
        dispatcher = AsyncDispatcher(
            transport=memory_receiver(200).transport, clock=virtual_clock, outbox=outbox, groups=[to()]
        )
        await dispatcher.__aenter__()
        slow()
        await asyncio.sleep(10.25)
        closing = asyncio.ensure_future(dispatcher.close(timeout=0))
        await asyncio.sleep(0)
        slow()
        await closing
        assert not [timer for timer in asyncio.get_running_loop()._scheduled if not timer.cancelled()]

    virtual_clock.run(main())

    assert not outbox._leases


def test_an_interrupted_close_ends_all_the_same(virtual_clock, memory_receiver, slow):
    """While it waits for what is being put."""
    outbox, receiver = MemoryOutbox(), memory_receiver(200)

    async def main() -> None:
        dispatcher = AsyncDispatcher(transport=receiver.transport, clock=virtual_clock, outbox=outbox)
        submitted = asyncio.create_task(dispatcher.submit(numbered(1), to()))
        await asyncio.sleep(0)
        closing = asyncio.create_task(dispatcher.close())
        await asyncio.sleep(1)
        closing.cancel()
        with pytest.raises(asyncio.CancelledError):
            await closing
        slow()
        assert (await submitted).done()

    virtual_clock.run(main())


@pytest.mark.parametrize(
    ("script", "full", "wanted"),
    [
        ("200", False, ("delivered", [1])),
        ("200", True, ("delivered", [1])),
        ("500", False, ("failed", [1])),
        ("500", True, ("failed", [1])),
    ],
)
def test_an_attempt_that_is_being_noted_at_the_close_counts(
    virtual_clock, memory_receiver, slow, script, full, wanted
):
    """The handle tells what came of it, and the outbox too if it could be written."""
    outbox, receiver = MemoryOutbox(), memory_receiver(script)
    disk = Disk(outbox)
    told: list[Any] = []

    async def main() -> None:
        dispatcher = AsyncDispatcher(
            transport=receiver.transport, clock=virtual_clock, outbox=disk, hooks=[told.append]
        )
        submitted = asyncio.create_task(dispatcher.submit(numbered(1), to()))
        await asyncio.sleep(0)
        slow()
        handle = await submitted
        await asyncio.sleep(1)
        closing = asyncio.create_task(dispatcher.close(timeout=1))
        await asyncio.sleep(2)
        if full:
            disk.fill()
        slow()
        await closing
        (delivery,) = (await handle.result(timeout=0)).deliveries
        assert (delivery.status, numbers(delivery.attempts)) == wanted
        assert delivery.ok or isinstance(delivery.error, DispatcherClosedError)
        assert dispatcher._backlog.count == 0

    virtual_clock.run(main())

    assert [type(event).__name__ for event in told] == ["Attempt", "Delivery"]
    assert numbers(stored(outbox)[0].attempts) == ([] if full else [1])
    assert states(outbox) == ["delivered" if script == "200" and not full else "pending"]


def test_a_journal_that_never_answers_holds_up_no_end(virtual_clock, memory_receiver, slow):
    """Every handle has it."""
    outbox, receiver = MemoryOutbox(), memory_receiver(200)

    async def main() -> None:
        dispatcher = AsyncDispatcher(transport=receiver.transport, clock=virtual_clock, outbox=outbox)
        submitted = asyncio.create_task(dispatcher.submit(numbered(1), to()))
        await asyncio.sleep(0)
        slow()
        handle = await submitted
        await asyncio.sleep(1)
        await dispatcher.close(timeout=1)
        (delivery,) = (await handle.result(timeout=0)).deliveries
        assert isinstance(delivery.error, DispatcherClosedError)
        slow()
        with pytest.raises(DispatcherClosedError):
            await dispatcher.submit(numbered(1), to())

    virtual_clock.run(main())

    assert states(outbox) == ["delivered"]


def test_a_superseded_one_goes_before_the_newer_one(virtual_clock, slow):
    """Its end is on disk first; also when that takes its time, and yet a newer one comes."""
    outbox = MemoryOutbox()
    receiver = MemoryReceiver("500,200", now=virtual_clock.now)
    latest = to(supersede=True)

    async def main() -> None:
        dispatcher = AsyncDispatcher(transport=receiver.transport, clock=virtual_clock, outbox=outbox)
        submits = [await _written(dispatcher.submit(step(1, 0), latest), slow)]
        await asyncio.sleep(1)
        slow()
        newer = [asyncio.ensure_future(dispatcher.submit(step(1, serial), latest)) for serial in (1, 2)]
        await asyncio.sleep(0.1)
        slow()
        submits += await asyncio.gather(*newer)
        await asyncio.sleep(0.1)
        assert serials(receiver) == [0]
        for _ in range(4):
            slow()
            await asyncio.sleep(0.1)
        ends = [(await handle.result(timeout=0)).deliveries[0].status for handle in submits]
        assert ends == ["superseded", "superseded", "delivered"]
        assert dispatcher.stats().submitted == 3
        await dispatcher.close()

    virtual_clock.run(main())

    assert serials(receiver) == [0, 2]
    assert states(outbox) == ["superseded", "superseded", "delivered"]


def test_one_that_is_too_old_is_not_superseded_as_well(virtual_clock, slow):
    """Its end is being written when a newer one comes, which waits for that."""
    outbox = MemoryOutbox()
    receiver = MemoryReceiver("delay:3.5:200", now=virtual_clock.now)
    latest = to(supersede=True, max_age=2.0, limit=1)

    async def main() -> None:
        dispatcher = AsyncDispatcher(transport=receiver.transport, clock=virtual_clock, outbox=outbox)
        handles = [await _written(dispatcher.submit(step(number, 0), latest), slow) for number in range(2)]
        slow()
        await asyncio.sleep(2.1)
        newer = asyncio.ensure_future(dispatcher.submit(step(1, 1), latest))
        for _ in range(60):
            slow()
            await asyncio.sleep(0)
        handles.append(await newer)
        for _ in range(60):
            await asyncio.sleep(0.1)
            slow()
        ends = [(await handle.result(timeout=0)).deliveries[0].status for handle in handles]
        assert ends == ["delivered", "failed", "delivered"]
        assert dispatcher._backlog.count == 0
        await dispatcher.close(timeout=0)

    virtual_clock.run(main())

    assert states(outbox) == ["delivered", "dead", "delivered"]


@pytest.mark.parametrize("what", ["written", "full", "lost", "late"])
@pytest.mark.parametrize("kind", ["superseded", "too old"])
def test_an_end_without_an_attempt(virtual_clock, slow, kind, what):
    """Is that of a dispatcher that was closed when it cannot be written, and another's when that has it."""
    outbox = MemoryOutbox()
    disk = Disk(outbox)
    receiver = MemoryReceiver("500,200" if kind == "superseded" else "delay:4:200")
    group = to(supersede=True) if kind == "superseded" else to(max_age=2.0, limit=1)

    async def main() -> None:
        dispatcher = AsyncDispatcher(transport=receiver.transport, clock=virtual_clock, outbox=disk)
        if kind == "superseded":
            handle = await _written(dispatcher.submit(step(1, 0), group), slow)
            await asyncio.sleep(1)
            slow()
            await _written(dispatcher.submit(step(1, 1), group), slow)
        else:
            await _written(dispatcher.submit(step(1, 0), group), slow)
            handle = await _written(dispatcher.submit(step(2, 0), group), slow)
            await asyncio.sleep(2.1)
        if what == "full":
            disk.fill()
        elif what == "lost":
            outbox._leases.clear()
        elif what == "late":
            await dispatcher.close(timeout=0)
            outbox._leases.clear()
        closing = asyncio.ensure_future(dispatcher.close(timeout=0)) if what == "full" else None
        for _ in range(4):
            await asyncio.sleep(0.05)
            slow()
        if what == "lost":
            assert not handle.done()
            virtual_clock.advance(15)
            for _ in range(40):
                await asyncio.sleep(0.5)
                slow()
        (delivery,) = (await handle.result(timeout=0)).deliveries
        if what in {"full", "late"}:
            assert isinstance(delivery.error, DispatcherClosedError)
        elif kind == "superseded":
            # Lost and taken again, the older one is sent before the newer one.
            assert delivery.status == ("superseded" if what == "written" else "delivered")
        else:
            assert delivery.status == "failed"
        await (closing or dispatcher.close(timeout=0))
        slow()
        assert dispatcher._backlog.count == 0

    virtual_clock.run(main())


@pytest.mark.parametrize("awaited", [True, False])
def test_a_dead_letter_that_was_lost_is_made_again(virtual_clock, slow, awaited):
    """By whoever has the delivery next, and it is counted once."""
    outbox = MemoryOutbox()
    lane = LaneKey("oncall", to().callbacks[0].name)
    now = virtual_clock.now()
    other = outbox.join(now=now, until=now + timedelta(hours=1))
    held = Entry(id="5f", lane=lane, alarm_id="alarm-1", level=2, content=b"{}", created_at=now)
    outbox.enqueue([held], worker=other if awaited else None, now=now)

    class Unreadable(MemoryOutbox):
        def claim(self, *arguments: Any, **options: Any) -> Any:
            claim = super().claim(*arguments, **options)
            return claim._replace(held=tuple(attrs.evolve(one, unreadable="damaged") for one in claim.held))

    outbox.__class__ = Unreadable

    async def main() -> None:
        dispatcher = AsyncDispatcher(
            transport=MemoryReceiver().transport, clock=virtual_clock, outbox=outbox, groups=[to()]
        )
        await dispatcher.__aenter__()
        handle = None
        slow()
        if awaited:
            handle = await _written(dispatcher.submit(step(1, 1), to()), slow)
            outbox.settle(other, [Ending(id="5f", status=StoredStatus.DELIVERED, number=0)], now=now)
            await asyncio.sleep(0.5)
            slow()
        assert states(outbox)[-1] == "pending"
        outbox._leases.clear()
        slow()
        assert states(outbox)[-1] == "pending"
        virtual_clock.advance(15)
        for _ in range(4):
            await asyncio.sleep(0.5)
            slow()
        assert states(outbox)[-1] == "dead"
        assert dispatcher.stats().failed == dispatcher.stats().submitted == 1
        assert handle is None or "damaged" in (await handle.result(timeout=0)).deliveries[0].outcome
        closing = asyncio.ensure_future(dispatcher.close(timeout=0))
        await asyncio.sleep(0)
        slow()
        await closing

    virtual_clock.run(main())


@pytest.mark.parametrize(("answer", "status"), [("200", "delivered"), ("500", "failed")])
def test_an_end_that_is_written_just_before_the_close(virtual_clock, slow, answer, status):
    """Its handle is told that end, and not that the outbox keeps it for the next one."""
    outbox, told = MemoryOutbox(), []
    once = to(schedule=RetrySchedule(attempts=1))

    async def main() -> None:
        dispatcher = AsyncDispatcher(
            transport=MemoryReceiver(answer).transport,
            clock=virtual_clock,
            outbox=outbox,
            hooks=[told.append],
        )
        handle = await _written(dispatcher.submit(numbered(1), once), slow)
        await asyncio.sleep(0.1)
        slow()
        closing = asyncio.ensure_future(dispatcher.close(timeout=0))
        dispatcher._engine._abort()
        for _ in range(3):
            await asyncio.sleep(0.1)
            slow()
        await closing
        (delivery,) = (await handle.result(timeout=0)).deliveries
        assert (delivery.status, len(delivery.attempts), delivery.error) == (status, 1, None)
        assert dispatcher._backlog.count == 0

    virtual_clock.run(main())

    assert states(outbox) == ["delivered" if status == "delivered" else "dead"]
    assert len(told) == 2


@pytest.mark.parametrize("closed", [False, True])
def test_a_replay_that_comes_before_the_end_is_told(virtual_clock, slow, closed):
    """The end is on disk, and the dispatcher has not heard of it: somebody sends it again all the same."""
    outbox, receiver = MemoryOutbox(), MemoryReceiver("500,200")
    once = to(schedule=RetrySchedule(attempts=1))

    async def main() -> None:
        dispatcher = AsyncDispatcher(transport=receiver.transport, clock=virtual_clock, outbox=outbox)
        handle = await _written(dispatcher.submit(numbered(1), once), slow)
        await asyncio.sleep(0.1)
        slow()
        assert states(outbox) == ["dead"]
        outbox.replay(all=True, now=virtual_clock.now())
        dispatcher._engine._keeper._intake._look()
        slow()
        assert not handle.done()
        closing = asyncio.ensure_future(dispatcher.close(timeout=0)) if closed else None
        for _ in range(10):
            await asyncio.sleep(0.1)
            slow()
        assert not (await handle.result(timeout=0)).ok
        assert await _written(dispatcher.drain(timeout=0), slow)
        await (closing or dispatcher.close(timeout=0))
        slow()
        assert dispatcher._backlog.count == 0

    virtual_clock.run(main())

    assert states(outbox) == ["pending" if closed else "delivered"]
    assert len(receiver.requests) == (1 if closed else 2)


async def _written(coroutine: Any, slow: Callable[[], None]) -> Any:
    task = asyncio.ensure_future(coroutine)
    await asyncio.sleep(0)
    slow()
    return await task


def test_a_hook_may_submit_while_the_engine_writes(virtual_clock, memory_receiver):
    """Stepped by hand, from inside a call of the engine."""
    outbox = MemoryOutbox()
    count = itertools.count(100)

    def again(event: object) -> None:
        if hasattr(event, "attempts") and (number := next(count)) < 103:
            with pytest.raises(StopIteration):
                dispatcher.submit(numbered(number), to()).send(None)

    dispatcher = AsyncDispatcher(
        transport=memory_receiver(200).transport, clock=virtual_clock, outbox=outbox, hooks=[again]
    )

    async def main() -> None:
        async with dispatcher:
            for number in range(3):
                await dispatcher.submit(numbered(number), to(max_age=5))
            assert await dispatcher.drain()
            assert dispatcher.stats().delivered == 6

    virtual_clock.run(main())

    assert states(outbox) == ["delivered"] * 6


def test_a_hook_of_a_blocking_dispatcher_may_submit(memory_receiver):
    """It does not wait for the disk there, as it would wait for itself."""
    outbox = MemoryOutbox()
    handles: list[Any] = []

    def again(event: object) -> None:
        if hasattr(event, "attempts") and len(handles) < 3:
            handles.append(dispatcher.submit(numbered(100 + len(handles)), to()))

    def answer(request: Request) -> Reply:
        return Reply(status_code=200)

    with Dispatcher(transport=MemoryReceiver(answer).transport, outbox=outbox, hooks=[again]) as dispatcher:
        assert dispatcher.dispatch(numbered(1), to()).ok
        for _ in range(4):
            assert dispatcher.drain()
        assert all(handle.result(timeout=10).ok for handle in handles)

    assert states(outbox) == ["delivered"] * 4


def test_whoever_drains_may_give_up(virtual_clock, slow):
    """While the outbox is asked whether it has anything; the answer then is nobody's."""
    outbox, receiver = MemoryOutbox(), MemoryReceiver()

    async def main() -> None:
        dispatcher = AsyncDispatcher(transport=receiver.transport, clock=virtual_clock, outbox=outbox)
        handle = await _written(dispatcher.submit(numbered(1), to()), slow)
        await asyncio.sleep(0.1)
        slow()
        assert (await handle.result()).ok
        draining = asyncio.ensure_future(dispatcher.drain())
        await asyncio.sleep(0.01)
        draining.cancel()
        await asyncio.sleep(0)
        slow()
        assert draining.cancelled()
        assert await _written(dispatcher.drain(), slow)
        await dispatcher.close(timeout=0)

    virtual_clock.run(main())

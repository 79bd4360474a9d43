"""The journal on a thread of its own: beside loops that end, forks, and many who submit at once."""

from __future__ import annotations

import asyncio
import logging
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from alarm_dispatch import AsyncDispatcher, Dispatcher
from alarm_dispatch.clock import FastClock, SystemClock
from alarm_dispatch.engine import intake
from alarm_dispatch.engine.journal import Journal
from alarm_dispatch.errors import DispatcherClosedError
from alarm_dispatch.handles import Handle
from alarm_dispatch.outbox import Ending, Entry, LaneKey, SqliteOutbox, StoredStatus
from alarm_dispatch.testing import MemoryOutbox, MemoryReceiver

from ..dispatch.alarms import numbered
from ..outbox.children import in_child, needs_fork
from .kept import states, to


class Threaded(MemoryOutbox):
    """One that is called on a thread, as a file is."""

    immediate = False


def journals() -> list[threading.Thread]:
    """The threads of journals that there are now."""
    return [thread for thread in threading.enumerate() if thread.name == "alarm-dispatch-outbox"]


def wait_for_journals() -> None:
    """Until none is left."""
    for thread in journals():
        thread.join(10)
    assert not journals()


def test_drain_waits_for_what_submit_has_acknowledged(memory_receiver):
    """Also when the loop has not heard of it yet."""
    with Dispatcher(transport=memory_receiver(200).transport, outbox=Threaded()) as dispatcher:
        for number in range(200):
            handle = dispatcher.submit(numbered(number), to())
            assert dispatcher.drain()
            assert handle.done()
        assert dispatcher.stats().delivered == 200
    wait_for_journals()


def test_close_gives_time_to_what_submit_has_acknowledged(memory_receiver):
    """It is due, if only just."""
    receiver = memory_receiver(200)
    for number in range(50):
        with Dispatcher(transport=receiver.transport, outbox=Threaded()) as dispatcher:
            handle = dispatcher.submit(numbered(number), to())
        assert handle.result(timeout=0).ok


def test_a_short_lease_is_extended_in_time(memory_receiver, monkeypatch, caplog):
    """Also while there is nothing to write or to ask for."""
    monkeypatch.setattr(intake, "_LOOK", 100.0)

    async def main() -> None:
        async with AsyncDispatcher(
            transport=memory_receiver(200).transport, outbox=Threaded(), lease=0.9
        ) as dispatcher:
            await asyncio.sleep(2.5)
            assert (await dispatcher.dispatch(numbered(1), to())).ok

    asyncio.run(main())
    wait_for_journals()

    assert [record for record in caplog.records if record.name == "alarm_dispatch"] == []


def test_closing_needs_no_thread_of_the_loops(memory_receiver):
    """Name lookups that hang may have all of them, for longer than anybody waits for the close."""
    looked_up = threading.Event()

    async def main() -> None:
        loop = asyncio.get_running_loop()
        loop.set_default_executor(ThreadPoolExecutor(1))
        hanging = loop.run_in_executor(None, looked_up.wait, 30)
        async with AsyncDispatcher(transport=memory_receiver(200).transport, outbox=Threaded()) as dispatcher:
            assert (await dispatcher.dispatch(numbered(1), to())).ok
        assert not hanging.done()
        looked_up.set()

    asyncio.run(main())
    wait_for_journals()


def test_many_threads_submit_while_it_is_closed(memory_receiver):
    """Each is told that it was too late, or has its delivery in the outbox and an end of its handle."""
    outbox = Threaded()
    dispatcher = Dispatcher(transport=memory_receiver("timeout").transport, outbox=outbox)
    started = threading.Event()

    def submit(thread: int) -> list[Handle]:
        handles = []
        for number in range(10_000):
            try:
                handles.append(dispatcher.submit(numbered(1_000 * thread + number), to()))
            except DispatcherClosedError:
                return handles
            if number == 3:
                started.set()
        raise AssertionError("it was never closed")

    with ThreadPoolExecutor(8) as pool:
        done = [pool.submit(submit, thread) for thread in range(8)]
        started.wait(10)
        dispatcher.close(timeout=0)
        handles = [handle for one in done for handle in one.result(timeout=10)]

    reports = [handle.result(timeout=0) for handle in handles]
    assert all(isinstance(report.deliveries[0].error, DispatcherClosedError) for report in reports)
    assert {report.deliveries[0].id for report in reports} == {one.entry.id for one in outbox.list()}
    assert set(states(outbox)) == {"pending"}
    assert not outbox._leases
    assert dispatcher._backlog.count == 0


@pytest.mark.parametrize("script", ["timeout", "500"])
def test_a_loop_that_ends_without_a_close_gives_the_lease_back(memory_receiver, script):
    """With requests in flight, which are cancelled then, and with what only waits."""
    outbox = Threaded()

    async def main() -> None:
        dispatcher = AsyncDispatcher(transport=memory_receiver(script).transport, outbox=outbox)
        await dispatcher.submit(numbered(1), to())
        await asyncio.sleep(0.05)

    asyncio.run(main())
    wait_for_journals()

    assert states(outbox) == ["pending"]
    assert not outbox._leases


def test_the_next_loop_of_the_same_dispatcher_goes_on(memory_receiver):
    """With what the one before it left."""
    outbox = Threaded()
    dispatcher = AsyncDispatcher(
        transport=memory_receiver("timeout,200").transport, outbox=outbox, groups=[to()]
    )

    async def first() -> None:
        await dispatcher.submit(numbered(1), to())
        await asyncio.sleep(0.05)

    async def second() -> None:
        async with dispatcher:
            for _ in range(400):
                if states(outbox) == ["delivered"]:
                    return
                await asyncio.sleep(0.05)

    asyncio.run(first())
    wait_for_journals()
    asyncio.run(second())

    assert states(outbox) == ["delivered"]
    assert dispatcher._backlog.count == 0


@pytest.mark.parametrize("clock", [SystemClock, FastClock])
def test_a_file_under_each_loop(memory_receiver, tmp_path, clock):
    """From submit to delivered, and no thread is left."""
    if clock is FastClock:
        pytest.importorskip("uvloop", reason="the extra fast is not installed")
    outbox = SqliteOutbox(tmp_path / "alarms.db")
    with (
        Dispatcher(transport=memory_receiver("200").transport, outbox=outbox, clock=clock()) as dispatcher,
        ThreadPoolExecutor(4) as pool,
    ):
        reports = list(pool.map(lambda number: dispatcher.dispatch(numbered(number), to()), range(40)))
    assert all(report.ok for report in reports)
    assert states(outbox) == ["delivered"] * 40
    wait_for_journals()
    outbox.close()


@needs_fork
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_child_of_a_fork_has_a_journal_of_its_own(tmp_path, memory_receiver):
    """Its copy of the dispatcher begins as another worker; the parent goes on."""
    outbox = SqliteOutbox(tmp_path / "alarms.db")
    receiver = memory_receiver("200")
    with Dispatcher(transport=receiver.transport, outbox=outbox) as dispatcher:
        assert dispatcher.dispatch(numbered(1), to()).ok

        def child() -> object:
            with dispatcher:
                return dispatcher.dispatch(numbered(2), to()).ok

        assert in_child(child) == "True"
        assert dispatcher.dispatch(numbered(3), to()).ok

    assert states(outbox) == ["delivered"] * 3
    outbox.close()


def test_one_who_cannot_be_told_harms_nobody(virtual_clock, caplog):
    """It is logged, and the others of the same step are told."""
    told: list[object] = []

    def broken(_answer: Any) -> None:
        raise ZeroDivisionError

    async def main() -> None:
        journal = Journal(MemoryOutbox(), virtual_clock, told.clear, lease=30.0)
        journal.ask(lambda worker, now: now, broken)
        journal.ask(lambda worker, now: now, told.append)
        journal.end()
        journal.end()
        await journal.ended(1.0)

    with caplog.at_level(logging.ERROR, "alarm_dispatch"):
        virtual_clock.run(main())

    assert told == [virtual_clock.now()]
    assert "could not be dealt with" in caplog.text


def test_what_came_before_there_was_a_worker_is_answered(monkeypatch):
    """All of it, in its order, also when the journal is ended meanwhile."""
    outbox, answers = Threaded(), []
    steps: list[int] = []
    held = threading.Event()
    join = outbox.join

    def slow_join(**options: Any) -> str:
        held.wait(10)
        return join(**options)

    monkeypatch.setattr(outbox, "join", slow_join)

    async def main() -> None:
        journal = Journal(outbox, SystemClock(), lambda: None, lease=30.0)
        for number in range(35):
            journal.ask(lambda worker, now, number=number: number, answers.append)
        journal.ask(lambda worker, now: steps.append(1), lambda _: None)
        held.set()
        journal.end()
        await journal.ended(10.0)
        await asyncio.sleep(0)

    asyncio.run(main())

    assert answers == list(range(35))
    assert not outbox._leases


def test_the_time_is_that_of_asking(virtual_clock):
    """One from before a wait would look to the outbox as if the clock had been set back since."""
    outbox, times = MemoryOutbox(), []

    async def main() -> None:
        journal = Journal(outbox, virtual_clock, lambda: None, lease=30.0)
        virtual_clock.advance(20)
        journal.ask(lambda worker, now: times.append(now), lambda _: None)
        journal.end()

    virtual_clock.run(main())

    assert times == [virtual_clock.now()]


def test_the_time_of_a_record_is_that_after_the_wait_for_others(virtual_clock):
    """A lease that ran out meanwhile is not extended, and nothing is settled under it."""
    outbox, answers = MemoryOutbox(), []
    transaction = outbox.transaction
    entry = Entry(
        id="5f", lane=LaneKey("a", "b"), alarm_id="c", level=2, content=b"{}", created_at=virtual_clock.now()
    )

    def wait(seconds: float) -> None:
        def waiting() -> Any:
            virtual_clock.advance(seconds)
            return transaction()

        outbox.transaction = waiting

    async def main() -> None:
        journal = Journal(outbox, virtual_clock, lambda: answers.append("lost"), lease=30.0)
        journal.put([entry], lambda _: None, answers.extend)
        wait(31)
        journal.write(Ending(id="5f", status=StoredStatus.DELIVERED, number=0), answers.append)
        wait(0)
        journal.end()

    virtual_clock.run(main())

    assert answers == [True, False, "lost"]


def test_a_request_that_was_stopped_before_it_began_is_not_sent(virtual_clock):
    """The process was stopped after it was its turn; what is given up is taken again, if nobody else has."""
    outbox = MemoryOutbox()
    receiver = MemoryReceiver("200", now=virtual_clock.now)

    async def main() -> None:
        async with AsyncDispatcher(
            transport=receiver.transport, clock=virtual_clock, outbox=outbox
        ) as dispatcher:
            handle = await dispatcher.submit(numbered(1), to())
            assert dispatcher.stats().in_flight == 1
            virtual_clock.advance(40)
            await asyncio.sleep(0)
            assert not receiver.requests
            await asyncio.sleep(2)
            assert (await handle.result(timeout=0)).ok
            assert dispatcher.stats().submitted == 1
            assert dispatcher._backlog.count == 0

    virtual_clock.run(main())

    assert len(receiver.requests) == 1
    assert len(outbox._leases) == 0

"""Who waits for what: from many threads, before the end and after it."""

from __future__ import annotations

import asyncio
import sys
import threading
from collections.abc import Iterator

import pytest

from alarm_dispatch import Delivery, DeliveryStatus, DispatchReport
from alarm_dispatch.handles import AsyncHandle, Handle
from alarm_dispatch.tickets import Ticket

from .made import callback


@pytest.fixture
def hasty_threads() -> Iterator[None]:
    """Threads that take turns as often as they can."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before)


def delivery(number: int = 1) -> Delivery:
    """One that was delivered."""
    return Delivery(id=str(number), alarm_id="alarm", callback=callback(), status=DeliveryStatus.DELIVERED)


def handle_on(ticket: Ticket) -> Handle:
    """A handle for a thread that is not the dispatcher's."""
    return Handle(ticket, lambda: False)


def test_the_report_has_the_order_of_the_group():
    """Whichever delivery settles first."""
    ticket, deliveries = Ticket("alarm", "oncall", 3), [delivery(number) for number in range(3)]

    reports = []
    for index in (2, 0, 1):
        ticket.settle(index, deliveries[index])
        reports.append(ticket.report)

    assert reports == [
        None,
        None,
        DispatchReport(alarm_id="alarm", group="oncall", deliveries=tuple(deliveries)),
    ]


def test_waiters_are_called_at_the_end_or_at_once():
    """Those who left before the end are not."""
    ticket, called = Ticket("alarm", "oncall", 1), list[str]()
    ticket.when_done(lambda: called.append("first"))
    left = ticket.when_done(lambda: called.append("left"))
    ticket.when_done(lambda: called.append("second"))
    ticket.forget(left)

    ticket.settle(0, delivery())
    assert called == ["first", "second"]
    ticket.when_done(lambda: called.append("late"))

    assert called == ["first", "second", "late"]


def test_who_asks_again_and_again_leaves_nothing_behind(virtual_clock):
    """A handle may be asked every second for a day."""
    ticket = Ticket("alarm", "oncall", 1)

    async def main() -> None:
        handle = AsyncHandle(ticket)
        for _ in range(100):
            with pytest.raises(TimeoutError):
                await handle.result(timeout=1)
        waiting = asyncio.create_task(handle.result())
        await asyncio.sleep(1)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting

    virtual_clock.run(main())
    for _ in range(100):
        with pytest.raises(TimeoutError):
            handle_on(ticket).result(timeout=0)

    assert not ticket._waiters


def test_many_tasks_may_wait_for_one_handle(virtual_clock):
    """Each gets the report."""
    ticket = Ticket("alarm", "oncall", 1)

    async def main() -> list[DispatchReport]:
        handle = AsyncHandle(ticket)
        asyncio.get_running_loop().call_later(5, ticket.settle, 0, delivery())
        return await asyncio.gather(*(handle.result(timeout=10) for _ in range(20)))

    assert virtual_clock.run(main()) == [ticket.report] * 20
    assert virtual_clock.elapsed == 5.0


@pytest.mark.usefixtures("hasty_threads")
def test_no_thread_waits_for_ever():
    """Four of them ask for the same handle while it settles, some before and some after."""
    for _ in range(100):
        ticket = Ticket("alarm", "oncall", 1)
        handle, ready = handle_on(ticket), threading.Barrier(5)
        got: list[DispatchReport] = []

        def ask(handle: Handle = handle, ready: threading.Barrier = ready, got: list = got) -> None:
            ready.wait()
            got.append(handle.result(timeout=20))

        threads = [threading.Thread(target=ask) for _ in range(4)]
        for thread in threads:
            thread.start()
        ready.wait()
        ticket.settle(0, delivery())
        for thread in threads:
            thread.join()

        assert got == [ticket.report] * 4


def test_two_threads_that_ask_at_the_same_moment_both_get_it():
    """The second one comes while the first is about to make the list of those who wait."""
    asked, got = threading.Event(), list[DispatchReport]()

    def ask() -> None:
        got.append(handle.result())

    first, second = (threading.Thread(target=ask, daemon=True) for _ in range(2))

    class Slow(Ticket):
        """Lets the other thread in where the list is looked at."""

        __slots__ = ()

        def __getattribute__(self, name: str) -> object:
            value = super().__getattribute__(name)
            if name == "_waiters" and threading.current_thread() is first and not second.ident:
                second.start()
                second.join(0.1)  # it would have got through by then, were it let in
                asked.set()
            return value

    ticket = Slow("alarm", "oncall", 1)
    handle = handle_on(ticket)
    first.start()
    assert asked.wait(20)
    ticket.settle(0, delivery())
    first.join(5)
    second.join(5)

    assert got == [ticket.report] * 2

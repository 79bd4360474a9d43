"""Handles on deliveries that are under way."""

from __future__ import annotations

import asyncio
import os
import threading

import pytest

from alarm_dispatch import DispatchReport
from alarm_dispatch.errors import ForkedProcessError, WrongThreadError
from alarm_dispatch.handles import AsyncHandle, Handle
from alarm_dispatch.testing import VirtualClock
from alarm_dispatch.tickets import Ticket
from tests.unit.made import delivery

REPORT = DispatchReport(alarm_id="alarm-1", group="oncall", deliveries=(delivery(),))


def one() -> Ticket:
    """A ticket for one delivery, which settles to the report above."""
    return Ticket("alarm-1", "oncall", 1)


def test_a_ticket_waits_for_all_and_keeps_their_order() -> None:
    """Deliveries settle in any order; the report has the group's."""
    told: list[str] = []
    first, second = delivery(id="d-1"), delivery(id="d-2")
    ticket = Ticket("alarm-1", "oncall", 2)
    ticket.when_done(lambda: told.append("before"))

    ticket.settle(1, second)
    early = (ticket.report, list(told))
    ticket.settle(0, first)
    ticket.when_done(lambda: told.append("after"))

    assert early == (None, [])
    assert ticket.report == DispatchReport(alarm_id="alarm-1", group="oncall", deliveries=(first, second))
    assert told == ["before", "after"]


def test_an_async_handle_gives_the_report() -> None:
    """Once done it answers at once, also with a timeout of nothing."""

    async def scenario() -> None:
        ticket = one()
        handle = AsyncHandle(ticket)
        assert not handle.done()
        ticket.settle(0, delivery())
        assert handle.done()
        assert await handle.result() == REPORT
        assert await handle.result(timeout=0) == REPORT

    VirtualClock().run(scenario())


def test_an_async_handle_can_be_asked_again_after_a_timeout() -> None:
    """Neither the timeout nor a cancelled caller ends the deliveries."""

    async def scenario() -> None:
        loop = asyncio.get_running_loop()
        ticket = one()
        handle = AsyncHandle(ticket)
        loop.call_later(40, ticket.settle, 0, delivery())
        with pytest.raises(TimeoutError):
            await handle.result(timeout=30)
        waiting = asyncio.ensure_future(handle.result())
        await asyncio.sleep(1)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        assert not handle.done()
        assert await handle.result(timeout=30) == REPORT
        assert loop.time() == 40

    VirtualClock().run(scenario())


def test_a_handle_gives_the_report() -> None:
    """Once done it answers in any thread and any process."""
    ticket = one()
    handle = Handle(ticket, lambda: True)
    assert not handle.done()

    ticket.settle(0, delivery())

    assert handle.done()
    assert handle.result() == REPORT
    assert handle.result(timeout=0) == REPORT


def test_a_handle_waits_for_another_thread() -> None:
    """The one that settles the ticket wakes the one that waits."""
    ticket = one()
    handle = Handle(ticket, lambda: False)
    settling = threading.Thread(target=lambda: ticket.settle(0, delivery()))
    settling.start()

    assert handle.result(timeout=10) == REPORT
    settling.join()


def test_a_handle_times_out() -> None:
    """The deliveries go on."""
    ticket = one()
    handle = Handle(ticket, lambda: False)

    with pytest.raises(TimeoutError):
        handle.result(timeout=0)
    ticket.settle(0, delivery())

    assert handle.result(timeout=0) == REPORT


def test_a_handle_does_not_wait_in_the_dispatchers_own_thread() -> None:
    """It would wait for itself."""
    handle = Handle(one(), lambda: True)

    with pytest.raises(WrongThreadError, match="cannot wait for what it does itself"):
        handle.result()


def test_a_handle_does_not_wait_for_the_parent_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """In a child process nothing would ever settle it."""
    ticket = one()
    handle = Handle(ticket, lambda: False)
    monkeypatch.setattr(os, "getpid", lambda: -1)

    with pytest.raises(ForkedProcessError, match="made before a fork"):
        handle.result()
    ticket.settle(0, delivery())

    assert handle.result() == REPORT

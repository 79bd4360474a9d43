"""Handles on deliveries that are under way."""

from __future__ import annotations

import asyncio
import os
from concurrent.futures import Future

import pytest

from alarm_dispatch import DispatchReport
from alarm_dispatch.errors import ForkedProcessError, WrongThreadError
from alarm_dispatch.handles import AsyncHandle, Handle, Ticket
from alarm_dispatch.testing import VirtualClock
from tests.unit.made import delivery

REPORT = DispatchReport(alarm_id="alarm-1", group="oncall", deliveries=(delivery(),))


def test_a_ticket_waits_for_all_and_keeps_their_order() -> None:
    """Deliveries settle in any order; the report has the group's."""
    reports: list[DispatchReport] = []
    first, second = delivery(id="d-1"), delivery(id="d-2")
    ticket = Ticket("alarm-1", "oncall", 2, reports.append)

    ticket.settle(1, second)
    early = list(reports)
    ticket.settle(0, first)

    assert early == []
    assert reports == [DispatchReport(alarm_id="alarm-1", group="oncall", deliveries=(first, second))]


def test_an_async_handle_gives_the_report() -> None:
    """Once done it answers at once, also with a timeout of nothing."""

    async def scenario() -> None:
        future: asyncio.Future[DispatchReport] = asyncio.get_running_loop().create_future()
        handle = AsyncHandle(future)
        assert not handle.done()
        future.set_result(REPORT)
        assert handle.done()
        assert await handle.result() is REPORT
        assert await handle.result(timeout=0) is REPORT

    VirtualClock().run(scenario())


def test_an_async_handle_can_be_asked_again_after_a_timeout() -> None:
    """Neither the timeout nor a cancelled caller ends the deliveries."""

    async def scenario() -> None:
        loop = asyncio.get_running_loop()
        future: asyncio.Future[DispatchReport] = loop.create_future()
        handle = AsyncHandle(future)
        loop.call_later(40, future.set_result, REPORT)
        with pytest.raises(TimeoutError):
            await handle.result(timeout=30)
        waiting = asyncio.ensure_future(handle.result())
        await asyncio.sleep(1)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        assert not handle.done()
        assert await handle.result(timeout=30) is REPORT
        assert loop.time() == 40

    VirtualClock().run(scenario())


def test_a_handle_gives_the_report() -> None:
    """Once done it answers in any thread and any process."""
    future: Future[DispatchReport] = Future()
    handle = Handle(future, lambda: True)
    assert not handle.done()

    future.set_result(REPORT)

    assert handle.done()
    assert handle.result() is REPORT
    assert handle.result(timeout=0) is REPORT


def test_a_handle_times_out() -> None:
    """The deliveries go on."""
    future: Future[DispatchReport] = Future()
    handle = Handle(future, lambda: False)

    with pytest.raises(TimeoutError):
        handle.result(timeout=0)
    future.set_result(REPORT)

    assert handle.result(timeout=0) is REPORT


def test_a_handle_does_not_wait_in_the_dispatchers_own_thread() -> None:
    """It would wait for itself."""
    handle = Handle(Future(), lambda: True)

    with pytest.raises(WrongThreadError, match="cannot wait for what it does itself"):
        handle.result()


def test_a_handle_does_not_wait_for_the_parent_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """In a child process nothing would ever settle it."""
    future: Future[DispatchReport] = Future()
    handle = Handle(future, lambda: False)
    monkeypatch.setattr(os, "getpid", lambda: -1)

    with pytest.raises(ForkedProcessError, match="made before a fork"):
        handle.result()
    future.set_result(REPORT)

    assert handle.result() is REPORT

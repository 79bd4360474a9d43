"""A synchronous function as a transport."""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Callable

import pytest

from alarm_dispatch import Reply, Request, Verdict
from alarm_dispatch.errors import TransportError
from alarm_dispatch.exchange import Transport
from alarm_dispatch.transports.function import FunctionTransport
from tests.unit.made import request


def send(function: Callable[[Request], Reply], *, seconds: float = 60.0) -> Reply:
    """What one request comes to that may take so many seconds."""

    async def scenario() -> Reply:
        transport = FunctionTransport(function)
        try:
            return await transport.send(request(), deadline=asyncio.get_running_loop().time() + seconds)
        finally:
            await transport.aclose()

    return asyncio.run(scenario())


def test_the_function_gets_the_request_and_gives_the_reply() -> None:
    """It runs in a thread of its own, so that it may block."""
    seen: list[object] = []

    def function(given: Request) -> Reply:
        seen.extend((given, threading.current_thread() is threading.main_thread()))
        return Reply(status_code=204)

    reply = send(function)

    assert reply == Reply(status_code=204)
    assert seen == [request(), False]
    assert isinstance(FunctionTransport(function), Transport)
    assert FunctionTransport.keeps_deadline


def test_requests_run_beside_each_other() -> None:
    """Two that wait for each other both end, and the loop goes on meanwhile."""
    meeting = threading.Barrier(2, timeout=30)

    def function(_given: Request) -> Reply:
        meeting.wait()
        return Reply(status_code=200)

    async def scenario() -> list[Reply]:
        transport = FunctionTransport(function, threads=2)
        deadline = asyncio.get_running_loop().time() + 60
        replies = await asyncio.gather(*(transport.send(request(), deadline=deadline) for _ in range(2)))
        await transport.aclose()
        return replies

    assert asyncio.run(scenario()) == [Reply(status_code=200)] * 2


def test_a_call_that_outlives_its_deadline_is_left_alone() -> None:
    """Its outcome is unknown, the wait ends at the deadline, and what comes later is dropped."""
    go_on = threading.Event()
    ended = threading.Event()

    def function(_given: Request) -> Reply:
        go_on.wait(30)
        ended.set()
        raise OSError("too late")

    async def scenario() -> None:
        transport = FunctionTransport(function)
        now = asyncio.get_running_loop().time()
        with pytest.raises(TransportError, match=r"^timed out in the function$") as caught:
            await transport.send(request(), deadline=now - 1)
        assert caught.value.verdict is Verdict.UNKNOWN
        assert caught.value.__cause__ is None
        await transport.aclose()

    asyncio.run(scenario())
    go_on.set()
    assert ended.wait(30)


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (OSError("connection lost"), "the function raised OSError: connection lost"),
        (ConnectionResetError(104, "reset"), "the function raised ConnectionResetError: [Errno 104] reset"),
        (TimeoutError("read timed out"), "the function raised TimeoutError: read timed out"),
        (TimeoutError(), "the function raised TimeoutError"),
    ],
)
def test_an_os_error_means_unknown(error: OSError, reason: str) -> None:
    """Nobody can tell whether the request arrived, and a timeout of the function's own is told as that."""

    def function(_given: Request) -> Reply:
        raise error

    with pytest.raises(TransportError) as caught:
        send(function)

    assert (caught.value.verdict, caught.value.reason) == (Verdict.UNKNOWN, reason)
    # asyncio hands a timeout on as a copy.
    assert repr(caught.value.__cause__) == repr(error)


@pytest.mark.parametrize(
    "error", [TransportError(Verdict.UNREACHABLE, "no route"), KeyError("x"), ZeroDivisionError()]
)
def test_other_exceptions_go_through(error: Exception) -> None:
    """A verdict of the function's own is kept, and a mistake in it stays one."""

    def function(_given: Request) -> Reply:
        raise error

    with pytest.raises(type(error)) as caught:
        send(function)

    assert caught.value is error


def test_a_closed_transport_can_be_used_again() -> None:
    """Closing lets go of the threads; the next request makes new ones."""
    threads: set[int] = set()

    def function(_given: Request) -> Reply:
        threads.add(threading.get_ident())
        return Reply(status_code=200)

    async def scenario() -> None:
        transport = FunctionTransport(function)
        await transport.aclose()
        deadline = asyncio.get_running_loop().time() + 60
        for _ in range(2):
            await transport.send(request(), deadline=deadline)
            assert transport._executor is not None
            await transport.aclose()
            assert transport._executor is None
        await transport.aclose()

    asyncio.run(scenario())
    assert threads


def test_a_child_process_gets_threads_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    """Threads do not survive a fork."""

    async def scenario() -> None:
        transport = FunctionTransport(lambda _given: Reply(status_code=200))
        deadline = asyncio.get_running_loop().time() + 60
        await transport.send(request(), deadline=deadline)
        parents = transport._executor
        assert parents is not None
        monkeypatch.setattr(os, "getpid", lambda: -1)
        await transport.send(request(), deadline=deadline)
        childs = transport._executor
        await transport.send(request(), deadline=deadline)
        assert childs is not parents
        assert transport._executor is childs
        await transport.aclose()
        parents.shutdown()

    asyncio.run(scenario())


def test_closing_drops_calls_that_have_not_begun() -> None:
    """A request that waits for a thread is not sent after the end."""
    began: list[int] = []
    first_began = threading.Event()
    go_on = threading.Event()

    def function(given: Request) -> Reply:
        began.append(given.attempt)
        first_began.set()
        go_on.wait(30)
        return Reply(status_code=200)

    async def scenario() -> None:
        transport = FunctionTransport(function, threads=1)
        loop = asyncio.get_running_loop()
        tasks = []
        for attempt in (1, 2):
            tasks.append(
                asyncio.ensure_future(transport.send(request(attempt=attempt), deadline=loop.time() + 60))
            )
            await loop.run_in_executor(None, first_began.wait, 30)
        await transport.aclose()
        go_on.set()
        assert (await tasks[0]).status_code == 200
        with pytest.raises(asyncio.CancelledError):
            await tasks[1]

    asyncio.run(scenario())
    assert began == [1]

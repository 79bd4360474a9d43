"""Cancelled at any await point: nothing is lost, no room leaks, and every handle has its end."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from alarm_dispatch import AlarmState, AsyncDispatcher, Dispatcher, DispatchReport
from alarm_dispatch.errors import DispatcherClosedError
from alarm_dispatch.exchange import Reply, Request

from ..dispatch.alarms import group, numbered
from .made import Gauge, ends_of

_SCRIPT = "delay:1:500,200,timeout,200"

Call = Callable[[AsyncDispatcher], Awaitable[Any]]


async def _submit_and_ask(dispatcher: AsyncDispatcher) -> object:
    handle = await dispatcher.submit(numbered(1, AlarmState.RESOLVED), group(), wait=True)
    return await handle.result(timeout=60)


CALLS: dict[str, Call] = {
    "submit": lambda dispatcher: dispatcher.submit(numbered(1), group(), wait=True),
    "dispatch": lambda dispatcher: dispatcher.dispatch(numbered(2), group(limit=1)),
    "verify": lambda dispatcher: dispatcher.verify(group().callbacks[0]),
    "drain": lambda dispatcher: dispatcher.drain(timeout=30),
    "close": lambda dispatcher: dispatcher.close(timeout=3),
    "result": _submit_and_ask,
}
# Turns of the event loop, and then seconds, after which the caller is cancelled.
MOMENTS = [(turns, 0.0) for turns in range(12)] + [
    (turns, seconds) for seconds in (1.0, 5.0, 6.0, 11.0) for turns in (0, 1, 2, 3)
]


@pytest.mark.parametrize("name", CALLS)
@pytest.mark.parametrize(("turns", "seconds"), MOMENTS)
def test_a_call_that_is_cancelled_at_any_moment_loses_nothing(
    virtual_clock, memory_receiver, name, turns, seconds
):
    """What was taken in is settled, what was not holds no room, and the others go on."""
    told: list[Any] = []
    dispatcher = AsyncDispatcher(
        transport=memory_receiver(_SCRIPT).transport, clock=virtual_clock, backlog=4, hooks=[told.append]
    )

    async def main() -> None:
        handles = [await dispatcher.submit(numbered(number % 2), group()) for number in range(3)]
        call = asyncio.ensure_future(CALLS[name](dispatcher))
        for _ in range(turns):
            await asyncio.sleep(0)
        if seconds:
            await asyncio.sleep(seconds)
        call.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await call
        if name != "close":
            handles.append(await dispatcher.submit(numbered(9), group(), wait=True))
            assert await dispatcher.drain(timeout=300)
        await dispatcher.close()
        assert all([(await handle.result(timeout=5)).deliveries for handle in handles])
        assert dispatcher._backlog.count == 0
        assert asyncio.all_tasks() == {asyncio.current_task()}

    virtual_clock.run(main())
    settled = [delivery.id for delivery in ends_of(told)]
    assert len(settled) == len(set(settled)) >= 3


def test_closing_right_after_a_submit_ends_its_handle(virtual_clock, memory_receiver):
    """The request's task had no turn of the loop yet."""
    receiver = memory_receiver(200)

    async def main() -> DispatchReport:
        dispatcher = AsyncDispatcher(transport=receiver.transport, clock=virtual_clock)
        handle = await dispatcher.submit(numbered(1), group())
        await dispatcher.close(timeout=0)
        return await handle.result(timeout=5)

    (delivery,) = virtual_clock.run(main()).deliveries

    assert isinstance(delivery.error, DispatcherClosedError)
    assert receiver.requests == ()


def test_a_cancelled_close_ends_everything_at_once(virtual_clock, memory_receiver):
    """Also what waits for its rate, what is queued, and what hangs; closing again finishes."""

    class Closing(type(memory_receiver("timeout").transport)):  # type: ignore[misc]
        closed = 0

        async def aclose(self) -> None:
            self.closed += 1

    transport = Closing("timeout")

    async def main() -> list[DispatchReport]:
        dispatcher = AsyncDispatcher(transport=transport, clock=virtual_clock)
        groups = [group(limit=1), group("https://slow.example/", rate="1/60")]
        handles = [await dispatcher.submit(numbered(number), one) for one in groups for number in range(3)]
        closing = asyncio.create_task(dispatcher.close(timeout=100))
        await asyncio.sleep(1)
        closing.cancel()
        with pytest.raises(asyncio.CancelledError):
            await closing
        await dispatcher.close()
        return [await handle.result(timeout=1) for handle in handles]

    reports = virtual_clock.run(main())

    assert virtual_clock.elapsed == 1.0
    assert all(isinstance(report.deliveries[0].error, DispatcherClosedError) for report in reports)
    assert transport.closed == 1


def test_two_may_close_at_the_same_time(virtual_clock, memory_receiver):
    """The transport is closed once, also while it takes its time."""
    closed: list[float] = []

    class Slow(type(memory_receiver(200).transport)):  # type: ignore[misc]
        async def aclose(self) -> None:
            await asyncio.sleep(0.5)
            closed.append(virtual_clock.elapsed)

    async def main() -> None:
        dispatcher = AsyncDispatcher(transport=Slow(200), clock=virtual_clock)
        await dispatcher.dispatch(numbered(1), group())
        await asyncio.gather(dispatcher.close(), dispatcher.close(), dispatcher.close())

    virtual_clock.run(main())

    assert closed == [0.5]


def test_with_the_end_of_the_loop_nothing_more_is_sent(virtual_clock, memory_receiver, caplog):
    """Nobody closed it: what is in flight is cut off, and what is queued is not sent."""
    gauge, told = Gauge(seconds=3600), list[Any]()

    async def main() -> None:
        dispatcher = AsyncDispatcher(
            transport=gauge.transport, clock=virtual_clock, hooks=[told.append], timeout=7200
        )
        for number in range(100):
            await dispatcher.submit(numbered(number // 2), group(limit=3))
        await asyncio.sleep(1)

    with caplog.at_level(logging.ERROR, "asyncio"):
        virtual_clock.run(main())

    ended = ends_of(told)
    assert len(gauge.seen) == 3
    assert len(ended) == 100
    assert all(isinstance(delivery.error, DispatcherClosedError) for delivery in ended)
    assert virtual_clock.elapsed == 1.0
    assert caplog.text == ""


def test_a_dispatcher_whose_tasks_were_cancelled_is_closed(virtual_clock, memory_receiver):
    """It says so; closing it is allowed."""

    async def main() -> None:
        dispatcher = AsyncDispatcher(transport=memory_receiver("timeout").transport, clock=virtual_clock)
        first = await dispatcher.submit(numbered(1), group())
        behind = await dispatcher.submit(numbered(1), group())
        for task in asyncio.all_tasks() - {asyncio.current_task()}:
            task.cancel()
        for handle in (first, behind):
            (delivery,) = (await handle.result(timeout=1)).deliveries
            assert isinstance(delivery.error, DispatcherClosedError)
        with pytest.raises(DispatcherClosedError, match="its tasks were cancelled"):
            await dispatcher.submit(numbered(2), group())
        assert dispatcher._backlog.count == 0
        await dispatcher.close()

    virtual_clock.run(main())


def test_on_a_new_loop_a_dispatcher_has_its_whole_backlog(virtual_clock, memory_receiver):
    """What waited for a retry when the old loop ended is gone with it."""
    dispatcher = AsyncDispatcher(transport=memory_receiver("500").transport, clock=virtual_clock, backlog=2)

    async def main() -> int:
        for number in range(2):
            await dispatcher.submit(numbered(number), group())
        await asyncio.sleep(1)
        return dispatcher._backlog.count

    assert [virtual_clock.run(main()) for _ in range(3)] == [2, 2, 2]


def test_a_transport_that_is_cancelled_from_within_harms_its_delivery_only(virtual_clock, memory_receiver):
    """Its own inner task was cancelled, not the attempt."""

    class Inner:
        async def send(self, request: Request, *, deadline: float) -> Reply:
            if "bad" in request.url:
                raise asyncio.CancelledError
            return Reply(status_code=200)

    async def main() -> DispatchReport:
        async with AsyncDispatcher(transport=Inner(), clock=virtual_clock) as dispatcher:
            bad = await dispatcher.dispatch(numbered(1), group("https://bad.example/"))
            assert not bad.ok
            return await dispatcher.dispatch(numbered(1), group())

    assert virtual_clock.run(main()).ok


def test_a_transport_that_cancels_its_own_task_ends_nothing_else(virtual_clock):
    """As timeouts did before Python 3.11: cancelled, caught, and the count of it left behind."""

    class Old:
        async def send(self, request: Request, *, deadline: float) -> Reply:
            task = asyncio.current_task()
            assert task is not None
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.sleep(0)
            return Reply(status_code=200)

    async def main() -> int:
        async with AsyncDispatcher(transport=Old(), clock=virtual_clock) as dispatcher:
            for number in range(50):
                await dispatcher.submit(numbered(number), group(limit=1))
            assert await dispatcher.drain()
            return dispatcher.stats().delivered

    assert virtual_clock.run(main()) == 50


def test_draining_a_closed_dispatcher_is_done(virtual_clock, memory_receiver):
    """There is nothing left; likewise before its first use."""

    async def main() -> None:
        dispatcher = AsyncDispatcher(transport=memory_receiver("500").transport, clock=virtual_clock)
        assert await dispatcher.drain()
        await dispatcher.submit(numbered(1), group())
        await dispatcher.close()
        assert await dispatcher.drain()

    virtual_clock.run(main())
    synchronous = Dispatcher(transport=memory_receiver(200).transport)
    assert synchronous.drain()
    synchronous.submit(numbered(1), group())
    synchronous.close()
    assert synchronous.drain()


@pytest.mark.parametrize("timeout", [0.5, None])
def test_a_drain_tells_whether_all_was_settled(virtual_clock, memory_receiver, timeout):
    """Retries included; closing then gives what is left its end."""

    async def main() -> bool:
        dispatcher = AsyncDispatcher(transport=memory_receiver("500,200").transport, clock=virtual_clock)
        handle = await dispatcher.submit(numbered(1), group())
        drained = await dispatcher.drain(timeout)
        await dispatcher.close()
        assert (await handle.result(timeout=1)).ok is drained
        return drained

    assert virtual_clock.run(main()) is (timeout is None)
    assert virtual_clock.elapsed == (5.0 if timeout is None else timeout)


def test_a_synchronous_drain_tells_it_too(memory_receiver):
    """In time, and too late."""
    with Dispatcher(transport=memory_receiver("timeout").transport) as dispatcher:
        dispatcher.submit(numbered(1), group())
        assert not dispatcher.drain(timeout=0)
        dispatcher.close(timeout=0)


def test_who_drains_again_and_again_leaves_nothing_behind(virtual_clock, memory_receiver):
    """While a delivery hangs."""

    async def main() -> None:
        async with AsyncDispatcher(
            transport=memory_receiver("timeout").transport, clock=virtual_clock, timeout=1000
        ) as dispatcher:
            await dispatcher.submit(numbered(1), group())
            for _ in range(50):
                assert not await dispatcher.drain(timeout=1)
            assert dispatcher._engine is not None
            assert dispatcher._engine._emptied == set()
            await dispatcher.close(timeout=0)

    virtual_clock.run(main())

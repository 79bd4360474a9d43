"""What is not meant to happen: interrupts, hooks in the middle, a transport that two share."""

from __future__ import annotations

import asyncio
import contextlib
from concurrent.futures import Future
from typing import Any

import attrs
import pytest

from alarm_dispatch import AsyncDispatcher, Delivery, Dispatcher
from alarm_dispatch.clock import SystemClock
from alarm_dispatch.confirmation import Confirmation
from alarm_dispatch.engine.attempt import make_request
from alarm_dispatch.errors import DeliveryExpiredError, DispatcherClosedError
from alarm_dispatch.exchange import Reply, Request
from alarm_dispatch.testing import MemoryReceiver

from ..dispatch.alarms import group, numbered
from .made import callback, ends_of, job


def test_an_interrupt_in_a_transport_ends_its_delivery_and_goes_on(virtual_clock):
    """The person at the keyboard wants more than that one to end."""
    told: list[Any] = []

    def interrupted(_request: Request) -> Reply:
        raise KeyboardInterrupt

    async def main() -> None:
        transport = MemoryReceiver(interrupted).transport
        dispatcher = AsyncDispatcher(transport=transport, clock=virtual_clock, hooks=[told.append])
        await dispatcher.dispatch(numbered(1), group())

    with pytest.raises(KeyboardInterrupt):
        virtual_clock.run(main())

    (delivery,) = ends_of(told)
    assert isinstance(delivery.error, KeyboardInterrupt)


def test_a_hook_that_submits_while_the_engine_chooses_is_served(virtual_clock, memory_receiver):
    """It is told of what is too old to be sent, just when the next one is looked for."""
    receiver = memory_receiver("delay:2:200")

    def instead(event: object) -> None:
        if isinstance(event, Delivery) and isinstance(event.error, DeliveryExpiredError):
            with pytest.raises(StopIteration):
                dispatcher.submit(numbered(9), group("https://other.example/")).send(None)

    dispatcher = AsyncDispatcher(transport=receiver.transport, clock=virtual_clock, hooks=[instead])

    async def main() -> None:
        async with dispatcher:
            for _ in range(2):
                await dispatcher.submit(numbered(0), group(limit=1, max_age=1))
            assert await dispatcher.drain()
            stats = dispatcher.stats()
            assert (stats.delivered, stats.failed) == (2, 1)

    virtual_clock.run(main())

    receiver.assert_arrivals([0, 2])


def test_who_drains_may_be_cancelled_at_the_very_end(virtual_clock, memory_receiver):
    """By a hook that is told of the last delivery."""
    draining: list[asyncio.Task[bool]] = []

    def cancel(event: object) -> None:
        if isinstance(event, Delivery):
            draining[0].cancel()

    async def main() -> None:
        transport = memory_receiver("delay:1:200").transport
        async with AsyncDispatcher(transport=transport, clock=virtual_clock, hooks=[cancel]) as dispatcher:
            await dispatcher.submit(numbered(1), group())
            draining.extend(asyncio.create_task(dispatcher.drain()) for _ in range(2))
            with pytest.raises(asyncio.CancelledError):
                await draining[0]
            assert await draining[1]

    virtual_clock.run(main())


def test_a_transport_is_closed_by_the_last_who_used_it(virtual_clock, memory_receiver):
    """Two dispatchers of one loop may share it."""

    class Closing(type(memory_receiver(200).transport)):  # type: ignore[misc]
        closed = 0

        async def aclose(self) -> None:
            self.closed += 1

    transport, closed = Closing(200), []

    async def main() -> None:
        dispatchers = [AsyncDispatcher(transport=transport, clock=virtual_clock) for _ in range(2)]
        for dispatcher in dispatchers:
            await dispatcher.dispatch(numbered(1), group())
        for dispatcher in dispatchers:
            await dispatcher.close()
            closed.append(transport.closed)

    virtual_clock.run(main())

    assert closed == [0, 1]


def test_an_attempt_whose_loop_is_gone_ends_without_a_word():
    """A coroutine that is closed must not go on."""

    class Waiting:
        keeps_deadline = True

        async def send(self, request: Request, *, deadline: float) -> Reply:
            await asyncio.sleep(0)
            raise AssertionError("unreachable")

    one = attrs.evolve(job(to=callback()), transport=Waiting())
    attempt = make_request(one, one.request(1, SystemClock().now()), 5.0)
    attempt.send(None)

    attempt.close()

    assert attempt.cr_frame is None


def test_a_confirmation_that_answers_with_no_judgement_is_told(virtual_clock, memory_receiver):
    """One that was made by hand."""
    easy: Any = Confirmation(lambda _reply: True, "easy")

    async def main() -> Delivery:
        transport = memory_receiver(200).transport
        async with AsyncDispatcher(transport=transport, clock=virtual_clock) as dispatcher:
            return (await dispatcher.dispatch(numbered(1), group(confirmation=easy))).deliveries[0]

    delivery = virtual_clock.run(main())

    assert isinstance(delivery.error, TypeError)
    assert str(delivery.error) == "the confirmation answered with a bool, not a Judgement"


def test_a_transport_that_answers_too_late_has_not_answered(virtual_clock):
    """It kept its cancellation to itself; what it says after the deadline does not count."""

    class Stubborn:
        async def send(self, request: Request, *, deadline: float) -> Reply:
            if request.attempt == 1:
                with contextlib.suppress(asyncio.CancelledError):
                    await asyncio.sleep(3600)
                await asyncio.sleep(1)
            return Reply(status_code=200)

    async def main() -> Delivery:
        async with AsyncDispatcher(transport=Stubborn(), clock=virtual_clock, timeout=3) as dispatcher:
            return (await dispatcher.dispatch(numbered(1), group())).deliveries[0]

    late, second = virtual_clock.run(main()).attempts

    assert (late.verdict, late.reason) == ("unknown", "the transport answered after its deadline")
    assert late.duration == 4.0
    assert second.confirmed


def test_an_interrupt_while_closing_leaves_no_handle_without_an_end(memory_receiver, monkeypatch):
    """The first wait is cut short; everything is ended then, and the interrupt goes on."""
    dispatcher = Dispatcher(transport=memory_receiver("timeout").transport)
    handles = [dispatcher.submit(numbered(number), group(limit=1)) for number in range(3)]
    thread = dispatcher._thread
    assert thread is not None
    run, interrupts = thread.run, [KeyboardInterrupt()]

    def interrupted(coroutine: Any) -> Future[Any]:
        future = run(coroutine)
        if interrupts:
            monkeypatch.setattr(future, "result", lambda: (_ for _ in ()).throw(interrupts.pop()))
        return future

    monkeypatch.setattr(thread, "run", interrupted)

    with pytest.raises(KeyboardInterrupt):
        dispatcher.close(timeout=60)

    errors = [handle.result(timeout=5).deliveries[0].error for handle in handles]
    assert [type(error) for error in errors] == [DispatcherClosedError] * 3

"""How a dispatcher ends: bounded, and every handle gets its result."""

from __future__ import annotations

import asyncio

import pytest

from alarm_dispatch import AsyncDispatcher, Delivery, DispatchReport
from alarm_dispatch.errors import DispatcherClosedError
from alarm_dispatch.exchange import Reply, Request
from alarm_dispatch.testing import MemoryReceiver

from .alarms import group, numbered


def test_closing_ends_what_waits_for_a_later_attempt_at_once(virtual_clock, memory_receiver):
    """Its wait is not served, and what is behind it in its alarm is still sent when it is due."""
    receiver = memory_receiver("500,200")

    async def main() -> list[DispatchReport]:
        async with AsyncDispatcher(transport=receiver.transport, clock=virtual_clock) as dispatcher:
            one_group = group()
            handles = [await dispatcher.submit(numbered(1), one_group) for _ in range(2)]
            await asyncio.sleep(1)
        return [await handle.result() for handle in handles]

    waiting, behind = virtual_clock.run(main())

    assert isinstance(waiting.deliveries[0].error, DispatcherClosedError)
    assert len(waiting.deliveries[0].attempts) == 1
    assert behind.ok
    assert virtual_clock.elapsed == 1.0


def test_closing_lets_due_deliveries_go_on(virtual_clock, memory_receiver):
    """What was submitted just before the end is sent, beyond the lane's limit too."""
    receiver = memory_receiver("delay:1:200")

    async def main() -> list[bool]:
        async with AsyncDispatcher(transport=receiver.transport, clock=virtual_clock) as dispatcher:
            handles = [await dispatcher.submit(numbered(number), group(limit=2)) for number in range(6)]
        return [(await handle.result()).ok for handle in handles]

    assert virtual_clock.run(main()) == [True] * 6
    assert virtual_clock.elapsed == 3.0


def test_closing_cancels_what_outlasts_its_timeout(virtual_clock, memory_receiver):
    """In flight: unknown. Queued: not sent. Each handle has its end."""
    receiver = memory_receiver("timeout")

    async def main() -> list[DispatchReport]:
        dispatcher = AsyncDispatcher(transport=receiver.transport, clock=virtual_clock)
        handles = [await dispatcher.submit(numbered(number), group(limit=1)) for number in range(3)]
        await dispatcher.close(timeout=2.0)
        return [await handle.result() for handle in handles]

    in_flight, *queued = virtual_clock.run(main())

    assert virtual_clock.elapsed == 2.0
    (attempt,) = in_flight.deliveries[0].attempts
    assert attempt.verdict == "unknown"
    assert isinstance(in_flight.deliveries[0].error, DispatcherClosedError)
    assert all(isinstance(report.deliveries[0].error, DispatcherClosedError) for report in queued)
    assert all(report.deliveries[0].attempts == () for report in queued)
    assert len(receiver.requests) == 1


def test_a_failure_while_closing_is_not_waited_for(virtual_clock, memory_receiver):
    """The attempt that ends meanwhile is the delivery's last."""
    receiver = memory_receiver("delay:1:500,200")

    async def main() -> DispatchReport:
        dispatcher = AsyncDispatcher(transport=receiver.transport, clock=virtual_clock)
        handle = await dispatcher.submit(numbered(1), group())
        await asyncio.sleep(0)
        await dispatcher.close()
        return await handle.result()

    report = virtual_clock.run(main())

    assert virtual_clock.elapsed == 1.0
    assert isinstance(report.deliveries[0].error, DispatcherClosedError)
    assert report.deliveries[0].attempts[0].retry_in is None


def test_a_transport_that_swallows_its_cancellation_holds_nobody(virtual_clock, caplog):
    """The handle gets its end although the request does not; its late answer settles nothing again."""
    released, told = asyncio.Event(), list[object]()

    async def stubborn(_request: Request) -> Reply:
        while not released.is_set():
            try:
                await asyncio.sleep(3600)
            except asyncio.CancelledError:
                continue
        return Reply(status_code=200)

    class Stubborn:
        keeps_deadline = True

        async def send(self, request: Request, *, deadline: float) -> Reply:
            return await stubborn(request)

    async def main() -> DispatchReport:
        dispatcher = AsyncDispatcher(transport=Stubborn(), clock=virtual_clock, hooks=[told.append])
        handle = await dispatcher.submit(numbered(1), group())
        await asyncio.sleep(0)
        await dispatcher.close(timeout=0)
        report = await handle.result()
        released.set()
        await asyncio.sleep(3601)
        assert dispatcher._backlog.count == 0
        return report

    report = virtual_clock.run(main())

    assert isinstance(report.deliveries[0].error, DispatcherClosedError)
    assert "transport Stubborn ignored its cancellation" in caplog.text
    assert [event for event in told if isinstance(event, Delivery)] == list(report.deliveries)


def test_a_closed_dispatcher_takes_nothing(virtual_clock, memory_receiver):
    """Closing twice is allowed."""

    async def main() -> None:
        dispatcher = AsyncDispatcher(transport=memory_receiver(200).transport, clock=virtual_clock)
        await dispatcher.dispatch(numbered(1), group())
        await dispatcher.close()
        await dispatcher.close()
        with pytest.raises(DispatcherClosedError):
            await dispatcher.submit(numbered(1), group())
        with pytest.raises(DispatcherClosedError):
            await dispatcher.verify(group().callbacks[0])

    virtual_clock.run(main())


def test_a_cancelled_block_closes_at_once(virtual_clock, memory_receiver):
    """Who is cancelled wants out; the delivery in flight is cut off."""
    receiver = memory_receiver("timeout")
    reports = []

    async def work() -> None:
        async with AsyncDispatcher(transport=receiver.transport, clock=virtual_clock) as dispatcher:
            handle = await dispatcher.submit(numbered(1), group())
            try:
                await handle.result()
            finally:
                reports.append(handle)

    async def main() -> None:
        task = asyncio.create_task(work())
        await asyncio.sleep(1)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert isinstance((await reports[0].result()).deliveries[0].error, DispatcherClosedError)

    virtual_clock.run(main())

    assert virtual_clock.elapsed == 1.0


def test_the_end_of_the_loop_ends_the_deliveries(virtual_clock, memory_receiver):
    """Without a close the loop cancels the attempts; nothing is left behind unsettled."""
    told: list[object] = []

    async def main() -> None:
        dispatcher = AsyncDispatcher(
            transport=memory_receiver("timeout").transport, clock=virtual_clock, hooks=[told.append]
        )
        await dispatcher.submit(numbered(1), group())
        await asyncio.sleep(0)

    virtual_clock.run(main())

    attempt, delivery = told
    assert attempt.verdict == "unknown"  # type: ignore[attr-defined]
    assert isinstance(delivery.error, DispatcherClosedError)  # type: ignore[attr-defined]


def test_closing_closes_the_transports_that_were_used(virtual_clock, memory_receiver, caplog):
    """One that raises or hangs there does not stop the others."""
    closed = []

    class Closing:
        keeps_deadline = True

        def __init__(self, fault: BaseException | None) -> None:
            self._fault = fault

        async def send(self, request: Request, *, deadline: float) -> Reply:
            return Reply(status_code=200)

        async def aclose(self) -> None:
            closed.append(self)
            if self._fault is not None:
                raise self._fault
            await asyncio.sleep(3600)

    class Slotted:
        """Cannot be referred to weakly, so it is left to its owner."""

        __slots__ = ()
        keeps_deadline = True

        async def send(self, request: Request, *, deadline: float) -> Reply:
            return Reply(status_code=200)

        async def aclose(self) -> None:
            raise AssertionError("not the dispatcher's to close")

    transports = [Closing(RuntimeError("cannot close")), Closing(None), Slotted()]

    async def main() -> None:
        async with AsyncDispatcher(clock=virtual_clock) as dispatcher:
            for number, transport in enumerate(transports):
                one_group = group(f"https://receiver-{number}.example/", transport=transport)
                assert (await dispatcher.dispatch(numbered(1), one_group)).ok

    virtual_clock.run(main())

    assert len(closed) == 2
    assert caplog.text.count("could not be closed") == 2


def test_a_handle_may_time_out_and_be_asked_again(virtual_clock, memory_receiver):
    """Waiting too short harms nothing."""

    async def main() -> None:
        transport = memory_receiver("delay:3:200").transport
        async with AsyncDispatcher(transport=transport, clock=virtual_clock) as dispatcher:
            handle = await dispatcher.submit(numbered(1), group())
            with pytest.raises(TimeoutError):
                await handle.result(timeout=1.0)
            assert not handle.done()
            assert (await handle.result(timeout=30)).ok
            assert handle.done()

    virtual_clock.run(main())


def test_empty_lanes_are_forgotten(virtual_clock, memory_receiver, monkeypatch):
    """Callbacks that are made anew for each alarm leave a few lanes behind: the latest, for their figures."""
    monkeypatch.setattr("alarm_dispatch.engine.queues._KEPT_IDLE", 3)
    urls = [f"https://receiver-{number}.example/" for number in range(50)]

    async def main() -> list[str]:
        transport = memory_receiver("500,200").transport
        async with AsyncDispatcher(transport=transport, clock=virtual_clock) as dispatcher:
            for url in (*urls, urls[48]):
                await dispatcher.dispatch(numbered(1), group(url))
            return [lane.callback for lane in dispatcher.stats().lanes]

    assert virtual_clock.run(main()) == [f"tencent {url}" for url in (urls[47], urls[48], urls[49])]


def test_one_dispatcher_serves_one_loop_at_a_time(memory_receiver):
    """A loop that has ended gives way to the next; a living one does not."""
    from alarm_dispatch.errors import WrongThreadError
    from alarm_dispatch.testing import VirtualClock

    clock = VirtualClock()
    dispatcher = AsyncDispatcher(transport=memory_receiver(200).transport, clock=clock)

    assert clock.run(dispatcher.dispatch(numbered(1), group())).ok
    assert clock.run(dispatcher.dispatch(numbered(1), group())).ok

    other = clock.new_event_loop()
    other.run_until_complete(dispatcher.dispatch(numbered(1), group()))
    with pytest.raises(WrongThreadError):
        clock.run(dispatcher.dispatch(numbered(1), group()))
    other.close()


def test_a_memory_receiver_can_be_shared_by_dispatchers(virtual_clock):
    """A transport belongs to whoever uses it, not to one dispatcher."""
    receiver = MemoryReceiver(200)

    async def main() -> None:
        for _ in range(2):
            async with AsyncDispatcher(transport=receiver.transport, clock=virtual_clock) as dispatcher:
                assert (await dispatcher.dispatch(numbered(1), group())).ok

    virtual_clock.run(main())

    assert len(receiver.requests) == 2

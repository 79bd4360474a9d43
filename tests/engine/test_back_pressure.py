"""A full backlog: who submits is told, or waits in turn, and no room is lost."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

import pytest

from alarm_dispatch import AlarmGroup, AsyncDispatcher, Callback, Dispatcher
from alarm_dispatch.errors import BacklogFullError, DispatcherClosedError, InvalidFieldError

from ..dispatch.alarms import URL, group, numbered
from ..dispatch.test_faults import _Broken


def test_at_the_bound_submit_raises_and_takes_nothing(virtual_clock, memory_receiver):
    """A group that does not fit as a whole is not begun."""
    receiver = memory_receiver("delay:1:200")

    async def main() -> None:
        async with AsyncDispatcher(
            transport=receiver.transport, clock=virtual_clock, backlog=3
        ) as dispatcher:
            two = group("https://one.example/", "https://two.example/")
            await dispatcher.submit(numbered(1), two)
            with pytest.raises(BacklogFullError) as full:
                await dispatcher.submit(numbered(2), two)
            assert (full.value.unsettled, full.value.wanted, full.value.limit) == (2, 2, 3)
            assert dispatcher.stats().submitted == 2
            await dispatcher.submit(numbered(3), group())
            assert await dispatcher.drain()
            await dispatcher.dispatch(numbered(4), two)

    virtual_clock.run(main())

    assert len(receiver.requests) == 5


def test_a_group_larger_than_the_backlog_is_never_taken(virtual_clock, memory_receiver):
    """Nor waited for."""

    async def main() -> None:
        transport = memory_receiver(200).transport
        async with AsyncDispatcher(transport=transport, clock=virtual_clock, backlog=1) as dispatcher:
            with pytest.raises(BacklogFullError):
                await dispatcher.submit(numbered(1), group(URL, "https://two.example/"), wait=True)

    virtual_clock.run(main())


def test_waiting_submits_are_let_in_in_turn(virtual_clock, memory_receiver):
    """One for each delivery that settles."""
    receiver = memory_receiver("delay:1:200")
    order: list[tuple[int, float]] = []

    async def main() -> None:
        async with AsyncDispatcher(
            transport=receiver.transport, clock=virtual_clock, backlog=2
        ) as dispatcher:

            async def submit(number: int) -> None:
                await dispatcher.submit(numbered(number), group(limit=1), wait=True)
                order.append((number, virtual_clock.elapsed))

            async with asyncio.TaskGroup() as tasks:
                for number in range(5):
                    tasks.create_task(submit(number))

    virtual_clock.run(main())

    assert order == [(0, 0.0), (1, 0.0), (2, 1.0), (3, 2.0), (4, 3.0)]
    assert len(receiver.requests) == 5


def test_what_cannot_be_built_gives_its_room_back(virtual_clock, memory_receiver):
    """It is settled at once."""

    async def main() -> None:
        transport = memory_receiver(200).transport
        async with AsyncDispatcher(transport=transport, clock=virtual_clock, backlog=2) as dispatcher:
            broken = Callback(URL, format=_Broken(ZeroDivisionError("broken")))
            for _ in range(5):
                report = await dispatcher.dispatch(numbered(1), AlarmGroup("oncall", callbacks=[broken] * 2))
                assert len(report.failed) == 2
            assert dispatcher._backlog.count == 0

    virtual_clock.run(main())


def test_a_verification_counts_as_unsettled(virtual_clock, memory_receiver):
    """It is refused at the bound as any delivery is, and gives its room back."""

    async def main() -> None:
        transport = memory_receiver("delay:1:200").transport
        async with AsyncDispatcher(transport=transport, clock=virtual_clock, backlog=1) as dispatcher:
            await dispatcher.submit(numbered(1), group())
            with pytest.raises(BacklogFullError):
                await dispatcher.verify(group().callbacks[0])
            await dispatcher.drain()
            assert (await dispatcher.verify(group().callbacks[0])).ok
            assert dispatcher._backlog.count == 0

    virtual_clock.run(main())


@pytest.mark.parametrize("moment", ["while it waits", "after it was let in", "before it was let in"])
def test_a_cancelled_wait_gives_its_room_to_the_next(virtual_clock, memory_receiver, moment):
    """Whichever comes first, the room or the cancellation."""

    async def main() -> None:
        transport = memory_receiver("delay:1:200").transport
        async with AsyncDispatcher(transport=transport, clock=virtual_clock, backlog=2) as dispatcher:
            dispatcher._backlog.reserve(1)
            await dispatcher.submit(numbered(0), group())
            first, second = (
                asyncio.create_task(dispatcher.submit(numbered(number), group(), wait=True))
                for number in (1, 2)
            )
            await asyncio.sleep(0.5)
            if moment == "while it waits":
                first.cancel()
            elif moment == "before it was let in":
                first.cancel()
                dispatcher._backlog.release()
            else:
                dispatcher._backlog.release()
                first.cancel()
            with pytest.raises(asyncio.CancelledError):
                await first
            if moment == "while it waits":
                dispatcher._backlog.release()
            assert (await (await second).result()).ok
            await dispatcher.drain()
            assert dispatcher._backlog.count == 0

    virtual_clock.run(main())


def test_closing_ends_every_wait(virtual_clock, memory_receiver):
    """Each of those who wait is told, one after the other."""

    async def main() -> None:
        transport = memory_receiver("timeout").transport
        dispatcher = AsyncDispatcher(transport=transport, clock=virtual_clock, backlog=1)
        handle = await dispatcher.submit(numbered(0), group())
        waiting = [
            asyncio.create_task(dispatcher.submit(numbered(number), group(), wait=True))
            for number in range(5)
        ]
        await asyncio.sleep(1)
        await dispatcher.close(timeout=1)
        ends = await asyncio.gather(*waiting, return_exceptions=True)
        assert {type(end) for end in ends} == {DispatcherClosedError}
        assert handle.done()
        assert dispatcher._backlog.count == 0

    virtual_clock.run(main())


def test_threads_are_told_as_well(memory_receiver):
    """From many threads at once: each submit is taken or refused, and the counts agree."""
    refused: list[int] = []
    taken: list[Any] = []
    started = threading.Barrier(8)

    with Dispatcher(transport=memory_receiver(200).transport, backlog=4) as dispatcher:

        def work(number: int) -> None:
            started.wait()
            for _ in range(100):
                try:
                    taken.append(dispatcher.submit(numbered(number), group()))
                except BacklogFullError:
                    refused.append(number)

        threads = [threading.Thread(target=work, args=[number]) for number in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert dispatcher.drain(timeout=30)
        stats = dispatcher.stats()

    assert len(taken) + len(refused) == 800
    assert taken
    assert all(handle.result().ok for handle in taken)
    assert stats.delivered == stats.submitted == len(taken)
    assert dispatcher._backlog.count == 0


@pytest.mark.parametrize("kind", [AsyncDispatcher, Dispatcher])
@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"limit": 0}, "limit: must be an integer of at least 1, not 0"),
        ({"limit": -1}, "limit: must be an integer of at least 1, not -1"),
        ({"limit": True}, "limit: must be an integer of at least 1, not True"),
        ({"limit": 1.0}, "limit: must be an integer of at least 1, not 1.0"),
        ({"backlog": 0}, "backlog: must be an integer of at least 1, not 0"),
        ({"backlog": None}, "backlog: must be an integer of at least 1, not None"),
        ({"circuit": "x"}, "circuit: must be a Circuit, True or False, not str"),
        ({"circuit": 5}, "circuit: must be a Circuit, True or False, not int"),
        ({"max_retry_after": -1}, "max_retry_after: must be at least 0 seconds, not -1"),
        ({"hooks": [print, 5]}, "hooks: must be callable; an int is not"),
        ({"max_retry_after": "60"}, "max_retry_after: must be an int or a float, not str"),
        ({"max_retry_after": float("inf")}, "max_retry_after: must be finite, not inf"),
    ],
)
def test_bad_settings_are_told_when_it_is_made(kind, settings, told):
    """With the value and what is allowed."""
    with pytest.raises(InvalidFieldError) as failure:
        kind(**settings)

    assert str(failure.value) == told


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"limit": 0}, "Callback.limit: must be at least 1, not 0"),
        ({"limit": 1.5}, "Callback.limit: must be an integer, not 1.5"),
        ({"rate": 0}, "Callback.rate: is no rate: 0"),
        ({"circuit": "x"}, "Callback.circuit: must be a Circuit, True or False, not str"),
        ({"supersede": 1}, "Callback.supersede: must be a bool, not int"),
        ({"max_age": 0}, "Callback.max_age: must be more than 0 seconds, not 0"),
        ({"max_age": "5"}, "Callback.max_age: must be an int or a float, not str"),
    ],
)
def test_bad_settings_of_a_callback_are_told_when_it_is_made(settings, told):
    """Not at the first alarm."""
    with pytest.raises(InvalidFieldError) as failure:
        Callback(URL, format="tencent", **settings)

    assert str(failure.value).startswith(told)

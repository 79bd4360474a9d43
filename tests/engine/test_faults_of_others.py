"""What users' objects do wrong costs their own delivery and nothing else."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from alarm_dispatch import AsyncDispatcher, Delivery, Dispatcher, RetrySchedule, Verdict
from alarm_dispatch.errors import TransportError
from alarm_dispatch.exchange import Reply, Request
from alarm_dispatch.testing import MemoryReceiver

from ..dispatch.alarms import group, numbered


class _MuteError(Exception):
    def __str__(self) -> str:
        raise ZeroDivisionError


class _Faulty:
    """A transport that answers as ``instead`` does."""

    def __init__(self, instead: Any) -> None:
        self._instead = instead

    async def send(self, request: Request, *, deadline: float) -> Reply:
        return self._instead()  # type: ignore[no-any-return]


def _raise(error: BaseException) -> Reply:
    raise error


@pytest.mark.parametrize(
    "instead",
    [
        lambda: _raise(_MuteError()),
        lambda: _raise(TransportError(Verdict.UNKNOWN, None)),  # type: ignore[arg-type]
        lambda: _raise(TransportError(Verdict.UNKNOWN, OSError("x"))),  # type: ignore[arg-type]
        lambda: _raise(TransportError("gone", "x")),  # type: ignore[arg-type]
        lambda: Reply(status_code=429, headers=(("Retry-After", 20),)),  # type: ignore[arg-type]
        lambda: Reply(status_code=503, headers={"Retry-After": "1"}),  # type: ignore[arg-type]
    ],
)
def test_a_fault_that_cannot_be_told_frees_its_place(virtual_clock, instead):
    """Each delivery ends, also those behind the first of their alarm, and the lane is empty."""

    async def main() -> None:
        async with AsyncDispatcher(transport=_Faulty(instead), clock=virtual_clock) as dispatcher:
            to = group(limit=2, schedule=RetrySchedule(attempts=1))
            handles = [await dispatcher.submit(numbered(number // 2), to) for number in range(8)]
            assert await dispatcher.drain(60)
            reports = [await handle.result() for handle in handles]
            assert not any(report.ok for report in reports)
            assert all(report.deliveries[0].outcome for report in reports)
            (lane,) = dispatcher.stats().lanes
            assert (lane.in_flight, lane.waiting, lane.failed) == (0, 0, 8)

    virtual_clock.run(main())


def test_a_hook_that_submits_at_once_settles_nothing_twice(virtual_clock):
    """As a task does that is eager: what supersedes comes in while the one before it is told of."""
    sent: list[str] = []
    settled: list[tuple[str, str]] = []
    ids = iter("ABC")

    def answer(request: Any) -> Reply:
        return Reply(status_code=500)

    def submit_at_once(event: object) -> None:
        if isinstance(event, Delivery):
            settled.append((event.id, str(event.status)))
            if event.id == "A":
                with pytest.raises(StopIteration):
                    dispatcher.submit(numbered(1), to).send(None)
        else:
            sent.append(event.delivery_id)  # type: ignore[attr-defined]

    to = group(supersede=True, schedule=RetrySchedule(attempts=1))
    dispatcher = AsyncDispatcher(
        transport=MemoryReceiver(answer).transport,
        clock=virtual_clock,
        hooks=[submit_at_once],
        new_id=lambda: next(ids),
        backlog=3,
    )

    async def main() -> None:
        async with dispatcher:
            for _ in range(2):
                await dispatcher.submit(numbered(1), to)
            assert await dispatcher.drain(60)
            assert dispatcher._backlog.count == 0

    virtual_clock.run(main())

    assert sent == ["A", "C"]
    assert sorted(settled) == [("A", "failed"), ("B", "superseded"), ("C", "failed")]


class _CancelsItself:
    """A transport that cancels the task it runs in, the first time."""

    def __init__(self) -> None:
        self._calls = 0

    async def send(self, request: Request, *, deadline: float) -> Reply:
        self._calls += 1
        if self._calls == 1:
            task = asyncio.current_task()
            assert task is not None
            task.cancel()
            await asyncio.sleep(0)
        return Reply(status_code=200)


def test_a_transport_that_cancels_its_task_ends_one_delivery():
    """The synchronous dispatcher's loop is its own, so that nobody else can mean more by it."""
    with Dispatcher(transport=_CancelsItself()) as dispatcher:
        handles = [dispatcher.submit(numbered(number // 2), group()) for number in range(4)]
        reports = [handle.result(10) for handle in handles]

    assert [report.ok for report in reports] == [False, True, True, True]


def test_one_cancelled_task_among_others_is_one_delivery(virtual_clock):
    """On a loop of the user's own: who ends the loop would cancel them all."""

    async def main() -> list[bool]:
        transport = _CancelsItself()
        slow = MemoryReceiver("delay:1:200").transport
        async with AsyncDispatcher(transport=transport, clock=virtual_clock) as dispatcher:
            one = await dispatcher.submit(numbered(1), group("https://a.example/", transport=slow))
            other = await dispatcher.submit(numbered(2), group("https://b.example/"))
            reports = [await one.result(), await other.result()]
            return [report.ok for report in [*reports, await dispatcher.dispatch(numbered(3), group())]]

    assert virtual_clock.run(main()) == [True, False, True]


def test_the_figures_of_the_lanes_add_up_after_a_close(virtual_clock, memory_receiver):
    """Also for what was ended by it, and in total."""

    async def main() -> AsyncDispatcher:
        dispatcher = AsyncDispatcher(transport=memory_receiver("timeout").transport, clock=virtual_clock)
        for number in range(20):
            await dispatcher.submit(numbered(number), group(rate="2/1", limit=1))
        await dispatcher.close(1)
        return dispatcher

    stats = virtual_clock.run(main()).stats()

    assert (stats.waiting, stats.in_flight, stats.failed) == (0, 0, 20)
    assert [(lane.waiting, lane.in_flight, lane.failed) for lane in stats.lanes] == [(0, 0, 20)]

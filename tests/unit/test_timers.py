"""What waits for a time: in the order of the times, by one timer."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alarm_dispatch.testing import VirtualClock
from alarm_dispatch.timers import TimerHeap


def test_items_come_at_their_times(virtual_clock):
    """Whatever the order in which they were put in; those of one time keep that order."""
    came: list[tuple[float, str]] = []

    async def main() -> None:
        loop = asyncio.get_running_loop()
        heap = TimerHeap[str](loop, lambda item: came.append((loop.time(), item)))
        for when, item in ((5, "c"), (1, "a"), (9, "e"), (5, "d"), (3, "b")):
            heap.push(when, item)
        await asyncio.sleep(8)
        assert len(came) == 4
        await asyncio.sleep(2)

    virtual_clock.run(main())

    assert came == [(1, "a"), (3, "b"), (5, "c"), (5, "d"), (9, "e")]


def test_what_is_due_in_the_past_comes_at_once(virtual_clock):
    """Not in the middle of the call that puts it in."""
    came: list[str] = []

    async def main() -> None:
        await asyncio.sleep(10)
        heap = TimerHeap[str](asyncio.get_running_loop(), came.append)
        heap.push(3, "late")
        assert came == []
        await asyncio.sleep(0.001)

    virtual_clock.run(main())

    assert came == ["late"]


def test_who_comes_may_put_in_more(virtual_clock):
    """Also at the same time, and earlier than what waits."""
    came: list[tuple[float, int]] = []

    async def main() -> None:
        loop = asyncio.get_running_loop()

        def due(item: int) -> None:
            came.append((loop.time(), item))
            if item < 4:
                heap.push(loop.time() + item % 2, item + 1)

        heap = TimerHeap[int](loop, due)
        heap.push(1, 1)
        heap.push(50, 99)
        await asyncio.sleep(60)

    virtual_clock.run(main())

    assert came == [(1, 1), (2, 2), (2, 3), (3, 4), (50, 99)]


def test_clearing_tells_what_was_there(virtual_clock):
    """And none of it comes any more."""
    came: list[str] = []

    async def main() -> None:
        heap = TimerHeap[str](asyncio.get_running_loop(), came.append)
        assert heap.clear() == []
        heap.push(1, "a")
        heap.push(2, "b")
        assert sorted(heap.clear()) == ["a", "b"]
        await asyncio.sleep(5)
        heap.push(6, "c")
        await asyncio.sleep(5)

    virtual_clock.run(main())

    assert came == ["c"]


def test_a_hundred_thousand_items_are_one_timer(virtual_clock):
    """What waits costs the event loop nothing."""

    async def main() -> None:
        loop = asyncio.get_running_loop()
        before = len(loop._scheduled)  # type: ignore[attr-defined]
        heap = TimerHeap[int](loop, lambda _item: None)
        for number in range(100_000):
            heap.push(1_000_000 + number, number)
        assert len(loop._scheduled) == before + 1  # type: ignore[attr-defined]
        assert len(asyncio.all_tasks()) == 1
        heap.clear()

    virtual_clock.run(main())


def test_items_that_no_longer_count_are_taken_out_when_they_are_the_most(virtual_clock):
    """The others come all the same, each at its time."""
    came: list[tuple[float, int]] = []
    living = set(range(0, 1_000, 10))

    async def main() -> None:
        loop = asyncio.get_running_loop()
        heap = TimerHeap[int](loop, lambda item: came.append((loop.time(), item)), living.__contains__)
        for number in reversed(range(1_000)):
            heap.push(number, number)
        for number in range(1_000):
            if number not in living:
                heap.discard()
        assert len(heap) < 500
        await asyncio.sleep(1_000)
        assert len(heap) == 0

    virtual_clock.run(main())

    assert [item for _, item in came if item in living] == sorted(living)
    assert all(when == item for when, item in came)


@settings(deadline=None)
@given(st.lists(st.floats(0, 100), max_size=50))
def test_no_item_is_early_or_lost(times):
    """All come, in order, each at its time exactly."""
    clock, came = VirtualClock(), list[tuple[float, float]]()

    async def main() -> None:
        loop = asyncio.get_running_loop()
        heap = TimerHeap[float](loop, lambda item: came.append((loop.time(), item)))
        for when in times:
            heap.push(when, when)
        await asyncio.sleep(101)

    clock.run(main())

    assert came == [(when, when) for when in sorted(times)]


def test_items_that_are_due_already_come_on_uvloop_too():
    """Its handle for a time that has come does not tell that time."""
    uvloop = pytest.importorskip("uvloop")

    async def main() -> list[str]:
        loop = asyncio.get_running_loop()
        came: list[str] = []
        third = loop.create_future()

        def arrive(name: str) -> None:
            came.append(name)
            if name == "three":
                third.set_result(None)

        heap: TimerHeap[str] = TimerHeap(loop, arrive)
        for name in ("one", "two", "three"):
            heap.push(loop.time(), name)
        await asyncio.wait_for(third, 5)
        return came

    assert uvloop.run(main()) == ["one", "two", "three"]


def test_there_is_no_timer_when_nothing_is_waited_for_any_more(virtual_clock):
    """A program that has nothing else to do could end, and a virtual clock has nothing to go to."""

    async def main() -> None:
        loop = asyncio.get_running_loop()
        before = len(loop._scheduled)  # type: ignore[attr-defined]
        heap = TimerHeap[int](loop, lambda _item: None, lambda _item: False)
        for number in range(3):
            heap.push(100 + number, number)
        for _ in range(3):
            heap.discard()
        assert len(heap) == 0
        assert sum(not handle.cancelled() for handle in loop._scheduled) == before  # type: ignore[attr-defined]

    virtual_clock.run(main())


@settings(deadline=None)
@given(st.lists(st.tuples(st.floats(0, 50), st.booleans(), st.floats(0, 50)), max_size=150))
def test_items_that_are_discarded_take_no_other_with_them(plans):
    """Whatever is discarded when: what still counts comes at its time, the rest never."""
    clock, came, gone = VirtualClock(), list[int](), set[int]()

    async def main() -> None:
        loop = asyncio.get_running_loop()
        heap = TimerHeap[int](loop, came.append, lambda item: item not in gone)

        def discard(item: int) -> None:
            if item not in came:
                gone.add(item)
                heap.discard()

        for number, (when, ends_early, until) in enumerate(plans):
            heap.push(when, number)
            if ends_early:
                loop.call_at(until, discard, number)
        await asyncio.sleep(51)
        assert len(heap) == 0

    clock.run(main())

    assert sorted([*came, *gone]) == list(range(len(plans)))
    assert len(came) == len(set(came))

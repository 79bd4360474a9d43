"""Threads for calls that block: so many, and never waited for at the end."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import threading
from collections.abc import Callable
from typing import Any

import pytest

from alarm_dispatch.errors import TransportError
from alarm_dispatch.exchange import Verdict
from alarm_dispatch.transports.slots import Slot, Slots


class Blocked:
    """A call that ends when it is let go."""

    def __init__(self) -> None:
        self._go_on = threading.Event()

    def __call__(self) -> str:
        assert self._go_on.wait(30)
        return "done"

    def let_go(self) -> None:
        self._go_on.set()


def _soon(seconds: float = 30.0) -> float:
    return asyncio.get_running_loop().time() + seconds


def _start(slot: Slot, call: Callable[[], Any]) -> asyncio.Future[Any]:
    return asyncio.ensure_future(asyncio.get_running_loop().run_in_executor(slot, call))


def test_a_slot_is_free_again_when_its_call_is_back() -> None:
    """Whatever it came back with."""

    def fail() -> None:
        raise KeyError("x")

    async def main() -> None:
        slots = Slots(1, 1)
        for _ in range(3):
            assert await _start(await slots.take("a", _soon()), lambda: 1) == 1
            with pytest.raises(KeyError):
                await _start(await slots.take("a", _soon()), fail)

    asyncio.run(main())


@pytest.mark.parametrize(("threads", "each", "lane"), [(1, 1, "a"), (1, 1, "b"), (2, 1, "a")])
def test_who_finds_none_waits_for_one(threads: int, each: int, lane: str) -> None:
    """For one of its own lane where that is full, else for any."""

    async def main() -> None:
        slots, call = Slots(threads, each), Blocked()
        first = _start(await slots.take("a", _soon()), call)
        waiting = asyncio.ensure_future(slots.take(lane, _soon()))
        await asyncio.sleep(0)
        assert not waiting.done()
        call.let_go()
        assert await first == "done"
        assert await _start(await waiting, lambda: 2) == 2

    asyncio.run(main())


def test_a_lane_leaves_room_for_the_others() -> None:
    """One that is full keeps nobody else waiting, not even behind those who wait for it."""

    async def main() -> None:
        slots, blocked, other = Slots(2, 1), Blocked(), Blocked()
        first = _start(await slots.take("a", _soon()), blocked)
        second = _start(await slots.take("b", _soon()), other)
        for_a = asyncio.ensure_future(slots.take("a", _soon()))
        for_c = asyncio.ensure_future(slots.take("c", _soon()))
        await asyncio.sleep(0)
        other.let_go()
        await second
        slot = await for_c
        assert not for_a.done()
        assert await _start(slot, lambda: 3) == 3
        blocked.let_go()
        await first
        assert await _start(await for_a, lambda: 4) == 4

    asyncio.run(main())


@pytest.mark.parametrize("ended", ["by its deadline", "by a cancellation"])
def test_who_waits_no_longer_takes_nothing(ended: str) -> None:
    """The place goes to the next."""

    async def main() -> None:
        slots, call = Slots(1, 1), Blocked()
        first = _start(await slots.take("a", _soon()), call)
        if ended == "by its deadline":
            with pytest.raises(TransportError, match=r"^no thread was free before the deadline$") as caught:
                await slots.take("b", _soon(0.01))
            assert caught.value.verdict is Verdict.UNREACHABLE
        else:
            waiting = asyncio.ensure_future(slots.take("b", _soon()))
            await asyncio.sleep(0)
            waiting.cancel()
            with pytest.raises(asyncio.CancelledError):
                await waiting
        call.let_go()
        await first
        assert await _start(await slots.take("c", _soon()), lambda: 5) == 5

    asyncio.run(main())


def test_who_is_let_in_while_it_gives_up_hands_the_place_on() -> None:
    """It is cancelled in the same turn of the loop."""

    async def main() -> None:
        slots = Slots(1, 1)
        slot = await slots.take("a", _soon())
        waiting = asyncio.ensure_future(slots.take("b", _soon()))
        await asyncio.sleep(0)
        slot._end()  # as its call does on another thread
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        assert await _start(await slots.take("c", _soon()), lambda: 6) == 6

    asyncio.run(main())


@pytest.mark.parametrize(
    ("threads", "each", "lane", "whose"),
    [(1, 1, "a", "all 1 threads for this receiver"), (1, 2, "b", "all 1 threads for all receivers")],
)
def test_where_all_are_stuck_nobody_waits(threads: int, each: int, lane: str, whose: str) -> None:
    """Until a call comes back after all."""

    async def main() -> None:
        slots, call = Slots(threads, each), Blocked()
        slot = await slots.take("a", _soon())
        job = _start(slot, call)
        slot.abandon()
        with pytest.raises(TransportError, match=f"^{whose} are held by earlier calls") as caught:
            await slots.take(lane, _soon())
        assert caught.value.verdict is Verdict.UNREACHABLE
        call.let_go()
        await job
        assert await _start(await slots.take(lane, _soon()), lambda: 7) == 7
        assert not slots._counts.stuck
        assert not slots._counts.calls

    asyncio.run(main())


def test_a_call_that_is_back_is_not_stuck() -> None:
    """It is said of every call when its attempt ends."""

    async def main() -> None:
        slots = Slots(1, 1)
        slot = await slots.take("a", _soon())
        await _start(slot, lambda: 8)
        slot.abandon()
        assert not slots._counts.stuck

    asyncio.run(main())


def test_a_call_that_was_cancelled_before_it_began_is_not_made() -> None:
    """Its slot is free again."""
    made: list[int] = []

    async def main() -> None:
        slots = Slots(1, 1)
        slot = await slots.take("a", _soon())
        future: Any = slot.submit(lambda: None)
        await asyncio.wrap_future(future)
        slot = await slots.take("a", _soon())
        cancelled: Any = type(future)()
        cancelled.cancel()
        slot._run(cancelled, made.append, (1,), {})
        assert await _start(await slots.take("b", _soon()), lambda: 9) == 9

    asyncio.run(main())
    assert made == []


def test_a_thread_that_cannot_be_started_takes_no_place(monkeypatch: pytest.MonkeyPatch) -> None:
    """As at the end of a process."""

    def fail(_thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    async def main() -> None:
        slots = Slots(1, 1)
        with monkeypatch.context() as patched:
            patched.setattr(threading.Thread, "start", fail)
            slot = await slots.take("a", _soon())
            with pytest.raises(RuntimeError, match="can't start new thread"):
                slot.submit(lambda: None)
        assert await _start(await slots.take("a", _soon()), lambda: 1) == 1

    asyncio.run(main())


def test_a_loop_that_is_gone_is_passed_over() -> None:
    """Who waited on it was never told; the place goes to nobody of it."""
    slots, call = Slots(1, 1), Blocked()

    async def main() -> None:
        slot = await slots.take("a", _soon())
        slot.submit(call)

    asyncio.run(main())
    loop = asyncio.new_event_loop()
    waiting = slots.take("b", loop.time() + 30)
    task = loop.create_task(waiting)
    loop.run_until_complete(asyncio.sleep(0))
    loop.close()
    call.let_go()

    async def later() -> int:
        result: int = await _start(await slots.take("c", _soon()), lambda: 1)
        return result

    assert asyncio.run(later()) == 1
    task._log_destroy_pending = False  # type: ignore[attr-defined]  # its loop went away under it
    waiting.close()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")
def test_after_a_fork_all_are_free() -> None:
    """Threads do not survive it."""
    slots, call = Slots(1, 1), Blocked()

    async def main() -> None:
        slot = await slots.take("a", _soon())
        slot.submit(call)
        slot.abandon()

    async def in_the_child() -> int:
        result: int = await _start(await slots.take("a", _soon()), lambda: 1)
        return result

    asyncio.run(main())
    slots._pid -= 1  # as a child finds it

    assert asyncio.run(in_the_child()) == 1
    call.let_go()


def test_a_stuck_call_keeps_no_process_alive() -> None:
    """Nor does it make the end slow."""
    program = (
        "import asyncio, time\n"
        "from alarm_dispatch.transports.slots import Slots\n"
        "async def main():\n"
        "    slot = await Slots(1, 1).take('a', asyncio.get_running_loop().time() + 30)\n"
        "    slot.submit(time.sleep, 600)\n"
        "asyncio.run(main())\n"
    )

    done = subprocess.run([sys.executable, "-c", program], capture_output=True, timeout=30, check=False)

    assert done.returncode == 0, done.stderr

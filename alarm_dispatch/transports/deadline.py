"""The deadlines of attempts, at a tenth of the cost of asyncio's own timeouts."""

from __future__ import annotations

import asyncio
from types import TracebackType

from alarm_dispatch.timers import TimerHeap

__all__ = ["Deadline", "Deadlines"]


class Deadlines:
    """The deadlines of one event loop's requests.

    They share one timer: nearly all are over long before their time, and a timer of the loop for each costs
    more than the rest of what a transport does, on uvloop as on asyncio's own.
    """

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._heap: TimerHeap[Deadline] = TimerHeap(self._loop, Deadline.expire, Deadline.lasts)

    def until(self, when: float) -> Deadline:
        """A block that is cut off at this time of the loop, and then raises TimeoutError.

        ``with deadlines.until(when):`` in a coroutine is ``async with asyncio.timeout_at(when):`` without
        what an attempt never needs: moving it, or having none.
        """
        task = asyncio.current_task(self._loop)
        assert task is not None  # noqa: S101 - for mypy: transports are called in coroutines
        deadline = Deadline(task, self._heap)
        self._heap.push(when, deadline)
        return deadline


class Deadline:
    """One block's."""

    __slots__ = ("_cancelled_before", "_expired", "_heap", "_over", "_task")

    def __init__(self, task: asyncio.Task[object], heap: TimerHeap[Deadline]) -> None:
        self._task = task
        self._heap = heap
        self._expired = self._over = False
        self._cancelled_before = task.cancelling()

    def lasts(self) -> bool:
        """Whether the block is still running."""
        return not self._over

    def expire(self) -> None:
        """Cut the block off."""
        self._expired = True
        self._task.cancel()

    def __enter__(self) -> None:
        return None

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if not self._expired:
            self._over = True
            self._heap.discard()
        elif self._task.uncancel() <= self._cancelled_before and kind is asyncio.CancelledError:
            # Somebody else's cancellation, if there was one too, must go on; this one ends here.
            raise TimeoutError from error

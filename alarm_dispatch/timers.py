"""What waits for a time: one heap and one timer for all of it."""

from __future__ import annotations

import asyncio
import heapq
import itertools
from collections.abc import Callable
from typing import Generic, TypeVar

__all__ = ["TimerHeap"]

_T = TypeVar("_T")

_FEW = 64


class TimerHeap(Generic[_T]):
    """Calls ``due`` with each item when its time has come, in the order of the times.

    A waiting item costs an entry and nothing else: no task, no timer of its own.  ``lives`` tells which
    items still count; the others, each of which :meth:`discard` was told of, do not come.
    """

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        due: Callable[[_T], None],
        lives: Callable[[_T], bool] = lambda _item: True,
    ) -> None:
        self._loop = loop
        self._due = due
        self._lives = lives
        self._stale = 0
        self._heap: list[tuple[float, int, _T]] = []
        self._sequence = itertools.count()
        self._timer: asyncio.Handle | None = None
        # Kept here, as the handle that uvloop gives for a time that has come does not tell its own.
        self._fires_at = 0.0

    def __len__(self) -> int:
        """How many entries there are, also of items that no longer count."""
        return len(self._heap)

    def push(self, when: float, item: _T) -> None:
        """Have ``item`` come at this time of the loop."""
        heapq.heappush(self._heap, (when, next(self._sequence), item))
        self._set_timer()

    def discard(self) -> None:
        """Note that one of the items no longer counts; they are taken out when they are the most."""
        self._stale += 1
        if self._stale == len(self._heap):
            self.clear()  # nothing is waited for, so there shall be no timer
        elif self._stale > _FEW and 2 * self._stale > len(self._heap):
            self._heap = [entry for entry in self._heap if self._lives(entry[2])]
            heapq.heapify(self._heap)
            self._stale = 0

    def sweep(self) -> None:
        """Take out at once what no longer counts, so that it may be put in again for another time."""
        self._heap = [entry for entry in self._heap if self._lives(entry[2])]
        heapq.heapify(self._heap)
        self._stale = 0
        self._set_timer()

    def clear(self) -> list[_T]:
        """Forget everything, and tell what it was."""
        items = [item for _, _, item in self._heap]
        self._heap.clear()
        self._stale = 0
        self._set_timer()
        return items

    def _set_timer(self) -> None:
        first = self._heap[0][0] if self._heap else None
        if self._timer is not None:
            if first is not None and self._fires_at <= first:
                return
            self._timer.cancel()
        self._timer = None
        if first is not None:
            self._timer, self._fires_at = self._loop.call_at(first, self._wake, first), first

    def _wake(self, when: float) -> None:
        self._timer = None
        # The loop fires a timer up to one tick of its clock early; what it fired for is due.
        now = max(self._loop.time(), when)
        while self._heap and self._heap[0][0] <= now:
            item = heapq.heappop(self._heap)[2]
            if self._lives(item):
                self._due(item)
            else:
                self._stale -= 1
        self._set_timer()

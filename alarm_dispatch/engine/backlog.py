"""How much may be unsettled at a time: a bound that is never passed in silence."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable

from alarm_dispatch.errors import BacklogFullError

__all__ = ["Backlog"]


class Backlog:
    """Counts the unsettled deliveries of a dispatcher, from any thread."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._count = 0
        self._lock = threading.Lock()
        self._waiting: deque[tuple[int, Callable[[], bool]]] = deque()

    @property
    def limit(self) -> int:
        """How many may be unsettled."""
        return self._limit

    @property
    def count(self) -> int:
        """How many are unsettled."""
        return self._count

    def reserve(self, count: int) -> None:
        """Make room for ``count`` deliveries, all or none.

        Raises :class:`~alarm_dispatch.errors.BacklogFullError`.
        """
        with self._lock:
            # Those who wait were here first.
            if self._waiting or self._count + count > self._limit:
                raise BacklogFullError(self._count, count, self._limit)
            self._count += count

    def take(self, count: int) -> None:
        """Count ``count`` deliveries that are here already, whether there is room or not."""
        with self._lock:
            self._count += count

    def reserve_or_wait(self, count: int, admitted: Callable[[], bool]) -> bool:
        """The same, and with no room: False, and ``admitted`` is called when there is, in turn.

        It is called under the lock and says whether the room is still wanted.
        Raises :class:`~alarm_dispatch.errors.BacklogFullError` when there never can be.
        """
        with self._lock:
            if count > self._limit:
                raise BacklogFullError(self._count, count, self._limit)
            if not self._waiting and self._count + count <= self._limit:
                self._count += count
                return True
            self._waiting.append((count, admitted))
            return False

    def withdraw(self, admitted: Callable[[], bool]) -> bool:
        """Wait no longer; False when the room was given meanwhile."""
        with self._lock:
            for entry in self._waiting:
                if entry[1] is admitted:
                    self._waiting.remove(entry)
                    self._admit()
                    return True
            return False

    def release(self, count: int = 1) -> None:
        """Give room back, and let those in who wait for it."""
        with self._lock:
            self._count -= count
            if self._waiting:
                self._admit()

    def _admit(self) -> None:
        while self._waiting and self._count + self._waiting[0][0] <= self._limit:
            wanted, admitted = self._waiting.popleft()
            if admitted():
                self._count += wanted

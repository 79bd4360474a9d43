"""How the engine learns what the event loop can take: it times a round now and then, while there is work."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import datetime

from alarm_dispatch.clock import Clock
from alarm_dispatch.engine.window import Window

__all__ = ["Pulse"]

# Seconds between two looks: 1/64, which adds up without rounding, so that the times of a virtual clock stay
# exact.
_BETWEEN = 0.015625
# Seconds for which another fatal alarm is reckoned with.
_HURRY = 1.0


class Pulse:
    """Tells a window how long the event loop takes from one turn to the next.

    ``changed`` is called when the window may have more room.
    """

    def __init__(self, clock: Clock, window: Window, changed: Callable[[], object]) -> None:
        self._loop = asyncio.get_running_loop()
        self._clock = clock
        self._window = window
        self._changed = changed
        self._handle: asyncio.Handle | None = None
        self.hurried_until = 0.0

    def hurry(self) -> None:
        """Go by the pace of fatal alarms for a while."""
        self._window.hurry(True)
        self.hurried_until = self._loop.time() + _HURRY

    def start(self) -> None:
        """Look now and then, from here on."""
        if self._handle is None:
            self._handle = self._loop.call_later(_BETWEEN, self._beat)

    def stop(self) -> None:
        """Look no more: there is nothing to be learned from a loop that waits."""
        if self._handle is not None:
            self._handle.cancel()
            self._handle = None

    def _beat(self) -> None:
        self._handle = self._loop.call_soon(self._begin)

    def _begin(self) -> None:
        # By the wall clock: the loop's own has, on uvloop, a tick of a millisecond.
        self._handle = self._loop.call_soon(self._end, self._clock.now())

    def _end(self, began: datetime) -> None:
        if self._loop.time() > self.hurried_until:
            self._window.hurry(False)
        self._window.loop_took((self._clock.now() - began).total_seconds())
        self._handle = self._loop.call_later(_BETWEEN, self._beat)
        self._changed()

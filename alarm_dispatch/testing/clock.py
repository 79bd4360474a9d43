"""A clock under which asyncio's timers fire at once, each at its exact time."""

from __future__ import annotations

import asyncio
import math
import selectors
import threading
from collections.abc import Callable, Coroutine
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

from alarm_dispatch.errors import InvalidFieldError

__all__ = ["VirtualClock"]

_T = TypeVar("_T")

_DEFAULT_START = datetime(2026, 1, 1, tzinfo=UTC)
_ASYNCIO_RESOLUTION = 1e-9


class VirtualClock:
    """A time that passes only when a loop of this clock has nothing to do but wait.

    The loop then goes straight to its next timer, so that a schedule of hours takes no time and its times
    are exact: sleeps of 5 s and 10 s end at 5.0 and 15.0.  While a job runs in an executor the time stands
    still, and without a timer the loop waits as any other does, so other threads can wake it.

    Limits: nothing under this clock may wait for a real socket or a child process, as the time would not
    wait for it: use the memory transport, or a mock inside the process such as respx.  A job in an executor
    must not wait for a timer of the loop, as the time stands still until it ends.

    ``start`` is the aware time at the beginning.
    """

    def __init__(self, start: datetime = _DEFAULT_START) -> None:
        if start.utcoffset() is None:
            raise InvalidFieldError(
                "VirtualClock.start", "is a naive datetime; give it a zone, for example tzinfo=UTC"
            )
        self._start = start
        self._elapsed = 0.0
        # Two loops in two threads may share the clock, and the time must not go back.
        self._lock = threading.Lock()

    @property
    def elapsed(self) -> float:
        """The seconds since the start: what ``loop.time()`` is in a loop of this clock."""
        return self._elapsed

    def now(self) -> datetime:
        """The aware time, to the microsecond."""
        return self._start + timedelta(seconds=self._elapsed)

    def advance(self, seconds: float) -> None:
        """Let time pass while no loop runs, for example between a crash and the restart.

        Raises :class:`~alarm_dispatch.errors.InvalidFieldError` when the time would go back.
        """
        if not seconds >= 0:
            raise InvalidFieldError("VirtualClock.advance", f"must not be negative, not {seconds!r}")
        self._move_to(self._elapsed + seconds)

    def new_event_loop(self) -> asyncio.AbstractEventLoop:
        """An event loop that lives in this clock's time."""
        return _VirtualLoop(self)

    def run(self, main: Coroutine[Any, Any, _T]) -> _T:
        """Run a coroutine to its end, as :func:`asyncio.run` does, and return its result."""
        with asyncio.Runner(debug=False, loop_factory=self.new_event_loop) as runner:
            return runner.run(main)

    def _move_to(self, when: float) -> None:
        with self._lock:
            self._elapsed = max(self._elapsed, when)


class _Selector(selectors.DefaultSelector):
    """Asks the loop, before it waits for a timer, whether the time can be skipped instead."""

    skip_to_next_timer: Callable[[], bool]

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if timeout is None or timeout <= 0:
            return super().select(timeout)
        # What other threads have sent meanwhile comes first: it may cancel the timer.
        if events := super().select(0):
            return events
        return [] if self.skip_to_next_timer() else super().select(None)


class _VirtualLoop(asyncio.SelectorEventLoop):
    """The stock loop with another time; see :class:`VirtualClock`."""

    def __init__(self, clock: VirtualClock) -> None:
        self._clock = clock
        self._jobs = 0
        selector = _Selector()
        super().__init__(selector)
        selector.skip_to_next_timer = self._skip_to_next_timer

    def time(self) -> float:
        return self._clock.elapsed

    def _skip_to_next_timer(self) -> bool:
        # The timer's own time and not the timeout that select() got: that is a difference of floats, cut
        # at a day.  asyncio has no public name for its timers; the tests notice when this one changes.
        when: float = self._scheduled[0].when()  # type: ignore[attr-defined]
        if self._jobs or math.isinf(when):
            return False
        # A timer fires when it is due before now + resolution, which for a time of some months would be
        # now itself: a nanosecond is too little to be seen beside 2**24 seconds.
        self._clock_resolution = max(_ASYNCIO_RESOLUTION, math.ulp(when))
        self._clock._move_to(when)
        return True

    def run_in_executor(self, executor: Any, func: Any, *args: Any) -> asyncio.Future[Any]:  # type: ignore[override]
        future = super().run_in_executor(executor, func, *args)
        self._jobs += 1
        future.add_done_callback(self._end_job)
        return future

    def _end_job(self, _future: asyncio.Future[Any]) -> None:
        self._jobs -= 1

    async def shutdown_default_executor(self, timeout: float | None = None) -> None:  # noqa: ARG002, ASYNC109
        # asyncio waits for the threads in a thread of its own, with a timer that would fire at once.
        self._jobs += 1
        try:
            await super().shutdown_default_executor()
        finally:
            self._jobs -= 1

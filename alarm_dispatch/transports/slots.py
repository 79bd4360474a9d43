"""Threads for calls that block and cannot be cut off: so many in all, so many for one receiver."""

from __future__ import annotations

import asyncio
import os
import threading
from collections import Counter, deque
from collections.abc import Callable
from concurrent.futures import Executor, Future
from typing import Any, TypeVar

from attrs import define, field

from alarm_dispatch.errors import TransportError
from alarm_dispatch.exchange import Verdict

__all__ = ["Slot", "Slots"]

_T = TypeVar("_T")


@define(eq=False)
class _Waiter:
    """Who waits for a slot of a lane's."""

    lane: str
    loop: asyncio.AbstractEventLoop
    admitted: asyncio.Future[None]


@define(eq=False)
class _Counts:
    """How many calls there are of each lane, and how many of them nobody waits for any more."""

    calls: Counter[str] = field(factory=Counter)
    stuck: Counter[str] = field(factory=Counter)
    waiting: deque[_Waiter] = field(factory=deque)
    lock: threading.Lock = field(factory=threading.Lock)


class Slots:
    """At most ``threads`` calls at a time, ``each`` of one lane; one call is one thread.

    It may be used from several event loops and threads.
    """

    def __init__(self, threads: int, each: int) -> None:
        self._threads = threads
        self._each = each
        self._start_afresh()

    def _start_afresh(self) -> None:
        self._counts = _Counts()
        self._pid = os.getpid()

    async def take(self, lane: str, deadline: float) -> Slot:
        """A slot for a call of this lane, when there is one.

        Raises :class:`~alarm_dispatch.errors.TransportError` (unreachable): at the deadline, a time of the
        running loop, and at once where every slot is held by a call that outlived its own.
        """
        if self._pid != os.getpid():
            self._start_afresh()  # threads do not survive a fork
        counts = self._counts
        loop = asyncio.get_running_loop()
        with counts.lock:
            if self._is_free(lane):
                counts.calls[lane] += 1
                return Slot(counts, lane, self._pass_on)
            self._check_not_stuck(lane)
            waiter = _Waiter(lane, loop, loop.create_future())
            counts.waiting.append(waiter)
        try:
            async with asyncio.timeout_at(deadline):
                await waiter.admitted
        except BaseException as error:
            with counts.lock:
                if waiter in counts.waiting:
                    counts.waiting.remove(waiter)
                else:
                    # It was admitted at the last moment.
                    self._end_call(counts, lane)
            if isinstance(error, TimeoutError):
                told = "no thread was free before the deadline"
                raise TransportError(Verdict.UNREACHABLE, told) from None
            raise
        return Slot(counts, lane, self._pass_on)

    def _is_free(self, lane: str) -> bool:
        calls = self._counts.calls
        return calls[lane] < self._each and calls.total() < self._threads

    def _check_not_stuck(self, lane: str) -> None:
        stuck = self._counts.stuck
        for count, most, whose in (
            (stuck[lane], self._each, "for this receiver"),
            (stuck.total(), self._threads, "for all receivers"),
        ):
            if count >= most:
                told = f"all {most} threads {whose} are held by earlier calls that are not back"
                raise TransportError(Verdict.UNREACHABLE, told)

    def _pass_on(self, counts: _Counts, lane: str) -> None:
        with counts.lock:
            self._end_call(counts, lane)

    def _end_call(self, counts: _Counts, lane: str) -> None:
        """Count a call no more, and let in who waits; the lock is held."""
        counts.calls[lane] -= 1
        if not counts.calls[lane]:
            del counts.calls[lane]  # lanes come and go
        for waiter in tuple(counts.waiting):
            if not self._is_free(waiter.lane):
                continue
            counts.waiting.remove(waiter)
            try:
                waiter.loop.call_soon_threadsafe(_admit, waiter.admitted)
            except RuntimeError:
                continue  # its loop is closed
            counts.calls[waiter.lane] += 1


def _admit(admitted: asyncio.Future[None]) -> None:
    if not admitted.done():
        admitted.set_result(None)


class Slot(Executor):
    """One call's place: an executor that runs one call, in a thread that no process waits for at its end.

    A thread of a pool would be waited for, and a call that never comes back would keep the process alive.
    """

    def __init__(self, counts: _Counts, lane: str, pass_on: Callable[[_Counts, str], None]) -> None:
        self._counts = counts
        self._lane = lane
        self._pass_on = pass_on
        self._over = self._stuck = False

    def submit(self, function: Callable[..., _T], /, *args: Any, **options: Any) -> Future[_T]:
        """Start the call; the slot is free again when it has come back."""
        future: Future[_T] = Future()
        thread = threading.Thread(
            target=self._run,
            args=(future, function, args, options),
            name="alarm-dispatch-service",
            daemon=True,
        )
        try:
            thread.start()
        except BaseException:
            self._end()
            raise
        return future

    def _run(self, future: Future[_T], function: Callable[..., _T], args: Any, options: Any) -> None:
        if not future.set_running_or_notify_cancel():
            self._end()
            return
        try:
            result = function(*args, **options)
        except BaseException as error:  # noqa: BLE001 - it is raised where the call is waited for
            self._end()
            future.set_exception(error)
        else:
            self._end()
            future.set_result(result)

    def _end(self) -> None:
        counts = self._counts
        with counts.lock:
            self._over = True
            if self._stuck:
                counts.stuck[self._lane] -= 1
                if not counts.stuck[self._lane]:
                    del counts.stuck[self._lane]
        self._pass_on(counts, self._lane)

    def abandon(self) -> None:
        """Nobody waits for the call any more; nothing where it has come back."""
        with self._counts.lock:
            if not self._over:
                self._stuck = True
                self._counts.stuck[self._lane] += 1

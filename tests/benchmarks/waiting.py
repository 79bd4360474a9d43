"""The worker of the measures of waiting: 100,000 deliveries whose first attempt was answered with 500."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import time
import tracemalloc
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

from alarm_dispatch import AlarmGroup, AsyncDispatcher, Callback, RetrySchedule

from .alarms import FORMAT, alarms, body
from .ours import AnswersAtOnce
from .run import Stopwatch

__all__ = ["ours_waiting"]

_CHUNK = 1_000
_LATER = RetrySchedule(attempts=3, delays=(3_600, 3_600))


def _resident() -> int:
    """Bytes of this process in memory, where the platform tells it; else 0."""
    status = Path("/proc/self/status")
    if not status.exists():
        return 0
    line = next(line for line in status.read_text().splitlines() if line.startswith("VmRSS:"))
    return int(line.split()[1]) * 1024


class _Attempts:
    """A hook that counts."""

    def __init__(self) -> None:
        self.count = 0

    def __call__(self, _: object) -> None:
        self.count += 1


@contextlib.asynccontextmanager
async def ours_waiting(
    callbacks: int, traced: bool
) -> AsyncIterator[Callable[..., Awaitable[dict[str, Any]]]]:
    """Fills the dispatcher, or looks how much it does while all wait."""
    group_of = [
        AlarmGroup("benchmark", callbacks=[Callback(f"http://127.0.0.1:9/{number}", format=FORMAT)])
        for number in range(callbacks)
    ]
    made = _Attempts()
    dispatcher = AsyncDispatcher(transport=AnswersAtOnce(500), schedule=_LATER, hooks=[made])

    async def fill(start: int, count: int) -> None:
        """Submit in chunks, each of which had its first attempt before the next comes."""
        for first in range(start, start + count, _CHUNK):
            for alarm in alarms(min(_CHUNK, start + count - first), first):
                await dispatcher.submit(alarm, group_of[int(alarm.id[6:]) % callbacks])
            while made.count < min(first + _CHUNK, start + count):
                await asyncio.sleep(0.001)
        await asyncio.sleep(0.05)

    async def burst(order: str, count: int = 0, seconds: float = 0.0) -> dict[str, Any]:
        if order == "idle":
            with Stopwatch() as watch:
                await asyncio.sleep(seconds)
            return watch.told()
        await fill(0, 2 * callbacks)  # what is made once
        gc.collect()
        if traced:
            tracemalloc.start()
        before = tracemalloc.get_traced_memory()[0], _resident()
        started = time.perf_counter()
        await fill(2 * callbacks, count)
        filled = time.perf_counter() - started
        gc.collect()
        stats = dispatcher.stats()
        assert (stats.waiting, stats.in_flight) == (count + 2 * callbacks, 0)
        traced_bytes = tracemalloc.get_traced_memory()[0] - before[0]
        tracemalloc.stop()
        return {
            "traced": traced_bytes / count,
            "resident": (_resident() - before[1]) / count,
            "payload": len(body()),
            "seconds": filled,
        }

    try:
        yield burst
    finally:
        await dispatcher.close(0)

"""Healthy callbacks while 10 % of all accept and never answer: against none dead."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from typing import Any

from alarm_dispatch import AlarmGroup, AsyncDispatcher, Callback

from .alarms import FORMAT, alarms
from .figures import Figure, Skipped, compared
from .one_callback import rates
from .ours import transport
from .run import Run, Stopwatch

__all__ = ["measure", "ours_with_dead"]

_EACH = 10


@contextlib.asynccontextmanager
async def ours_with_dead(
    healthy: list[str], dead: list[str]
) -> AsyncIterator[Callable[..., Awaitable[dict[str, Any]]]]:
    """Each alarm goes to all; the dead ones' deliveries of all bursts stay, time out and are retried."""
    callbacks = [Callback(url, format=FORMAT) for url in healthy]
    for position, url in enumerate(dead):
        callbacks.insert(position * (len(callbacks) // len(dead)), Callback(url, format=FORMAT))
    groups = [AlarmGroup("benchmark", callbacks=[callback]) for callback in callbacks]
    alive = set(healthy)
    numbers = itertools.count(step=1_000_000)
    dispatcher = AsyncDispatcher(transport=transport("aiohttp"))

    async def burst(count: int) -> dict[str, Any]:
        storm, handles = alarms(count, next(numbers)), []
        with Stopwatch() as watch:
            for alarm in storm:
                for callback, group in zip(callbacks, groups, strict=True):
                    handle = await dispatcher.submit(alarm, group)
                    if callback.url in alive:
                        handles.append(handle)
            reports = [await handle.result() for handle in handles]
        assert all(report.ok for report in reports)
        return watch.told(count=len(handles), waiting=dispatcher.stats().waiting)

    try:
        yield burst
    finally:
        async with asyncio.timeout(30):
            await dispatcher.close(0)


def measure(run: Run) -> Iterator[Figure | Skipped]:
    """At least 0.95 of the healthy deliveries a second that there are with none dead."""
    callbacks = run.size(1_000, 20)
    with run.receiver(callbacks) as receiver:
        urls, dead = receiver.urls(), receiver.urls("/never")[::10]
        healthy = [url for number, url in enumerate(urls) if number % 10]
        role, uvloop = "dead_callbacks:ours_with_dead", run.has_uvloop
        with (
            run.worker(role, uvloop=uvloop, healthy=healthy, dead=dead) as ours,
            run.worker(role, uvloop=uvloop, healthy=urls, dead=[]) as all_alive,
        ):
            answers = run.interleave(
                f"{len(dead)} of {callbacks} dead",
                dead=lambda: ours.ask(count=_EACH),
                alive=lambda: all_alive.ask(count=_EACH),
            )
    yield compared(
        rates(answers["dead"]),
        rates(answers["alive"]),
        measure="dead_callbacks",
        case=f"{len(dead)} of {callbacks:,} callbacks never answer",
        unit="healthy deliveries/s",
        baseline_is="none dead",
        target=0.95,
        note=f"{answers['dead'][-1]['waiting']:,} deliveries to the dead were waiting at the end",
    )

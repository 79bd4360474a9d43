"""Deliveries a second that are kept in an outbox: against the same without."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import itertools
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

from alarm_dispatch import AlarmGroup, AsyncDispatcher, Callback
from alarm_dispatch.handles import AsyncHandle
from alarm_dispatch.outbox import SqliteOutbox

from .alarms import FORMAT, alarms
from .figures import Figure, Skipped, compared
from .one_callback import processor, rates
from .ours import transport
from .run import Run, Stopwatch

__all__ = ["measure", "ours_kept"]

_SUBMITTERS = 64
_TARGET = 0.5


@contextlib.asynccontextmanager
async def ours_kept(
    urls: list[str], *, keeps: bool, limit: int = 32
) -> AsyncIterator[Callable[..., Awaitable[dict[str, Any]]]]:
    """A storm that so many submitters hand over, each the next alarm when its last one was taken."""
    group = AlarmGroup("benchmark", callbacks=[Callback(url, format=FORMAT, limit=limit) for url in urls])
    starts = itertools.count(step=1_000_000)
    with tempfile.TemporaryDirectory() as folder:
        outbox = SqliteOutbox(Path(folder) / "alarms.db") if keeps else None
        async with AsyncDispatcher(transport=transport("aiohttp"), outbox=outbox) as dispatcher:

            async def burst(count: int) -> dict[str, Any]:
                storm = iter(alarms(count, next(starts)))
                handles: list[AsyncHandle] = []

                async def submit() -> None:
                    for alarm in storm:
                        handles.append(await dispatcher.submit(alarm, group))  # noqa: PERF401 - all append

                with Stopwatch() as watch:
                    await asyncio.gather(*(submit() for _ in range(_SUBMITTERS)))
                    reports = [await handle.result() for handle in handles]
                assert all(report.ok for report in reports)
                return watch.told(count=count * len(urls))

            yield burst


def measure(run: Run) -> Iterator[Figure | Skipped]:
    """At least half, over aiohttp, to one callback and to eight, with 32 in flight to each."""
    with run.receiver(8) as receiver:
        for loop in run.loops:
            if loop == "uvloop" and not run.has_uvloop:
                yield Skipped(measure="outbox_throughput", case=loop, why="uvloop is not installed")
                continue
            for urls in (receiver.urls()[:1], receiver.urls()):
                yield _case(run, urls, loop)


def _case(run: Run, urls: list[str], loop: str) -> Figure:
    count = run.size(4_000, 64) // len(urls)
    case = f"{'one callback' if len(urls) == 1 else f'{len(urls)} callbacks'}, {loop}"
    with contextlib.ExitStack() as stack:
        sides = {}
        for side, keeps in (("kept", True), ("without", False)):
            worker = run.worker(
                "outbox_throughput:ours_kept", uvloop=loop == "uvloop", urls=urls, keeps=keeps
            )
            sides[side] = functools.partial(stack.enter_context(worker).ask, count=count)
        answers = run.interleave(f"deliveries in an outbox, {case}", **sides)
    return compared(
        rates(answers["kept"]),
        rates(answers["without"]),
        measure="outbox_throughput",
        case=case,
        unit="deliveries/s",
        baseline_is="no outbox",
        target=_TARGET,
        note=f"{processor(answers['kept']):.0f} and {processor(answers['without']):.0f} µs of CPU each",
    )

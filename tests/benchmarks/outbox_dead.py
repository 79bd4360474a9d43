"""A healthy callback while 100,000 stored deliveries wait behind a dead one: against none dead."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from alarm_dispatch import AlarmGroup, AsyncDispatcher, Callback
from alarm_dispatch.handles import AsyncHandle
from alarm_dispatch.outbox import SqliteOutbox

from .alarms import FORMAT, alarms
from .figures import Figure, Skipped, compared
from .one_callback import rates
from .ours import transport
from .run import Run, Stopwatch
from .stored import leave_unsettled

__all__ = ["measure", "ours_beside_dead"]

_SUBMITTERS = 64


@contextlib.asynccontextmanager
async def ours_beside_dead(
    healthy: str, dead: str, *, put: int = 0, left: int = 0
) -> AsyncIterator[Callable[..., Awaitable[dict[str, Any]]]]:
    """So many deliveries to the dead callback are put by this process, or left by an earlier one."""
    group = AlarmGroup("healthy", callbacks=[Callback(healthy, format=FORMAT, limit=32)])
    gone = AlarmGroup("dead", callbacks=[Callback(dead, format=FORMAT, limit=32)])
    starts = itertools.count(step=1_000_000)
    with tempfile.TemporaryDirectory() as folder:
        outbox = SqliteOutbox(Path(folder) / "alarms.db")
        leave_unsettled(outbox, left, gone, datetime.now(UTC))
        dispatcher = AsyncDispatcher(
            transport=transport("aiohttp"), outbox=outbox, groups=[group, gone], backlog=2 * put + 200_000
        )

        async def storm_to(to: AlarmGroup, count: int) -> list[AsyncHandle]:
            storm, handles = iter(alarms(count, next(starts))), []

            async def submit() -> None:
                for alarm in storm:
                    handles.append(await dispatcher.submit(alarm, to))  # noqa: PERF401 - all append

            await asyncio.gather(*(submit() for _ in range(_SUBMITTERS)))
            return handles

        async def burst(count: int) -> dict[str, Any]:
            with Stopwatch() as watch:
                handles = await storm_to(group, count)
                reports = [await handle.result() for handle in handles]
            assert all(report.ok for report in reports)
            stats = dispatcher.stats()
            return watch.told(count=count, waiting=stats.waiting, in_flight=stats.in_flight)

        try:
            await storm_to(gone, put)
            dispatcher.stats()  # it starts, if nothing was put
            yield burst
        finally:
            async with asyncio.timeout(60):
                await dispatcher.close(0)


def measure(run: Run) -> Iterator[Figure | Skipped]:
    """At least 0.9 of the deliveries a second, whether this process put the dead one's or found them."""
    many, count = run.size(100_000, 200), run.size(4_000, 64)
    role, uvloop = "outbox_dead:ours_beside_dead", run.has_uvloop
    with run.receiver(2) as receiver, contextlib.ExitStack() as stack:
        healthy, dead = receiver.urls()[0], receiver.urls("/never")[1]
        sides = {}
        for side, settings in (("put", {"put": many}), ("left", {"left": many}), ("alone", {})):
            run.say(f"filling an outbox, {many:,} {side}" if settings else "an outbox with nothing dead")
            worker = run.worker(role, uvloop=uvloop, healthy=healthy, dead=dead, **settings)
            sides[side] = stack.enter_context(worker)
        answers = run.interleave(
            f"{many:,} behind a dead callback",
            **{side: lambda worker=worker: worker.ask(count=count) for side, worker in sides.items()},
        )
    for side, case in (("put", "put by this process"), ("left", "left by an earlier process")):
        last = answers[side][-1]
        yield compared(
            rates(answers[side]),
            rates(answers["alone"]),
            measure="outbox_dead",
            case=f"{many:,} behind a dead callback, {case}",
            unit="healthy deliveries/s",
            baseline_is="none dead",
            target=0.9,
            note=f"{last['in_flight']} in flight to the dead one, {last['waiting']:,} waiting at the end",
        )

"""How long a submit takes until its alarm is on disk, with 64 submitters."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import statistics
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import attrs

from alarm_dispatch import Alarm, AlarmGroup, AsyncDispatcher, Callback, Dispatcher
from alarm_dispatch.clock import FastClock, SystemClock
from alarm_dispatch.outbox import SqliteOutbox

from .alarms import FORMAT, alarms
from .figures import Figure, Skipped, compared
from .ours import transport
from .run import Run

__all__ = ["from_tasks", "from_threads", "measure"]

_SUBMITTERS = 64
# Seconds between two submits of a submitter: 64 of them make 1,000 alarms a second.
_PAUSE = 0.064
_TARGETS = {50: 2.0, 99: 10.0}

Burst = Callable[..., Awaitable[dict[str, Any]]]


def _group(urls: list[str]) -> AlarmGroup:
    return AlarmGroup("benchmark", callbacks=[Callback(url, format=FORMAT, limit=32) for url in urls])


@contextlib.contextmanager
def _outbox() -> Iterator[SqliteOutbox]:
    with tempfile.TemporaryDirectory() as folder:
        yield SqliteOutbox(Path(folder) / "alarms.db")


def _shares(count: int, start: int) -> list[list[Alarm]]:
    storm = alarms(count * _SUBMITTERS, start)
    return [storm[place::_SUBMITTERS] for place in range(_SUBMITTERS)]


@contextlib.asynccontextmanager
async def from_tasks(urls: list[str]) -> AsyncIterator[Burst]:
    """64 tasks of an AsyncDispatcher's loop."""
    group, starts = _group(urls), itertools.count(step=1_000_000)
    with _outbox() as outbox:
        async with AsyncDispatcher(transport=transport("aiohttp"), outbox=outbox) as dispatcher:

            async def burst(count: int, pause: float) -> dict[str, Any]:
                took: list[float] = []

                async def submit(mine: list[Alarm], first: float) -> None:
                    await asyncio.sleep(first)
                    for alarm in mine:
                        started = time.perf_counter()
                        await dispatcher.submit(alarm, group)
                        took.append(time.perf_counter() - started)
                        await asyncio.sleep(pause)

                shares = _shares(count, next(starts))
                await asyncio.gather(
                    *(submit(mine, pause * place / _SUBMITTERS) for place, mine in enumerate(shares))
                )
                await dispatcher.drain()
                return {"took": took}

            yield burst


@contextlib.asynccontextmanager
async def from_threads(urls: list[str], fast: bool) -> AsyncIterator[Burst]:
    """64 threads that share a Dispatcher."""
    group, starts = _group(urls), itertools.count(step=1_000_000)
    clock = FastClock() if fast else SystemClock()
    with (
        _outbox() as outbox,
        Dispatcher(transport=transport("aiohttp"), outbox=outbox, clock=clock) as dispatcher,
        ThreadPoolExecutor(_SUBMITTERS) as threads,
    ):

        def submit(mine: list[Alarm], first: float, pause: float) -> list[float]:
            took = []
            time.sleep(first)
            for alarm in mine:
                started = time.perf_counter()
                dispatcher.submit(alarm, group)
                took.append(time.perf_counter() - started)
                time.sleep(pause)
            return took

        async def burst(count: int, pause: float) -> dict[str, Any]:
            shares = _shares(count, next(starts))
            told = [
                threads.submit(submit, mine, pause * place / _SUBMITTERS, pause)
                for place, mine in enumerate(shares)
            ]
            found = [await asyncio.wrap_future(one) for one in told]
            await asyncio.to_thread(dispatcher.drain)
            return {"took": list(itertools.chain(*found))}

        yield burst


def measure(run: Run) -> Iterator[Figure | Skipped]:
    """At most 2 ms for half of them and 10 ms for 99 of 100, while they are delivered."""
    uvloop, count = run.has_uvloop, run.size(40, 2)
    roles: list[tuple[str, str, dict[str, Any]]] = [
        ("from_tasks", "64 tasks", {"uvloop": uvloop}),
        ("from_threads", "64 threads", {"fast": uvloop}),
    ]
    with run.receiver() as receiver:
        for role, who, settings in roles:
            with run.worker(f"outbox_submit:{role}", urls=receiver.urls(), **settings) as ours:
                for pause, how in ((_PAUSE, "1,000 a second"), (0.0, "one right after the other")):
                    answers = run.interleave(
                        f"submits of {who}, {how}",
                        ours=lambda ours=ours, pause=pause: ours.ask(count=count, pause=pause),
                    )
                    yield from _figures([answer["took"] for answer in answers["ours"]], f"{who}, {how}")


def _figures(rounds: list[list[float]], case: str) -> Iterator[Figure]:
    everything = list(itertools.chain(*rounds))
    for share, most in _TARGETS.items():
        by_rounds = compared(
            [_percentile(took, share) for took in rounds],
            [most] * len(rounds),
            measure="outbox_submit",
            case=case,
            unit=f"ms (p{share})",
            baseline_is=f"{most:g} ms",
            target=1.0,
            at_least=False,
            note=f"{len(everything):,} submits",
        )
        # A round is short for a p99 of its own: the figure is of all submits, the spread of the rounds.
        took = _percentile(everything, share)
        yield attrs.evolve(by_rounds, ours=took, ratio=took / most)


def _percentile(values: list[float], share: int) -> float:
    return statistics.quantiles(values, n=100)[share - 1] * 1e3

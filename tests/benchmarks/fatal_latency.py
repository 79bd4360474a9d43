"""A fatal alarm, submit to confirmed, while 20,000 other deliveries are queued: against the idle engine."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import statistics
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from typing import Any

import attrs

from alarm_dispatch import Alarm, AlarmGroup, AsyncDispatcher, Callback, Delivery, Level

from .alarms import FORMAT, alarms
from .figures import Figure, Skipped, compared
from .ours import transport
from .run import Run

__all__ = ["measure", "ours_under_storm"]

_PAUSE = 0.002
_SETTLES = 0.1  # after so many submits in a row the loop is late, which is not what is measured
_ONE_REQUEST = 50  # in per cent: the median of the idle engine's requests


@contextlib.asynccontextmanager
async def ours_under_storm(urls: list[str]) -> AsyncIterator[Callable[..., Awaitable[dict[str, Any]]]]:
    """Fatal alarms go, one after the other, to the receivers that the storm goes to as well."""
    groups = [AlarmGroup("benchmark", callbacks=[Callback(url, format=FORMAT)]) for url in urls]
    starts = itertools.count(step=1_000_000)
    settled = 0

    def count(event: object) -> None:
        nonlocal settled
        settled += isinstance(event, Delivery)

    async with AsyncDispatcher(transport=transport("aiohttp"), hooks=[count]) as dispatcher:

        async def probe(alarm: Alarm, group: AlarmGroup) -> tuple[float, float]:
            started = time.perf_counter()
            handle = await dispatcher.submit(alarm, group)
            report = await handle.result()
            took = time.perf_counter() - started
            assert report.ok
            return took, report.deliveries[0].attempts[-1].duration

        async def burst(queued: int, probes: int, extra: int = 0) -> dict[str, Any]:
            """So many probes, while more than ``queued`` others wait; fewer when the storm is over before."""
            nonlocal settled
            settled = 0
            fatal = alarms(probes, next(starts), Level.FATAL)
            for number, alarm in enumerate(alarms(queued + extra, next(starts))):
                await dispatcher.submit(alarm, groups[number % len(groups)])
            await asyncio.sleep(_SETTLES)
            found = []
            for number, alarm in enumerate(fatal):
                await asyncio.sleep(_PAUSE)
                if queued and queued + extra + number - settled < queued:
                    break
                found.append(await probe(alarm, groups[number * 7 % len(groups)]))
            await dispatcher.drain()
            return {"took": [took for took, _ in found], "request": [request for _, request in found]}

        yield burst


def _percentile(values: list[float], share: int) -> float:
    return statistics.quantiles(values, n=100)[share - 1] * 1e3


def measure(run: Run) -> Iterator[Figure | Skipped]:
    """At most 3 times the idle engine's p99 plus one request's time, all in milliseconds."""
    queued, extra, probes = run.size(20_000, 100), run.size(20_000, 100), run.size(400, 10)
    for path, case in (("/now", "receivers answer at once"), ("/after/20", "receivers answer after 20 ms")):
        with (
            run.receiver(100) as receiver,
            run.worker(
                "fatal_latency:ours_under_storm", uvloop=run.has_uvloop, urls=receiver.urls(path)
            ) as ours,
        ):
            answers = run.interleave(
                f"fatal alarms, {case}",
                at_most=5,
                storm=lambda ours=ours: ours.ask(queued=queued, probes=probes, extra=extra),
                idle=lambda ours=ours: ours.ask(queued=0, probes=probes),
            )
        storm = [answer["took"] for answer in answers["storm"] if len(answer["took"]) > 1]
        if not storm:
            yield Skipped(measure="fatal_latency", case=case, why="the storm was over before a probe")
            continue
        idle = [answer["took"] for answer in answers["idle"]][: len(storm)]
        requests = [answer["request"] for answer in answers["idle"]]
        bounds = [
            _percentile(took, 99) + _percentile(request, _ONE_REQUEST)
            for took, request in zip(idle, requests, strict=False)
        ]
        all_storm, all_idle = list(itertools.chain(*storm)), list(itertools.chain(*idle))
        bound = _percentile(all_idle, 99) + _percentile(list(itertools.chain(*requests)), _ONE_REQUEST)
        by_rounds = compared(
            [_percentile(took, 99) for took in storm],
            bounds,
            measure="fatal_latency",
            case=f"{queued:,} queued, {case}",
            unit="ms (p99)",
            baseline_is="idle p99 + one request",
            target=3.0,
            at_least=False,
            note=(
                f"p50/p99 {_percentile(all_storm, 50):.2f}/{_percentile(all_storm, 99):.2f} ms of"
                f" {len(all_storm)} in the storm, {_percentile(all_idle, 50):.2f}/"
                f"{_percentile(all_idle, 99):.2f} ms idle"
            ),
        )
        # A round is too short for a p99 of its own: the figure is of all probes, the spread of the rounds.
        took = _percentile(all_storm, 99)
        yield attrs.evolve(by_rounds, ours=took, baseline=bound, ratio=took / bound)

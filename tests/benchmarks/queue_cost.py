"""The cost of a delivery with 100,000 queued: against 1,000 queued."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from .figures import Figure, Skipped, compared
from .run import Run

__all__ = ["measure"]


def measure(run: Run) -> Iterator[Figure | Skipped]:
    """At most 1.2 times, over HTTP, and without it, where the engine's own cost shows."""
    many, few, callbacks = run.size(100_000, 200), run.size(1_000, 20), 20
    # As many deliveries on both sides, but so many that they are quick to wait for.
    bursts = max(1, many // few // 4)
    with run.receiver() as receiver:
        urls = [f"{receiver.urls()[0]}?{number}" for number in range(callbacks)]
        for name, case in (("aiohttp", "over HTTP"), ("none", "the engine alone")):
            with run.worker("ours:storms", uvloop=run.has_uvloop, urls=urls, transport_name=name) as worker:
                answers = run.interleave(
                    f"cost with {many} queued, {case}",
                    at_most=5,
                    many=lambda worker=worker: worker.ask(count=many // callbacks),
                    few=lambda worker=worker: worker.ask(count=few // callbacks, bursts=bursts),
                )
            yield compared(
                _costs(answers["many"]),
                _costs(answers["few"]),
                measure="queue_cost",
                case=f"{many:,} queued, {case}",
                unit="µs of CPU",
                baseline_is=f"{few:,} queued",
                target=1.2,
                at_least=False,
            )


def _costs(answers: list[Any]) -> list[float]:
    return [answer["cpu"] / answer["count"] * 1e6 for answer in answers]

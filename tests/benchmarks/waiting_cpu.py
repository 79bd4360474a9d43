"""The CPU that waiting takes: 100,000 deliveries wait for a retry, and none is due."""

from __future__ import annotations

from collections.abc import Iterator

from .figures import Figure, Skipped, compared
from .run import Run

__all__ = ["measure"]


def measure(run: Run) -> Iterator[Figure | Skipped]:
    """Under 2 % of a core."""
    count, seconds = run.size(100_000, 100), max(0.1, 2.0 * run.scale)
    with run.worker("waiting:ours_waiting", uvloop=run.has_uvloop, callbacks=100, traced=False) as worker:
        run.say(f"CPU of {count} waiting: filling")
        worker.ask(order="fill", count=count)
        answers = run.interleave(
            f"CPU of {count} waiting", at_most=5, ours=lambda: worker.ask(order="idle", seconds=seconds)
        )
    yield compared(
        [answer["cpu"] for answer in answers["ours"]],
        [answer["seconds"] for answer in answers["ours"]],
        measure="waiting_cpu",
        case=f"{count:,} waiting, nothing due",
        unit="s",
        baseline_is="the time it was watched",
        target=0.02,
        at_least=False,
    )

"""The memory of deliveries that wait for a retry, beyond their payload's bytes."""

from __future__ import annotations

from collections.abc import Iterator

from .figures import Figure, Skipped, compared
from .run import Run

__all__ = ["measure"]

_BOUND = 1_200.0


def measure(run: Run) -> Iterator[Figure | Skipped]:
    """At most 1.2 KB each; the figure is against that bound."""
    count = run.size(100_000, 100)
    for key, case in (("traced", "objects (tracemalloc)"), ("resident", "resident memory")):
        found: list[float] = []
        for number in range(min(run.rounds, 3)):
            run.say(f"memory of {count} waiting, {case}, {number + 1}")
            with run.worker("waiting:ours_waiting", callbacks=100, traced=key == "traced") as worker:
                answer = worker.ask(order="fill", count=count)
                found.append(answer[key] - answer["payload"])
        yield compared(
            found,
            [_BOUND] * len(found),
            measure="waiting_memory",
            case=f"{count:,} waiting, {case}",
            unit="bytes each",
            baseline_is="the bound of 1.2 KB",
            target=1.0,
            at_least=False,
            note=f"beside the payload's {answer['payload']} bytes",
        )

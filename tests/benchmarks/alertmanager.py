"""The extra ``fast`` against Alertmanager: one notification for each alert, one core each."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count as counting

from .figures import Figure, Skipped, compared
from .one_callback import rates
from .peers import alertmanager
from .run import Run

__all__ = ["measure"]


def measure(run: Run) -> Iterator[Figure | Skipped]:
    """At least twice as fast."""
    theirs, mine, starts = run.size(12_000, 50), run.size(12_000, 50), counting(step=1_000_000)
    with (
        run.receiver() as receiver,
        alertmanager(run, receiver) as peer,
        run.worker("ours:storms", uvloop=run.has_uvloop, urls=receiver.urls(), limit=32) as ours,
    ):
        answers = run.interleave(
            "Alertmanager",
            at_most=5,
            ours=lambda: ours.ask(count=mine),
            peer=lambda: peer.burst(theirs, next(starts)),
        )
    yield compared(
        rates(answers["ours"]),
        rates(answers["peer"]),
        measure="alertmanager",
        case="aiohttp and uvloop, one callback",
        unit="notifications/s",
        baseline_is="Alertmanager",
        target=2.0,
    )

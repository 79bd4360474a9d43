"""A thousand callbacks on a thousand loopback addresses: against one callback."""

from __future__ import annotations

from collections.abc import Iterator

from .figures import Figure, Skipped, compared
from .one_callback import rates
from .run import Run

__all__ = ["measure"]


def measure(run: Run) -> Iterator[Figure | Skipped]:
    """At least 0.7 of one callback's deliveries a second, in storms of as many deliveries."""
    callbacks, each = run.size(1_000, 20), 10
    with (
        run.receiver(callbacks) as receiver,
        run.worker("ours:storms", uvloop=run.has_uvloop, urls=receiver.urls()) as many,
        run.worker("ours:storms", uvloop=run.has_uvloop, urls=receiver.urls()[:1], limit=32) as one,
    ):
        run.say(f"{callbacks} callbacks, their first connections")
        cold = [many.ask(count=each)]
        answers = run.interleave(
            f"{callbacks} callbacks",
            many=lambda: many.ask(count=each),
            one=lambda: one.ask(count=each * callbacks),
        )
    yield compared(
        rates(answers["many"]),
        rates(answers["one"]),
        measure="many_callbacks",
        case=f"{callbacks:,} callbacks, {each} alarms to each",
        unit="deliveries/s",
        baseline_is="one callback",
        target=0.7,
        note=f"{rates(cold)[0]:,.0f}/s the first time, while it connects",
    )

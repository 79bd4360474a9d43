"""The receiver's headroom: how much faster it answers than the fastest client asks."""

from __future__ import annotations

from collections.abc import Iterator

from .figures import Figure, Skipped, compared
from .one_callback import rates
from .run import Run

__all__ = ["measure"]


def measure(run: Run) -> Iterator[Figure | Skipped]:
    """What the receiver takes from a generator that pipelines ready bytes, against bare aiohttp."""
    count = run.size(4_000, 64)
    with (
        run.receiver() as receiver,
        run.worker("bare:pipelining", urls=receiver.urls(), depth=16, uvloop=run.has_uvloop) as pipelining,
        run.worker("bare:pipelining", urls=receiver.urls(), uvloop=run.has_uvloop) as single,
        run.worker("bare:aiohttp_client", urls=receiver.urls(), uvloop=run.has_uvloop) as bare,
    ):
        busy = 0.0

        def timed() -> dict[str, float]:
            nonlocal busy
            before = receiver.cpu()
            answer = bare.ask(count=count)
            busy = (receiver.cpu() - before) / answer["seconds"]
            return answer

        answers = run.interleave(
            "receiver's headroom",
            pipelining=lambda: pipelining.ask(count=count * 4),
            single=lambda: single.ask(count=count),
            bare=timed,
        )
    for side, case in (("pipelining", "16 requests on a connection"), ("single", "one at a time")):
        yield compared(
            rates(answers[side]),
            rates(answers["bare"]),
            measure="headroom",
            case=f"bare protocol, {case}",
            unit="requests/s",
            baseline_is="bare aiohttp",
            note=f"the receiver's core was {busy:.0%} busy under bare aiohttp",
        )

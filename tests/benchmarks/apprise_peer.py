"""The extra ``fast`` against Apprise's ``json://``."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator

from .figures import Figure, Skipped, compared
from .one_callback import rates
from .run import Run

__all__ = ["measure"]


def measure(run: Run) -> Iterator[Figure | Skipped]:
    """At least 15 times as fast."""
    if importlib.util.find_spec("apprise") is None:
        yield Skipped(measure="apprise_peer", case="json://", why="Apprise is not installed")
        return
    with (
        run.receiver() as receiver,
        run.worker("peers:apprise", urls=receiver.urls()) as peer,
        run.worker("ours:storms", uvloop=run.has_uvloop, urls=receiver.urls(), limit=32) as ours,
    ):
        answers = run.interleave(
            "Apprise",
            ours=lambda: ours.ask(count=run.size(4_000, 32)),
            peer=lambda: peer.ask(count=run.size(300, 5)),
        )
    yield compared(
        rates(answers["ours"]),
        rates(answers["peer"]),
        measure="apprise_peer",
        case="aiohttp and uvloop, one callback",
        unit="notifications/s",
        baseline_is="Apprise json://",
        target=15.0,
    )

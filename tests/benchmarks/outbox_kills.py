"""Processes that are killed at random moments under load, again and again: what was lost, what came twice."""

from __future__ import annotations

import importlib
from collections.abc import Iterator

from .figures import Figure, Skipped
from .run import Run, UnmeasurableError

__all__ = ["measure"]

_ROUNDS = 200


def measure(run: Run) -> Iterator[Figure | Skipped]:
    """None lost, none out of order, and no more twice than were in flight at the kills."""
    try:
        kills = importlib.import_module("tests.outbox.kills")
    except ImportError as error:
        raise UnmeasurableError("the rounds of kills are not here") from error
    rounds = run.size(_ROUNDS, 2)
    run.say(f"{rounds} rounds of kills")
    found = kills.rounds(rounds)
    if not found.acknowledged or not found.in_flight:
        # Nothing can be lost of nothing, so that would not be a figure but the lack of one.
        told = f"{found.acknowledged:,} were acknowledged and {found.in_flight:,} in flight at {rounds} kills"
        raise UnmeasurableError(f"the kills met no load: {told}")
    for count, at_most, case in (
        (found.lost, 0, "lost"),
        (found.out_of_order, 0, "out of order"),
        (found.twice, found.in_flight, "twice, against those in flight at the kills"),
    ):
        yield Figure(
            measure="outbox_kills",
            case=f"{rounds} rounds of kill -9, {case}",
            unit="deliveries",
            ours=count,
            baseline=at_most,
            baseline_is=f"at most {at_most:,} of {found.acknowledged:,}",
            ratio=count / at_most if at_most else float(count > 0),
            lowest=0.0,
            highest=0.0,
            rounds=1,
            target=1.0 if at_most else 0.0,
            at_least=False,
        )

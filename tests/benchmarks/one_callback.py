"""One callback, keep-alive, 32 in flight: against the bare client of the same transport."""

from __future__ import annotations

import contextlib
import functools
import importlib.util
from collections.abc import Iterator
from typing import Any

from .figures import Figure, Skipped, compared
from .run import Receiver, Run

__all__ = ["measure", "processor", "rates"]

# The client, what is below it (for information), the requests of a burst.
_CASES = {"aiohttp": ("aiohttp_client", None, 4_000), "httpx": ("httpx_client", "httpx_transport", 800)}
_TARGET = 0.90


def rates(answers: list[Any]) -> list[float]:
    """Requests a second."""
    return [answer["count"] / answer["seconds"] for answer in answers]


def processor(answers: list[Any]) -> float:
    """Microseconds of CPU a request: the least of the rounds, which other work disturbs least."""
    return min(answer["cpu"] / answer["count"] for answer in answers) * 1e6


def _share(answers: list[Any]) -> float:
    """How much of its core a side had: much less than all of it tells that something else was running."""
    return sum(answer["cpu"] for answer in answers) / sum(answer["seconds"] for answer in answers)


def measure(run: Run) -> Iterator[Figure | Skipped]:
    """At least 0.90 of what the bare client does, with building, confirming and recording."""
    with run.receiver() as receiver:
        for loop in run.loops:
            for name in _CASES:
                missing = next(
                    (part for part in (name, loop) if importlib.util.find_spec(part) is None), None
                )
                if missing is not None:
                    why = f"{missing} is not installed"
                    yield Skipped(measure="one_callback", case=f"{name}, {loop}", why=why)
                else:
                    yield from _case(run, receiver, name, loop)


def _case(run: Run, receiver: Receiver, name: str, loop: str) -> Iterator[Figure]:
    client, below, full = _CASES[name]
    count, case = run.size(full, 32), f"{name}, {loop}"
    roles: dict[str, tuple[str, dict[str, Any]]] = {
        "ours": ("ours:storms", {"transport_name": name, "limit": 32}),
        "awaited": ("ours:dispatches", {"transport_name": name}),
        "bare": (f"bare:{client}", {}),
    }
    if below is not None:
        roles["below"] = (f"bare:{below}", {})
    with contextlib.ExitStack() as stack:
        workers = {
            side: stack.enter_context(
                run.worker(role, uvloop=loop == "uvloop", urls=receiver.urls(), **settings)
            )
            for side, (role, settings) in roles.items()
        }
        sides = {side: functools.partial(worker.ask, count=count) for side, worker in workers.items()}
        answers = run.interleave(f"one callback, {case}", **sides)
    pairs = [("ours", "bare", "", _TARGET), ("awaited", "bare", ", 32 callers that wait", None)]
    if below is not None:
        pairs.append(("ours", "below", ", against its transport alone", None))
    for mine, theirs, suffix, target in pairs:
        cost = processor(answers[mine]), processor(answers[theirs])
        yield compared(
            rates(answers[mine]),
            rates(answers[theirs]),
            measure="one_callback",
            case=case + suffix,
            unit="requests/s",
            baseline_is=f"bare {name}",
            target=target,
            note=(
                f"{cost[0]:.0f} and {cost[1]:.0f} µs of CPU each ({cost[1] / cost[0]:.2f}),"
                f" {_share(answers[mine]):.0%} and {_share(answers[theirs]):.0%} of a core had"
            ),
        )

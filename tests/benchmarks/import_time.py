"""Importing the package: against importing httpx."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator

from ..paths import ROOT
from .figures import Figure, Skipped, compared
from .processes import on_core
from .run import Run

__all__ = ["measure"]

_PROGRAM = """
import json, sys, time
started = time.perf_counter()
{statement}
print(json.dumps({{"ms": (time.perf_counter() - started) * 1e3, "aiohttp": "aiohttp" in sys.modules}}))
"""

_STATEMENTS = {
    "import alarm_dispatch": 1.3,
    "from alarm_dispatch import *": None,  # the names are imported on demand: this is all of them
}


def measure(run: Run) -> Iterator[Figure | Skipped]:
    """At most 1.3 times, and aiohttp stays out."""

    def timed(statement: str) -> dict[str, float]:
        command = [sys.executable, "-c", _PROGRAM.format(statement=statement)]
        with on_core(run.cores.sender):
            ran = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True)
        return dict(json.loads(ran.stdout))

    for statement, target in _STATEMENTS.items():
        answers = run.interleave(
            statement,
            ours=lambda statement=statement: timed(statement),
            httpx=lambda: timed("import httpx"),
        )
        loaded = any(answer["aiohttp"] for answer in answers["ours"])
        yield compared(
            [answer["ms"] for answer in answers["ours"]],
            [answer["ms"] for answer in answers["httpx"]],
            measure="import_time",
            case=statement,
            unit="ms",
            baseline_is="import httpx",
            target=target,
            at_least=False,
            note="aiohttp is imported, which is a MISS" if loaded else "aiohttp is not imported",
        )

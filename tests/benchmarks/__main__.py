"""The command: ``python -m tests.benchmarks``."""

from __future__ import annotations

import argparse
import importlib
import json
import os
import platform
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from .figures import Figure, Skipped, table
from .processes import pin
from .run import Run, UnmeasurableError

MEASURES = (
    "headroom",
    "one_callback",
    "alertmanager",
    "apprise_peer",
    "many_callbacks",
    "dead_callbacks",
    "fatal_latency",
    "waiting_memory",
    "waiting_cpu",
    "queue_cost",
    "payload_cost",
    "outbox_throughput",
    "outbox_submit",
    "outbox_store",
    "outbox_dead",
    "outbox_start",
    "outbox_kills",
    "import_time",
)


def results_of(run: Run, names: Sequence[str]) -> list[Figure | Skipped]:
    """What these measures yield."""
    results: list[Figure | Skipped] = []
    for name in names:
        measure = importlib.import_module(f"{__package__}.{name}").measure
        try:
            for result in measure(run):
                results.append(result)
                print(json.dumps(result.as_json(), ensure_ascii=False), flush=True)
        except UnmeasurableError as error:
            results.append(Skipped(measure=name, case="-", why=str(error)))
            print(json.dumps(results[-1].as_json(), ensure_ascii=False), flush=True)
    return results


def _machine() -> dict[str, Any]:
    load = os.getloadavg() if hasattr(os, "getloadavg") else (0.0, 0.0, 0.0)
    return {
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.machine()}",
        "cores": os.cpu_count(),
        "load": [round(figure, 2) for figure in load],
    }


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, tell, and with ``--check`` fail when a target was missed."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="smaller counts and fewer rounds")
    parser.add_argument("--only", nargs="+", metavar="NAME", choices=MEASURES, default=MEASURES)
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the results there as JSON lines")
    parser.add_argument("--plot", type=Path, metavar="FILE", help="draw the results (of --json, or this run)")
    parser.add_argument("--from", dest="source", type=Path, metavar="FILE", help="draw these results; no run")
    parser.add_argument("--profile", action="store_true", help="profile our side; its figures mean nothing")
    parser.add_argument("--check", action="store_true", help="exit with 1 when a target was missed")
    given = parser.parse_args(arguments)
    if given.source is not None:
        lines = [json.loads(line) for line in given.source.read_text(encoding="utf-8").splitlines()]
        missed = any(line.get("reached") is False for line in lines)
    else:
        run = Run.quick(profile=given.profile) if given.quick else Run(profile=given.profile)
        pin(run.cores.receiver)  # what is here waits for the most part, and leaves the sender its core
        machine = _machine()
        results = results_of(run, given.only)
        machine["load_after"] = _machine()["load"]
        print(f"\n{table(results)}\n\n{machine}", file=sys.stderr)
        lines = [machine, *(result.as_json() for result in results)]
        missed = any(isinstance(result, Figure) and result.reached is False for result in results)
        if given.json is not None:
            text = "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines)
            given.json.write_text(text, encoding="utf-8")
    if given.plot is not None:
        from .plot import draw

        draw(lines, given.plot)
    return int(missed and given.check)


if __name__ == "__main__":
    sys.exit(main())

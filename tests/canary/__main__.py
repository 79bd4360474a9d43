"""Runs the whole test suite with canaries, and tells whether one was seen: python -m tests.canary."""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path

from ..paths import ROOT
from .exact import LEFT_OUT

# A part of the suite in which every kind of thing is told, for the proof that a leak is found.
_TELLING = ["tests/dispatch/test_attempts.py", "tests/dispatch/test_faults.py", "tests/cli/test_send.py"]


def main() -> int:
    """0 when nothing was found, nothing unknown failed, and the deliberate leak was found."""
    parser = argparse.ArgumentParser(prog="python -m tests.canary", description=__doc__)
    parser.add_argument("-n", default="2", metavar="N", help="processes (default: 2)")
    parser.add_argument("tests", nargs="*", help="files of tests (default: the whole suite)")
    given = parser.parse_args()

    _, leaked, _ = _run(_TELLING, given.n, leak=True)
    kinds = Counter(kind for kind, _, _ in leaked)
    print(f"with the redaction taken out: {len(leaked)} found ({_told(kinds)})")

    code, found, looked = _run(given.tests, given.n)
    print(f"left out, as they compare what a canary changes: {len(LEFT_OUT)} tests or files of tests")
    for test, why in LEFT_OUT.items():
        print(f"  {test}: {why}")
    print(f"searched: {_told(looked)}")
    for kind, where, text in found[:50]:
        print(f"  {kind} of {where}: {text}")
    print(f"{len(found)} found")
    if code:
        print("and there were failures, see above")
    return int(bool(found or code or not leaked))


def _run(
    tests: list[str], processes: str, *, leak: bool = False
) -> tuple[int, list[list[str]], Counter[str]]:
    with tempfile.TemporaryDirectory() as directory:
        environment = {**os.environ, "CANARY_DIRECTORY": directory, "CANARY_LEAK": "1" if leak else ""}
        command = [
            sys.executable,
            "-m",
            "pytest",
            "-q",
            "-p",
            "tests.canary.plugin",
            "-p",
            "no:cacheprovider",
        ]
        command += ["-n", processes, *tests]
        ran = subprocess.run(
            command, env=environment, cwd=ROOT, stdout=subprocess.DEVNULL if leak else None, check=False
        )
        found: list[list[str]] = []
        looked: Counter[str] = Counter()
        for file in Path(directory).iterdir():
            content = json.loads(file.read_text("utf-8"))
            found += content["hits"]
            looked.update(content["looked"])
    return ran.returncode, found, looked


def _told(counts: Counter[str]) -> str:
    return ", ".join(f"{count:,} {kind}" for kind, count in counts.most_common())


if __name__ == "__main__":
    sys.exit(main())

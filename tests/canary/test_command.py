"""The search itself: it runs, it finds a deliberate leak, and it finds none without."""

from __future__ import annotations

import re
import subprocess
import sys

from ..paths import ROOT


def test_a_part_of_the_suite_is_searched() -> None:
    """What puts the canaries in must keep up with the code that it reaches into."""
    ran = subprocess.run(
        [sys.executable, "-m", "tests.canary", "-n", "0", "tests/dispatch/test_attempts.py"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )

    assert ran.returncode == 0, ran.stdout
    assert re.search(r"^with the redaction taken out: [1-9][0-9,]* found \(", ran.stdout, re.MULTILINE)
    assert re.search(r"^searched: .*[1-9][0-9,]* attempts and deliveries", ran.stdout, re.MULTILINE)
    assert ran.stdout.endswith("\n0 found\n")

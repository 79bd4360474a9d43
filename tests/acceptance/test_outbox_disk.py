"""What becomes of a dispatcher whose outbox's disk gets full, on a small disk of its own."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys

import pytest

from ..outbox.full_disk import AFTERWARDS, SIZE
from ..paths import ROOT

_MOUNTED = 'mount -t tmpfs -o size="$1" tmpfs "$2" || exit 77; shift 2; exec "$@"'


def on_a_small_disk(folder, *command: str) -> subprocess.CompletedProcess[str]:
    """Run a command that alone sees a disk of that size on the folder; skip where that may not be done."""
    if shutil.which("unshare") is None:
        pytest.skip("there is no unshare here")
    done = subprocess.run(
        ["unshare", "-rm", "sh", "-c", _MOUNTED, "sh", str(SIZE), str(folder), *command],
        capture_output=True,
        text=True,
        cwd=ROOT,
        check=False,
    )
    if done.returncode == 77 or done.stderr.startswith("unshare:"):
        pytest.skip(f"no file system may be mounted here: {done.stderr.strip()}")
    return done


def test_a_full_disk_acknowledges_nothing_that_is_not_on_it(tmp_path):
    """Each refusal says why, nobody is busy meanwhile, and with room again everything is delivered once."""
    done = on_a_small_disk(tmp_path, sys.executable, "-m", "tests.outbox.full_disk", str(tmp_path))

    assert done.returncode == 0, done.stderr
    assert done.stderr.count("\n") == done.stderr.count("does not take a record now") <= 1
    found = json.loads(done.stdout)
    assert found["acknowledged"] > AFTERWARDS
    assert (found["lost"], found["stored though refused"], found["taken while full"]) == (0, 0, 0)
    (error,) = found["errors"]
    assert error.startswith(f"OutboxUnavailableError: {tmp_path / 'alarms.db'} cannot grow: the disk is full")
    assert (found["taken afterwards"], found["drained"]) == (AFTERWARDS, True)
    assert found["statuses"] == {"delivered": found["acknowledged"]}
    assert found["sent"] == found["acknowledged"]
    assert found["busy"] < 0.5

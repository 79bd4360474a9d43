"""What the pages show beside plain Python: tests for pytest, and commands."""

from __future__ import annotations

import re
import shlex
import signal
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from alarm_dispatch.outbox import Ending, Entry, LaneKey, SqliteOutbox, StoredStatus

from ..paths import ROOT
from .blocks import blocks, captioned

DOCS = ROOT / "docs"
COMMAND_LINE = DOCS / "how-to" / "command-line.md"
PAGES = sorted([ROOT / "README.md", *DOCS.rglob("*.md")])

_TESTS = [
    source for page in PAGES for source in blocks(page.read_text("utf-8"), "python") if "def test_" in source
]
_COMMANDS = sorted(
    {
        line
        for page in PAGES
        for source in blocks(page.read_text("utf-8"), "sh")
        for line in source.splitlines()
        if line.startswith("alarm-dispatch ")
    }
)
# What is tried once, or by the vendor's own schedule, which nobody waits for here.
_ONE_ANSWER = re.compile(" (verify|drill) ")
_RECEIVER = "http://127.0.0.1:8080"
_OUTBOX = "alarms.db"
_DEAD_ID = "019c18bd3400f7a1b2c3d4e5"


def test_the_pages_have_tests_and_commands():
    """A change of the blocks' form would leave nothing to test."""
    assert len(_TESTS) == 5
    assert len(_COMMANDS) >= 6


@pytest.mark.parametrize("source", _TESTS, ids=lambda source: re.findall(r"def (test_\w+)", source)[0])
def test_a_test_that_a_page_shows_passes(source, tmp_path):
    """Each block is a file that a reader could copy."""
    file = tmp_path / "test_copied.py"
    file.write_text(source, encoding="utf-8")

    ran = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-W", "error", str(file)],
        capture_output=True,
        text=True,
        timeout=60,
        cwd=tmp_path,
        check=False,
    )

    assert ran.returncode == 0, ran.stdout


@pytest.mark.parametrize("command", _COMMANDS)
def test_a_command_that_a_page_shows_works(command, tmp_path, loopback_receiver):
    """In a directory with the files that the page shows, and a receiver where the page has one."""
    receiver = loopback_receiver("200") if _ONE_ANSWER.search(command) else loopback_receiver("500,confirm")
    for name, source in captioned(COMMAND_LINE.read_text("utf-8")):
        (tmp_path / name).write_text(source.replace(_RECEIVER, receiver.url), encoding="utf-8")
    if command.startswith("alarm-dispatch listen"):
        _receives(command, tmp_path)
        return
    if _OUTBOX in command:
        _put_dead_letter(tmp_path / _OUTBOX)
    if command.startswith("alarm-dispatch worker") and "--until-empty" not in command:
        _serves(command, tmp_path)
        return
    words = shlex.split(command.replace(_RECEIVER, receiver.url))[1:]
    if "--groups" in words and words[0] == "send":
        # The schedule of the file's callback is the vendor's own, and nobody waits for it here.
        words += ["--delays", "0"]

    ran = subprocess.run(
        [sys.executable, "-m", "alarm_dispatch", *words],
        capture_output=True,
        text=True,
        timeout=60,
        cwd=tmp_path,
        check=False,
    )

    assert ran.returncode == 0, ran.stderr
    assert ran.stdout


def _receives(command: str, directory: Path) -> None:
    """Let it listen at a free port for two requests, and send it an alarm."""
    words = shlex.split(command)[1:]
    words[words.index("--port") + 1] = "0"
    listening = subprocess.Popen(
        [sys.executable, "-u", "-m", "alarm_dispatch", *words, "--count", "2"],
        stdout=subprocess.PIPE,
        text=True,
        cwd=directory,
    )
    try:
        assert listening.stdout is not None
        (url,) = re.findall(r"http://\S+", listening.stdout.readline())
        send = ["send", "alarm.json", "--format", "tencent", "--url", f"{url}/alarms", "--delays", "0"]
        subprocess.run(
            [sys.executable, "-m", "alarm_dispatch", *send],
            check=True,
            capture_output=True,
            timeout=60,
            cwd=directory,
        )
        told, _ = listening.communicate(timeout=60)
    finally:
        listening.kill()
        listening.wait()
    assert listening.returncode == 0
    assert "tencent" in told


def _put_dead_letter(path: Path) -> None:
    """Have an outbox with the delivery that the pages speak of."""
    outbox, now = SqliteOutbox(path), datetime.now(UTC)
    worker = outbox.join(now=now, until=now + timedelta(seconds=30))
    entry = Entry(
        id=_DEAD_ID,
        lane=LaneKey("oncall", "ops"),
        alarm_id="alarm-1",
        level=2,
        content=b"{}",
        created_at=now,
    )
    outbox.enqueue([entry], worker=worker, now=now)
    outbox.settle(worker, [Ending(id=_DEAD_ID, status=StoredStatus.DEAD, number=0)], now=now)
    outbox.close()


def _serves(command: str, directory: Path) -> None:
    """Let it serve until it is told to end."""
    words = shlex.split(command)[1:]
    serving = subprocess.Popen(
        [sys.executable, "-m", "alarm_dispatch", *words], stdout=subprocess.PIPE, text=True, cwd=directory
    )
    try:
        assert serving.stdout is not None
        assert serving.stdout.readline().startswith("Serving alarms.db for ")
        serving.send_signal(signal.SIGTERM)
        serving.communicate(timeout=60)
    finally:
        serving.kill()
        serving.wait()
    assert serving.returncode == 0

"""What the pages show beside plain Python: tests for pytest, and commands."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

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
_RECEIVER = "http://127.0.0.1:8080"


def test_the_pages_have_tests_and_commands():
    """A change of the blocks' form would leave nothing to test."""
    assert len(_TESTS) == 3
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
    receiver = loopback_receiver("200") if " verify " in command else loopback_receiver("500,confirm")
    for name, source in captioned(COMMAND_LINE.read_text("utf-8")):
        (tmp_path / name).write_text(source.replace(_RECEIVER, receiver.url), encoding="utf-8")
    if command.startswith("alarm-dispatch listen"):
        _receives(command, tmp_path)
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

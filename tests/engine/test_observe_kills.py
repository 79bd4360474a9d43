"""A kill at any step of an observation neither loses nor doubles what it tells."""

from __future__ import annotations

import os
import signal
import sqlite3
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import attrs
import pytest

from alarm_dispatch import AlarmGroup, Callback, Dispatcher, Repeat
from alarm_dispatch.alarm_json import read_alarm
from alarm_dispatch.clock import SystemClock
from alarm_dispatch.formats import aliyun
from alarm_dispatch.outbox import SqliteOutbox
from alarm_dispatch.testing import MemoryReceiver

from ..dispatch.alarms import METRIC_ALARM
from ..outbox.children import needs_fork
from ..repeats.made import STATES

START = datetime(2026, 1, 1, tzinfo=UTC)
SCRIPT = "FFFNFRRF"
REPEAT = Repeat("continuous", 120)
TOLD = ["triggered", "triggered", "no_data", "triggered", "resolved", "triggered"]
FORMAT = aliyun.Format(dialect="observed")
GROUP = AlarmGroup(
    "oncall",
    callbacks=[
        Callback("https://a.example/", format=FORMAT, name="a"),
        Callback("https://b.example/", format=FORMAT, name="b"),
    ],
)


class Minutes(SystemClock):
    """The time of the evaluations: one a minute, however long it takes."""

    def __init__(self) -> None:
        self.passed = 0

    def now(self) -> datetime:
        return START + timedelta(minutes=self.passed)


class Mortal(SqliteOutbox):
    """An outbox whose process is killed at one of its statements."""

    left: int | None = None

    def _connect(self) -> sqlite3.Connection:
        connection = super()._connect()
        connection.set_trace_callback(self._at)
        return connection

    def _at(self, _statement: str) -> None:
        if self.left is None:
            return
        if not self.left:
            os.kill(os.getpid(), signal.SIGKILL)
        self.left -= 1


def evaluate(path: Path, begun: int, left: int | None, done: Any) -> None:
    """Observe what is left of the script; ``done`` is told of each evaluation that was taken."""
    outbox, clock = Mortal(path), Minutes()
    clock.passed = begun
    # Nobody answers, so that everything stays where it was put.
    silent = MemoryReceiver("timeout").transport
    dispatcher = Dispatcher(transport=silent, outbox=outbox, clock=clock, lease=1e6, timeout=1e4)
    with dispatcher:
        dispatcher.stats()
        outbox.left = left
        for number in range(begun, len(SCRIPT)):
            clock.passed = number
            condition = attrs.evolve(METRIC_ALARM.condition, repeat=REPEAT)
            alarm = attrs.evolve(
                METRIC_ALARM, state=STATES[SCRIPT[number]], condition=condition, started_at=START
            )
            dispatcher.observe(alarm, GROUP)
            done(number)
        outbox.left = None
        dispatcher.close(timeout=0)
    outbox.close()


def killed(path: Path, left: int) -> tuple[int, bool]:
    """How many evaluations a process took that was killed at a statement, and whether it was."""
    reading, writing = os.pipe()
    child = os.fork()
    if not child:  # pragma: no cover - measured in the parent only
        try:
            evaluate(path, 0, left, lambda _number: os.write(writing, b"."))
        finally:
            os._exit(0)
    os.close(writing)
    with os.fdopen(reading, "rb") as stream:
        taken = len(stream.read())
    _, status = os.waitpid(child, 0)
    return taken, os.WIFSIGNALED(status)


def told(outbox: SqliteOutbox, callback: str) -> list[str]:
    """The states that a callback is told, in their order."""
    return [str(read_alarm(one.entry.content).state) for one in outbox.list(callback=callback)]


@needs_fork
@pytest.mark.parametrize("part", range(4))
def test_a_kill_at_every_step(tmp_path, part):
    """The monitoring system goes on with the evaluation that it was not told of being taken."""
    left, was_killed, found = part, True, []
    while was_killed:
        path = tmp_path / f"{left}.db"
        taken, was_killed = killed(path, left)
        evaluate(path, taken, None, lambda _number: None)

        outbox = SqliteOutbox(path)
        found.append((taken, told(outbox, "a"), told(outbox, "b")))
        outbox.close()
        left += 4

    assert [one[1:] for one in found] == [(TOLD, TOLD)] * len(found)
    assert {0, len(SCRIPT)} <= {one[0] for one in found}
    assert len({one[0] for one in found}) >= len(SCRIPT) // 2

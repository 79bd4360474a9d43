"""What the tests of the command line find in an outbox."""

from __future__ import annotations

import sqlite3
from datetime import UTC, datetime, timedelta

from alarm_dispatch import AlarmGroup, Attempt, Callback, Verdict, load_alarm
from alarm_dispatch.outbox import Ending, Entry, LaneKey, Retry, SqliteOutbox, StoredDelivery, StoredStatus
from tests.paths import ALARMS

__all__ = ["ALARM", "DEAD_ID", "filled", "put", "stored"]

ALARM = load_alarm(ALARMS / "tencent-metric.en.json")

NOW = datetime(2026, 1, 31, 8, 0, tzinfo=UTC)
DEAD_ID = "d" * 24
_FALLBACK_ID = "f" * 24


def _attempt(number: int, seconds: float, **fields) -> Attempt:
    told = {"verdict": Verdict.REJECTED, "status_code": 500, "reason": "status 500, not 200", **fields}
    return Attempt(number=number, started_at=NOW + timedelta(seconds=seconds), duration=0.25, **told)


def _entry(name: str, alarm: str, group: str = "oncall", callback: str = "hooks", hours: float = 0, **fields):
    return Entry(
        id=name,
        lane=LaneKey(group, callback),
        alarm_id=alarm,
        level=2,
        content=b'{"id":"%s"}' % alarm.encode(),
        created_at=NOW + timedelta(hours=hours),
        **fields,
    )


def filled(path) -> str:
    """An outbox with one of each kind; the dead one was replayed once, and died again."""
    outbox = SqliteOutbox(path)
    worker = outbox.join(now=NOW, until=NOW + timedelta(hours=9))
    entries = [
        _entry(DEAD_ID, "cpu-1"),
        _entry("delivered", "cpu-2", callback="ops", hours=1),
        _entry("superseded", "cpu-3", hours=2),
        _entry("pending", "cpu-4", hours=3),
    ]
    fallback = _entry(_FALLBACK_ID, "cpu-1", "second", "mail", 4, origin=DEAD_ID, passed=("oncall",))
    outbox.enqueue(entries, worker=worker, now=NOW)

    def end(name: str, status: StoredStatus, number: int, **fields) -> None:
        told = Ending(id=name, status=status, number=number, **fields)
        assert not outbox.settle(worker, [told], now=NOW)

    outbox.retry_at(worker, [Retry(id=DEAD_ID, attempt=_attempt(1, 0, retry_in=5.0), due_at=NOW)], now=NOW)
    end(DEAD_ID, StoredStatus.DEAD, 2, attempt=_attempt(2, 5), fallback=(fallback,))
    end("delivered", StoredStatus.DELIVERED, 1, attempt=_attempt(1, 0, verdict=Verdict.CONFIRMED, reason=""))
    end("superseded", StoredStatus.SUPERSEDED, 0)
    later = NOW + timedelta(hours=5)
    outbox.replay(DEAD_ID, now=later)
    outbox.claim(worker, {LaneKey("oncall", "hooks"): 9}, now=later)
    last = _attempt(3, 18_000, verdict=Verdict.UNKNOWN, status_code=None, reason="")
    end(DEAD_ID, StoredStatus.DEAD, 3, attempt=last)
    outbox.leave(worker)
    outbox.close()
    return str(path)


def stored(path) -> dict[str, StoredDelivery]:
    """What is in there now, by id."""
    outbox = SqliteOutbox(path)
    try:
        return {one.entry.id: one for one in outbox.list()}
    finally:
        outbox.close()


def put(path, *groups: str) -> str:
    """An alarm to each of these groups, put by a process that only puts."""
    outbox = SqliteOutbox(path)
    connection = sqlite3.connect(path)
    for name in groups:
        callback = Callback("http://127.0.0.1:1", format="tencent", name="hooks")
        outbox.put(connection, ALARM, AlarmGroup(name, callbacks=[callback]))
    connection.commit()
    connection.close()
    outbox.close()
    return str(path)

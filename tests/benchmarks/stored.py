"""What the outbox's measures put into a file, quickly, as an earlier process may have left it."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta

from alarm_dispatch import AlarmGroup
from alarm_dispatch.alarm_json import dump_alarm
from alarm_dispatch.outbox import Entry, LaneKey, SqliteOutbox

from .alarms import alarms

__all__ = ["entries", "leave_unsettled"]

_BATCH = 500
_LEASE = timedelta(days=1)


def entries(count: int, lanes: Sequence[LaneKey], now: datetime, start: int = 0) -> Iterator[Entry]:
    """So many deliveries, each of an alarm of its own, the lanes in turn."""
    content = dump_alarm(alarms(1)[0])
    for number in range(start, start + count):
        yield Entry(
            id=f"{number:012x}{os.urandom(6).hex()}",
            lane=lanes[number % len(lanes)],
            alarm_id=f"alarm-{number}",
            level=2,
            content=content,
            created_at=now,
        )


def leave_unsettled(outbox: SqliteOutbox, count: int, group: AlarmGroup, now: datetime) -> None:
    """Leave so many deliveries to the group's callbacks, as held by a worker that is gone."""
    lanes = [LaneKey(group.name, callback.name) for callback in group.callbacks]
    worker = outbox.join(now=now, until=now + _LEASE)
    rows = entries(count, lanes, now)
    for start in range(0, count, _BATCH):
        batch = [next(rows) for _ in range(min(_BATCH, count - start))]
        outbox.enqueue(batch, worker=worker, now=now)
    outbox.leave(worker)

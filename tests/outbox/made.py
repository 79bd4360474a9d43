"""What the tests of outboxes put in, and short words for what they ask."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from alarm_dispatch import Attempt, Verdict
from alarm_dispatch.outbox import Ending, Entry, LaneKey, Outbox, Retry, StoredStatus

NOW = datetime(2026, 1, 31, 8, 0, tzinfo=UTC)
LANE = LaneKey("oncall", "blueking https://ops.example.com/alarms")
OTHER = LaneKey("oncall", "tencent https://hooks.example.com/cm")
DELIVERED, DEAD = StoredStatus.DELIVERED, StoredStatus.DEAD
PENDING, SUPERSEDED = StoredStatus.PENDING, StoredStatus.SUPERSEDED
LEASE = timedelta(seconds=30)


def at(seconds: float) -> datetime:
    """So many seconds after the tests' time."""
    return NOW + timedelta(seconds=seconds)


def entry(name: str, alarm: str = "", lane: LaneKey = LANE, **fields) -> Entry:
    """A delivery; each has an alarm of its own unless one is named."""
    return Entry(
        id=name,
        lane=lane,
        alarm_id=alarm or f"alarm of {name}",
        **{"level": 2, "content": f'{{"id":"{name}"}}'.encode(), "created_at": NOW, **fields},
    )


def attempt(number: int = 1, **fields) -> Attempt:
    """An attempt."""
    return Attempt(
        number=number,
        **{"started_at": NOW, "duration": 0.25, "verdict": Verdict.REJECTED, "reason": "500", **fields},
    )


def retry(name: str, number: int, due: float) -> Retry:
    """An attempt that is followed by another."""
    return Retry(id=name, attempt=attempt(number, retry_in=5.0), due_at=at(due))


def ending(name: str, number: int = 1, status: StoredStatus = DELIVERED, **fields) -> Ending:
    """The end of a delivery with its last attempt."""
    return Ending(id=name, status=status, number=number, **{"attempt": attempt(number), **fields})


def worker(outbox: Outbox, now: float = 0, lasts: float = 30) -> str:
    """A worker with a lease."""
    return outbox.join(now=at(now), until=at(now + lasts))


def claimed(outbox: Outbox, name: str, now: float = 0, room: int = 10, lane: LaneKey = LANE) -> list[str]:
    """The ids that a claim gets."""
    return [held.entry.id for held in outbox.claim(name, {lane: room}, now=at(now)).held]


def statuses(outbox: Outbox) -> dict[str, str]:
    """Each delivery's status, in their order."""
    return {one.entry.id: one.status.value for one in outbox.list()}

"""How stored deliveries are told: to people in a table or in lines, to programs as JSON values."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Any

from alarm_dispatch.cli.documents import attempt_document
from alarm_dispatch.cli.grids import (
    ATTEMPT_COLUMNS,
    Column,
    Grid,
    Line,
    Names,
    Row,
    attempts_section,
    first_start,
)
from alarm_dispatch.outbox import StoredDelivery, StoredStatus

__all__ = ["attempts_so_far", "stored_document", "stored_grid", "stored_lines"]

_STATUS_STYLES = {
    StoredStatus.PENDING: "yellow",
    StoredStatus.DELIVERED: "green",
    StoredStatus.DEAD: "red",
    StoredStatus.SUPERSEDED: "dim",
}

_UNITS = ((86_400, "d"), (3_600, "h"), (60, "min"), (1, "s"))

_COLUMNS = (
    Column("id"),
    Column("age", right=True),
    Column("status"),
    Column("#", right=True),
    Column("alarm", flexible=True),
    Column("group / callback", flexible=True),
    Column("why", flexible=True),
)


def stored_grid(found: Iterable[StoredDelivery], now: datetime) -> Grid:
    """A row for each."""
    return Grid(columns=_COLUMNS, sections=(tuple(_row(stored, now) for stored in found),))


def _row(stored: StoredDelivery, now: datetime) -> Row:
    entry = stored.entry
    return (
        entry.id,
        _age((now - entry.created_at).total_seconds()),
        (str(stored.status), _STATUS_STYLES[stored.status]),
        str(len(stored.attempts)),
        entry.alarm_id,
        Names(tuple(entry.lane)),
        _why(stored),
    )


def _age(seconds: float) -> str:
    size, unit = next(((size, unit) for size, unit in _UNITS if seconds >= size), _UNITS[-1])
    return f"{max(0, int(seconds // size))} {unit}"


def _why(stored: StoredDelivery) -> str:
    """Why it is not delivered, as far as is known."""
    if stored.status is StoredStatus.DELIVERED or not (stored.error or stored.attempts):
        return ""
    if stored.error:
        return stored.error
    last = stored.attempts[-1]
    return f"{last.verdict}: {last.reason}" if last.reason else str(last.verdict)


def stored_lines(stored: StoredDelivery) -> Iterator[Line]:
    """One delivery for people, but for its attempts."""
    entry = stored.entry
    yield ((str(stored.status), f"bold {_STATUS_STYLES[stored.status]}"), (f"  id {entry.id}", "dim"))
    told = {
        "alarm": entry.alarm_id,
        "group": entry.lane.group,
        "callback": entry.lane.callback,
        "put": _time(entry.created_at),
        "next attempt": _time(stored.due_at),
        "settled": _time(stored.settled_at),
        "replayed": ", ".join(filter(None, map(_time, stored.replays))),
        "fallback of": entry.origin,
        "groups before": ", ".join(entry.passed),
        "error": stored.error,
        "attempts": str(len(stored.attempts)),
        "content": entry.content.decode(errors="backslashreplace"),
    }
    for name, text in told.items():
        if text:
            yield ((f"{name:>13}  ", "dim"), text)


def _time(time: datetime | None) -> str:
    return "" if time is None else time.astimezone().isoformat(" ", "milliseconds")


def attempts_so_far(stored: StoredDelivery) -> Grid:
    """All attempts, with a line where it was replayed."""
    origin = first_start(stored.attempts)
    parts = []
    left = list(stored.attempts)
    for replayed in stored.replays:
        before = [attempt for attempt in left if attempt.started_at < replayed]
        left = left[len(before) :]
        parts.append(attempts_section(before, origin))
    parts.append(attempts_section(left, origin))
    return Grid(columns=ATTEMPT_COLUMNS, sections=tuple(filter(None, parts)))


def stored_document(stored: StoredDelivery, *, with_alarm: bool = False) -> dict[str, Any]:
    """One delivery for programs; times are in ISO 8601, durations in seconds."""
    entry = stored.entry
    document: dict[str, Any] = {
        "id": entry.id,
        "group": entry.lane.group,
        "callback": entry.lane.callback,
        "alarm_id": entry.alarm_id,
        "status": str(stored.status),
        "created_at": entry.created_at.isoformat(),
        "due_at": None if stored.due_at is None else stored.due_at.isoformat(),
        "settled_at": None if stored.settled_at is None else stored.settled_at.isoformat(),
        "error": stored.error,
        "origin": entry.origin,
        "passed": list(entry.passed),
        "replays": [time.isoformat() for time in stored.replays],
        "attempts": [attempt_document(attempt) for attempt in stored.attempts],
    }
    if with_alarm:
        document["alarm"] = _alarm(entry.content)
    return document


def _alarm(content: bytes) -> Any:
    try:
        return json.loads(content)
    except (ValueError, RecursionError):  # a disk has turned some of its bytes
        return content.decode(errors="backslashreplace")

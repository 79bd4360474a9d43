"""How an outbox's values stand in its rows: times as integers, attempts as lines, and a checksum."""

from __future__ import annotations

import json
import zlib
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from attrs import frozen

from alarm_dispatch.exchange import Attempt, Verdict
from alarm_dispatch.json_text import tolerant_json
from alarm_dispatch.outbox.base import Entry, Held, LaneKey, StoredDelivery, StoredStatus

__all__ = [
    "STATUS_CODES",
    "Row",
    "attempt_line",
    "checksum",
    "microseconds",
    "moment",
    "moment_or_epoch",
    "plain_text",
    "replay_line",
]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)

STATUS_CODES = {
    StoredStatus.PENDING: 0,
    StoredStatus.DELIVERED: 1,
    StoredStatus.DEAD: 2,
    StoredStatus.SUPERSEDED: 3,
}
_STATUS_OF = {code: status for status, code in STATUS_CODES.items()}
_VERDICTS = {verdict.value: verdict for verdict in Verdict}


def microseconds(time: datetime) -> int:
    """An aware time as microseconds since 1970."""
    return (time - _EPOCH) // _MICROSECOND


def moment(microseconds: int) -> datetime:
    """The time in UTC."""
    return _EPOCH + timedelta(microseconds=microseconds)


def moment_or_epoch(microseconds: Any) -> datetime:
    """The time in UTC; 1970 where a row that is damaged has none that the calendar knows."""
    try:
        return moment(microseconds)
    except (OverflowError, TypeError):
        return _EPOCH


def checksum(entry: Entry) -> int:
    """A CRC over all that decides what is sent."""
    group, callback = entry.lane
    names = f"{entry.id}\n{group}\n{callback}\n{entry.alarm_id}\n{entry.created_at.timestamp()}"
    return zlib.crc32(names.encode(errors="replace"), zlib.crc32(entry.content))


def attempt_line(attempt: Attempt) -> str:
    """A line of a delivery's history; its id and callback are the row's."""
    fields = (
        "a",
        attempt.number,
        microseconds(attempt.started_at),
        attempt.duration,
        attempt.verdict.value,
        attempt.status_code,
        attempt.reason,
        attempt.retry_in,
    )
    return tolerant_json(fields) + "\n"


def plain_text(text: str) -> str:
    """The text without what SQLite does not take: a lone surrogate, and NUL, at which it would end."""
    return text.replace("\0", "�").encode(errors="replace").decode()


def replay_line(now: int) -> str:
    """The line that says that it was replayed then."""
    return tolerant_json(("r", now)) + "\n"


@frozen
class _History:
    attempts: tuple[Attempt, ...] = ()
    replays: tuple[datetime, ...] = ()
    earlier: int = 0


def _read_history(text: str, delivery_id: str, callback: str) -> _History:
    attempts: list[Attempt] = []
    replays: list[datetime] = []
    earlier = 0
    for line in text.splitlines():
        kind, *fields = json.loads(line)
        if kind == "a":
            number, started_at, duration, verdict, status_code, reason, retry_in = fields
            attempts.append(
                Attempt(
                    number=number,
                    started_at=moment(started_at),
                    duration=duration,
                    verdict=_VERDICTS[verdict],
                    status_code=status_code,
                    reason=reason,
                    retry_in=retry_in,
                    delivery_id=delivery_id,
                    callback=callback,
                )
            )
        elif kind == "r":
            replays.append(moment(fields[0]))
            earlier = len(attempts)
        else:
            raise ValueError(f"a line of kind {kind!r} is unknown")
    return _History(tuple(attempts), tuple(replays), earlier)


_NOTHING = _History()


class Row:
    """A delivery as the statements answer it: a list of its columns, and its content."""

    __slots__ = ("_due", "_settled", "_status", "entry", "error", "history", "number", "seq", "unreadable")

    def __init__(self, columns: Sequence[Any], lane: LaneKey, content: bytes) -> None:
        (
            self.seq, delivery_id, _, alarm, level, created, origin, passed, self._status, self.number,
            self._due, self._settled, self.error, history, crc, _,
        ) = columns  # fmt: skip
        self.unreadable = ""
        names: tuple[str, ...] = ()
        self.history = _NOTHING
        # What was damaged, or written by a newer version, may raise anything.
        try:
            names = tuple(json.loads(passed)) if passed else ()
            self.history = _read_history(history, delivery_id, lane.callback)
        except Exception as error:  # noqa: BLE001 - told, and the others go on
            self.unreadable = f"its history cannot be read ({type(error).__name__}: {error})"
        self.entry = Entry(
            id=delivery_id,
            lane=lane,
            alarm_id=alarm,
            level=level,
            content=content,
            created_at=moment_or_epoch(created),
            origin=origin,
            passed=names,
        )
        if checksum(self.entry) != crc:
            self.unreadable = "its content is damaged: the checksum is another"

    def held(self) -> Held:
        """For the worker that holds it."""
        return Held(
            entry=self.entry,
            attempts=self.history.attempts,
            number=self.number,
            earlier=self.history.earlier,
            replayed_at=self.history.replays[-1] if self.history.replays else None,
            due_at=moment_or_epoch(self._due),
            unreadable=self.unreadable,
        )

    def stored(self) -> StoredDelivery:
        """For people."""
        status = _STATUS_OF.get(self._status, StoredStatus.PENDING)
        return StoredDelivery(
            entry=self.entry,
            status=status,
            attempts=self.history.attempts,
            due_at=moment_or_epoch(self._due) if status is StoredStatus.PENDING else None,
            settled_at=None if self._settled is None else moment_or_epoch(self._settled),
            error=self.error or self.unreadable,
            replays=self.history.replays,
        )

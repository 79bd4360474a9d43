"""How deliveries come into an outbox's tables, on any connection to its file."""

from __future__ import annotations

import hashlib
import json
import os
import secrets
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import UTC, datetime
from typing import Any

from alarm_dispatch.alarm_json import dump_alarm
from alarm_dispatch.callbacks import Callback
from alarm_dispatch.errors import OutboxCorruptError
from alarm_dispatch.formats import BuildContext
from alarm_dispatch.formats.abilities import messages_of
from alarm_dispatch.groups import AlarmGroup, check_distinct
from alarm_dispatch.json_text import tolerant_json
from alarm_dispatch.model import Alarm
from alarm_dispatch.outbox import sql
from alarm_dispatch.outbox.base import Entry, LaneKey
from alarm_dispatch.outbox.rows import checksum, microseconds
from alarm_dispatch.states import rank_of
from alarm_dispatch.values import check_aware_time, check_kind, check_text

__all__ = ["LaneNumbers", "answer", "entries_of", "filled", "new_id", "put_entries"]


def new_id(now: datetime) -> str:
    """An id that no other has: 24 hexadecimal digits, half of them the time.

    Ids that follow each other stand side by side in the index, which halves the pages that a batch writes.
    """
    return f"{microseconds(now) // 1000 & 0xFFFFFFFFFFFF:012x}{os.urandom(6).hex()}"


def _named_id(name: str, group: AlarmGroup, callback: Callback) -> str:
    """The id of the delivery that the notification ``name`` has to this callback: each time the same."""
    # The 1 stands where it was counted how many callbacks had the name.
    text = tolerant_json((name, group.name, callback.name, 1))
    return hashlib.blake2b(text.encode(), digest_size=12).hexdigest()


def entries_of(alarm: Alarm, group: AlarmGroup, name: str | None, now: datetime | None) -> list[Entry]:
    """A delivery for each of the group's callbacks; ``name`` is the notification's.

    Raises :class:`~alarm_dispatch.errors.BuildError` when a format cannot build the alarm's payload, and
    :class:`~alarm_dispatch.errors.InvalidFieldError`.
    """
    check_kind(alarm, (Alarm,), "put.alarm")
    check_kind(group, (AlarmGroup,), "put.group")
    check_distinct(group, "put.group")
    if name is not None:
        check_text(name, "put.id", empty=False)
    if now is not None:
        check_aware_time(now, "put.now")
    now = now or datetime.now(UTC)
    content = dump_alarm(alarm)
    entries = []
    for callback in group.callbacks:
        delivery_id = new_id(now) if name is None else _named_id(name, group, callback)
        # Only to learn whether it can be built: the worker builds it again, with its own configuration.
        context = BuildContext(session_id=delivery_id, now=now, url=callback.url)
        messages_of(callback.format, alarm, context)
        entries.append(
            Entry(
                id=delivery_id,
                lane=LaneKey(group.name, callback.name),
                alarm_id=alarm.id,
                level=rank_of(alarm.level),
                content=content,
                created_at=now,
            )
        )
    return entries


def answer(cursor: sqlite3.Cursor, statement: str, parameters: Any) -> Any:
    """What a statement with one JSON array for an answer says."""
    (found,) = cursor.execute(statement, parameters).fetchone()
    return json.loads(found.decode(errors="replace"))


class LaneNumbers:
    """The numbers that stand for lanes in the rows; they never change, so they are read once."""

    def __init__(self) -> None:
        self._numbers: dict[LaneKey, int] = {}
        self._keys: dict[int, LaneKey] = {}

    def forget(self) -> None:
        """Read them anew: it may be another file, or a lane's row may not have been committed."""
        self._numbers, self._keys = {}, {}

    def key(self, cursor: sqlite3.Cursor, number: int) -> LaneKey:
        """The lane of that number; one of no name where its row is damaged."""
        found = self._keys.get(number)
        if found is None:
            found = self._learned(cursor)[1].get(number, LaneKey("", ""))
        return found

    def numbers(self, cursor: sqlite3.Cursor, keys: Iterable[LaneKey]) -> dict[LaneKey, int]:
        """The numbers of those of the lanes that ever had a delivery."""
        wanted = list(keys)
        numbers = self._numbers
        if any(key not in numbers for key in wanted):
            numbers = self._learned(cursor)[0]
        return {key: numbers[key] for key in wanted if key in numbers}

    def known(self, cursor: sqlite3.Cursor) -> list[LaneKey]:
        """All that ever had a delivery."""
        return list(self._learned(cursor)[0])

    def number(self, cursor: sqlite3.Cursor, key: LaneKey) -> int:
        """The lane's number, a new one if it has none."""
        number = self._numbers.get(key)
        if number is None:
            cursor.execute(sql.NEW_LANE, key)
            number = self._learned(cursor)[0].get(key)
        if number is None:
            raise OutboxCorruptError(f"the outbox cannot find the lane {key} that it has")
        return number

    def _learned(self, cursor: sqlite3.Cursor) -> tuple[dict[LaneKey, int], dict[int, LaneKey]]:
        # What another thread forgets meanwhile is not missed here.
        numbers, keys = self._numbers, self._keys
        for number, group, callback in answer(cursor, sql.LANES, (max(keys, default=0),)):
            key = LaneKey(group, callback)
            keys[number] = key
            numbers[key] = number
        return numbers, keys


def put_entries(
    cursor: sqlite3.Cursor, entries: Sequence[Entry], lanes: LaneNumbers, *, worker: int, now: int
) -> dict[str, tuple[int, bool]]:
    """Put deliveries, in the open transaction; of each new one its seq, and whether the worker has it."""
    new: dict[str, tuple[int, bool]] = {}
    for part in _parts(entries):
        seqs = _put_rows(cursor, part, lanes, worker, now)
        if not seqs:
            continue
        parameters: list[object] = []
        for entry in part:
            if (seq := seqs.get(entry.id)) is not None:
                parameters += (seq, checksum(entry), entry.content)
        filled(cursor, sql.put_content, parameters, 3)
        held: set[int] = set()
        if worker:
            found = {"first": min(seqs.values()), "last": max(seqs.values()), "worker": worker}
            held = set(answer(cursor, sql.LAST, found))
        new.update((delivery_id, (seq, seq in held)) for delivery_id, seq in seqs.items())
    return new


def _parts(entries: Sequence[Entry]) -> Iterator[list[Entry]]:
    """As many as a statement takes, each id once."""
    first: dict[str, Entry] = {}
    for entry in entries:
        first.setdefault(entry.id, entry)
    once = list(first.values())
    for start in range(0, len(once), sql.ROW_BATCHES[-1]):
        yield once[start : start + sql.ROW_BATCHES[-1]]


def _put_rows(
    cursor: sqlite3.Cursor, part: list[Entry], lanes: LaneNumbers, worker: int, now: int
) -> dict[str, int]:
    step = secrets.randbits(62)
    parameters: list[object] = [worker, now, step]
    chains: set[tuple[int, str]] = set()
    for entry in part:
        lane = lanes.number(cursor, entry.lane)
        chain = (lane, entry.alarm_id)
        passed = tolerant_json(entry.passed) if entry.passed else ""
        created_at = microseconds(entry.created_at)
        parameters += (
            entry.id, lane, entry.alarm_id, entry.level, created_at, entry.origin, passed, chain in chains,
        )  # fmt: skip
        chains.add(chain)
    inserted, last = filled(cursor, sql.put_rows, parameters, 8, first=3)
    if inserted == len(part):
        return {entry.id: last - inserted + place for place, entry in enumerate(part, start=1)}
    if not inserted:
        return {}
    ids = tolerant_json([entry.id for entry in part])
    seqs: dict[str, int] = dict(answer(cursor, sql.NEW_SEQS, {"ids": ids, "step": step}))
    # The first of an alarm may have been there before, and settled, so that the next one has none before it.
    heads = {"seqs": tolerant_json(list(seqs.values())), "worker": worker, "now": now}
    cursor.execute(sql.NEW_HEADS, heads)
    return seqs


def filled(
    cursor: sqlite3.Cursor,
    statement: Callable[[int], str],
    parameters: list[object],
    columns: int,
    *,
    first: int = 0,
) -> tuple[int, int]:
    """Run the statement of the next size, the rows that are too many empty; its count and last rowid."""
    rows = (len(parameters) - first) // columns
    size = next(size for size in sql.ROW_BATCHES if size >= rows)
    parameters += [None] * ((size - rows) * columns)
    cursor.execute(statement(size), parameters)
    return cursor.rowcount, cursor.lastrowid or 0

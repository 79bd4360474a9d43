"""What people do with an outbox's file: look, replay, purge; and how it is kept small."""

from __future__ import annotations

import contextlib
import json
import sqlite3
from collections.abc import Collection, Iterable, Iterator
from datetime import UTC, datetime
from typing import Any, Unpack

from alarm_dispatch.json_text import tolerant_json
from alarm_dispatch.outbox import ledger_sql, sql
from alarm_dispatch.outbox.arguments import chosen, to_replay, unreplayable
from alarm_dispatch.outbox.base import Filter, FilterFields, LaneKey, StoredDelivery
from alarm_dispatch.outbox.database import Database
from alarm_dispatch.outbox.putting import LaneNumbers, answer
from alarm_dispatch.outbox.repeats import SqliteRepeats
from alarm_dispatch.outbox.rows import Row, microseconds, replay_line
from alarm_dispatch.values import check_aware_time

__all__ = ["Ledger", "rows_of"]

_PAGE = 200
_STEP = 500
# Pages that are free before some are given back: those that come and go are better kept.
_FREE_PAGES = 1024


def rows_of(cursor: sqlite3.Cursor, statement: str, parameters: Any, lanes: LaneNumbers) -> list[Row]:
    """The deliveries that a statement answers."""
    listed, contents = cursor.execute(statement, parameters).fetchone()
    rows = []
    start = 0
    for columns in json.loads(listed.decode(errors="replace")):
        end = start + columns[-1]
        rows.append(Row(columns, lanes.key(cursor, columns[2]), contents[start:end]))
        start = end
    return rows


class Ledger:
    """The part of a :class:`~alarm_dispatch.outbox.sqlite.SqliteOutbox` that no worker needs.

    ``keep`` is how many seconds, and how many of them, the settled ones stay, and the dead ones.
    """

    def __init__(
        self, database: Database, lanes: LaneNumbers, keep: tuple[tuple[float, int], tuple[float, int]]
    ) -> None:
        self._database = database
        self._lanes = lanes
        self._keep = keep
        self._repeats = SqliteRepeats(database)

    @property
    def repeats(self) -> SqliteRepeats:
        """What is known of unresolved alarms from evaluation to evaluation, in the same file."""
        return self._repeats

    @contextlib.contextmanager
    def _step(self) -> Iterator[sqlite3.Cursor]:
        """A cursor in a transaction."""
        with self._database.writing() as connection:
            yield connection.cursor()

    def lanes(self) -> Collection[LaneKey]:
        """All lanes that ever had a delivery."""
        with self._database.reading() as connection:
            return self._lanes.known(connection.cursor())

    def has_pending(self, lanes: Collection[LaneKey]) -> bool:
        """Whether any delivery of these lanes is not settled, whoever holds it."""
        with self._database.reading() as connection:
            cursor = connection.cursor()
            numbers = tolerant_json(list(self._lanes.numbers(cursor, lanes).values()))
            (found,) = cursor.execute(ledger_sql.HAS_PENDING, {"lanes": numbers}).fetchone()
        return bool(found)

    def list(
        self, wanted: Filter | None = None, /, **fields: Unpack[FilterFields]
    ) -> Iterator[StoredDelivery]:
        """Stored deliveries in the order in which they were put, read as they are asked for.

        They are chosen by a filter or by its fields: ``outbox.list(status="dead", limit=20)``.
        """
        wanted = chosen(wanted, fields)
        where, parameters = ledger_sql.conditions(wanted)
        after = 0
        if wanted.limit is not None:
            with self._database.reading() as connection:
                bound = {**parameters, "limit": wanted.limit}
                (after,) = connection.execute(ledger_sql.lower_bound(where), bound).fetchone()
        return self._pages(where, parameters, after, wanted.limit)

    def _pages(
        self, where: str, parameters: dict[str, object], after: int, limit: int | None
    ) -> Iterator[StoredDelivery]:
        left = limit
        while left is None or left > 0:
            most = _PAGE if left is None else min(left, _PAGE)
            # No transaction stays open meanwhile: it would keep the file's log from being taken over.
            with self._database.reading() as connection:
                page = {**parameters, "after": after, "most": most}
                rows = rows_of(connection.cursor(), ledger_sql.list_page(where), page, self._lanes)
            for row in rows:
                yield row.stored()
            if len(rows) < most:
                return
            after = rows[-1].seq
            left = None if left is None else left - len(rows)

    def replay(
        self,
        wanted: Filter | Iterable[str] | str | None = None,
        /,
        *,
        now: datetime | None = None,
        all: bool = False,  # noqa: A002 - the word of the command
        **fields: Unpack[FilterFields],
    ) -> int:
        """Let dead deliveries be sent again under their ids, from a fresh schedule; how many they are.

        ``outbox.replay("5f…")``, ``outbox.replay(ids)``, ``outbox.replay(since=yesterday)``,
        ``outbox.replay(all=True)``; nothing else means all.  They go behind what is unsettled of their
        alarms, and attempts are counted on.  Without ``now`` it is the system's time.

        Raises :class:`~alarm_dispatch.errors.NotReplayableError`, which names the ids that are unknown, not
        dead, or do not match the rest, and then replays none; and
        :class:`~alarm_dispatch.errors.InvalidFieldError` when nothing says which, and for a status that is
        not dead.
        """
        chosen_ones = to_replay(wanted, all, now, fields)
        where, parameters = ledger_sql.conditions(chosen_ones)
        time = microseconds(now or datetime.now(UTC))
        with self._step() as cursor:
            ids = chosen_ones.ids
            wrong: Iterable[str] = ()
            if ids is not None:
                dead = set(answer(cursor, ledger_sql.dead_ids(where), parameters))
                wrong = [one for one in dict.fromkeys(ids) if one not in dead]
            count = 0
            if not wrong:
                (last,) = cursor.execute(ledger_sql.LAST_SEQ).fetchone()
                line = replay_line(time)
                cursor.execute(
                    ledger_sql.replay(where, limited=chosen_ones.limit is not None),
                    {**parameters, "last": last, "now": time, "line": line, "limit": chosen_ones.limit},
                )
                count = cursor.rowcount
                cursor.execute(ledger_sql.REMEMBER_LAST, {"last": last + count})
                cursor.execute(sql.NEW_HEADS_AFTER, {"after": last, "worker": 0, "now": time})
        # Only now: within another transaction this is no reason to give all of it up.
        if wrong:
            raise unreplayable(chosen_ones, wrong)
        return count

    def purge(self, before: datetime) -> int:
        """Remove what was settled before that aware time, dead letters too; how many that was.

        Raises :class:`~alarm_dispatch.errors.InvalidFieldError` for what is no aware time.
        """
        check_aware_time(before, "purge.before")
        count = 0
        for dead in (False, True):
            while removed := self._remove(dead, microseconds(before), _STEP):
                count += removed
        return count

    def trim(self, *, now: datetime) -> bool:
        """Remove a little of what is kept no longer; True when there is more to remove."""
        more = False
        for dead, (seconds, most) in enumerate(self._keep):
            with self._step() as cursor:
                removed = self._remove(bool(dead), microseconds(now) - int(seconds * 1e6), _STEP)
                counted = {"dead": dead, "most": most + _STEP}
                (count,) = cursor.execute(ledger_sql.COUNT_SETTLED, counted).fetchone()
                if count > most:
                    removed += self._remove(bool(dead), 2**62, count - most)
            more = more or removed >= _STEP
        with self._step() as cursor:
            cursor.execute(sql.FORGET_WORKERS, {"now": microseconds(now)})
        return self._shrink() or more

    def _remove(self, dead: bool, before: int, most: int) -> int:
        with self._step() as cursor:
            which = {"dead": dead, "before": before, "most": most}
            batch = answer(cursor, ledger_sql.OLDEST_SETTLED, which)
            if batch:
                cursor.execute(ledger_sql.REMOVE_CONTENT, {"batch": tolerant_json(batch)})
                cursor.execute(ledger_sql.REMOVE, {"batch": tolerant_json(batch)})
        return len(batch)

    def _shrink(self) -> bool:
        """Give free pages back to the file system, a few at a time; whether there are more."""
        with self._database.reading() as connection:
            if connection.in_transaction:
                return False
            (free,) = connection.execute("PRAGMA freelist_count").fetchone()
            (mode,) = connection.execute("PRAGMA auto_vacuum").fetchone()
            if free <= _FREE_PAGES or not mode:
                return False
            # As a script it is one call for the interpreter, not one for each page.
            connection.executescript(f"PRAGMA incremental_vacuum({_STEP})")
        return bool(free - _STEP > _FREE_PAGES)

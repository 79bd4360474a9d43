"""The outbox in an SQLite file, in this process, with nothing to install."""

from __future__ import annotations

import contextlib
import os
import secrets
import sqlite3
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path

from alarm_dispatch.errors import OutboxError, OutboxUnavailableError
from alarm_dispatch.groups import AlarmGroup
from alarm_dispatch.json_text import tolerant_json
from alarm_dispatch.model import Alarm
from alarm_dispatch.outbox import sql
from alarm_dispatch.outbox.arguments import check_connection, file_name
from alarm_dispatch.outbox.base import Claim, Ending, Entry, LaneKey, Retry
from alarm_dispatch.outbox.batches import rounds, worker_number
from alarm_dispatch.outbox.database import Database, saved, told
from alarm_dispatch.outbox.ledger import Ledger, rows_of
from alarm_dispatch.outbox.putting import (
    LaneNumbers,
    answer,
    entries_of,
    filled,
    put_entries,
)
from alarm_dispatch.outbox.retention import retention
from alarm_dispatch.outbox.rows import STATUS_CODES, attempt_line, microseconds, moment_or_epoch, plain_text
from alarm_dispatch.outbox.schema import ensure_tables, set_up
from alarm_dispatch.outbox.whereabouts import same_file
from alarm_dispatch.values import check_at_least, check_kind

__all__ = ["SqliteOutbox"]

_DAY = 86_400.0
# Seconds; sqlite3 counts milliseconds in 32 bits.
_LONGEST_WAIT = 2_000_000.0
_LEAST_SQLITE = (3, 33, 0)  # the first with UPDATE FROM
# The seqs of so many held deliveries are remembered; those of others are looked up.
_REMEMBERED = 500_000


class SqliteOutbox(Ledger):
    """An :class:`~alarm_dispatch.outbox.base.Outbox` in the SQLite file at ``path``.

    The file and its tables are made when they are first needed.  It may be a user's own database: all
    tables' names begin with ``alarm_dispatch_``.  It is in WAL mode with ``synchronous=FULL``, so it cannot
    be on a network's file system.  Neither URLs nor headers nor keys are written into it.  A file that an
    outbox made gives its free pages back; one that was there before uses them again.

    Settled deliveries are kept ``keep_settled`` seconds and at most ``max_settled`` of them, dead ones
    ``keep_dead`` and ``max_dead``.  ``busy_timeout`` is how many seconds another process is waited for.
    With ``must_exist`` a file that is not there, or has no outbox, is an error and stays as it is.

    Raises :class:`~alarm_dispatch.errors.InvalidFieldError` for an option that is none of that, and
    :class:`~alarm_dispatch.errors.OutboxError` for a path that is no file.

    It may be used from all threads, and after a fork in both processes.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        keep_settled: float = 7 * _DAY,
        keep_dead: float = 90 * _DAY,
        max_settled: int = 100_000,
        max_dead: int = 100_000,
        busy_timeout: float = 5.0,
        must_exist: bool = False,
    ) -> None:
        check_at_least(busy_timeout, "SqliteOutbox.busy_timeout")
        check_kind(must_exist, (bool,), "SqliteOutbox.must_exist")
        # A daemon changes its folder, and each thread opens the file for itself.
        self.path = str(Path(file_name(path)).absolute())
        self._busy_timeout = min(busy_timeout, _LONGEST_WAIT)
        self._must_exist = must_exist
        self._seqs: dict[str, int] = {}
        super().__init__(
            Database(self.path, self._connect, self._forget),
            LaneNumbers(),
            retention(
                type(self).__name__,
                keep_settled=keep_settled,
                keep_dead=keep_dead,
                max_settled=max_settled,
                max_dead=max_dead,
            ),
        )

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.path!r})"

    def _connect(self) -> sqlite3.Connection:
        if sqlite3.sqlite_version_info < _LEAST_SQLITE:
            least = ".".join(map(str, _LEAST_SQLITE))
            raise OutboxUnavailableError(f"SQLite {sqlite3.sqlite_version} is too old; {least} is needed")
        if self._must_exist and not Path(self.path).exists():
            raise OutboxUnavailableError(f"{self.path} is not there")
        connection = sqlite3.connect(
            self.path, timeout=self._busy_timeout, isolation_level=None, check_same_thread=False
        )
        try:
            set_up(connection, self.path, must_exist=self._must_exist)
        except BaseException:
            connection.close()
            raise
        # What is remembered may be of a file that was replaced.
        self._forget()
        return connection

    def _forget(self) -> None:
        self._lanes.forget()
        self._seqs = {}

    def transaction(self) -> contextlib.AbstractContextManager[None]:
        """Make what this thread does in the block one step: all of it or nothing."""
        return self._transaction()

    @contextlib.contextmanager
    def _transaction(self) -> Iterator[None]:
        with self._step():
            yield

    def close(self) -> None:
        """Let go of the file; a later call opens it again."""
        self._database.close()
        self._forget()

    # -- in a user's own transaction

    def create(self, connection: sqlite3.Connection) -> None:
        """Make the outbox's tables on a connection of the user's own, in its transaction.

        Raises :class:`~alarm_dispatch.errors.OutboxVersionError` when newer ones are there.
        """
        check_connection(connection, "create.connection")
        with told(self.path), saved(connection):
            ensure_tables(connection, self.path, adopt=True)

    def put(
        self,
        connection: sqlite3.Connection,
        alarm: Alarm,
        group: AlarmGroup,
        *,
        id: str | None = None,  # noqa: A002 - the field's word
        now: datetime | None = None,
    ) -> tuple[str, ...]:
        """Put an alarm's deliveries to a group, on a connection of the user's own, in its transaction.

        They are there when the user commits, and never were when it is rolled back; a dispatcher on this file
        that has the group picks them up.  As with any statement, a transaction begins if none is open,
        unless the connection commits by itself: then this is one step.  The answer is the deliveries' ids,
        in the order of the group's callbacks.  ``id`` names the notification: with the same one again
        nothing more is put.  Whether the commit reaches the disk is up to the connection's ``synchronous``.

        Raises :class:`~alarm_dispatch.errors.BuildError` when a format cannot build the alarm's payload,
        :class:`~alarm_dispatch.errors.InvalidFieldError` for an argument of another kind, and for a group
        with two callbacks of one name, and :class:`~alarm_dispatch.errors.OutboxError`; then nothing was
        written.
        """
        check_connection(connection, "put.connection")
        entries = entries_of(alarm, group, id, now)
        with told(self.path):
            self._check_same_file(connection)
            with saved(connection):
                ensure_tables(connection, self.path, adopt=True)
                cursor = connection.cursor()
                cursor.row_factory = None
                # Lane numbers of its own: a rollback may take back what it learns.
                put_entries(cursor, entries, LaneNumbers(), worker=0, now=microseconds(entries[0].created_at))
        return tuple(entry.id for entry in entries)

    def _check_same_file(self, connection: sqlite3.Connection) -> None:
        cursor = connection.cursor()
        cursor.row_factory = None
        theirs = next(row[2] for row in cursor.execute("PRAGMA database_list") if row[1] in {"main", b"main"})
        if not theirs or not same_file(os.fsdecode(theirs), self.path):
            shown = os.fsdecode(theirs) or "no file"
            raise OutboxError(f"the connection is to {shown}, and the outbox is {self.path}")

    # -- workers

    def join(self, *, now: datetime, until: datetime) -> str:
        """A new worker's name, with a lease until then."""
        worker = secrets.randbits(62) or 1
        lease = {"worker": worker, "now": microseconds(now), "until": microseconds(until)}
        with self._step() as cursor:
            cursor.execute(sql.JOIN, lease)
        return f"{worker:x}"

    def extend(self, worker: str, *, now: datetime, until: datetime) -> bool:
        """Have the worker's lease end later; False when it has ended, and what it held may be others'."""
        lease = {"worker": worker_number(worker), "now": microseconds(now), "until": microseconds(until)}
        with self._step() as cursor:
            return cursor.execute(sql.EXTEND, lease).rowcount == 1

    def leave(self, worker: str) -> None:
        """End the worker's lease: others may have at once what it holds."""
        with self._step() as cursor:
            cursor.execute(sql.LEAVE, {"worker": worker_number(worker)})

    # -- deliveries

    def enqueue(self, entries: Sequence[Entry], *, worker: str | None, now: datetime) -> Sequence[bool]:
        """Put deliveries in; for each, whether the worker holds it now."""
        with self._step() as cursor:
            new = put_entries(
                cursor,
                entries,
                self._lanes,
                worker=0 if worker is None else worker_number(worker),
                now=microseconds(now),
            )
        held = {delivery_id: seq for delivery_id, (seq, has) in new.items() if has}
        self._remember(held)
        # An id that is twice in the batch is one delivery, the first.
        return [held.pop(entry.id, None) is not None for entry in entries]

    def claim(self, worker: str, room: Mapping[LaneKey, int], *, now: datetime) -> Claim:
        """Let the worker hold deliveries that are due, at most so many of each lane, oldest first.

        It reads what it answers and a few rows of each lane, however many there are.
        """
        asked: dict[str, object] = {"worker": worker_number(worker), "now": microseconds(now)}
        with self._database.reading() as connection:
            cursor = connection.cursor()
            lanes = self._lanes.numbers(cursor, room)
            wanted = [(number, room[key]) for key, number in lanes.items() if room[key] > 0]
            asked["room"] = tolerant_json(wanted)
            live, lease_ahead, due_at, wait_ahead = cursor.execute(sql.CLAIMABLE, asked).fetchone()
        # Looking takes no lock, so that whoever has nothing to do holds up nobody.
        if not live:
            return Claim((), None)
        nothing_due = due_at is None or due_at > microseconds(now)
        if nothing_due and not lease_ahead and not wait_ahead:
            return Claim((), None if due_at is None else moment_or_epoch(due_at))
        with self._step() as cursor:
            if lease_ahead:
                cursor.execute(sql.CLAMP_LEASES, asked)
            if wait_ahead:
                cursor.execute(sql.CLAMP_WAITS, asked)
            rows = rows_of(cursor, sql.TAKEABLE, asked, self._lanes)
            if rows:
                cursor.execute(sql.TAKE, {**asked, "seqs": tolerant_json([row.seq for row in rows])})
                if not cursor.rowcount:
                    return Claim((), None)  # another, whose clock is ahead, has ended the lease meanwhile
                cursor.execute(sql.END_LEASES, asked)
            _, _, due_at, _ = cursor.execute(sql.CLAIMABLE, asked).fetchone()
        self._remember({row.entry.id: row.seq for row in rows})
        return Claim(tuple(row.held() for row in rows), None if due_at is None else moment_or_epoch(due_at))

    def retry_at(self, worker: str, retries: Sequence[Retry], *, now: datetime) -> Collection[str]:
        """Note attempts and the times of the next ones; the answer is the ids that were refused."""
        refused: set[str] = set()
        with self._step() as cursor:
            for batch in rounds(retries):
                rows = {
                    one.id: (
                        one.attempt.number - 1,
                        one.attempt.number,
                        attempt_line(one.attempt),
                        microseconds(one.due_at),
                    )
                    for one in batch
                }
                refused.update(self._write(cursor, sql.retry, worker, rows, now)[1])
        return refused

    def settle(self, worker: str, endings: Sequence[Ending], *, now: datetime) -> Collection[str]:
        """Note how deliveries ended; the answer is the ids that were refused."""
        refused: set[str] = set()
        with self._step() as cursor:
            for batch in rounds(endings):
                rows = {
                    one.id: (
                        one.number if one.attempt is None else one.number - 1,
                        one.number,
                        "" if one.attempt is None else attempt_line(one.attempt),
                        STATUS_CODES[one.status],
                        plain_text(one.error),
                    )
                    for one in batch
                }
                seqs, refused_now = self._write(cursor, sql.settle, worker, rows, now)
                refused.update(refused_now)
                if seqs:
                    heads = {
                        "worker": worker_number(worker),
                        "now": microseconds(now),
                        "seqs": tolerant_json(seqs),
                    }
                    cursor.execute(sql.NEW_HEADS, heads)
                fallback = [
                    entry
                    for one in batch
                    if one.fallback and one.id not in refused_now
                    for entry in one.fallback
                ]
                if fallback:
                    put_entries(cursor, fallback, self._lanes, worker=0, now=microseconds(now))
        for one in endings:
            self._seqs.pop(one.id, None)
        return refused

    def _write(
        self,
        cursor: sqlite3.Cursor,
        statement: Callable[[int], str],
        worker: str,
        rows: Mapping[str, tuple[object, ...]],
        now: datetime,
    ) -> tuple[list[int], set[str]]:
        """Write the rows that the worker may write; their seqs, and the ids of the others."""
        seqs = self._known(cursor, rows)
        refused = {delivery_id for delivery_id in rows if delivery_id not in seqs}
        if not seqs:
            return [], refused
        step = secrets.randbits(62)
        parameters: list[object] = [worker_number(worker), microseconds(now), step]
        for delivery_id, seq in seqs.items():
            parameters += (seq, *rows[delivery_id])
        columns = (len(parameters) - 3) // len(seqs)
        count, _ = filled(cursor, statement, parameters, columns, first=3)
        written = list(seqs.values())
        if count != len(seqs):
            not_written = set(answer(cursor, sql.REFUSED, {"seqs": tolerant_json(written), "step": step}))
            refused.update(delivery_id for delivery_id, seq in seqs.items() if seq in not_written)
            written = [seq for seq in written if seq not in not_written]
        return written, refused

    def _known(self, cursor: sqlite3.Cursor, ids: Iterable[str]) -> dict[str, int]:
        """The seqs of deliveries: by the row's number a batch is found in a page or two, by ids in many."""
        remembered = self._seqs
        seqs = {one: remembered[one] for one in ids if one in remembered}
        others = [one for one in ids if one not in seqs]
        if others:
            seqs.update(answer(cursor, sql.SEQS, {"ids": tolerant_json(others)}))
        return seqs

    def _remember(self, seqs: Mapping[str, int]) -> None:
        if len(self._seqs) + len(seqs) > _REMEMBERED:
            self._seqs = {}
        self._seqs.update(seqs)

"""The states of unresolved alarms in an outbox's file, written with its deliveries in one transaction."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from datetime import datetime
from typing import Any

from alarm_dispatch.outbox.database import Database
from alarm_dispatch.outbox.rows import microseconds, moment
from alarm_dispatch.repeats.decision import RepeatState
from alarm_dispatch.repeats.store import RepeatKey
from alarm_dispatch.states import AlarmState, Level

__all__ = ["SqliteRepeats"]

_COLUMNS = "told, told_at, started_at, firing, level, resolved_since, seen_at"
_GET = f"SELECT {_COLUMNS} FROM alarm_dispatch_repeat WHERE alarm = ? AND group_name = ?"  # noqa: S608
_PUT = f"""
    INSERT INTO alarm_dispatch_repeat (alarm, group_name, {_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
    ON CONFLICT (alarm, group_name) DO UPDATE SET
        told = excluded.told, told_at = excluded.told_at, started_at = excluded.started_at,
        firing = excluded.firing, level = excluded.level, resolved_since = excluded.resolved_since,
        seen_at = excluded.seen_at
"""  # noqa: S608 - made of constants
_FORGET = "DELETE FROM alarm_dispatch_repeat WHERE alarm = ? AND group_name = ?"
# Rows that are removed at a time: whoever evaluates waits for it.
_STEP = 500
_FORGET_OLD = f"""
    DELETE FROM alarm_dispatch_repeat WHERE rowid IN (
        SELECT rowid FROM alarm_dispatch_repeat WHERE seen_at < ? ORDER BY seen_at LIMIT {_STEP}
    )
"""  # noqa: S608 - made of constants
_FORGET_SURPLUS = f"""
    DELETE FROM alarm_dispatch_repeat WHERE rowid IN (
        SELECT rowid FROM alarm_dispatch_repeat ORDER BY seen_at
        LIMIT max(0, min({_STEP}, (SELECT count(*) FROM alarm_dispatch_repeat) - ?))
    )
"""  # noqa: S608 - made of constants

_TOLD = {AlarmState.TRIGGERED: 0, AlarmState.NO_DATA: 1}
_TOLD_OF = {code: state for state, code in _TOLD.items()}


class SqliteRepeats:
    """A :class:`~alarm_dispatch.repeats.store.RepeatStore` in the file of an outbox, as its ``repeats``.

    What is done inside the outbox's ``transaction()`` is part of it.  A row that is damaged counts as
    nothing known, so that its alarm is told once more rather than never again.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def transaction(self) -> AbstractContextManager[None]:
        """Make what this thread does in the block one step: all of it or nothing."""
        return self._transaction()

    @contextlib.contextmanager
    def _transaction(self) -> Iterator[None]:
        with self._database.writing():
            yield

    def get(self, key: RepeatKey) -> RepeatState | None:
        """The state, None when nothing is known."""
        with self._database.reading() as connection:
            row = connection.execute(_GET, key).fetchone()
        if row is None:
            return None
        # What was damaged, or written by a newer version, may raise anything.
        try:
            return _state(row)
        except Exception:  # noqa: BLE001 - see the class
            return None

    def put(self, key: RepeatKey, state: RepeatState | None) -> None:
        """Keep a state in the place of the one that was there; None forgets it."""
        with self._database.writing() as connection:
            if state is None:
                connection.execute(_FORGET, key)
            else:
                connection.execute(_PUT, (*key, *_row(state)))

    def trim(self, *, before: datetime, most: int) -> None:
        """Forget a little of what was evaluated last before that aware time, and of more than ``most``."""
        with self._database.writing() as connection:
            connection.execute(_FORGET_OLD, (microseconds(before),))
            connection.execute(_FORGET_SURPLUS, (min(most, 2**62),))


def _row(state: RepeatState) -> Sequence[object]:
    return (
        _TOLD[state.told],
        microseconds(state.told_at),
        None if state.started_at is None else microseconds(state.started_at),
        state.firing,
        None if state.level is None else str(state.level),
        None if state.resolved_since is None else microseconds(state.resolved_since),
        microseconds(state.seen_at),
    )


def _state(row: Sequence[Any]) -> RepeatState:
    told, told_at, started_at, firing, level, resolved_since, seen_at = row
    return RepeatState(
        told=_TOLD_OF[told],
        told_at=moment(told_at),
        started_at=None if started_at is None else moment(started_at),
        firing=int(firing),
        level=None if level is None else Level(level),
        resolved_since=None if resolved_since is None else moment(resolved_since),
        seen_at=moment(seen_at),
    )

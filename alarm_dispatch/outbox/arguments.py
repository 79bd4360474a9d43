"""What an outbox's methods and options may be given; what is wrong is told by its name."""

from __future__ import annotations

import os
from collections.abc import Iterable
from datetime import datetime
from typing import Any

import attrs

from alarm_dispatch.errors import InvalidFieldError, NotReplayableError, OutboxError
from alarm_dispatch.outbox.base import Filter, FilterFields, StoredStatus
from alarm_dispatch.values import check_aware_time, check_kind

__all__ = ["check_connection", "chosen", "file_name", "to_replay", "unreplayable"]


def file_name(path: str | os.PathLike[str]) -> str:
    """The path of an outbox's file as text.

    Raises :class:`~alarm_dispatch.errors.InvalidFieldError`, and :class:`~alarm_dispatch.errors.OutboxError`
    for what is no file.
    """
    try:
        given = os.fsdecode(path)
        os.fsencode(given)
    except TypeError:
        raise InvalidFieldError(
            "SqliteOutbox.path", f"must be text or a path, not {type(path).__name__}"
        ) from None
    except UnicodeEncodeError as error:
        told = f"has a lone surrogate at position {error.start}; no file can have that name"
        raise InvalidFieldError("SqliteOutbox.path", told) from None
    if "\0" in given:
        raise InvalidFieldError("SqliteOutbox.path", "has a NUL in it, which no file's name may have")
    if given in {"", ":memory:"}:
        raise OutboxError("an outbox must be in a file, or a crash would lose it")
    return given


def check_connection(value: Any, field: str) -> None:
    """Nothing for an SQLite connection, or what passes its calls on to one, else an InvalidFieldError."""
    # Not by its class: a pool's proxy, and a build of SQLite of one's own, have others.
    if isinstance(value, type) or not all(hasattr(value, name) for name in ("execute", "in_transaction")):
        raise InvalidFieldError(field, f"must be an sqlite3.Connection, not {type(value).__name__}")


def chosen(wanted: Filter | None, fields: FilterFields) -> Filter:
    """The filter itself, or the one of these fields.

    Raises :class:`~alarm_dispatch.errors.InvalidFieldError`, and TypeError when both are given.
    """
    if wanted is None:
        return Filter(**fields)
    given: object = wanted
    if not isinstance(given, Filter):
        told = f"takes a Filter or its fields, not {type(given).__name__}; such as list(status='dead')"
        raise InvalidFieldError("list", told)
    if fields:
        raise TypeError("give a filter or its fields, not both")
    return wanted


def to_replay(
    wanted: Filter | Iterable[str] | str | None, every: bool, now: datetime | None, fields: FilterFields
) -> Filter:
    """What a call of ``replay`` means; nothing given is an error, as all would be a costly misunderstanding.

    Raises :class:`~alarm_dispatch.errors.InvalidFieldError`.
    """
    check_kind(every, (bool,), "replay.all")
    if now is not None:
        check_aware_time(now, "replay.now")
    if wanted is None or isinstance(wanted, Filter):
        found = chosen(wanted, fields)
    elif "ids" in fields:
        raise TypeError("give ids once")
    else:
        found = chosen(None, {**fields, "ids": wanted})
    if found.status not in {None, StoredStatus.DEAD}:
        raise InvalidFieldError("replay.status", f"is '{found.status}'; only dead deliveries are replayed")
    if attrs.evolve(found, status=None) == Filter() and not every:
        raise InvalidFieldError("replay", "say which: ids, a filter, or all=True")
    return found


def unreplayable(wanted: Filter, wrong: Iterable[str]) -> NotReplayableError:
    """The error about those of the filter's ids that it cannot mean."""
    narrowed = attrs.evolve(wanted, ids=None, limit=None, status=None) != Filter()
    return NotReplayableError(wrong, narrowed)

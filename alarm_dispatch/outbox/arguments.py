"""What an outbox's methods and options may be given; what is wrong is told by its name."""

from __future__ import annotations

import os
from collections.abc import Iterable
from datetime import datetime
from typing import Any, TypeAlias

import attrs

from alarm_dispatch.errors import InvalidFieldError, NotReplayableError, OutboxError
from alarm_dispatch.outbox.base import Filter, FilterFields, StoredStatus
from alarm_dispatch.values import check_at_least, check_aware_time, check_kind

__all__ = ["Retention", "check_connection", "chosen", "file_name", "retention", "to_replay", "unreplayable"]

Retention: TypeAlias = tuple[tuple[float, int], tuple[float, int]]
"""How many seconds, and how many of them, the settled ones stay, and the dead ones."""

# As good as for ever, and within what SQLite counts to in microseconds.
_LONGEST = 1e12
_MOST = 2**62


def retention(keep_settled: float, max_settled: int, keep_dead: float, max_dead: int) -> Retention:
    """These options together.

    Raises :class:`~alarm_dispatch.errors.InvalidFieldError`.
    """
    seconds = {"keep_settled": keep_settled, "keep_dead": keep_dead}
    counts = {"max_settled": max_settled, "max_dead": max_dead}
    for name, value in seconds.items():
        check_at_least(value, name)
    for name, count in counts.items():
        check_at_least(count, name, whole=True)
    return (
        (min(keep_settled, _LONGEST), min(max_settled, _MOST)),
        (min(keep_dead, _LONGEST), min(max_dead, _MOST)),
    )


def file_name(path: str | os.PathLike[str]) -> str:
    """The path of an outbox's file as text.

    Raises :class:`~alarm_dispatch.errors.InvalidFieldError`, and :class:`~alarm_dispatch.errors.OutboxError`
    for what is no file.
    """
    try:
        given = os.fsdecode(path)
        os.fsencode(given)
    except TypeError:
        raise InvalidFieldError("path", f"must be text or a path, not {type(path).__name__}") from None
    except UnicodeEncodeError as error:
        told = f"has a lone surrogate at position {error.start}; no file can have that name"
        raise InvalidFieldError("path", told) from None
    if "\0" in given:
        raise InvalidFieldError("path", "has a NUL in it, which no file's name may have")
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

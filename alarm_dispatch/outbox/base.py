"""What an outbox is: where deliveries wait so that a crash loses none, in batches and absolute times."""

from __future__ import annotations

import enum
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import datetime
from typing import Any, NamedTuple, Protocol, TypedDict, Unpack, runtime_checkable

from attrs import field, frozen

from alarm_dispatch.errors import InvalidFieldError
from alarm_dispatch.exchange import Attempt
from alarm_dispatch.values import aware_time, check_text, enum_member, non_negative, text

__all__ = [
    "Claim",
    "Ending",
    "Entry",
    "Filter",
    "FilterFields",
    "Held",
    "LaneKey",
    "Outbox",
    "Retry",
    "StoredDelivery",
    "StoredStatus",
    "chosen",
    "to_replay",
]


# More than any store holds: a limit beyond that is none.
_MOST = 2**62


class StoredStatus(enum.StrEnum):
    """Where a stored delivery is."""

    PENDING = "pending"
    """Not settled: it waits for its turn, for its next attempt, or is in flight."""
    DELIVERED = "delivered"
    """Its receiver confirmed."""
    DEAD = "dead"
    """It failed for good; it stays until it is replayed or purged."""
    SUPERSEDED = "superseded"
    """A newer notification of the same alarm took its place."""


class LaneKey(NamedTuple):
    """A callback as rows name it: by its group's name and its own."""

    group: str
    callback: str


@frozen(kw_only=True)
class Entry:
    """A delivery as it is put.

    ``content`` is the alarm as JSON; the payload is built from it again, with ``id`` as session id and
    ``created_at`` (aware) as the time of the sending, so it is the same in every attempt.  ``level`` is 0
    for fatal, 1 for warning, 2 for the rest.  ``origin`` is the id of the dead delivery that this one is the
    fallback of, "" for others, and ``passed`` the names of the groups that had the alarm before.
    """

    id: str
    lane: LaneKey
    alarm_id: str
    level: int
    content: bytes = field(repr=False)
    created_at: datetime
    origin: str = ""
    passed: tuple[str, ...] = ()


@frozen(kw_only=True)
class Held:
    """A delivery that a worker holds: nobody else sends it while the worker's lease lasts.

    ``due_at`` is the aware time of its next attempt, which may have passed.  ``earlier`` is how many of its
    attempts were made before it was last replayed, at ``replayed_at``: the schedule does not count them.
    ``unreadable`` tells why the row cannot be sent (its content is damaged, a newer version wrote it), ""
    when it can; then ``number`` still is that of the last attempt that is known of, which its ending has to
    name.
    """

    entry: Entry
    attempts: tuple[Attempt, ...] = ()
    number: int = 0
    earlier: int = 0
    replayed_at: datetime | None = None
    due_at: datetime
    unreadable: str = ""


class Claim(NamedTuple):
    """What a claim got, and when the next of those lanes' free deliveries is due; None when none is there.

    That time has passed when there were more due than there was room for.
    """

    held: tuple[Held, ...]
    next_due: datetime | None


@frozen(kw_only=True)
class Retry:
    """An attempt that is followed by another at ``due_at`` (aware)."""

    id: str
    attempt: Attempt
    due_at: datetime


@frozen(kw_only=True)
class Ending:
    """How a delivery ended.

    ``attempt`` is the last one, None when it ended without (superseded, unreadable, too old); ``number`` is
    that of the last attempt that is known of, ``attempt`` included, which fences out those who lost their
    lease.  ``error`` is a fault of ours, for people.  ``fallback`` are put in the same step, so that a crash
    cannot come between; nobody holds them, a claim gets them.
    """

    id: str
    status: StoredStatus
    attempt: Attempt | None = None
    number: int
    error: str = ""
    fallback: tuple[Entry, ...] = ()


@frozen(kw_only=True)
class StoredDelivery:
    """A delivery as it is stored, for people and for those who wait for it.

    ``due_at`` is None once it is settled, ``settled_at`` until it is.  ``replays`` are the times at which it
    was replayed; its attempts are counted on.
    """

    entry: Entry
    status: StoredStatus
    attempts: tuple[Attempt, ...] = ()
    due_at: datetime | None = None
    settled_at: datetime | None = None
    error: str = ""
    replays: tuple[datetime, ...] = ()


def _status(value: StoredStatus | str | None) -> StoredStatus | None:
    return None if value is None else enum_member(StoredStatus, value, "Filter.status")


def _ids(value: Iterable[str] | str | None) -> tuple[str, ...] | None:
    return (value,) if isinstance(value, str) else None if value is None else tuple(value)


def _limit(value: int | None) -> int | None:
    return None if isinstance(value, int) and value > _MOST else value


def _texts(_instance: Filter, _attribute: Any, value: tuple[str, ...] | None) -> None:
    for index, item in enumerate(value or ()):
        check_text(item, f"Filter.ids[{index}]")


@frozen(kw_only=True)
class Filter:
    """Which stored deliveries: all that match everything that is given.

    ``since`` and ``before`` are aware times of their creation, the first included; ``limit`` is how many at
    most, the newest ones.

    Raises :class:`~alarm_dispatch.errors.InvalidFieldError`.
    """

    ids: tuple[str, ...] | None = field(default=None, converter=_ids, validator=_texts)
    group: str | None = field(default=None, validator=text(optional=True))
    callback: str | None = field(default=None, validator=text(optional=True))
    alarm_id: str | None = field(default=None, validator=text(optional=True))
    status: StoredStatus | None = field(default=None, converter=_status)
    since: datetime | None = field(default=None, validator=aware_time(optional=True))
    before: datetime | None = field(default=None, validator=aware_time(optional=True))
    limit: int | None = field(
        default=None, converter=_limit, validator=non_negative(optional=True, whole=True)
    )


class FilterFields(TypedDict, total=False):
    """A filter's fields as keywords."""

    ids: Iterable[str] | str | None
    group: str | None
    callback: str | None
    alarm_id: str | None
    status: StoredStatus | str | None
    since: datetime | None
    before: datetime | None
    limit: int | None


def chosen(wanted: Filter | None, fields: FilterFields) -> Filter:
    """The filter itself, or the one of these fields; TypeError when both are given."""
    if wanted is None:
        return Filter(**fields)
    if fields:
        raise TypeError("give a filter or its fields, not both")
    return wanted


def to_replay(wanted: Filter | Iterable[str] | str | None, every: bool, fields: FilterFields) -> Filter:
    """What a call of ``replay`` means; nothing given is an error, as all would be a costly misunderstanding.

    Raises :class:`~alarm_dispatch.errors.InvalidFieldError`.
    """
    if wanted is not None and not isinstance(wanted, Filter):
        return chosen(None, {**fields, "ids": wanted})
    if wanted is None and not fields and not every:
        raise InvalidFieldError("replay", "say which: ids, a filter, or all=True")
    return chosen(wanted, fields)


@runtime_checkable
class Outbox(Protocol):
    """Where deliveries wait.

    Its methods block, may be called from any thread, take batches, and are told the time.  What a
    method did is on disk when it returns, or, inside :meth:`transaction`, when that block ends.  They
    raise :class:`~alarm_dispatch.errors.OutboxError` and then have changed nothing; inside
    :meth:`transaction` nothing of the whole block.

    A worker is who sends: its lease is its right to what it holds.  Deliveries of one alarm to one lane are
    handed out in the order in which they were put: one that another worker holds, or that waits for its
    next attempt with nobody, holds back those behind it.  A worker that enqueues gets those behind its own
    at once; a claim gets the first of each alarm, and the next one after that has settled.
    """

    def transaction(self) -> AbstractContextManager[None]:
        """Make what this thread does in the block one step: all of it or nothing."""
        ...

    def join(self, *, now: datetime, until: datetime) -> str:
        """A new worker's name, with a lease until then."""
        ...

    def extend(self, worker: str, *, now: datetime, until: datetime) -> bool:
        """Have the worker's lease end later; False when it has ended, and what it held may be others'."""
        ...

    def leave(self, worker: str) -> None:
        """End the worker's lease: others may have at once what it holds."""
        ...

    def enqueue(self, entries: Sequence[Entry], *, worker: str | None, now: datetime) -> Sequence[bool]:
        """Put deliveries in; for each, whether the worker holds it now.

        It does not when others must come before it that it does not hold, or its lease has ended.  An id
        that is there already is left as it is, and not held by this.
        """
        ...

    def claim(self, worker: str, room: Mapping[LaneKey, int], *, now: datetime) -> Claim:
        """Let the worker hold deliveries that are due, at most so many of each lane, oldest first.

        Those whose time was set when the clock was ahead of ``now`` are not waited for longer than they
        would have been.  A worker whose lease has ended gets nothing.
        """
        ...

    def retry_at(self, worker: str, retries: Sequence[Retry], *, now: datetime) -> Collection[str]:
        """Note attempts and the times of the next ones; the worker holds on to them.

        The answer is the ids that were refused: the worker's lease ended, another has the delivery, or the
        attempt's number does not follow on those that are known.
        """
        ...

    def settle(self, worker: str, endings: Sequence[Ending], *, now: datetime) -> Collection[str]:
        """Note how deliveries ended; the answer is the ids that were refused, as above."""
        ...

    def lanes(self) -> Collection[LaneKey]:
        """All lanes that have a delivery, and perhaps others that once had one."""
        ...

    def list(
        self, wanted: Filter | None = None, /, **fields: Unpack[FilterFields]
    ) -> Iterator[StoredDelivery]:
        """Stored deliveries, chosen by a filter or its fields, in the order in which they were put.

        A replay puts a delivery anew.
        """
        ...

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

        They are chosen by ids, by a filter or its fields, or all of them.  They go behind what is unsettled
        of their alarms.  Without ``now`` it is the system's time.

        Raises :class:`~alarm_dispatch.errors.NotReplayableError`, which names the ids that are unknown or
        not dead, and then replays none.  Without ``ids`` it is about the dead ones among those that match.
        """
        ...

    def purge(self, before: datetime) -> int:
        """Remove what was settled before that time, dead letters too; how many that was."""
        ...

    def trim(self, *, now: datetime) -> bool:
        """Remove a little of what is kept no longer; True when there is more to remove."""
        ...

    def close(self) -> None:
        """Let go of the file; a later call opens it again."""
        ...

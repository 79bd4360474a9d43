"""An outbox in memory: for tests of what stands on one, and the model that a store is compared with."""

from __future__ import annotations

import contextlib
import copy
import threading
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Unpack

from attrs import define

from alarm_dispatch.exchange import Attempt
from alarm_dispatch.outbox.arguments import chosen, to_replay, unreplayable
from alarm_dispatch.outbox.base import (
    Claim,
    Ending,
    Entry,
    Filter,
    FilterFields,
    Held,
    LaneKey,
    Retry,
    StoredDelivery,
    StoredStatus,
)
from alarm_dispatch.outbox.retention import retention
from alarm_dispatch.repeats.store import MemoryRepeats
from alarm_dispatch.values import check_aware_time

__all__ = ["MemoryOutbox"]


@define(eq=False)
class _Row:
    entry: Entry
    due_at: datetime
    set_at: datetime
    owner: str = ""
    status: StoredStatus = StoredStatus.PENDING
    attempts: tuple[Attempt, ...] = ()
    number: int = 0
    earlier: int = 0
    settled_at: datetime | None = None
    error: str = ""
    replays: tuple[datetime, ...] = ()

    @property
    def pending(self) -> bool:
        return self.status is StoredStatus.PENDING

    def held(self) -> Held:
        return Held(
            entry=self.entry,
            attempts=self.attempts,
            number=self.number,
            earlier=self.earlier,
            replayed_at=self.replays[-1] if self.replays else None,
            due_at=self.due_at,
        )

    def stored(self) -> StoredDelivery:
        return StoredDelivery(
            entry=self.entry,
            status=self.status,
            attempts=self.attempts,
            due_at=self.due_at if self.pending else None,
            settled_at=self.settled_at,
            error=self.error,
            replays=self.replays,
        )


class MemoryOutbox:
    """An :class:`~alarm_dispatch.outbox.base.Outbox` that a crash loses; it is simple rather than quick.

    ``keep_settled`` and ``keep_dead`` are seconds, ``max_settled`` and ``max_dead`` counts.
    """

    immediate = True
    """It never waits for a disk, so that a dispatcher may call it on its event loop."""

    def __init__(
        self,
        *,
        keep_settled: float = 604_800.0,
        keep_dead: float = 7_776_000.0,
        max_settled: int = 100_000,
        max_dead: int = 100_000,
    ) -> None:
        self._keep = retention(
            type(self).__name__,
            keep_settled=keep_settled,
            keep_dead=keep_dead,
            max_settled=max_settled,
            max_dead=max_dead,
        )
        self._lock = threading.RLock()
        self._rows: dict[str, _Row] = {}
        self._leases: dict[str, tuple[datetime, datetime]] = {}
        self._names = 0
        self.repeats = MemoryRepeats()

    @contextlib.contextmanager
    def transaction(self) -> Iterator[None]:
        """Make what this thread does in the block one step: all of it or nothing."""
        with self._lock, self.repeats.transaction():
            rows = {name: copy.copy(row) for name, row in self._rows.items()}
            leases = dict(self._leases)
            try:
                yield
            except BaseException:
                self._rows, self._leases = rows, leases
                raise

    # -- workers

    def join(self, *, now: datetime, until: datetime) -> str:
        """A new worker's name, with a lease until then."""
        with self._lock:
            self._names += 1
            name = f"worker-{self._names}"
            self._leases[name] = (now, until)
            return name

    def extend(self, worker: str, *, now: datetime, until: datetime) -> bool:
        """Have the worker's lease end later; False when it has ended."""
        with self._lock:
            if not self._live(worker, now):
                return False
            self._leases[worker] = (now, until)
            return True

    def leave(self, worker: str) -> None:
        """End the worker's lease."""
        with self._lock:
            self._leases.pop(worker, None)

    def _live(self, worker: str, now: datetime) -> bool:
        lease = self._leases.get(worker)
        return lease is not None and lease[1] > now

    # -- deliveries

    def enqueue(self, entries: Sequence[Entry], *, worker: str | None, now: datetime) -> Sequence[bool]:
        """Put deliveries in; for each, whether the worker holds it now."""
        with self._lock:
            return [self._put(entry, worker, now) for entry in entries]

    def _put(self, entry: Entry, worker: str | None, now: datetime) -> bool:
        if entry.id in self._rows:
            return False
        before = self._chain(entry)
        mine = worker is not None and self._live(worker, now) and all(row.owner == worker for row in before)
        row = _Row(entry, due_at=now, set_at=now, owner=worker if mine and worker else "")
        self._rows[entry.id] = row
        return mine

    def _chain(self, entry: Entry) -> Sequence[_Row]:
        """The unsettled deliveries of the entry's alarm in its lane, in their order."""
        return [
            row
            for row in self._rows.values()
            if row.pending and (row.entry.lane, row.entry.alarm_id) == (entry.lane, entry.alarm_id)
        ]

    def claim(self, worker: str, room: Mapping[LaneKey, int], *, now: datetime) -> Claim:
        """Let the worker hold deliveries that are due, at most so many of each lane, oldest first."""
        with self._lock:
            # A lease that was taken when the clock was ahead lasts as long as it was meant to.
            for name, (since, until) in self._leases.items():
                if since > now:
                    self._leases[name] = (now, now + (until - since))
            if not self._live(worker, now):
                return Claim((), None)
            left = {lane: count for lane, count in room.items() if count > 0}
            free = [row for row in self._heads() if row.entry.lane in left and not self._live(row.owner, now)]
            for row in free:
                if row.set_at > now:
                    row.due_at, row.set_at = now + (row.due_at - row.set_at), now
            # Sorting keeps the order of those that are due at the same time.
            free.sort(key=lambda row: row.due_at)
            taken = []
            for row in free:
                if row.due_at <= now and left[row.entry.lane]:
                    left[row.entry.lane] -= 1
                    # For good, even if the clock should go back.
                    self._leases.pop(row.owner, None)
                    row.owner = worker
                    taken.append(row)
            waiting = [row.due_at for row in free if row not in taken]
            return Claim(tuple(row.held() for row in taken), min(waiting, default=None))

    def _heads(self) -> Sequence[_Row]:
        heads: dict[tuple[LaneKey, str], _Row] = {}
        for row in self._rows.values():
            if row.pending:
                heads.setdefault((row.entry.lane, row.entry.alarm_id), row)
        return list(heads.values())

    def _writable(self, delivery_id: str, worker: str, before: int, now: datetime) -> _Row | None:
        row = self._rows.get(delivery_id)
        if row is None or not row.pending or row.owner != worker or row.number != before:
            return None
        return row if self._live(worker, now) else None

    def retry_at(self, worker: str, retries: Sequence[Retry], *, now: datetime) -> Collection[str]:
        """Note attempts and the times of the next ones; the answer is the ids that were refused."""
        refused = set()
        with self._lock:
            for one in retries:
                row = self._writable(one.id, worker, one.attempt.number - 1, now)
                if row is None:
                    refused.add(one.id)
                    continue
                row.attempts = (*row.attempts, one.attempt)
                row.number = one.attempt.number
                row.due_at, row.set_at = one.due_at, now
        return refused

    def settle(self, worker: str, endings: Sequence[Ending], *, now: datetime) -> Collection[str]:
        """Note how deliveries ended; the answer is the ids that were refused."""
        refused = set()
        with self._lock:
            for one in endings:
                before = one.number - (one.attempt is not None)
                row = self._writable(one.id, worker, before, now)
                if row is None:
                    refused.add(one.id)
                    continue
                if one.attempt is not None:
                    row.attempts = (*row.attempts, one.attempt)
                row.number, row.status, row.error = one.number, one.status, one.error
                row.settled_at, row.owner = now, ""
                for entry in one.fallback:
                    self._put(entry, None, now)
        return refused

    # -- for people

    def lanes(self) -> Collection[LaneKey]:
        """All lanes that have a delivery."""
        with self._lock:
            return {row.entry.lane for row in self._rows.values()}

    def has_pending(self, lanes: Collection[LaneKey]) -> bool:
        """Whether any delivery of these lanes is not settled, whoever holds it."""
        with self._lock:
            return any(row.pending and row.entry.lane in lanes for row in self._rows.values())

    def list(
        self, wanted: Filter | None = None, /, **fields: Unpack[FilterFields]
    ) -> Iterator[StoredDelivery]:
        """Stored deliveries, chosen by a filter or its fields, in the order in which they were put."""
        with self._lock:
            return iter([row.stored() for row in self._matching(chosen(wanted, fields))])

    def _matching(self, wanted: Filter) -> Sequence[_Row]:
        found = [row for row in self._rows.values() if _matches(row, wanted)]
        return found if wanted.limit is None else found[max(0, len(found) - wanted.limit) :]

    def replay(
        self,
        wanted: Filter | Iterable[str] | str | None = None,
        /,
        *,
        now: datetime | None = None,
        all: bool = False,  # noqa: A002 - the word of the command
        **fields: Unpack[FilterFields],
    ) -> int:
        """Let dead deliveries be sent again under their ids; how many they are.

        Raises :class:`~alarm_dispatch.errors.NotReplayableError` and
        :class:`~alarm_dispatch.errors.InvalidFieldError`.
        """
        which = to_replay(wanted, all, now, fields)
        time = now or datetime.now(UTC)
        with self._lock:
            dead = {name: row for name, row in self._rows.items() if row.status is StoredStatus.DEAD}
            found = [row for row in dead.values() if _matches(row, which)]
            matching = {row.entry.id for row in found}
            wrong = [name for name in dict.fromkeys(which.ids or ()) if name not in matching]
            if wrong:
                raise unreplayable(which, wrong)
            found = found if which.limit is None else found[max(0, len(found) - which.limit) :]
            for row in found:
                del self._rows[row.entry.id]
                self._rows[row.entry.id] = row
                row.status, row.settled_at, row.error = StoredStatus.PENDING, None, ""
                row.due_at = row.set_at = time
                row.earlier, row.replays = len(row.attempts), (*row.replays, time)
            return len(found)

    def purge(self, before: datetime) -> int:
        """Remove what was settled before that time, dead letters too; how many that was."""
        check_aware_time(before, "purge.before")
        with self._lock:
            return self._remove(row for row in self._settled() if _settled_at(row) < before)

    def trim(self, *, now: datetime) -> bool:
        """Remove what is kept no longer; there never is more to remove."""
        with self._lock:
            for dead, (seconds, most) in enumerate(self._keep):
                rows = [row for row in self._settled() if (row.status is StoredStatus.DEAD) == dead]
                rows.sort(key=_settled_at)
                old = (row for row in rows if (now - _settled_at(row)).total_seconds() > seconds)
                self._remove([*old, *rows[: max(0, len(rows) - most)]])
            return False

    def _settled(self) -> Sequence[_Row]:
        return [row for row in self._rows.values() if not row.pending]

    def _remove(self, rows: Iterable[_Row]) -> int:
        return sum(self._rows.pop(row.entry.id, None) is not None for row in tuple(rows))

    def close(self) -> None:
        """Nothing."""


def _settled_at(row: _Row) -> datetime:
    assert row.settled_at is not None  # noqa: S101 - for mypy: only settled ones are asked
    return row.settled_at


def _matches(row: _Row, wanted: Filter) -> bool:
    entry = row.entry
    pairs = (
        (wanted.group, entry.lane.group),
        (wanted.callback, entry.lane.callback),
        (wanted.alarm_id, entry.alarm_id),
        (wanted.status, row.status),
    )
    return (
        all(asked is None or asked == has for asked, has in pairs)
        and (wanted.ids is None or entry.id in wanted.ids)
        and (wanted.since is None or entry.created_at >= wanted.since)
        and (wanted.before is None or entry.created_at < wanted.before)
    )

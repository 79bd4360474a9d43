"""An engine's dealings with its outbox: what it puts there, takes from there, and tells it."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING

from alarm_dispatch.delivery import DeliveryStatus
from alarm_dispatch.engine.journal import Journal
from alarm_dispatch.errors import OutboxError
from alarm_dispatch.exchange import Attempt
from alarm_dispatch.jobs import Job, Kept
from alarm_dispatch.outbox.base import (
    Claim,
    Ending,
    Entry,
    Filter,
    Held,
    LaneKey,
    Retry,
    StoredDelivery,
    StoredStatus,
)

if TYPE_CHECKING:
    from alarm_dispatch.engine.durable import DurableEngine
    from alarm_dispatch.engine.keeping import KeepingSettings

__all__ = ["Keeper"]

_log = logging.getLogger("alarm_dispatch")

# Deliveries of a lane that are taken out of the outbox at a time: enough that those of a fast receiver do not
# run out between two looks, and few enough that a million that wait do not fill the memory.
_ROOM = 64
_TIMES_LIMIT = 4
# And of all lanes together in one look, one of each at least: to make them into jobs takes the loop a while.
_AT_A_TIME = 256
# Seconds between two looks at what others have put.
_LOOK = 0.5
# Seconds between two small steps of removing what is kept no longer.
_TRIM = 10.0
_TRIM_MORE = 0.1

_STATUS = {
    StoredStatus.DELIVERED: DeliveryStatus.DELIVERED,
    StoredStatus.DEAD: DeliveryStatus.FAILED,
    StoredStatus.SUPERSEDED: DeliveryStatus.SUPERSEDED,
}
_STORED = {ended: stored for stored, ended in _STATUS.items()}


class Keeper:
    """Keeps one engine's deliveries in an outbox; all methods are called on the engine's loop.

    A delivery that the outbox has is ours to send while we hold it.  One of our callers' that we do not hold
    is followed: somebody else sends it, or we when it is its turn, and its handle is told how it ended.
    """

    def __init__(self, engine: DurableEngine, settings: KeepingSettings) -> None:
        self._engine = engine
        self._settings = settings
        self._clock = settings.clock
        self._outbox = settings.outbox
        self._loop = asyncio.get_running_loop()
        self._journal = Journal(settings.outbox, settings.clock, self._lost)
        self._followed: dict[str, Job] = {}
        self._taken: Counter[LaneKey] = Counter()
        self._asking = False
        self._ask_again = False
        self._more = False
        self._next_look: asyncio.TimerHandle | None = None
        self._next_trim: asyncio.TimerHandle | None = None
        self._ended = False

    def start(self) -> None:
        """Look for what is there already, and from then on now and then."""
        self._look()
        self._next_trim = self._loop.call_later(_TRIM, self._trim)

    # -- what is put

    def put(
        self,
        jobs: Sequence[Job],
        stored: Callable[[OutboxError | None], object],
        then: Callable[[OutboxError | None], object],
    ) -> None:
        """Put jobs in, and give those that are ours to send to the engine.

        ``stored`` is called on any thread when they are on disk, or with the error why they are not; then
        ``then`` on the loop, before the engine has them.
        """

        def place(held: Sequence[bool] | OutboxError) -> None:
            if isinstance(held, OutboxError):
                then(held)
                return
            then(None)
            for job, ours in zip(jobs, held, strict=True):
                if ours:
                    self._engine.add(job)
                else:
                    self._follow(job, known=False)

        self._journal.put([_kept(job).entry for job in jobs], stored, place)

    # -- what is told

    async def wrote(self, job: Job, attempt: Attempt, error: BaseException | None) -> bool:
        """Note an attempt; False when the delivery is no longer ours."""
        kept = _kept(job)
        if attempt.retry_in is not None:
            due_at = self._clock.now() + timedelta(seconds=attempt.retry_in)
            change: Retry | Ending = Retry(id=job.delivery_id, attempt=attempt, due_at=due_at)
        else:
            dead = not attempt.confirmed
            change = Ending(
                id=job.delivery_id,
                status=StoredStatus.DEAD if dead else StoredStatus.DELIVERED,
                attempt=attempt,
                number=attempt.number,
                error=_told(error),
                fallback=self._fallback(job, kept) if dead else (),
            )
        written = self._loop.create_future()

        def wake(ours: bool) -> None:
            if not written.done():
                written.set_result(ours)

        self._journal.write(change, wake)
        ours: bool = await written
        if isinstance(change, Ending) and change.fallback:
            self.look_soon()
        return ours

    def end(
        self, job: Job, status: DeliveryStatus, error: BaseException | None, then: Callable[[bool], object]
    ) -> None:
        """Note that a job ended without an attempt; then ``then`` is told whether it was still ours."""
        kept = _kept(job)
        failed = status is DeliveryStatus.FAILED
        ending = Ending(
            id=job.delivery_id,
            status=_STORED[status],
            number=len(job.attempts),
            error=_told(error),
            fallback=self._fallback(job, kept) if failed else (),
        )
        self._journal.write(ending, then)

    def left(self, job: Job) -> None:
        """The engine has the job no more."""
        kept = _kept(job)
        if not kept.taken:
            return
        lane = kept.entry.lane
        self._taken[lane] -= 1
        if self._more and self._taken[lane] * 2 <= _room(self._callback_limit(lane)):
            self.look_soon()

    def _callback_limit(self, lane: LaneKey) -> int:
        callback = self._settings.callback(lane)
        return 0 if callback is None else callback.limit

    def _fallback(self, job: Job, kept: Kept) -> tuple[Entry, ...]:
        name = job.callback.fallback
        group = None if name is None else self._settings.groups.get(name)
        passed = (*kept.entry.passed, kept.entry.lane.group)
        if group is None or group.name in passed:
            return ()
        now = self._clock.now()
        return tuple(
            Entry(
                id=self._settings.new_id(),
                lane=LaneKey(group.name, callback.name),
                alarm_id=job.alarm_id,
                level=job.level,
                content=kept.entry.content,
                created_at=now,
                origin=job.delivery_id,
                passed=passed,
            )
            for callback in group.callbacks
        )

    # -- what is taken

    def look_soon(self) -> None:
        """Look for what is due before it is time to."""
        self._ask_again = True
        if not self._asking and not self._ended:
            self._look_in(0.0)

    def _look_in(self, seconds: float) -> None:
        if self._next_look is not None:
            self._next_look.cancel()
        self._next_look = self._loop.call_later(seconds, self._look)

    def _look(self) -> None:
        self._next_look, self._asking, self._ask_again = None, True, False
        room = {
            lane: wanted
            for lane, limit in self._settings.lanes()
            if (wanted := _room(limit) - self._taken[lane]) > 0
        }
        share = max(1, _AT_A_TIME // max(1, len(room)))
        room = {lane: min(wanted, share) for lane, wanted in room.items()}
        now = self._clock.now()
        self._journal.ask(lambda worker: self._outbox.claim(worker, room, now=now), self._claimed)
        if self._followed:
            ids = list(self._followed)
            self._journal.ask(lambda _worker: list(self._outbox.list(Filter(ids=ids))), self._learned)

    def _claimed(self, claim: Claim | OutboxError) -> None:
        self._asking = False
        if self._ended:
            return
        wait = _LOOK
        if isinstance(claim, OutboxError):
            _log.warning("the outbox cannot be asked for deliveries now; that is tried again: %s", claim)
        else:
            for held in claim.held:
                self._take(held)
            self._more = bool(claim.held)
            due_in = _LOOK if claim.next_due is None else (claim.next_due - self._clock.now()).total_seconds()
            # What is due, and was not given, is not asked for in a circle.
            wait = min(_LOOK, max(0.0, due_in)) if claim.held or due_in > 0 else _LOOK
        self._look_in(0.0 if self._ask_again else wait)

    def _take(self, held: Held) -> None:
        job = self._followed.pop(held.entry.id, None)
        ours = job is not None
        if job is None:
            found = self._settings.job(held)
            if isinstance(found, str):
                self._bury(held, found)
                return
            job = found
        kept = _kept(job)
        kept.earlier = held.earlier
        job.attempts = held.attempts
        job.waited = sum(attempt.retry_in or 0.0 for attempt in held.attempts[held.earlier :])
        now, clock = self._loop.time(), self._clock.now()
        if len(held.attempts) > held.earlier:
            job.first_started = now - (clock - held.attempts[held.earlier].started_at).total_seconds()
        if not kept.taken:
            kept.taken = True
            self._taken[held.entry.lane] += 1
        age = max(0.0, (clock - held.entry.created_at).total_seconds())
        self._engine.take(job, age=age, known=ours)

    def _bury(self, held: Held, reason: str) -> None:
        """Make a dead letter of what cannot be sent; it stands in nobody's way then."""
        _log.warning("delivery %s in the outbox cannot be sent: %s", held.entry.id, reason)
        ending = Ending(id=held.entry.id, status=StoredStatus.DEAD, number=held.number, error=reason)
        self._journal.write(ending, lambda _ours: self._engine.count_failed())

    # -- what others have

    def _follow(self, job: Job, *, known: bool) -> None:
        self._followed[job.delivery_id] = job
        self._engine.follow(job, known=known)

    def _learned(self, found: Iterable[StoredDelivery] | OutboxError) -> None:
        if isinstance(found, OutboxError):
            return  # it was told when it was asked for deliveries
        for stored in found:
            status = _STATUS.get(stored.status)
            if status is not None and (job := self._followed.pop(stored.entry.id, None)) is not None:
                job.attempts = stored.attempts
                error = OutboxError(stored.error) if stored.error else None
                self._engine.end_followed(job, error, status)

    def gone(self, job: Job) -> None:
        """A job that the engine had is no longer ours."""
        self.left(job)
        kept = _kept(job)
        if kept.awaited:
            kept.taken = False
            self._follow(job, known=True)
        else:
            self._engine.drop(job)

    def _lost(self) -> None:
        """The lease had ended: what is not in flight may be others' now, as what is may turn out to be."""
        for job in self._engine.withdraw():
            self.gone(job)

    # -- housekeeping

    def _trim(self) -> None:
        now = self._clock.now()
        self._journal.ask(lambda _worker: self._outbox.trim(now=now), self._trimmed)

    def _trimmed(self, more: bool | OutboxError) -> None:
        if not self._ended:
            wait = _TRIM_MORE if more is True else _TRIM
            self._next_trim = self._loop.call_later(wait, self._trim)

    def stop(self) -> list[Job]:
        """Take nothing more, write what is to be written, and let others have the rest.

        The answer is the jobs that were followed.
        """
        self._ended = True
        for handle in (self._next_look, self._next_trim):
            if handle is not None:
                handle.cancel()
        self._journal.end()
        followed = list(self._followed.values())
        self._followed.clear()
        return followed

    async def closed(self, timeout: float) -> None:  # noqa: ASYNC109 - handed on
        """Wait until that is done."""
        await self._journal.ended(timeout)


def _kept(job: Job) -> Kept:
    assert job.kept is not None  # noqa: S101 - for mypy: only such jobs come here
    return job.kept


def _room(limit: int) -> int:
    return max(_ROOM, _TIMES_LIMIT * limit)


def _told(error: BaseException | None) -> str:
    return "" if error is None else f"{type(error).__name__}: {error}"

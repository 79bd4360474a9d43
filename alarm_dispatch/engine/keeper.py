"""An engine's dealings with its outbox: what it puts there, takes from there, and tells it."""

from __future__ import annotations

import asyncio
import functools
import logging
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, TypeAlias

from alarm_dispatch.delivery import DeliveryStatus
from alarm_dispatch.engine.changes import Changes, kept_of, told_of
from alarm_dispatch.engine.followed import End, Followed
from alarm_dispatch.engine.intake import Intake
from alarm_dispatch.engine.journal import Journal
from alarm_dispatch.errors import OutboxError
from alarm_dispatch.exchange import Attempt
from alarm_dispatch.jobs import Job, JobState, Unbuilt
from alarm_dispatch.outbox.base import Ending, Entry, Held, Retry

if TYPE_CHECKING:
    from alarm_dispatch.engine.durable import DurableEngine
    from alarm_dispatch.engine.keeping import KeepingSettings

__all__ = ["Answers", "Keeper"]

Answers: TypeAlias = Sequence["bool | None"]
"""Whether each delivery is ours still; None when it could not be written."""

_log = logging.getLogger("alarm_dispatch")


class Keeper:
    """Keeps one engine's deliveries in an outbox; all methods are called on the engine's loop.

    A delivery that the outbox has is ours to send while we hold it.  One of our callers' that we do not hold
    is followed: somebody else sends it, or we when it is its turn, and its handle is told how it ended.
    """

    def __init__(self, engine: DurableEngine, settings: KeepingSettings) -> None:
        self._engine = engine
        self._settings = settings
        self._clock = settings.clock
        self._changes = Changes(settings)
        self._loop = asyncio.get_running_loop()
        self._journal = Journal(settings.outbox, settings.clock, self._lost, lease=settings.lease)
        self._followed = Followed()
        self._intake = Intake(
            settings,
            self._journal,
            self._followed,
            take=self._take,
            tell=engine.end_followed,
            looked=engine.go_on,
        )
        # What the engine has, and what it has told of and not been answered yet.
        self._ours: dict[str, Job] = {}
        # What came out of the outbox while the engine had it, since it had been lost meanwhile.
        self._retaken: dict[str, Held] = {}
        # Until it is known that we are another worker.
        self._renounced = False
        self._ended = False

    def start(self) -> None:
        """Look for what is there already, and from then on now and then."""
        self._intake.start()

    def holds(self) -> bool:
        """Whether what we hold is ours now: not when we were stopped for long, and others may have it."""
        return not self._renounced and self._journal.holds()

    def renounce(self) -> None:
        """Go on as another worker, which has nothing yet."""
        self._renounced = self._journal.renounced = True

    # -- what is put

    def put(
        self,
        jobs: Sequence[Job],
        unbuilt: Sequence[Unbuilt],
        stored: Callable[[OutboxError | None], object],
        then: Callable[[OutboxError | None], object],
        decide: Callable[[datetime], object] | None = None,
    ) -> None:
        """Put deliveries in, give the jobs that are ours to send to the engine, and bury the others.

        ``stored`` is called on any thread when they are on disk, or with the error why they are not; then
        ``then`` on the loop, before the engine has them.  ``decide`` is called on any thread, in the
        transaction, and may change what ``jobs`` and ``unbuilt`` hold; see :meth:`Journal.put`.
        """

        def entries(now: datetime) -> list[Entry]:
            if decide is not None:
                decide(now)
            return [*(kept_of(job).entry for job in jobs), *_buried(unbuilt)]

        def place(held: Sequence[bool] | OutboxError) -> None:
            if isinstance(held, OutboxError):
                then(held)
                return
            then(None)
            for job, ours in zip(jobs, held, strict=False):
                if ours and not self._ended:
                    self._ours[job.delivery_id] = job
                    self._engine.add(job)
                else:
                    self._follow(job)
            for one, entry, ours in zip(unbuilt, _buried(unbuilt), held[len(jobs) :], strict=True):
                if ours:  # else whoever holds its alarm finds the same, when it is its turn
                    self._write(self._changes.buried(entry, told_of(one.delivery)), lambda _: None)
            self._engine.tell_all()

        self._journal.put((), stored, place, decide=entries)

    # -- what is told

    async def wrote(self, noted: Sequence[tuple[Job, Attempt]], error: BaseException | None) -> Answers:
        """Note the attempts that one request was; for each whether the delivery is ours still.

        When this is cancelled, the engine is told of each by :meth:`DurableEngine.recorded_late`.
        """
        answers: dict[int, bool | None] = {}
        written: asyncio.Future[None] = self._loop.create_future()

        def wake(place: int, ours: bool | None) -> None:
            job, attempt = noted[place]
            if ours and self._retaken:
                self._retaken.pop(job.delivery_id, None)
            answers[place] = ours
            if written.done():
                self._engine.recorded_late(job, attempt, error, ours)
            elif len(answers) == len(noted):
                written.set_result(None)

        for place, (job, attempt) in enumerate(noted):
            self._write(
                self._changes.attempted(job, attempt, error, self._clock.now()),
                functools.partial(wake, place),
            )
        try:
            await written
        except asyncio.CancelledError:
            # Those were noted, and the task cancelled before it heard of that.
            for place, ours in answers.items():
                self._loop.call_soon(self._engine.recorded_late, *noted[place], error, ours)
            raise
        return [answers[place] for place in range(len(noted))]

    def end(
        self,
        jobs: Sequence[Job],
        status: DeliveryStatus,
        error: BaseException | None,
        then: Callable[[Answers], object],
    ) -> None:
        """Note that jobs ended without an attempt; ``then`` is told once, what :meth:`wrote` answers."""
        jobs = tuple(jobs)
        answers: dict[int, bool | None] = {}

        def wake(place: int, ours: bool | None) -> None:
            answers[place] = ours
            if len(answers) == len(jobs):
                then([answers[place] for place in range(len(jobs))])

        for place, job in enumerate(jobs):
            self._write(self._changes.ended(job, status, error), functools.partial(wake, place))

    def _write(self, change: Retry | Ending, then: Callable[[bool | None], object]) -> None:
        if isinstance(change, Retry) or not change.fallback:
            self._journal.write(change, then)
            return

        def and_look(ours: bool | None) -> None:
            self._intake.look_soon()
            then(ours)

        self._journal.write(change, and_look)

    def left(self, job: Job) -> None:
        """The engine has the job no more."""
        kept = kept_of(job)
        self._ours.pop(job.delivery_id, None)
        if kept.taken:
            kept.taken = False
            self._intake.left(kept.entry.lane)

    def settled(self, job: Job) -> None:
        """The job has its end."""
        self.left(job)
        held = self._retaken.pop(job.delivery_id, None) if self._retaken else None
        if held is not None and held.earlier > kept_of(job).earlier:
            # It was replayed as soon as its end was on disk, and taken before we were told of that.
            self._loop.call_soon(self._take_again, held)

    # -- what is taken

    def _take(self, held: Held) -> None:
        if held.entry.id in self._ours:
            # It is in flight or being ended since before it was lost.  What comes of that is written in our
            # present name, if nobody has sent it meanwhile.
            self._retaken[held.entry.id] = held
            return
        if not held.unreadable:
            for end in self._followed.strangers(held.entry):
                self._engine.end_followed(end)
        job = self._followed.pop(held.entry.id)
        known = job is not None
        found = held.unreadable or job or self._settings.job(held)
        if isinstance(found, str):
            self._bury(held, found, job)
            return
        kept = kept_of(found)
        kept.earlier, kept.taken = held.earlier, True
        since = found.resume(held.attempts, held.earlier)
        clock = self._clock.now()
        if since:
            # Not in the future, where a clock that was set back would have it.
            ago = max(0.0, (clock - since[0].started_at).total_seconds())
            found.first_started = self._loop.time() - ago
        self._ours[held.entry.id] = found
        self._intake.took(held.entry.lane)
        age = (clock - (held.replayed_at or held.entry.created_at)).total_seconds()
        self._engine.take(found, age=max(0.0, age), known=known)

    def _bury(self, held: Held, reason: str, job: Job | None) -> None:
        """Make a dead letter of what cannot be sent; it stands in nobody's way then."""
        _log.warning("delivery %s in the outbox cannot be sent: %s", held.entry.id, reason)
        ending = self._changes.buried(held.entry, reason, number=held.number, fallback=not held.unreadable)

        def then(ours: bool | None) -> None:
            if job is None:
                if ours:
                    self._engine.count_failed()
            elif ours:
                self._engine.end_followed(End(job, DeliveryStatus.FAILED, OutboxError(reason)))
            else:
                self._follow(job)

        self._write(ending, then)

    # -- what others have

    def _follow(self, job: Job) -> None:
        self._engine.follow(job)
        if self._ended:
            self._engine.put_off(job)
        else:
            self._followed.add(job)

    def gone(self, job: Job, *, last: bool = False) -> None:
        """A job that the engine had is no longer ours; ``last`` when it was the last one of its alarm."""
        if job.state is JobState.SETTLED:
            return  # its handle was told when the dispatcher was closed
        self.left(job)
        if kept_of(job).awaited:
            self._follow(job)
        else:
            self._engine.drop(job)
        held = self._retaken.pop(job.delivery_id, None)
        if held is None or self._ended:
            return
        if last:
            self._take(held)
        else:
            # Newer ones would go before it, or have its place: the outbox gives all of them in their order.
            self.renounce()
            self._intake.look_soon()

    def _take_again(self, held: Held) -> None:
        if not self._ended:
            self._take(held)

    def _lost(self) -> None:
        """The lease had ended: what is not in flight may be others' now, as what is may turn out to be."""
        self._renounced = False
        self._retaken.clear()  # that was in the name that has ended
        if not self._ended:
            for job in self._engine.withdraw():
                self.gone(job)

    async def has_pending(self) -> bool:
        """Whether the outbox has anything that is not settled for us, as far as it can be told.

        When there may be, it is looked for.  Not after :meth:`finish`.
        """
        told: asyncio.Future[bool] = self._loop.create_future()

        def tell(found: bool | OutboxError) -> None:
            if not told.done():
                told.set_result(found is not False)

        self._intake.ask_for_pending(tell)
        if pending := await told:
            self._intake.look_soon()
        return pending

    # -- the end

    def pause(self) -> None:
        """Take nothing more."""
        self._intake.stop()

    def stop(self) -> Sequence[Job]:
        """Take nothing more and follow nothing more; the answer is what was followed."""
        self._ended = True
        self.pause()
        return self._followed.clear()

    def finish(self) -> None:
        """Write what is to be written, and let others have the rest; nothing is put after that."""
        self._journal.end()

    async def closed(self, timeout: float) -> Sequence[Job]:  # noqa: ASYNC109 - handed on
        """Wait until that is done; the answer is the jobs of which nothing was heard."""
        await self._journal.ended(timeout)
        return list(self._ours.values())


def _buried(unbuilt: Sequence[Unbuilt]) -> list[Entry]:
    return [one.entry for one in unbuilt if one.entry is not None]

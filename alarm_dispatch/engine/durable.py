"""An engine whose deliveries are kept in an outbox: what it does, it writes first."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime

from alarm_dispatch.delivery import DeliveryStatus
from alarm_dispatch.engine.core import Engine
from alarm_dispatch.engine.digests import Digest
from alarm_dispatch.engine.followed import End
from alarm_dispatch.engine.keeper import Answers, Keeper
from alarm_dispatch.engine.keeping import KeepingSettings
from alarm_dispatch.engine.lanes import Lane
from alarm_dispatch.engine.settings import EngineSettings
from alarm_dispatch.engine.window import Share
from alarm_dispatch.errors import DispatcherClosedError, OutboxError
from alarm_dispatch.exchange import Attempt
from alarm_dispatch.jobs import Job, JobState, Unbuilt

__all__ = ["DurableEngine"]

# Seconds between two looks at whether anything is left in the outbox, when that is waited for.
_TO_LOOK = 0.05
# Seconds in which the last records are written, when the dispatcher is closed.
_LAST_RECORDS = 5.0


class DurableEngine(Engine):
    """Serves jobs that an outbox keeps, those of its callers and those that it finds there."""

    _told_at_close = _told_unsent = (
        "the dispatcher was closed; the outbox keeps the delivery for the next one"
    )

    def __init__(self, settings: EngineSettings, keeping: KeepingSettings) -> None:
        super().__init__(settings)
        # Puts that are being written, and who waits until there are none.
        self._puts = 0
        self._all_put: asyncio.Future[None] | None = None
        self._keeper = Keeper(self, keeping)
        self._keeper.start()

    # -- in

    def put(
        self,
        jobs: Sequence[Job],
        unbuilt: Sequence[Unbuilt],
        stored: Callable[[OutboxError | None], object],
        then: Callable[[OutboxError | None], object],
        decide: Callable[[datetime], object] | None = None,
    ) -> None:
        """Put jobs into the outbox and then serve them; see :meth:`Keeper.put`.  Not after :meth:`close`."""
        # Whoever drains as soon as they are on disk shall wait for them.
        self._puts += 1
        counted = len(jobs)
        self._pending += counted

        def placed(error: OutboxError | None) -> None:
            self._puts -= 1
            if not self._puts and self._all_put is not None and not self._all_put.done():
                self._all_put.set_result(None)
            self._pending -= counted
            if error is None:
                self._pending += len(jobs)  # as many, unless it was decided only now which they are
            then(error)
            self._wake_if_empty()

        self._keeper.put(jobs, unbuilt, stored, placed, decide)

    def add(self, job: Job) -> None:
        """Serve a job that was put and is ours."""
        job.submitted = self._loop.time()
        self._enter(job)

    def take(self, job: Job, *, age: float, known: bool) -> None:
        """Serve a job out of the outbox that is ``age`` seconds old, and ``known`` when it was followed."""
        if not known:
            self._settings.backlog.take(1)
            self._pending += 1
        job.state = JobState.BEHIND
        job.submitted = self._loop.time() - age
        self._enter(job)

    # -- what others have

    def follow(self, job: Job) -> None:
        """Reckon with a job that others send."""
        job.state = JobState.ELSEWHERE

    def end_followed(self, end: End) -> None:
        """Tell how a job ended that others sent."""
        self._report(end.job, end.error, end.status)
        self._tell_all()

    def drop(self, job: Job) -> None:
        """Forget a job that nobody here waits for, and that others send."""
        job.state = JobState.SETTLED
        self._pending -= 1
        self._settings.backlog.release()
        self._wake_if_empty()

    def withdraw(self) -> Iterable[Job]:
        """Take out all jobs that are not in flight and not being ended."""
        taken = []
        for lane in list(self._queues.lanes):
            taken += lane.withdraw()
            if not lane.pending:
                self._queues.rest(lane, self._loop.time())
        taken += self._digests.withdraw()
        jobs = [one for job in taken for one in job.deliveries]
        for job in (*taken, *jobs):
            job.state = JobState.ELSEWHERE  # a digest too, which nobody asks for again
        # They may come back, to wait for other times.
        self._timers.sweep()
        return jobs

    def count_failed(self) -> None:
        """Count a delivery that could not become a job."""
        self._counts[DeliveryStatus.FAILED] += 1

    # -- what is written first

    def _serve(self) -> None:
        # A process that was stopped past its lease goes on in the middle: others have sent what it holds.
        if self._keeper.holds():
            super()._serve()
        else:
            self._tell_all()

    async def _attempt(self, job: Job, lane: Lane | None, share: Share | None) -> bool:
        if not job.stored or lane is None or share is None or self._keeper.holds():
            return await super()._attempt(job, lane, share)
        # It was stopped between the two.  Whatever the clock says next, what is given up here must be free.
        self._keeper.renounce()
        job.state = JobState.WAITING
        self._queues.window.leave(share)
        lane.ended(self._loop.time(), job, answered=None, confirmed=None)
        self._lose(job, lane)
        self._queues.bring_back(lane)
        return False

    def go_on(self) -> None:
        """Serve what could not be while it was not known to be ours."""
        self._serve()

    def _make_ready(self, job: Job, lane: Lane) -> bool:
        if job.kept is not None and job.kept.held_back:
            return False
        return super()._make_ready(job, lane)

    def _end_superseded(self, older: Job, newer: Job, lane: Lane) -> None:
        # Only then may the newer one go: after a crash in between, the older would be sent after it.
        waiting = newer.kept
        assert waiting is not None  # noqa: S101 - for mypy: what is in no outbox supersedes nothing
        waiting.held_back += 1
        older.state = JobState.ENDING

        def then(answers: Answers) -> None:
            (ours,) = answers
            if ours:
                self._report(older, None, DeliveryStatus.SUPERSEDED)
            elif ours is None:
                self.put_off(older)
            else:
                self._keeper.gone(older)
            waiting.held_back -= 1
            is_next = lane.heads.get(newer.order) is newer and newer.state is JobState.BEHIND
            if is_next and self._make_ready(newer, lane):
                self._serve()
            else:
                self._tell_all()

        self._keeper.end((older,), DeliveryStatus.SUPERSEDED, None, then)

    def _end_expired(self, job: Job, lane: Lane, error: BaseException) -> None:
        job.state = JobState.ENDING

        def then(answers: Answers) -> None:
            ours = self._still_ours(job, answers)
            if ours:
                self._settle(job, lane, error)
            elif ours is None:
                self.put_off(job)
            else:
                self._lose(job, lane)
            self._queues.bring_back(lane)
            self._serve()

        self._keeper.end(job.deliveries, DeliveryStatus.FAILED, error, then)

    def _still_ours(self, job: Job, answers: Answers) -> bool | None:
        """What its deliveries were answered, for the job; a digest goes on without those it has lost."""
        if any(ours is None for ours in answers):
            return None
        if isinstance(job, Digest):
            for one in [one for one, ours in zip(job.members, answers, strict=True) if not ours]:
                job.members.remove(one)
                self._keeper.gone(one)
        return any(answers)

    async def _recorded(self, job: Job, attempt: Attempt, error: BaseException | None) -> bool | None:
        if isinstance(error, DispatcherClosedError):
            return True  # it was cut off; what becomes of it the next dispatcher will see
        try:
            return self._still_ours(job, await self._keeper.wrote(job.noted(attempt), error))
        except asyncio.CancelledError:
            # The request has ended and is being noted: the answer tells how the delivery ends.
            job.state = JobState.ENDING
            raise

    def recorded_late(
        self, job: Job, attempt: Attempt, error: BaseException | None, ours: bool | None
    ) -> None:
        """Settle a job whose task was cancelled while the attempt was being noted."""
        if job.state is JobState.SETTLED:
            return
        job.note(attempt)
        self._untold.append((job, attempt))
        if job.confirmed or (ours and attempt.retry_in is None):
            self._report(job, error)
        else:
            self.put_off(job)
        self._tell_all()

    def _lose(self, job: Job, lane: Lane | None) -> None:
        if lane is not None and job.state is not JobState.SETTLED:
            following = lane.settle(job)
            gathered = isinstance(job, Digest)
            if gathered:
                job.state = JobState.SETTLED  # it was only for its members
            for one in job.deliveries:
                self._keeper.gone(one, last=following is None and not gathered)
            self._go_on(following, lane)

    # -- out

    def _report(self, job: Job, error: BaseException | None, status: DeliveryStatus | None = None) -> None:
        if job.state is not JobState.SETTLED and job.kept is not None:
            self._keeper.settled(job)
        super()._report(job, error, status)

    def tell_all(self) -> None:
        """Tell what has happened; for the keeper, when it has ended something."""
        self._tell_all()

    def put_off(self, job: Job) -> None:
        """Tell that the outbox keeps the job for the next dispatcher."""
        self._report(job, DispatcherClosedError(self._told_at_close))

    def _end_waiting(self, job: Job, lane: Lane | None) -> None:
        if lane is None or not job.stored or self._ended:
            super()._end_waiting(job, lane)
            return
        # Those behind it wait with it: sent now, they would have overtaken it.
        for one in lane.take_out(job.order):
            self.put_off(one)
        if not lane.pending:
            self._queues.rest(lane, self._loop.time())

    async def drain(self, timeout: float | None) -> bool:  # noqa: ASYNC109 - the engine's
        """Wait until nothing is unsettled, here and in the outbox's lanes that are served."""
        until = None if timeout is None else self._loop.time() + timeout
        while await super().drain(None if until is None else max(0.0, until - self._loop.time())):
            # A delivery that died may have put its fallback there, and others put what we are to send.
            if self._closing or not await self._keeper.has_pending():
                return True
            if until is not None and self._loop.time() >= until:
                return False
            await asyncio.sleep(_TO_LOOK)
        return False

    async def close(self, timeout: float) -> None:  # noqa: ASYNC109 - the engine's
        """The same; what was put just now is due too, and more is not taken out of the outbox."""
        self._keeper.pause()
        until, left = self._loop.time() + timeout, 0.0
        try:
            if self._puts and timeout > 0:
                self._all_put = self._loop.create_future()
                await asyncio.wait([self._all_put], timeout=timeout)
            left = max(0.0, until - self._loop.time())
        finally:
            await super().close(left)

    def _abort(self) -> None:
        if not self._ended:
            for job in self._keeper.stop():
                self.put_off(job)
        super()._abort()
        self._finish_if_idle()

    def _task_ended(self, task: asyncio.Task[None]) -> None:
        super()._task_ended(task)
        self._finish_if_idle()

    def _finish_if_idle(self) -> None:
        # Not before: what a request in flight comes to is written too.
        if self._ended and not self._tasks:
            self._keeper.finish()

    async def _let_go(self) -> None:
        self._keeper.finish()
        for job in await self._keeper.closed(_LAST_RECORDS):
            self.put_off(job)
        self._tell_all()

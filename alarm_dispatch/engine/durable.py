"""An engine whose deliveries are kept in an outbox: what it does, it writes first."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from alarm_dispatch.delivery import DeliveryStatus
from alarm_dispatch.engine.core import Engine
from alarm_dispatch.engine.keeper import Keeper
from alarm_dispatch.engine.keeping import KeepingSettings
from alarm_dispatch.engine.lanes import Lane
from alarm_dispatch.engine.settings import EngineSettings
from alarm_dispatch.errors import DispatcherClosedError, OutboxError
from alarm_dispatch.exchange import Attempt
from alarm_dispatch.jobs import Job, JobState

__all__ = ["DurableEngine"]

# Seconds in which the last records are written, when the dispatcher is closed.
_LAST_RECORDS = 5.0


class DurableEngine(Engine):
    """Serves jobs that an outbox keeps, those of its callers and those that it finds there."""

    _told_at_close = "the dispatcher was closed; the outbox keeps the delivery for the next one"

    def __init__(self, settings: EngineSettings, keeping: KeepingSettings) -> None:
        super().__init__(settings)
        self._keeper = Keeper(self, keeping)
        self._keeper.start()

    # -- in

    def put(
        self,
        jobs: Sequence[Job],
        stored: Callable[[OutboxError | None], object],
        then: Callable[[OutboxError | None], object],
    ) -> None:
        """Put jobs into the outbox and then serve them; see :meth:`Keeper.put`."""
        self._keeper.put(jobs, stored, then)

    def take(self, job: Job, *, age: float, known: bool) -> None:
        """Serve a job out of the outbox that is ``age`` seconds old, and ``known`` when it was followed."""
        if not known:
            self._settings.backlog.take(1)
            self._pending += 1
        job.state = JobState.BEHIND
        job.submitted = self._loop.time() - age
        self._enter(job)

    # -- what others have

    def follow(self, job: Job, *, known: bool) -> None:
        """Reckon with a job that others send, ``known`` when it was ours before."""
        if not known:
            self._pending += 1
        job.state = JobState.ELSEWHERE

    def end_followed(self, job: Job, error: BaseException | None, status: DeliveryStatus) -> None:
        """Tell how a job ended that others sent."""
        self._report(job, error, status)

    def drop(self, job: Job) -> None:
        """Forget a job that nobody here waits for, and that others send."""
        job.state = JobState.SETTLED
        self._pending -= 1
        self._settings.backlog.release()
        self._wake_if_empty()

    def withdraw(self) -> Iterable[Job]:
        """Take out all jobs that are not in flight."""
        taken = []
        for lane in list(self._queues.lanes):
            for job in lane.withdraw():
                if job.state is JobState.WAITING:
                    self._timers.discard()
                job.state = JobState.ELSEWHERE
                taken.append(job)
            if not lane.pending:
                self._queues.rest(lane)
        return taken

    def count_failed(self) -> None:
        """Count a delivery that could not become a job."""
        self._counts[DeliveryStatus.FAILED] += 1

    # -- what is written first

    def _make_ready(self, job: Job, lane: Lane) -> bool:
        if job.kept is not None and job.kept.held_back:
            return False
        return super()._make_ready(job, lane)

    def _end_superseded(self, older: Job, newer: Job, lane: Lane) -> None:
        # Only then may the newer one go: after a crash in between, the older would be sent after it.
        if newer.kept is not None:
            newer.kept.held_back += 1
        older.state = JobState.ENDING

        def then(ours: bool) -> None:
            if ours:
                self._report(older, None, DeliveryStatus.SUPERSEDED)
            else:
                self._keeper.gone(older)
            if newer.kept is not None:
                newer.kept.held_back -= 1
            is_next = lane.heads.get(newer.alarm_id) is newer and newer.state is JobState.BEHIND
            if is_next and self._make_ready(newer, lane):
                self._serve()

        self._keeper.end(older, DeliveryStatus.SUPERSEDED, None, then)

    def _end_expired(self, job: Job, lane: Lane, error: BaseException) -> None:
        job.state = JobState.ENDING

        def then(ours: bool) -> None:
            if ours:
                self._settle(job, lane, error)
            else:
                self._lose(job, lane)
            self._queues.bring_back(lane)
            self._serve()

        self._keeper.end(job, DeliveryStatus.FAILED, error, then)

    async def _recorded(self, job: Job, attempt: Attempt, error: BaseException | None) -> bool:
        if isinstance(error, DispatcherClosedError):
            return True  # it was cut off; what becomes of it the next dispatcher will see
        return await self._keeper.wrote(job, attempt, error)

    def _lose(self, job: Job, lane: Lane | None) -> None:
        if job.state is JobState.SETTLED:
            return
        following = None if lane is None else lane.settle(job)
        self._keeper.gone(job)
        if lane is not None:
            self._go_on(following, lane)

    # -- out

    def _report(self, job: Job, error: BaseException | None, status: DeliveryStatus | None = None) -> None:
        if job.state is not JobState.SETTLED and job.kept is not None:
            self._keeper.left(job)
        super()._report(job, error, status)

    def _abort(self) -> None:
        if not self._ended:
            for job in self._keeper.stop():
                self._report(job, DispatcherClosedError(self._told_at_close))
        super()._abort()

    async def _let_go(self) -> None:
        await self._keeper.closed(_LAST_RECORDS)

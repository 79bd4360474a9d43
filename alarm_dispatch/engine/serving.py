"""How jobs are served: each in its callback's lane, one attempt after the other, until it has its end."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from alarm_dispatch.delivery import DeliveryStatus
from alarm_dispatch.engine.attempt import make_request
from alarm_dispatch.engine.decisions import expired, what_follows
from alarm_dispatch.engine.digests import Digests
from alarm_dispatch.engine.expiry import Expiries, Sweep
from alarm_dispatch.engine.lanes import Lane
from alarm_dispatch.engine.pulse import Pulse
from alarm_dispatch.engine.queues import Queues
from alarm_dispatch.engine.settings import EngineSettings
from alarm_dispatch.engine.settling import Settling
from alarm_dispatch.engine.users import TransportsInUse
from alarm_dispatch.engine.window import Share
from alarm_dispatch.errors import DispatcherClosedError
from alarm_dispatch.exchange import Attempt, Verdict
from alarm_dispatch.jobs import GATHERED, Job, JobState
from alarm_dispatch.timers import TimerHeap

__all__ = ["Serving"]

_FINAL = (Verdict.CONFIRMED, Verdict.REFUSED)
# With fewer tasks than this there is nothing to be learned of the event loop.
_BUSY_TASKS = 4
# Attempts that a task makes one after the other; then a new one lets the event loop have its turn.
_TURNS_OF_A_TASK = 32


class Serving(Settling):
    """The part of an engine that makes attempts; all methods are called on its event loop.

    A job is in one place at a time: behind another of its alarm, in its lane's queue, in flight, or in the
    heap of those that wait for their next attempt.
    """

    _told_at_close = "the dispatcher was closed before the next attempt"
    _told_unsent = "the dispatcher was closed before it was sent"

    def __init__(self, settings: EngineSettings) -> None:
        super().__init__(settings)
        self._timers: TimerHeap[Job | Lane | Sweep] = TimerHeap(self._loop, self._due, _counts)
        self._queues = Queues(settings.limit, settings.circuit, self._timers.push)
        self._expiries = Expiries(self._loop, self._timers.push, self._end_expired)
        self._digests = Digests(self._loop, settings.clock, self._enter_all)
        self._transports = TransportsInUse(self._loop)
        self._tasks: dict[asyncio.Task[None], Job] = {}
        # A task that has made its attempt, and what it makes next.
        self._vacant: asyncio.Task[None] | None = None
        self._handed: tuple[Job, Lane | None, Share | None] | None = None
        self._pulse = Pulse(settings.clock, self._queues.window, self._serve)
        self._serving = False
        self._closing = False
        self._ended = False

    # -- in

    def add(self, job: Job) -> None:
        """Take a job in; its ticket is told in the end, whatever happens.

        Not after :meth:`close`: the dispatchers take nothing then.
        """
        self._pending += 1
        job.submitted = self._loop.time()
        self._enter(job)

    def _enter(self, job: Job) -> None:
        """Let the job be gathered, or put it into its lane.

        All that is unsettled of an alarm is sent in one of two ways, gathered or by itself: what comes in
        the other way goes behind it, in the way in which it is.
        """
        if job.gathered is None:
            job.order = job.alarm_id
            self._digests.close_with(job)
        elif self._queues.has_alone(job):
            job.order = job.alarm_id
        else:
            job.order = GATHERED
            if not job.part and not self._closing:
                self._digests.add(job)
                return
        self._enter_lane(job)

    def _enter_all(self, jobs: Sequence[Job]) -> None:
        for job in jobs:
            self._enter_lane(job)

    def _enter_lane(self, job: Job) -> None:
        lane = self._queues.lane_of(job.callback)
        if job.alarm_id in lane.gathered:
            job.order = GATHERED
        if not job.level and not self._queues.wanted_by_fatal:
            # Unless more of them wait than can go at once: then they wait for each other.
            self._pulse.hurry()
        if job.callback.supersede and job.order != GATHERED:
            for older in lane.take_out(job.order):
                lane.superseded += 1
                state = older.state
                self._end_superseded(older, job, lane)
                if state is JobState.WAITING:
                    self._timers.discard()
                elif state is JobState.READY:
                    lane.discard()
        if lane.push(job) and self._make_ready(job, lane):
            self._serve()
        else:
            self._tell_all()

    # What an engine with an outbox does otherwise, as things must be written first.

    def _end_superseded(self, older: Job, newer: Job, lane: Lane) -> None:  # noqa: ARG002 - see there
        """End a job that was taken out of the lane, as ``newer`` takes its place."""
        self._report(older, None, DeliveryStatus.SUPERSEDED)

    def _end_expired(self, job: Job, lane: Lane, error: BaseException) -> None:
        """End a job that is too old, and is the first of its alarm."""
        self._settle(job, lane, error)

    def add_now(self, job: Job) -> None:
        """Take in a job that waits for no other: the verification of a URL."""
        self._pending += 1
        self._start(job, None, None)

    # -- whose turn it is

    def _serve(self) -> None:
        """Start what may be started, in turn."""
        if self._serving:
            return  # a hook or a ticket's waiter submitted something; the outer call sees to it
        self._serving = True
        try:
            while (turn := self._queues.next(now := self._loop.time())) is not None:
                job, lane, share = turn
                if job.callback.max_age is not None and (too_old := expired(job, now)) is not None:
                    self._end_expired(job, lane, too_old)
                    self._queues.bring_back(lane)
                    continue
                lane.started(now, job)
                self._queues.window.enter(share)
                self._start(job, lane, share)
        finally:
            self._serving = False
        self._tell_all()

    def _due(self, item: Job | Lane | Sweep) -> None:
        if isinstance(item, Lane):
            self._queues.woken(item)
        elif isinstance(item, Sweep):
            self._expiries.look(item)
        else:  # the heap gives only those that wait
            self._make_ready(item, self._queues.lane_with(item))
        self._serve()

    def _make_ready(self, job: Job, lane: Lane) -> bool:
        """Let the job, the first of its alarm, be sent when it is its turn; whether that may be now."""
        self._expiries.watch(job, lane)
        return self._queues.make_ready(job, lane)

    # -- an attempt

    def _start(self, job: Job, lane: Lane | None, share: Share | None) -> None:
        self._transports.use(job.transport)
        job.state = JobState.IN_FLIGHT
        if self._vacant is not None:
            self._tasks[self._vacant] = job
            self._vacant, self._handed = None, (job, lane, share)
            return
        task = self._loop.create_task(self._work(job, lane, share))
        self._tasks[task] = job
        task.add_done_callback(self._task_ended)
        if len(self._tasks) > _BUSY_TASKS:
            self._pulse.start()

    def _task_ended(self, task: asyncio.Task[None]) -> None:
        job = self._tasks.pop(task)
        if not self._tasks:
            self._pulse.stop()
        # A task that was cancelled before its first step, or broke: its handle must not wait for ever.
        if task.cancelled() and self._loop_ends():
            self._abort()
        fault = None if task.cancelled() else task.exception()
        settled = job.state in (JobState.SETTLED, JobState.ENDING)
        if not settled and (fault is not None or task.cancelled()):
            self._report(job, fault or DispatcherClosedError(self._told_unsent))
        self._tell_all()

    async def _work(self, job: Job, lane: Lane | None, share: Share | None) -> None:
        """Make an attempt, and then those that may follow: a task for each would cost more than it does."""
        task = asyncio.current_task()
        assert task is not None  # noqa: S101 - for mypy: this is a coroutine of a task
        for left in range(_TURNS_OF_A_TASK - 1, -1, -1):  # pragma: no branch - the last hands on nothing
            cut_off = await self._attempt(job, lane, share)
            if cut_off and task.cancelling():
                if self._loop_ends():
                    self._abort()
                else:
                    task.uncancel()  # a transport's doing: it was one delivery's affair
            self._vacant = task if left and not self._ended else None
            try:
                self._serve()
            finally:
                self._vacant = None
                handed, self._handed = self._handed, None
            if handed is None:
                return
            job, lane, share = handed

    async def _attempt(self, job: Job, lane: Lane | None, share: Share | None) -> bool:
        """Make one request and do what follows it, save for those that may be sent next.

        The answer is whether it was cancelled, from without or within.
        """
        number = len(job.attempts) + 1
        started, started_at = self._loop.time(), self._settings.clock.now()
        if job.before == number - 1:
            job.first_started = started
        outcome = await make_request(job, job.request(number, started_at), started + job.rules.timeout)
        ended = self._loop.time()
        attempt = Attempt(
            number=number,
            started_at=started_at,
            duration=ended - started,
            verdict=outcome.judgement.verdict,
            status_code=None if outcome.reply is None else outcome.reply.status_code,
            reason=outcome.judgement.reason,
            delivery_id=job.delivery_id,
            callback=job.callback.name,
        )
        fault = outcome.fault
        if fault is None and attempt.verdict not in _FINAL:
            attempt, fault = what_follows(
                job,
                attempt,
                outcome,
                ended,
                settings=self._settings,
                closing=self._closing and not job.stored,
            )
        elif attempt.confirmed and job.part + 1 < len(job.messages):
            attempt = attempt.with_retry_in(0.0)
        # Its place is free only when that is on disk: what arrives twice after a crash is what had a place.
        ours = not job.stored or await self._recorded(job, attempt, fault)
        job.note(attempt)
        if lane is not None:
            pause = outcome.judgement.retry_after
            lane.ended(ended, job, answered=outcome.answered, confirmed=outcome.confirmed, pause=pause)
        if share is not None:
            self._queues.window.leave(share)
        if job.state is JobState.IN_FLIGHT:  # else it was settled without waiting for this
            job.state = JobState.WAITING
        self._untold.extend((one, one.attempts[-1]) for one in job.deliveries)
        if ours is None:
            self._end_waiting(job, lane)
        elif not ours:
            self._lose(job, lane)
        elif attempt.retry_in is None:
            self._settle(job, lane, fault)
        else:
            self._continue(job, lane, attempt, ended)
        if lane is not None:
            self._queues.bring_back(lane)
        self._tell_all()
        if isinstance(fault, KeyboardInterrupt):
            raise fault  # the delivery is settled; the person at the keyboard wants more than that
        return isinstance(outcome.fault, DispatcherClosedError)

    def _continue(self, job: Job, lane: Lane | None, attempt: Attempt, ended: float) -> None:
        """Have the job's next attempt made, which follows this one."""
        if attempt.confirmed and lane is not None:
            self._make_ready(job, lane)  # its next message, also while the dispatcher is being closed
        elif self._closing:
            self._end_waiting(job, lane)
        elif attempt.retry_in is not None:  # pragma: no branch - for mypy
            job.waited += attempt.retry_in
            self._timers.push(ended + attempt.retry_in, job)

    # -- out

    def _settle(self, job: Job, lane: Lane | None, error: BaseException | None) -> None:
        if lane is None:
            self._report(job, error)
            return
        following = lane.settle(job)
        if job.confirmed:
            lane.delivered += len(job.deliveries)
        else:
            lane.failed += len(job.deliveries)
        self._report(job, error)
        if not self._ended:
            self._go_on(following, lane)

    def _end_waiting(self, job: Job, lane: Lane | None) -> None:
        """End a job that waits for a later attempt, as there will be none."""
        self._settle(job, lane, DispatcherClosedError(self._told_at_close))

    def _go_on(self, following: Job | None, lane: Lane) -> None:
        """An alarm's first job has left the lane; ``following`` is the next one of that alarm."""
        if following is not None:
            self._make_ready(following, lane)
        elif not lane.pending:
            self._queues.rest(lane, self._loop.time())

    def _abort(self) -> None:
        """End what is not in flight, and cancel what is."""
        if self._ended:
            return
        self._closing = self._ended = True
        self._timers.clear()
        unsent = DispatcherClosedError(self._told_unsent)
        for lane in self._queues.lanes:
            for job in lane.withdraw():
                lane.failed += len(job.deliveries)
                self._report(job, unsent)
        for job in self._digests.withdraw():
            self._report(job, unsent)
        for task in self._tasks:
            task.cancel()
        self._tell_all()

    def _loop_ends(self) -> bool:
        """Whether a cancellation means more than one delivery: who ends a loop cancels all of its tasks."""
        return not self._settings.own_loop and all(task.cancelling() for task in self._tasks)


def _counts(item: Job | Lane | Sweep) -> bool:
    return not isinstance(item, Job) or item.state is JobState.WAITING

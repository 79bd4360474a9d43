"""How deliveries go: jobs in, settled deliveries out, each callback in a lane of its own."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
import weakref
from collections import OrderedDict
from collections.abc import Callable

import attrs
from attrs import frozen

from alarm_dispatch.clock import Clock
from alarm_dispatch.delivery import Delivery, DeliveryStatus
from alarm_dispatch.engine.attempt import make_request
from alarm_dispatch.engine.backlog import Backlog
from alarm_dispatch.engine.heap import TimerHeap
from alarm_dispatch.engine.lanes import Lane
from alarm_dispatch.engine.stats import DispatcherStats, lane_stats
from alarm_dispatch.engine.turns import Turns
from alarm_dispatch.engine.window import Share, Window
from alarm_dispatch.errors import DeliveryExpiredError, DispatcherClosedError
from alarm_dispatch.exchange import Attempt, Reply, Transport, Verdict
from alarm_dispatch.jobs import Job, JobState
from alarm_dispatch.limits import Circuit, as_circuit, retry_after

__all__ = ["Engine", "EngineSettings", "Hook"]

Hook = Callable[[Attempt | Delivery], None]
"""Is told of each attempt when it ended and of each delivery when it settled, on the engine's thread."""

_log = logging.getLogger("alarm_dispatch")

# Seconds that cancelled requests get to clean up, when the dispatcher is closed.
_CANCEL_GRACE = 1.0
# Lanes without work that are kept for their figures and their circuit.
_KEPT_IDLE = 1_024
_BUSY_STATUSES = (429, 503)
# Seconds between two looks at how late the event loop is: 1/64, which adds up without rounding, so that the
# times of a virtual clock stay exact.
_PULSE = 0.015625
# Attempts that a task makes one after the other; then a new one lets the event loop have its turn.
_TURNS_OF_A_TASK = 32


@frozen(kw_only=True)
class EngineSettings:
    """What an engine goes by; ``limit`` is of requests in flight, ``max_retry_after`` in seconds."""

    clock: Clock
    rng: random.Random
    backlog: Backlog
    hooks: tuple[Hook, ...]
    limit: int
    circuit: Circuit | None
    max_retry_after: float


class Engine:
    """Serves jobs on one event loop; all methods are called on that loop.

    A job is in one place at a time: behind another of its alarm, in its lane's queue, in flight, or in the
    heap of those that wait for their next attempt.
    """

    def __init__(self, settings: EngineSettings) -> None:
        self._loop = asyncio.get_running_loop()
        self._settings = settings
        self._lanes: dict[str, Lane] = {}
        self._idle: OrderedDict[str, Lane] = OrderedDict()
        self._turns = Turns()
        self._window = Window(settings.limit)
        # Lanes that wait for a place, by the share of the window that they would take it from.
        self._blocked: dict[Share, OrderedDict[str, Lane]] = {share: OrderedDict() for share in Share}
        self._timers: TimerHeap[Job | Lane] = TimerHeap(self._loop, self._due)
        self._tasks: dict[asyncio.Task[None], Job] = {}
        self._transports: weakref.WeakValueDictionary[int, Transport] = weakref.WeakValueDictionary()
        self._counts = dict.fromkeys(DeliveryStatus, 0)
        self._pending = 0
        self._emptied: list[asyncio.Future[None]] = []
        # A task that has made its attempt, and what it makes next.
        self._vacant: asyncio.Task[None] | None = None
        self._handed: tuple[Job, Lane | None, Share | None] | None = None
        self._pulse: asyncio.TimerHandle | None = None
        self._serving = False
        self._closing = False
        self._ended = False

    # -- in

    def add(self, job: Job) -> None:
        """Take a job in; its ticket is told in the end, whatever happens."""
        if self._refuses(job):
            return
        self._pending += 1
        job.submitted = self._loop.time()
        lane = self._lane_of(job)
        if job.callback.supersede:
            for older in lane.supersede(job.alarm_id):
                self._report(older, None, DeliveryStatus.SUPERSEDED)
                lane.superseded += 1
        if lane.push(job):
            self._make_ready(job, lane)
            self._serve()

    def add_now(self, job: Job) -> None:
        """Take in a job that waits for no other: the verification of a URL."""
        if not self._refuses(job):
            self._pending += 1
            self._start(job, None, None)

    def tell(self, event: Attempt | Delivery) -> None:
        """Tell the hooks; what one of them raises is logged and harms nobody."""
        for hook in self._settings.hooks:
            try:
                hook(event)
            except Exception:  # noqa: BLE001 - a hook only watches; what it raises is told in the log
                _log.exception("hook %r raised on %s", hook, type(event).__name__)

    def settle_unbuilt(self, delivery: Delivery) -> None:
        """Count and tell a delivery that failed before it became a job."""
        self._counts[delivery.status] += 1
        self._settings.backlog.release()
        self.tell(delivery)

    def _refuses(self, job: Job) -> bool:
        if self._closing:
            self._pending += 1
            self._report(job, DispatcherClosedError("the dispatcher is closed"))
        return self._closing

    def _lane_of(self, job: Job) -> Lane:
        callback = job.callback
        key = callback.lane
        lane = self._lanes.get(key)
        if lane is None:
            lane = self._lanes[key] = Lane(key=key, name=callback.name, limit=callback.limit)
        elif not lane.pending:
            self._idle.pop(key, None)
        if lane.settings_of is not callback:
            # The same receiver may be written several times; its latest settings count.
            own = callback.circuit
            circuit = self._settings.circuit if own is None else as_circuit(own, "circuit")
            lane.adopt(callback, circuit)
        return lane

    # -- whose turn it is

    def _make_ready(self, job: Job, lane: Lane) -> None:
        job.state = JobState.READY
        lane.ready[job.level].append(job)
        self._turns.enroll(lane, job.level)

    def _serve(self) -> None:
        """Start what may be started, in turn."""
        if self._serving:
            return  # a hook or a ticket's waiter submitted something; the outer call sees to it
        self._serving = True
        try:
            while not self._window.full and (turn := self._turns.next()) is not None:
                self._serve_turn(*turn)
        finally:
            self._serving = False

    def _serve_turn(self, lane: Lane, level: int) -> None:
        queue = lane.ready[level]
        while queue and queue[0].state is not JobState.READY:
            queue.popleft()  # superseded or ended while it stood here
        if not queue or not self._may_send(lane):
            return
        job = queue.popleft()
        if queue:
            self._turns.enroll(lane, level)
        if self._expired(job, self._loop.time()):
            self._settle(job, lane, _too_old(job))
            return
        self._turns.charge(level)
        share = Share.of(answered=lane.answered, in_flight=lane.in_flight)
        lane.started(self._loop.time())
        self._start(job, lane, share)

    def _may_send(self, lane: Lane) -> bool:
        """Whether the lane may send one more; when not, something is set to bring it back."""
        if lane.in_flight >= lane.limit:
            return False  # an end brings it back
        now = self._loop.time()
        free_at = lane.free_at(now)
        if free_at is None:
            return False  # the end of the probe brings it back
        if free_at > now:
            if lane.wakes_at is None or free_at < lane.wakes_at:
                lane.wakes_at = free_at
                self._timers.push(free_at, lane)
            return False
        share = Share.of(answered=lane.answered, in_flight=lane.in_flight)
        if self._window.admits(share):
            return True
        self._blocked[share][lane.key] = lane  # an end in that share brings it back
        return False

    def _enroll(self, lane: Lane) -> None:
        for level, queue in enumerate(lane.ready):
            if queue:
                self._turns.enroll(lane, level)

    def _due(self, item: Job | Lane) -> None:
        if isinstance(item, Job):
            if item.state is JobState.WAITING:
                self._make_ready(item, self._lanes[item.callback.lane])
        else:
            item.wakes_at = None
            self._enroll(item)
        self._serve()

    # -- an attempt

    def _start(self, job: Job, lane: Lane | None, share: Share | None) -> None:
        if id(job.transport) not in self._transports and hasattr(job.transport, "aclose"):
            with contextlib.suppress(TypeError):  # a transport that cannot be referred to weakly
                self._transports[id(job.transport)] = job.transport
        job.state = JobState.IN_FLIGHT
        if share is not None:
            self._window.enter(share)
        if self._pulse is None:
            self._pulse = self._loop.call_later(_PULSE, self._beat, self._loop.time() + _PULSE)
        if self._vacant is not None:
            self._tasks[self._vacant] = job
            self._vacant, self._handed = None, (job, lane, share)
            return
        task = self._loop.create_task(self._work(job, lane, share))
        self._tasks[task] = job
        task.add_done_callback(self._tasks.pop)

    def _beat(self, due: float) -> None:
        """While anything is in flight: learn how late the event loop is."""
        self._pulse = None
        now = self._loop.time()
        self._window.loop_was_late(now - due)
        if self._tasks:
            self._pulse = self._loop.call_later(_PULSE, self._beat, now + _PULSE)
            self._serve()

    async def _work(self, job: Job, lane: Lane | None, share: Share | None) -> None:
        """Make an attempt, and then those that may follow: a task for each would cost more than it does."""
        for left in range(_TURNS_OF_A_TASK - 1, -1, -1):
            await self._attempt(job, lane, share)
            self._vacant = asyncio.current_task() if left and not self._ended else None
            try:
                self._serve()
            finally:
                self._vacant = None
                handed, self._handed = self._handed, None
            if handed is None:
                return
            job, lane, share = handed

    async def _attempt(self, job: Job, lane: Lane | None, share: Share | None) -> None:
        """Make one request and do what follows it, save for those that may be sent next."""
        number = len(job.attempts) + 1
        started, started_at = self._loop.time(), self._settings.clock.now()
        if number == 1:
            job.first_started = started
        outcome = await make_request(job, job.request(number), started + job.rules.timeout)
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
            attempt, fault = self._decide(job, attempt, outcome.reply, ended)
        job.attempts = (*job.attempts, attempt)
        if lane is not None:
            lane.ended(ended, answered=outcome.answered, confirmed=outcome.confirmed)
        if share is not None:
            self._window.leave(share)
        self.tell(attempt)
        if attempt.retry_in is None:
            self._settle(job, lane, fault)
        else:
            job.waited += attempt.retry_in
            job.state = JobState.WAITING
            self._timers.push(ended + attempt.retry_in, job)
        if lane is not None:
            self._enroll(lane)
        self._unblock()

    def _decide(
        self, job: Job, attempt: Attempt, reply: Reply | None, now: float
    ) -> tuple[Attempt, BaseException | None]:
        """The attempt with the wait that follows it, or the reason of ours why none does."""
        try:
            delay = job.rules.schedule.next_delay(
                attempt, elapsed=now - job.first_started, waited=job.waited, rng=self._settings.rng
            )
        except Exception as error:  # noqa: BLE001 - a user's strategy may raise anything; it is told
            return attempt, error
        if delay is None:
            return attempt, None
        asked = reply.header("retry-after") if reply and reply.status_code in _BUSY_STATUSES else None
        if asked is not None:
            seconds, note = retry_after(asked, self._settings.clock.now(), self._settings.max_retry_after)
            delay = max(delay, seconds or 0.0)
            attempt = attrs.evolve(attempt, reason=f"{attempt.reason}; {note}")
        if self._closing:
            return attempt, DispatcherClosedError("the dispatcher was closed before the next attempt")
        if self._expired(job, now + delay):
            return attempt, _too_old(job)
        return attempt.with_retry_in(delay), None

    def _expired(self, job: Job, now: float) -> bool:
        max_age = job.callback.max_age
        return max_age is not None and now - job.submitted > max_age

    def _unblock(self) -> None:
        """Let those that waited for a place have turns again, one for each share that has room."""
        for share, lanes in self._blocked.items():
            if lanes and self._window.admits(share):
                self._enroll(lanes.popitem(last=False)[1])

    # -- out

    def _settle(self, job: Job, lane: Lane | None, error: BaseException | None) -> None:
        if lane is None or self._ended:
            self._report(job, error)
            return
        following = lane.settle(job)
        if job.confirmed:
            lane.delivered += 1
        else:
            lane.failed += 1
        self._report(job, error)
        if following is not None:
            self._make_ready(following, lane)
        elif not lane.pending:
            self._rest(lane)

    def _report(self, job: Job, error: BaseException | None, status: DeliveryStatus | None = None) -> None:
        if job.state is JobState.SETTLED:
            return
        job.state = JobState.SETTLED
        delivery = job.settled(error, status)
        self._counts[delivery.status] += 1
        self._pending -= 1
        self._settings.backlog.release()
        self.tell(delivery)
        job.ticket.settle(job.index, delivery)
        if not self._pending:
            for waiter in self._emptied:
                if not waiter.done():
                    waiter.set_result(None)
            self._emptied.clear()

    def _rest(self, lane: Lane) -> None:
        """Keep a lane without work for a while; callbacks made anew for each alarm must not pile up."""
        self._idle[lane.key] = lane
        if len(self._idle) > _KEPT_IDLE:
            key, _ = self._idle.popitem(last=False)
            del self._lanes[key]

    async def drain(self) -> None:
        """Wait until every job is settled."""
        if self._pending:
            waiter = self._loop.create_future()
            self._emptied.append(waiter)
            await waiter

    async def close(self, timeout: float) -> None:  # noqa: ASYNC109 - it ends by itself, others may not
        """Take nothing more; let what is due go on for ``timeout`` seconds; then end everything.

        Jobs that wait for a later attempt end at once, failed with
        :class:`~alarm_dispatch.errors.DispatcherClosedError`.  When this returns every job is settled.
        """
        self._closing = True
        closed = DispatcherClosedError("the dispatcher was closed before the next attempt")
        for item in self._timers.clear():
            if isinstance(item, Job) and item.state is JobState.WAITING:
                self._settle(item, self._lanes[item.callback.lane], closed)
        self._serve()
        until = self._loop.time() + timeout
        while self._tasks and (remaining := until - self._loop.time()) > 0:
            await asyncio.wait(self._tasks, timeout=remaining, return_when=asyncio.FIRST_COMPLETED)
        self._ended = True
        unsent = DispatcherClosedError("the dispatcher was closed before it was sent")
        for lane in self._lanes.values():
            for job in lane.jobs():
                if job.state is not JobState.IN_FLIGHT:
                    self._report(job, unsent)
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=_CANCEL_GRACE)
        for job in list(self._tasks.values()):
            # A transport that swallows its cancellation goes on by itself; the handle gets its end now.
            _log.warning("transport %r ignored its cancellation", job.transport)
            self._report(job, closed)
        if self._pulse is not None:
            self._pulse.cancel()
        await self._close_transports()

    async def _close_transports(self) -> None:
        """Let the transports close what they hold on this loop; one that hangs or raises harms nobody."""
        for transport in list(self._transports.values()):
            try:
                async with asyncio.timeout(_CANCEL_GRACE):
                    await transport.aclose()  # type: ignore[attr-defined]  # only those that have it are kept
            except Exception:  # noqa: BLE001 - the deliveries are settled; this is only told
                _log.exception("transport %r could not be closed", transport)

    def stats(self) -> DispatcherStats:
        """The figures of now."""
        now = self._loop.time()
        return DispatcherStats(
            waiting=self._pending - len(self._tasks),
            in_flight=len(self._tasks),
            delivered=self._counts[DeliveryStatus.DELIVERED],
            failed=self._counts[DeliveryStatus.FAILED],
            superseded=self._counts[DeliveryStatus.SUPERSEDED],
            lanes=tuple(lane_stats(lane, now) for lane in self._lanes.values()),
        )


_FINAL = (Verdict.CONFIRMED, Verdict.REFUSED)


def _too_old(job: Job) -> DeliveryExpiredError:
    return DeliveryExpiredError(f"not delivered within its max_age of {job.callback.max_age:g} s")

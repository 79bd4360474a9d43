"""How deliveries go: jobs in, settled deliveries out, each callback in a lane of its own."""

from __future__ import annotations

import asyncio
import contextlib
import heapq
import itertools
import logging
import random
import weakref
from collections import deque
from collections.abc import Callable, Iterable

import attrs
from attrs import define, field

from alarm_dispatch.clock import Clock
from alarm_dispatch.delivery import Delivery
from alarm_dispatch.errors import DispatcherClosedError, TransportError
from alarm_dispatch.exchange import Attempt, Judgement, Reply, Request, Transport, Verdict
from alarm_dispatch.jobs import Job

__all__ = ["Engine", "Hook"]

Hook = Callable[[Attempt | Delivery], None]
"""Is told of each attempt when it ended and of each delivery when it settled, on the engine's thread."""

_log = logging.getLogger("alarm_dispatch")

# Seconds that cancelled requests get to clean up, when the dispatcher is closed.
_CANCEL_GRACE = 1.0


@define(eq=False)
class _Lane:
    """One receiver's queue.

    ``chains`` holds, for each alarm with a delivery under way, those of the same alarm behind it: they
    start only when it has settled, so that resolved never overtakes triggered.
    """

    limit: int
    in_flight: int = 0
    ready: deque[Job] = field(factory=deque)
    chains: dict[str, deque[Job]] = field(factory=dict)


@define(order=True)
class _Wake:
    """A job that waits for its next attempt: no task, no connection, only this."""

    due: float
    sequence: int
    job: Job = field(order=False)


class Engine:
    """Serves jobs on one event loop; all methods are called on that loop.

    A job is in one place at a time: in its lane's queue, behind another of its alarm, in flight, or in the
    heap of those that wait for their next attempt.
    """

    def __init__(self, *, clock: Clock, hooks: Iterable[Hook], rng: random.Random) -> None:
        self._loop = asyncio.get_running_loop()
        self._clock = clock
        self._hooks = tuple(hooks)
        self._rng = rng
        self._lanes: dict[str, _Lane] = {}
        self._waiting: list[_Wake] = []
        self._sequence = itertools.count()
        self._timer: asyncio.TimerHandle | None = None
        self._tasks: dict[asyncio.Task[None], Job] = {}
        self._transports: weakref.WeakValueDictionary[int, Transport] = weakref.WeakValueDictionary()
        self._closing = False

    def add(self, job: Job) -> None:
        """Take a job in; its ``on_settled`` is called in the end, whatever happens.

        Not after :meth:`close`: the dispatchers take nothing then.
        """
        lane = self._lanes.get(job.callback.lane)
        if lane is None:
            lane = self._lanes[job.callback.lane] = _Lane(job.callback.limit)
        lane.limit = job.callback.limit
        behind = lane.chains.get(job.alarm_id)
        if behind is None:
            lane.chains[job.alarm_id] = deque()
            self._make_ready(job, lane)
        else:
            behind.append(job)

    def add_now(self, job: Job) -> None:
        """Take in a job that waits for no other: the verification of a URL."""
        self._start(job, None)

    def tell(self, event: Attempt | Delivery) -> None:
        """Tell the hooks; what one of them raises is logged and harms nobody."""
        for hook in self._hooks:
            try:
                hook(event)
            except Exception:  # noqa: BLE001 - a hook only watches; what it raises is told in the log
                _log.exception("hook %r raised on %s", hook, type(event).__name__)

    def _make_ready(self, job: Job, lane: _Lane) -> None:
        lane.ready.append(job)
        self._serve(lane)

    def _serve(self, lane: _Lane) -> None:
        while lane.ready and lane.in_flight < lane.limit:
            lane.in_flight += 1
            self._start(lane.ready.popleft(), lane)

    def _start(self, job: Job, lane: _Lane | None) -> None:
        if hasattr(job.transport, "aclose"):
            with contextlib.suppress(TypeError):  # a transport that cannot be referred to weakly
                self._transports[id(job.transport)] = job.transport
        task = self._loop.create_task(self._attempt(job, lane))
        self._tasks[task] = job
        task.add_done_callback(self._tasks.pop)

    async def _attempt(self, job: Job, lane: _Lane | None) -> None:
        """Make one request and decide what follows it."""
        number = len(job.attempts) + 1
        started, started_at = self._loop.time(), self._clock.now()
        if number == 1:
            job.first_started = started
        request = job.request if number == 1 else attrs.evolve(job.request, attempt=number)
        status_code: int | None = None
        fault: BaseException | None = None
        try:
            reply = await _send(job, request, started + job.rules.timeout)
            status_code = reply.status_code
            judgement = job.rules.confirmation(attrs.evolve(reply, request=request))
        except TransportError as error:
            judgement = Judgement(error.verdict, error.reason)
        except asyncio.CancelledError:
            # Only closing cancels attempts (or the end of the loop they run on).
            judgement = Judgement(Verdict.UNKNOWN, "cancelled when the dispatcher was closed")
            fault = DispatcherClosedError("the dispatcher was closed while the request was in flight")
        except Exception as error:  # noqa: BLE001 - a transport's or confirmation's fault fails its delivery only
            judgement = Judgement(Verdict.UNKNOWN, f"{type(error).__name__}: {error}")
            fault = error
        ended = self._loop.time()
        attempt = Attempt(
            number=number,
            started_at=started_at,
            duration=ended - started,
            verdict=judgement.verdict,
            status_code=status_code,
            reason=judgement.reason,
            delivery_id=job.delivery_id,
            callback=job.callback.name,
        )
        if lane is not None:
            lane.in_flight -= 1
        self._decide(job, lane, attempt, ended, fault)
        if lane is not None:
            self._serve(lane)
            self._forget_if_empty(job.callback.lane, lane)

    def _decide(
        self, job: Job, lane: _Lane | None, attempt: Attempt, now: float, fault: BaseException | None
    ) -> None:
        """Settle the job, or put it into the heap until its next attempt."""
        delay: float | None = None
        if fault is None and attempt.verdict not in {Verdict.CONFIRMED, Verdict.REFUSED}:
            try:
                delay = self._next_delay(job, attempt, now)
            except Exception as error:  # noqa: BLE001 - a user's strategy may raise anything; it is told
                fault = error
        if delay is not None and self._closing:
            delay, fault = None, DispatcherClosedError("the dispatcher was closed before the next attempt")
        attempt = attempt.with_retry_in(delay)
        job.attempts.append(attempt)
        self.tell(attempt)
        if delay is None:
            self._settle(job, lane, fault)
        else:
            job.waited += delay
            heapq.heappush(self._waiting, _Wake(now + delay, next(self._sequence), job))
            self._set_timer()

    def _next_delay(self, job: Job, attempt: Attempt, now: float) -> float | None:
        return job.rules.schedule.next_delay(
            attempt, elapsed=now - job.first_started, waited=job.waited, rng=self._rng
        )

    def _set_timer(self) -> None:
        """Keep one timer, for the job that is due first."""
        due = self._waiting[0].due if self._waiting else None
        if self._timer is not None:
            if due is not None and self._timer.when() <= due:
                return
            self._timer.cancel()
        self._timer = None if due is None else self._loop.call_at(due, self._wake)

    def _wake(self) -> None:
        """Move the jobs whose wait is over back into their lanes."""
        self._timer = None
        # The loop fires a timer up to one tick of its clock early; what it fired for is due.
        due = max(self._loop.time(), self._waiting[0].due)
        while self._waiting and self._waiting[0].due <= due:
            job = heapq.heappop(self._waiting).job
            self._make_ready(job, self._lanes[job.callback.lane])
        self._set_timer()

    def _settle(self, job: Job, lane: _Lane | None, error: BaseException | None) -> None:
        self._report(job, error)
        if lane is not None:
            behind = lane.chains[job.alarm_id]
            if behind:
                lane.ready.append(behind.popleft())
            else:
                del lane.chains[job.alarm_id]

    def _report(self, job: Job, error: BaseException | None) -> None:
        if job.done:
            return
        job.done = True
        delivery = job.settled(error)
        self.tell(delivery)
        job.on_settled(delivery)

    def _forget_if_empty(self, key: str, lane: _Lane) -> None:
        # Callbacks may be made anew for each alarm; their lanes must not pile up.
        if not lane.chains and self._lanes.get(key) is lane:
            del self._lanes[key]

    async def close(self, timeout: float) -> None:  # noqa: ASYNC109 - it ends by itself, others may not
        """Take nothing more; let what is due go on for ``timeout`` seconds; then end everything.

        Jobs that wait for a later attempt end at once, failed with
        :class:`~alarm_dispatch.errors.DispatcherClosedError`.  When this returns every job is settled.
        """
        self._closing = True
        closed = DispatcherClosedError("the dispatcher was closed before the next attempt")
        waiting, self._waiting = self._waiting, []
        self._set_timer()
        for wake in waiting:
            lane = self._lanes[wake.job.callback.lane]
            self._settle(wake.job, lane, closed)
            self._serve(lane)
            self._forget_if_empty(wake.job.callback.lane, lane)
        until = self._loop.time() + timeout
        while self._tasks and (remaining := until - self._loop.time()) > 0:
            await asyncio.wait(self._tasks, timeout=remaining, return_when=asyncio.FIRST_COMPLETED)
        self._end_queued()
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=_CANCEL_GRACE)
        for job in list(self._tasks.values()):
            # A transport that swallows its cancellation goes on by itself; the handle gets its end now.
            _log.warning("transport %r ignored its cancellation", job.transport)
            self._report(job, closed)
        await self._close_transports()

    async def _close_transports(self) -> None:
        """Let the transports close what they hold on this loop; one that hangs or raises harms nobody."""
        for transport in list(self._transports.values()):
            try:
                async with asyncio.timeout(_CANCEL_GRACE):
                    await transport.aclose()  # type: ignore[attr-defined]  # only those that have it are kept
            except Exception:  # noqa: BLE001 - the deliveries are settled; this is only told
                _log.exception("transport %r could not be closed", transport)

    def _end_queued(self) -> None:
        closed = DispatcherClosedError("the dispatcher was closed before it was sent")
        for lane in self._lanes.values():
            queued = [*lane.ready, *itertools.chain.from_iterable(lane.chains.values())]
            lane.ready.clear()
            for behind in lane.chains.values():
                behind.clear()
            for job in queued:
                self._report(job, closed)


async def _send(job: Job, request: Request, deadline: float) -> Reply:
    """Hand the request to its transport, under the deadline of the attempt."""
    transport = job.transport
    if getattr(transport, "keeps_deadline", False):
        reply = await transport.send(request, deadline=deadline)
    else:
        limit = asyncio.timeout_at(deadline)
        try:
            async with limit:
                reply = await transport.send(request, deadline=deadline)
        except TimeoutError:
            if not limit.expired():
                raise
            raise TransportError(Verdict.UNKNOWN, "timed out in the transport") from None
    if not isinstance(reply, Reply):
        raise TypeError(f"transport {transport!r} returned {type(reply).__name__}, not a Reply")
    return reply

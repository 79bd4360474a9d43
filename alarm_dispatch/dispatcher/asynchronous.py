"""The dispatcher for code that runs on an event loop."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from types import TracebackType
from typing import Self

from alarm_dispatch.callbacks import Callback
from alarm_dispatch.delivery import Delivery, DispatchReport
from alarm_dispatch.dispatcher.drilling import Drilling
from alarm_dispatch.dispatcher.observing import enter_evaluation
from alarm_dispatch.dispatcher.settings import (
    DEFAULT_CLOSE_TIMEOUT,
    check_timeout,
    close_timeout,
    enter,
    enter_kept,
)
from alarm_dispatch.engine import DispatcherStats, Engine
from alarm_dispatch.errors import DispatcherClosedError, OutboxError, WrongThreadError
from alarm_dispatch.groups import AlarmGroup
from alarm_dispatch.handles import AsyncHandle
from alarm_dispatch.heartbeats import Heartbeat
from alarm_dispatch.jobs import Job, Unbuilt
from alarm_dispatch.model import Alarm
from alarm_dispatch.tickets import Ticket

__all__ = ["AsyncDispatcher"]


class AsyncDispatcher(Drilling):
    """Dispatches alarms on the running event loop.

    ``async with AsyncDispatcher() as dispatcher:``, or :meth:`close` at the end.  All methods are called
    on one event loop.

    ``transport`` carries what callbacks do not carry themselves; the default is an
    :class:`~alarm_dispatch.transports.httpx.HttpxTransport`.  ``timeout`` (seconds), ``schedule`` and
    ``confirmation`` replace the formats' own rules.  ``hooks`` are told of every attempt and every
    settled delivery.  ``clock``, ``new_id`` and ``rng`` (which draws the jitter) are there for tests.

    ``outbox`` keeps every delivery until it is settled: it is on disk when ``submit`` returns, and goes on
    after a crash.  ``groups`` are those whose stored deliveries this dispatcher picks up, beside those that
    it is given alarms for.  ``lease`` is for how many seconds it may be gone before others on the same outbox
    take over what it holds.

    ``min_hold``: seconds for which an alarm must have been found resolved before :meth:`observe` tells so.

    ``limit`` is the number of requests in flight over all callbacks, ``backlog`` the number of unsettled
    deliveries.  ``circuit`` gives every callback without one of its own a
    :class:`~alarm_dispatch.limits.Circuit` (True: with the usual figures).  ``max_retry_after`` caps, in
    seconds, what a receiver's Retry-After can ask for.  ``egress`` says which URLs and addresses may be
    called; the default is :meth:`EgressPolicy.internal() <alarm_dispatch.egress.EgressPolicy.internal>`.
    """

    def _open(self) -> None:
        self._closed = False
        self._loop: asyncio.AbstractEventLoop | None = None
        self._engine: Engine | None = None

    async def submit(self, alarm: Alarm, group: AlarmGroup, *, wait: bool = False) -> AsyncHandle:
        """Start the deliveries of an alarm to a group and return a handle on them.

        With a full backlog it raises :class:`~alarm_dispatch.errors.BacklogFullError`, or with ``wait``
        waits until there is room.  With an outbox it returns when they are on disk.  Raises TypeError for
        arguments of other kinds, :class:`~alarm_dispatch.errors.DispatcherClosedError`, and
        :class:`~alarm_dispatch.errors.OutboxError` when they could not be written; then nothing is sent.
        Cancelled meanwhile, it may have put them all the same.
        """
        engine = self._running()
        ticket, prepared = self._prepared(alarm, group)
        if wait:
            await self._room_for(len(prepared))
            engine = self._running()
        else:
            self._backlog.reserve(len(prepared))
        if self._keeping is None:
            enter(engine, ticket, prepared)
        else:
            await self._put(engine, ticket, prepared)
        return AsyncHandle(ticket)

    async def _put(self, engine: Engine, ticket: Ticket, prepared: list[Job | Unbuilt]) -> None:
        on_disk, tell = _told_on_disk()
        enter_kept(engine, ticket, prepared, told=tell)
        await on_disk

    async def observe(self, alarm: Alarm, group: AlarmGroup) -> AsyncHandle | None:
        """Take an evaluation of an alarm, and tell the group of it when it is time to.

        The answer is a handle as :meth:`submit` gives it, whose ``decision`` tells why (first, repeat,
        resolved, no data), and None when nothing is sent.  How an alarm repeats is its condition's
        ``repeat``; see :class:`~alarm_dispatch.repeats.tracker.RepeatTracker`.  With an outbox what is known
        of the alarm and the deliveries are written in one step.

        Raises :class:`~alarm_dispatch.errors.InvalidFieldError` for arguments of other kinds and for an
        outbox that keeps no repeats, :class:`~alarm_dispatch.errors.BacklogFullError`,
        :class:`~alarm_dispatch.errors.DispatcherClosedError` and
        :class:`~alarm_dispatch.errors.OutboxError`; then nothing is known of this evaluation, and the next
        one tells what this one would have.
        """
        engine = self._running()
        evaluation, backlog = self._evaluation(alarm, group), self._backlog
        if self._keeping is not None:
            backlog.reserve(len(group.callbacks))
            on_disk, tell = _told_on_disk()
            enter_evaluation(engine, evaluation, backlog, told=tell)
            await on_disk
        else:
            with evaluation.tracker.store.transaction():
                evaluation.decide(self._clock.now())
                backlog.reserve(len(evaluation.prepared))
            if evaluation.ticket is not None:
                enter(engine, evaluation.ticket, evaluation.prepared)
        return None if evaluation.ticket is None else AsyncHandle(evaluation.ticket, evaluation.decision)

    async def _room_for(self, count: int) -> None:
        loop = asyncio.get_running_loop()
        admission = loop.create_future()

        def admit() -> bool:
            # Released on this loop, as its engine is; the future may be cancelled all the same.
            if admission.cancelled():
                return False
            admission.set_result(None)
            return True

        if self._backlog.reserve_or_wait(count, admit):
            return
        try:
            await admission
            self._running()  # it may have been closed meanwhile
        except BaseException:
            if not self._backlog.withdraw(admit) and not admission.cancelled():
                self._backlog.release(count)
            raise

    async def dispatch(self, alarm: Alarm, group: AlarmGroup) -> DispatchReport:
        """Deliver an alarm to a group and return when every delivery is settled; raises as :meth:`submit`."""
        handle = await self.submit(alarm, group)
        return await handle.result()

    async def drill(self, group: AlarmGroup) -> DispatchReport:
        """Send a test alarm to every callback of a group, each in its own format, and report on it.

        Its texts say DRILL; it goes the way of any alarm, with the callbacks' own rules, and an outbox keeps
        it.  Raises as :meth:`submit`.
        """
        return await self.dispatch(self._drill(), group)

    def heartbeat(self, group: AlarmGroup, every: float) -> Heartbeat:
        """Send a test alarm to a group now and every so many seconds, until it is stopped.

        A path that has fallen silent is noticed where its heartbeats no longer come.  Raises
        :class:`~alarm_dispatch.errors.InvalidFieldError` for arguments of other kinds, and
        :class:`~alarm_dispatch.errors.DispatcherClosedError`.
        """
        self._running()
        return self._new_heartbeat(group, every, self._running)()

    async def verify(self, callback: Callback) -> Delivery:
        """Make the one request that verifies a callback's URL; it ends by the vendor's 5 s.

        Raises TypeError for what is no callback, and :class:`~alarm_dispatch.errors.DispatcherClosedError`.
        """
        engine = self._running()
        ticket, item = self._preparation.verification(callback)
        self._backlog.reserve(1)
        enter(engine, ticket, [item], at_once=True)
        return (await AsyncHandle(ticket).result()).deliveries[0]

    async def drain(self, timeout: float | None = None) -> bool:  # noqa: ASYNC109 - the interface
        """Wait until every delivery is settled, retries included; False when ``timeout`` seconds were over.

        Further submits are taken meanwhile, and waited for as well.  With an outbox it waits until that has
        nothing unsettled for the groups that are served, whoever put it: fallbacks and replays too.  Raises
        :class:`~alarm_dispatch.errors.InvalidFieldError` for a timeout that is none.
        """
        check_timeout(timeout, "drain.timeout", optional=True)
        return self._engine is None or await self._engine.drain(timeout)

    def stats(self) -> DispatcherStats:
        """What the dispatcher does now, or did until it was closed."""
        if self._closed and self._engine is not None:
            return self._engine.stats()
        return self._running().stats()

    async def close(self, timeout: float = DEFAULT_CLOSE_TIMEOUT) -> None:  # noqa: ASYNC109 - the interface
        """Take nothing more, give what is due ``timeout`` seconds, and end the rest.

        A delivery that waits for a later attempt ends at once; every handle gets its result.  Raises
        :class:`~alarm_dispatch.errors.InvalidFieldError` for a timeout that is none, and closes nothing.
        """
        check_timeout(timeout, "close.timeout")
        self._closed = True
        self._stop_heartbeats()
        if self._engine is not None:
            await self._engine.close(timeout)

    def _running(self) -> Engine:
        if self._closed:
            raise DispatcherClosedError("the dispatcher is closed")
        loop = asyncio.get_running_loop()
        if self._loop is not loop:
            if self._loop is not None and not self._loop.is_closed():
                raise WrongThreadError("this AsyncDispatcher belongs to another event loop")
            if self._engine is not None:
                self._start_afresh()  # what did not end with its loop does not count here
            self._loop, self._engine = loop, None
        if self._engine is None:
            self._engine = self._new_engine()
        elif self._engine.ended:
            raise DispatcherClosedError("the dispatcher ended when its tasks were cancelled")
        return self._engine

    async def __aenter__(self) -> Self:
        self._running()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close(close_timeout(kind, DEFAULT_CLOSE_TIMEOUT))


def _told_on_disk() -> tuple[asyncio.Future[None], Callable[[OutboxError | None], None]]:
    """What waits until something is on disk, and what is to be told of it."""
    on_disk: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def tell(error: OutboxError | None) -> None:
        if on_disk.done():
            return  # whoever waited was cancelled; what is on disk is sent all the same
        if error is None:
            on_disk.set_result(None)
        else:
            on_disk.set_exception(error)

    return on_disk, tell

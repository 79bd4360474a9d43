"""The dispatcher for synchronous code."""

from __future__ import annotations

import functools
import os
import threading
import weakref
from collections.abc import Callable
from concurrent.futures import Future
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
from alarm_dispatch.handles import Handle
from alarm_dispatch.heartbeats import Heartbeat
from alarm_dispatch.loop_thread import LoopThread
from alarm_dispatch.model import Alarm

__all__ = ["Dispatcher"]

# Seconds to end everything after an interrupted close; cancelled requests get one of them.
_INTERRUPTED_CLOSE = 5.0


class Dispatcher(Drilling):
    """Dispatches alarms from synchronous code, with an event loop in a thread of its own.

    ``with Dispatcher() as dispatcher:``, or :meth:`close` at the end.  It may be used from many threads,
    also from one that runs an event loop (which a blocking call then blocks).  After a fork the child's
    copy starts afresh, with no deliveries; those of the parent stay the parent's.

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

    _own_loop = True

    def _open(self) -> None:
        self._closed = False
        self._lock = threading.Lock()
        self._thread: LoopThread | None = None
        self._engine: Engine | None = None
        self._last_stats: DispatcherStats | None = None
        _LIVING.add(self)

    def submit(self, alarm: Alarm, group: AlarmGroup) -> Handle:
        """Start the deliveries of an alarm to a group and return a handle on them.

        With an outbox it returns when they are on disk; only in a hook or a confirmation, which it must not
        hold up, it returns before, and the handle tells what could not be written.

        Raises :class:`~alarm_dispatch.errors.BacklogFullError` when too many deliveries are unsettled,
        TypeError for arguments of other kinds, :class:`~alarm_dispatch.errors.DispatcherClosedError`, and
        :class:`~alarm_dispatch.errors.OutboxError` when they could not be written; then nothing is sent.
        """
        ticket, prepared = self._prepared(alarm, group)
        if self._keeping is None:
            self._post(len(prepared), enter, ticket, prepared)
        else:
            on_disk, tell = _told_on_disk()
            entry = functools.partial(enter_kept, stored=tell)
            self._post(len(prepared), entry, ticket, prepared)
            if not self._in_own_thread():  # there it would wait for itself
                on_disk.result()
        return Handle(ticket, self._in_own_thread)

    def observe(self, alarm: Alarm, group: AlarmGroup) -> Handle | None:
        """Take an evaluation of an alarm, and tell the group of it when it is time to.

        The answer is a handle as :meth:`submit` gives it, whose ``decision`` tells why (first, repeat,
        resolved, no data), and None when nothing is sent.  How an alarm repeats is its condition's
        ``repeat``; see :class:`~alarm_dispatch.repeats.tracker.RepeatTracker`.  With an outbox what is known
        of the alarm and the deliveries are written in one step.

        Raises :class:`~alarm_dispatch.errors.InvalidFieldError` for arguments of other kinds and for an
        outbox that keeps no repeats, :class:`~alarm_dispatch.errors.BacklogFullError`,
        :class:`~alarm_dispatch.errors.DispatcherClosedError` and
        :class:`~alarm_dispatch.errors.OutboxError`; then nothing is known of this evaluation, and the next
        one tells what this one would have.  Raises
        :class:`~alarm_dispatch.errors.WrongThreadError` in a hook or confirmation.
        """
        self._check_thread()
        evaluation = self._evaluation(alarm, group)
        if self._keeping is None:
            # Within it, so that what two threads observe is sent in the order in which it was decided.
            with evaluation.tracker.store.transaction():
                evaluation.decide(self._clock.now())
                if evaluation.ticket is None:
                    self._check_open()
                else:
                    self._post(len(evaluation.prepared), enter, evaluation.ticket, evaluation.prepared)
        else:
            on_disk, tell = _told_on_disk()
            entry = functools.partial(enter_evaluation, stored=tell)
            self._post(len(group.callbacks), entry, evaluation, self._backlog)
            on_disk.result()
        if evaluation.ticket is None:
            return None
        return Handle(evaluation.ticket, self._in_own_thread, evaluation.decision)

    def dispatch(self, alarm: Alarm, group: AlarmGroup) -> DispatchReport:
        """Deliver an alarm to a group and return when every delivery is settled; raises as :meth:`submit`.

        Raises :class:`~alarm_dispatch.errors.WrongThreadError` in a hook or confirmation.
        """
        self._check_thread()
        return self.submit(alarm, group).result()

    def drill(self, group: AlarmGroup) -> DispatchReport:
        """Send a test alarm to every callback of a group, each in its own format, and report on it.

        Its texts say DRILL; it goes the way of any alarm, with the callbacks' own rules, and an outbox keeps
        it.  Raises as :meth:`dispatch`.
        """
        return self.dispatch(self._drill(), group)

    def heartbeat(self, group: AlarmGroup, every: float) -> Heartbeat:
        """Send a test alarm to a group now and every so many seconds, until it is stopped.

        A path that has fallen silent is noticed where its heartbeats no longer come.  Raises
        :class:`~alarm_dispatch.errors.InvalidFieldError` for arguments of other kinds,
        :class:`~alarm_dispatch.errors.DispatcherClosedError`, and
        :class:`~alarm_dispatch.errors.WrongThreadError` in a hook or confirmation.
        """
        self._check_thread()
        make = self._new_heartbeat(group, every, self._running_engine)
        made: Future[Heartbeat] = Future()
        self._post(0, lambda _engine: made.set_result(make()))
        return made.result()

    def verify(self, callback: Callback) -> Delivery:
        """Make the one request that verifies a callback's URL; it ends by the vendor's 5 s.

        Raises TypeError for what is no callback, and :class:`~alarm_dispatch.errors.DispatcherClosedError`.
        """
        self._check_thread()
        ticket, item = self._preparation.verification(callback)
        self._post(1, functools.partial(enter, at_once=True), ticket, [item])
        return Handle(ticket, self._in_own_thread).result().deliveries[0]

    def drain(self, timeout: float | None = None) -> bool:
        """Wait until every delivery is settled, retries included; False when ``timeout`` seconds were over.

        Further submits are taken meanwhile, and waited for as well.  With an outbox it waits until that has
        nothing unsettled for the groups that are served, whoever put it: fallbacks and replays too.  Raises
        :class:`~alarm_dispatch.errors.InvalidFieldError` for a timeout that is none.
        """
        check_timeout(timeout, "drain.timeout", optional=True)
        self._check_thread()
        with self._lock:
            thread = None if self._closed else self._thread
            drained = None if thread is None else thread.run(self._drain_engine(timeout))
        return drained is None or drained.result()

    async def _drain_engine(self, timeout: float | None) -> bool:  # noqa: ASYNC109 - handed on
        return await self._running_engine().drain(timeout)

    def stats(self) -> DispatcherStats:
        """What the dispatcher does now, or did until it was closed.

        It may be called from any thread, also from a hook.  Raises
        :class:`~alarm_dispatch.errors.DispatcherClosedError` while it is being closed, and for one that was
        closed before it did anything.
        """
        if self._in_own_thread():
            return self._running_engine().stats()
        if self._last_stats is not None:
            return self._last_stats
        answer: Future[DispatcherStats] = Future()
        self._post(0, lambda engine: answer.set_result(engine.stats()))
        return answer.result()

    def close(self, timeout: float = DEFAULT_CLOSE_TIMEOUT) -> None:
        """Take nothing more, give what is due ``timeout`` seconds, and end the rest.

        A delivery that waits for a later attempt ends at once; every handle gets its result.  The call
        returns within ``timeout`` and some seconds, whatever the receivers do.  Raises
        :class:`~alarm_dispatch.errors.InvalidFieldError` for a timeout that is none, and closes nothing.
        """
        check_timeout(timeout, "close.timeout")
        self._check_thread()
        with self._lock:
            closed_before, self._closed = self._closed, True
        thread = self._thread
        if thread is not None and not closed_before:
            try:
                thread.run(self._close_engine(timeout)).result()
            except BaseException:
                # Ctrl-C while closing: still no handle is left without an end.
                thread.run(self._close_engine(0)).result(_INTERRUPTED_CLOSE)
                raise
            finally:
                thread.stop()

    async def _close_engine(self, timeout: float) -> None:  # noqa: ASYNC109 - handed on
        self._stop_heartbeats()
        await self._running_engine().close(timeout)
        self._last_stats = self._running_engine().stats()

    def _post(self, count: int, entry: Callable[..., None], *arguments: object) -> None:
        # Under the lock nothing is posted after close() has posted the end.
        with self._lock:
            self._check_open()
            self._backlog.reserve(count)
            if self._thread is None:
                self._thread = LoopThread(self._clock)
            self._thread.post(self._serve, entry, *arguments)

    def _serve(self, entry: Callable[..., None], *arguments: object) -> None:
        entry(self._running_engine(), *arguments)

    def _running_engine(self) -> Engine:
        if self._engine is None:
            self._engine = self._new_engine()
        return self._engine

    def _in_own_thread(self) -> bool:
        thread = self._thread
        return thread is not None and thread.is_current

    def _check_open(self) -> None:
        if self._closed:
            raise DispatcherClosedError("the dispatcher is closed")

    def _check_thread(self) -> None:
        if self._in_own_thread():
            raise WrongThreadError("this is the dispatcher's own thread (a hook, a confirmation): use submit")

    def _after_fork(self) -> None:
        """In a child process: forget the parent's thread, loop and deliveries, and any lock it held."""
        self._lock = threading.Lock()
        self._start_afresh()
        self._tracker = self._new_tracker()
        self._heartbeats = ()
        _ABANDONED.append((self._thread, self._engine))
        self._thread = self._engine = None

    def __enter__(self) -> Self:
        self._post(0, lambda _engine: None)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close(close_timeout(kind, DEFAULT_CLOSE_TIMEOUT))


def _told_on_disk() -> tuple[Future[None], Callable[[OutboxError | None], None]]:
    """What waits until something is on disk, and what is to be told of it, on any thread."""
    on_disk: Future[None] = Future()

    def tell(error: OutboxError | None) -> None:
        if error is None:
            on_disk.set_result(None)
        else:
            on_disk.set_exception(error)

    return on_disk, tell


_LIVING: weakref.WeakSet[Dispatcher] = weakref.WeakSet()
_ABANDONED: list[object] = []
"""What belongs to the parent process: kept, since collecting it would close what the parent uses."""


def _forget_parents_threads() -> None:
    for dispatcher in list(_LIVING):
        dispatcher._after_fork()


if hasattr(os, "register_at_fork"):  # pragma: no branch - only Windows has no fork
    os.register_at_fork(after_in_child=_forget_parents_threads)

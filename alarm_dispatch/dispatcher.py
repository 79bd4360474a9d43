"""The front doors: AsyncDispatcher, and Dispatcher for synchronous code."""

from __future__ import annotations

import asyncio
import os
import random
import secrets
import threading
import weakref
from collections.abc import Callable, Iterable
from concurrent.futures import Future
from types import TracebackType
from typing import Self

import attrs

from alarm_dispatch.callbacks import AlarmGroup, Callback, Overrides
from alarm_dispatch.clock import Clock, SystemClock
from alarm_dispatch.confirmation import ConfirmationLike, confirmed_by
from alarm_dispatch.delivery import Delivery, DispatchReport
from alarm_dispatch.engine import DispatcherStats, Engine, EngineSettings, Hook
from alarm_dispatch.engine.backlog import Backlog
from alarm_dispatch.errors import DispatcherClosedError, InvalidFieldError, WrongThreadError
from alarm_dispatch.exchange import Transport
from alarm_dispatch.handles import AsyncHandle, Handle
from alarm_dispatch.jobs import Job, Preparation
from alarm_dispatch.limits import DEFAULT_MAX_RETRY_AFTER, Circuit, as_circuit
from alarm_dispatch.loop_thread import LoopThread
from alarm_dispatch.model import Alarm
from alarm_dispatch.schedule import RetrySchedule
from alarm_dispatch.tickets import Ticket
from alarm_dispatch.transports.httpx import HttpxTransport
from alarm_dispatch.values import check_number

__all__ = ["DEFAULT_CLOSE_TIMEOUT", "AsyncDispatcher", "Dispatcher"]

DEFAULT_LIMIT = 512
"""Requests in flight over all callbacks."""

DEFAULT_BACKLOG = 200_000
"""Unsettled deliveries; each that waits for a retry takes about 1 KB beside its payload."""

DEFAULT_CLOSE_TIMEOUT = 10.0
"""Seconds that due deliveries get when a dispatcher is closed."""


def _new_id() -> str:
    # As long as the ids in the Tencent document; os.urandom under it is safe after a fork.
    return secrets.token_hex(12)


class _Settings:
    """What both dispatchers take."""

    def __init__(
        self,
        *,
        transport: Transport | None = None,
        timeout: float | None = None,
        schedule: RetrySchedule | None = None,
        confirmation: ConfirmationLike | None = None,
        limit: int = DEFAULT_LIMIT,
        backlog: int = DEFAULT_BACKLOG,
        circuit: Circuit | bool | None = None,
        max_retry_after: float = DEFAULT_MAX_RETRY_AFTER,
        hooks: Iterable[Hook] = (),
        clock: Clock | None = None,
        new_id: Callable[[], str] = _new_id,
        rng: random.Random | None = None,
    ) -> None:
        if transport is not None and not isinstance(transport, Transport):
            raise InvalidFieldError("transport", "must have a method 'async send(request, *, deadline)'")
        self._clock = clock or SystemClock()
        self._backlog = Backlog(_at_least_one(backlog, "backlog"))
        self._settings = EngineSettings(
            clock=self._clock,
            rng=rng or random.Random(),  # noqa: S311 - spreads retries, guards nothing
            backlog=self._backlog,
            hooks=tuple(hooks),
            limit=_at_least_one(limit, "limit"),
            circuit=as_circuit(circuit, "circuit"),
            max_retry_after=_seconds(max_retry_after, "max_retry_after"),
        )
        self._preparation = Preparation(
            defaults=Overrides(
                timeout=timeout,
                schedule=schedule,
                confirmation=None if confirmation is None else confirmed_by(confirmation),
            ),
            transport=transport or HttpxTransport(),
            clock=self._clock,
            new_id=new_id,
        )
        self._open()

    def _open(self) -> None:
        """Set up what each kind of dispatcher keeps beside the settings."""


def _at_least_one(value: int, name: str) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise InvalidFieldError(name, f"must be an integer of at least 1, not {value!r}")
    return value


def _seconds(value: float, name: str) -> float:
    if check_number(value, name) < 0:
        raise InvalidFieldError(name, f"must be at least 0 seconds, not {value!r}")
    return value


def _enter(engine: Engine, ticket: Ticket, prepared: Iterable[Job | Delivery]) -> None:
    """Hand a group's jobs to the engine; what could not be built is settled at once."""
    for index, item in enumerate(prepared):
        if isinstance(item, Delivery):
            engine.settle_unbuilt(item)
            ticket.settle(index, item)
        else:
            engine.add(item)


def _enter_verification(engine: Engine, ticket: Ticket, item: Job | Delivery) -> None:
    if isinstance(item, Delivery):
        engine.settle_unbuilt(item)
        ticket.settle(0, item)
    else:
        engine.add_now(item)


def _close_timeout(error_type: type[BaseException] | None, normal: float) -> float:
    """An interrupt or a cancellation wants out at once; anything else lets due deliveries end."""
    at_once = error_type is not None and not issubclass(error_type, Exception)
    return 0.0 if at_once else normal


class AsyncDispatcher(_Settings):
    """Dispatches alarms on the running event loop.

    ``async with AsyncDispatcher() as dispatcher:``, or :meth:`close` at the end.  All methods are called
    on one event loop.

    ``transport`` carries what callbacks do not carry themselves; the default is an
    :class:`~alarm_dispatch.transports.httpx.HttpxTransport`.  ``timeout`` (seconds), ``schedule`` and
    ``confirmation`` replace the formats' own rules.  ``hooks`` are told of every attempt and every
    settled delivery.  ``clock``, ``new_id`` and ``rng`` (which draws the jitter) are there for tests.

    ``limit`` is the number of requests in flight over all callbacks, ``backlog`` the number of unsettled
    deliveries.  ``circuit`` gives every callback without one of its own a
    :class:`~alarm_dispatch.limits.Circuit` (True: with the usual figures).  ``max_retry_after`` caps, in
    seconds, what a receiver's Retry-After can ask for.
    """

    def _open(self) -> None:
        self._closed = False
        self._loop: asyncio.AbstractEventLoop | None = None
        self._engine: Engine | None = None

    async def submit(self, alarm: Alarm, group: AlarmGroup, *, wait: bool = False) -> AsyncHandle:
        """Start the deliveries of an alarm to a group and return a handle on them.

        With a full backlog it raises :class:`~alarm_dispatch.errors.BacklogFullError`, or with ``wait``
        waits until there is room.  Raises TypeError for arguments of other kinds, and
        :class:`~alarm_dispatch.errors.DispatcherClosedError`.
        """
        engine = self._running()
        ticket, prepared = self._preparation.alarm(alarm, group)
        if wait:
            await self._room_for(len(prepared))
            engine = self._running()
        else:
            self._backlog.reserve(len(prepared))
        _enter(engine, ticket, prepared)
        return AsyncHandle(ticket)

    async def _room_for(self, count: int) -> None:
        loop = asyncio.get_running_loop()
        admission = loop.create_future()

        def admit() -> None:
            # Released on this loop, as its engine is; the future may be cancelled all the same.
            if admission.cancelled():
                self._backlog.release(count)
            else:
                admission.set_result(None)

        if self._backlog.reserve_or_wait(count, admit):
            return
        try:
            await admission
        except asyncio.CancelledError:
            if not self._backlog.withdraw(admit) and not admission.cancelled():
                self._backlog.release(count)
            raise

    async def dispatch(self, alarm: Alarm, group: AlarmGroup) -> DispatchReport:
        """Deliver an alarm to a group and return when every delivery is settled; raises as :meth:`submit`."""
        handle = await self.submit(alarm, group)
        return await handle.result()

    async def verify(self, callback: Callback) -> Delivery:
        """Make the one request that verifies a callback's URL; it ends by the vendor's 5 s.

        Raises TypeError for what is no callback, and :class:`~alarm_dispatch.errors.DispatcherClosedError`.
        """
        engine = self._running()
        ticket, item = self._preparation.verification(callback)
        self._backlog.reserve(1)
        _enter_verification(engine, ticket, item)
        return (await AsyncHandle(ticket).result()).deliveries[0]

    async def drain(self, timeout: float | None = None) -> bool:  # noqa: ASYNC109 - the interface
        """Wait until every delivery is settled, retries included; False when ``timeout`` seconds were over.

        Further submits are taken meanwhile, and waited for as well.
        """
        return self._engine is None or await self._engine.drain(timeout)

    def stats(self) -> DispatcherStats:
        """What the dispatcher does now.

        Raises :class:`~alarm_dispatch.errors.DispatcherClosedError`.
        """
        return self._running().stats()

    async def close(self, timeout: float = DEFAULT_CLOSE_TIMEOUT) -> None:  # noqa: ASYNC109 - the interface
        """Take nothing more, give what is due ``timeout`` seconds, and end the rest.

        A delivery that waits for a later attempt ends at once; every handle gets its result.
        """
        self._closed = True
        if self._engine is not None:
            await self._engine.close(timeout)

    def _running(self) -> Engine:
        if self._closed:
            raise DispatcherClosedError("the dispatcher is closed")
        loop = asyncio.get_running_loop()
        if self._loop is not loop:
            if self._loop is not None and not self._loop.is_closed():
                raise WrongThreadError("this AsyncDispatcher belongs to another event loop")
            self._loop, self._engine = loop, None
        if self._engine is None:
            self._engine = Engine(self._settings)
        return self._engine

    async def __aenter__(self) -> Self:
        self._running()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close(_close_timeout(kind, DEFAULT_CLOSE_TIMEOUT))


class Dispatcher(_Settings):
    """Dispatches alarms from synchronous code, with an event loop in a thread of its own.

    ``with Dispatcher() as dispatcher:``, or :meth:`close` at the end.  It may be used from many threads,
    also from one that runs an event loop (which a blocking call then blocks).  After a fork the child's
    copy starts afresh, with no deliveries; those of the parent stay the parent's.

    ``transport`` carries what callbacks do not carry themselves; the default is an
    :class:`~alarm_dispatch.transports.httpx.HttpxTransport`.  ``timeout`` (seconds), ``schedule`` and
    ``confirmation`` replace the formats' own rules.  ``hooks`` are told of every attempt and every
    settled delivery.  ``clock``, ``new_id`` and ``rng`` (which draws the jitter) are there for tests.

    ``limit`` is the number of requests in flight over all callbacks, ``backlog`` the number of unsettled
    deliveries.  ``circuit`` gives every callback without one of its own a
    :class:`~alarm_dispatch.limits.Circuit` (True: with the usual figures).  ``max_retry_after`` caps, in
    seconds, what a receiver's Retry-After can ask for.
    """

    def _open(self) -> None:
        self._closed = False
        self._lock = threading.Lock()
        self._thread: LoopThread | None = None
        self._engine: Engine | None = None
        _LIVING.add(self)

    def submit(self, alarm: Alarm, group: AlarmGroup) -> Handle:
        """Start the deliveries of an alarm to a group and return a handle on them.

        Raises :class:`~alarm_dispatch.errors.BacklogFullError` when too many deliveries are unsettled,
        TypeError for arguments of other kinds, and :class:`~alarm_dispatch.errors.DispatcherClosedError`.
        """
        ticket, prepared = self._preparation.alarm(alarm, group)
        self._post(len(prepared), _enter, ticket, prepared)
        return Handle(ticket, self._in_own_thread)

    def dispatch(self, alarm: Alarm, group: AlarmGroup) -> DispatchReport:
        """Deliver an alarm to a group and return when every delivery is settled; raises as :meth:`submit`.

        Raises :class:`~alarm_dispatch.errors.WrongThreadError` in a hook or confirmation.
        """
        self._check_thread()
        return self.submit(alarm, group).result()

    def verify(self, callback: Callback) -> Delivery:
        """Make the one request that verifies a callback's URL; it ends by the vendor's 5 s.

        Raises TypeError for what is no callback, and :class:`~alarm_dispatch.errors.DispatcherClosedError`.
        """
        self._check_thread()
        ticket, item = self._preparation.verification(callback)
        self._post(1, _enter_verification, ticket, item)
        return Handle(ticket, self._in_own_thread).result().deliveries[0]

    def drain(self, timeout: float | None = None) -> bool:
        """Wait until every delivery is settled, retries included; False when ``timeout`` seconds were over.

        Further submits are taken meanwhile, and waited for as well.
        """
        self._check_thread()
        thread = self._thread
        return thread is None or thread.run(self._drain_engine(timeout)).result()

    async def _drain_engine(self, timeout: float | None) -> bool:  # noqa: ASYNC109 - handed on
        return await self._running_engine().drain(timeout)

    def stats(self) -> DispatcherStats:
        """What the dispatcher does now; it may be called from any thread, also from a hook.

        Raises :class:`~alarm_dispatch.errors.DispatcherClosedError`.
        """
        if self._in_own_thread():
            return self._running_engine().stats()
        answer: Future[DispatcherStats] = Future()
        self._post(0, lambda engine: answer.set_result(engine.stats()))
        return answer.result()

    def close(self, timeout: float = DEFAULT_CLOSE_TIMEOUT) -> None:
        """Take nothing more, give what is due ``timeout`` seconds, and end the rest.

        A delivery that waits for a later attempt ends at once; every handle gets its result.  The call
        returns within ``timeout`` and some seconds, whatever the receivers do.
        """
        self._check_thread()
        with self._lock:
            self._closed = True
            thread, self._thread = self._thread, None
        if thread is not None:
            try:
                thread.run(self._close_engine(timeout)).result()
            finally:
                thread.stop()

    async def _close_engine(self, timeout: float) -> None:  # noqa: ASYNC109 - handed on
        engine, self._engine = self._engine, None
        if engine is not None:
            await engine.close(timeout)

    def _post(self, count: int, entry: Callable[..., None], *arguments: object) -> None:
        # Under the lock nothing is posted after close() has posted the end.
        with self._lock:
            if self._closed:
                raise DispatcherClosedError("the dispatcher is closed")
            self._backlog.reserve(count)
            if self._thread is None:
                self._thread = LoopThread(self._clock)
            self._thread.post(self._serve, entry, *arguments)

    def _serve(self, entry: Callable[..., None], *arguments: object) -> None:
        entry(self._running_engine(), *arguments)

    def _running_engine(self) -> Engine:
        if self._engine is None:
            self._engine = Engine(self._settings)
        return self._engine

    def _in_own_thread(self) -> bool:
        thread = self._thread
        return thread is not None and thread.is_current

    def _check_thread(self) -> None:
        if self._in_own_thread():
            raise WrongThreadError("this is the dispatcher's own thread (a hook, a confirmation): use submit")

    def _after_fork(self) -> None:
        """In a child process: forget the parent's thread, loop and deliveries, and any lock it held."""
        self._lock = threading.Lock()
        self._backlog = Backlog(self._backlog.limit)
        self._settings = attrs.evolve(self._settings, backlog=self._backlog)
        _ABANDONED.append((self._thread, self._engine))
        self._thread = self._engine = None

    def __enter__(self) -> Self:
        self._post(0, lambda _engine: None)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close(_close_timeout(kind, DEFAULT_CLOSE_TIMEOUT))


_LIVING: weakref.WeakSet[Dispatcher] = weakref.WeakSet()
_ABANDONED: list[object] = []
"""What belongs to the parent process: kept, since collecting it would close what the parent uses."""


def _forget_parents_threads() -> None:
    for dispatcher in list(_LIVING):
        dispatcher._after_fork()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_parents_threads)

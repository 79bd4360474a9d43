"""The front doors: AsyncDispatcher, and Dispatcher for synchronous code."""

from __future__ import annotations

import asyncio
import functools
import os
import random
import secrets
import threading
import weakref
from collections.abc import Callable, Iterable
from concurrent.futures import Future
from types import TracebackType
from typing import Self

from alarm_dispatch.callbacks import AlarmGroup, Callback, Overrides, check_transport
from alarm_dispatch.clock import Clock, SystemClock
from alarm_dispatch.confirmation import ConfirmationLike, confirmed_by
from alarm_dispatch.delivery import Delivery, DispatchReport
from alarm_dispatch.engine import Engine, Hook
from alarm_dispatch.errors import DispatcherClosedError, WrongThreadError
from alarm_dispatch.exchange import Transport
from alarm_dispatch.handles import AsyncHandle, Handle, Ticket
from alarm_dispatch.jobs import Job, Preparation
from alarm_dispatch.loop_thread import LoopThread
from alarm_dispatch.model import Alarm
from alarm_dispatch.schedule import RetrySchedule
from alarm_dispatch.transports.httpx import HttpxTransport

__all__ = ["DEFAULT_CLOSE_TIMEOUT", "AsyncDispatcher", "Dispatcher"]

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
        hooks: Iterable[Hook] = (),
        clock: Clock | None = None,
        new_id: Callable[[], str] = _new_id,
        rng: random.Random | None = None,
    ) -> None:
        check_transport(transport, "transport")
        self._clock = clock or SystemClock()
        self._hooks = tuple(hooks)
        self._rng = rng or random.Random()  # noqa: S311 - spreads retries, guards nothing
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

    def _new_engine(self) -> Engine:
        return Engine(clock=self._clock, hooks=self._hooks, rng=self._rng)


def _enter(engine: Engine, prepared: list[Job | Delivery], ticket: Ticket) -> None:
    """Hand a group's jobs to the engine; what could not be built is settled at once."""
    for index, item in enumerate(prepared):
        if isinstance(item, Delivery):
            engine.tell(item)
            ticket.settle(index, item)
        else:
            item.on_settled = functools.partial(ticket.settle, index)
            engine.add(item)


def _enter_verification(engine: Engine, item: Job | Delivery, done: Callable[[Delivery], None]) -> None:
    if isinstance(item, Delivery):
        engine.tell(item)
        done(item)
    else:
        item.on_settled = done
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
    """

    def _open(self) -> None:
        self._closed = False
        self._loop: asyncio.AbstractEventLoop | None = None
        self._engine: Engine | None = None

    async def submit(self, alarm: Alarm, group: AlarmGroup) -> AsyncHandle:
        """Start the deliveries of an alarm to a group and return a handle on them.

        Raises TypeError for arguments of other kinds, and
        :class:`~alarm_dispatch.errors.DispatcherClosedError`.
        """
        engine, loop = self._running()
        future: asyncio.Future[DispatchReport] = loop.create_future()
        prepared = self._preparation.alarm(alarm, group)
        _enter(engine, prepared, Ticket(alarm.id, group.name, len(prepared), future.set_result))
        return AsyncHandle(future)

    async def dispatch(self, alarm: Alarm, group: AlarmGroup) -> DispatchReport:
        """Deliver an alarm to a group and return when every delivery is settled; raises as :meth:`submit`."""
        handle = await self.submit(alarm, group)
        return await handle.result()

    async def verify(self, callback: Callback) -> Delivery:
        """Make the one request that verifies a callback's URL; it ends by the vendor's 5 s.

        Raises TypeError for what is no callback, and :class:`~alarm_dispatch.errors.DispatcherClosedError`.
        """
        engine, loop = self._running()
        future: asyncio.Future[Delivery] = loop.create_future()
        _enter_verification(engine, self._preparation.verification(callback), future.set_result)
        return await asyncio.shield(future)

    async def close(self, timeout: float = DEFAULT_CLOSE_TIMEOUT) -> None:  # noqa: ASYNC109 - the interface
        """Take nothing more, give what is due ``timeout`` seconds, and end the rest.

        A delivery that waits for a later attempt ends at once; every handle gets its result.
        """
        self._closed = True
        engine, self._engine = self._engine, None
        if engine is not None:
            await engine.close(timeout)

    def _running(self) -> tuple[Engine, asyncio.AbstractEventLoop]:
        if self._closed:
            raise DispatcherClosedError("the dispatcher is closed")
        loop = asyncio.get_running_loop()
        if self._loop is not loop:
            if self._loop is not None and not self._loop.is_closed():
                raise WrongThreadError("this AsyncDispatcher belongs to another event loop")
            self._loop, self._engine = loop, None
        if self._engine is None:
            self._engine = self._new_engine()
        return self._engine, loop

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
    """

    def _open(self) -> None:
        self._closed = False
        self._lock = threading.Lock()
        self._thread: LoopThread | None = None
        self._engine: Engine | None = None
        _LIVING.add(self)

    def submit(self, alarm: Alarm, group: AlarmGroup) -> Handle:
        """Start the deliveries of an alarm to a group and return a handle on them.

        Raises TypeError for arguments of other kinds, and
        :class:`~alarm_dispatch.errors.DispatcherClosedError`.
        """
        prepared = self._preparation.alarm(alarm, group)
        future: Future[DispatchReport] = Future()
        ticket = Ticket(alarm.id, group.name, len(prepared), future.set_result)
        self._post(lambda engine: _enter(engine, prepared, ticket))
        return Handle(future, self._in_own_thread)

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
        item = self._preparation.verification(callback)
        future: Future[Delivery] = Future()
        self._post(lambda engine: _enter_verification(engine, item, future.set_result))
        return future.result()

    def close(self, timeout: float = DEFAULT_CLOSE_TIMEOUT) -> None:
        """Take nothing more, give what is due ``timeout`` seconds, and end the rest.

        A delivery that waits for a later attempt ends at once; every handle gets its result.  The call
        returns within ``timeout`` and some seconds, whatever the receivers do.
        """
        self._check_thread()
        with self._lock:
            closed_before, self._closed = self._closed, True
        thread = self._thread
        if thread is not None and not closed_before:
            try:
                thread.run(self._close_engine(timeout)).result()
            finally:
                thread.stop()

    def _post(self, entry: Callable[[Engine], None]) -> None:
        # Under the lock nothing is posted after close() has posted the end.
        with self._lock:
            if self._closed:
                raise DispatcherClosedError("the dispatcher is closed")
            if self._thread is None:
                self._thread = LoopThread(self._clock)
            self._thread.post(self._serve, entry)

    async def _close_engine(self, timeout: float) -> None:  # noqa: ASYNC109 - handed on
        await self._running_engine().close(timeout)

    def _serve(self, entry: Callable[[Engine], None]) -> None:
        entry(self._running_engine())

    def _running_engine(self) -> Engine:
        if self._engine is None:
            self._engine = self._new_engine()
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
        _ABANDONED.append((self._thread, self._engine))
        self._thread = self._engine = None

    def __enter__(self) -> Self:
        self._post(lambda _engine: None)
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


if hasattr(os, "register_at_fork"):  # pragma: no branch - only Windows has no fork
    os.register_at_fork(after_in_child=_forget_parents_threads)

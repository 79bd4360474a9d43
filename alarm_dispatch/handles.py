"""What submit gives back: a handle on deliveries that are under way."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from concurrent.futures import Future

from alarm_dispatch.delivery import Delivery, DispatchReport
from alarm_dispatch.errors import ForkedProcessError, WrongThreadError

__all__ = ["AsyncHandle", "Handle", "Ticket"]


class Ticket:
    """Gathers the deliveries of one alarm in one group and answers with the report when all are settled."""

    def __init__(self, alarm_id: str, group: str, count: int, done: Callable[[DispatchReport], None]) -> None:
        self._alarm_id = alarm_id
        self._group = group
        self._settled: dict[int, Delivery] = {}
        self._count = count
        self._done = done

    def settle(self, index: int, delivery: Delivery) -> None:
        """Note that the delivery to the group's callback number ``index`` is settled."""
        self._settled[index] = delivery
        if len(self._settled) == self._count:
            deliveries = tuple(self._settled[position] for position in range(self._count))
            self._done(DispatchReport(alarm_id=self._alarm_id, group=self._group, deliveries=deliveries))


class AsyncHandle:
    """What :meth:`AsyncDispatcher.submit` gives back."""

    def __init__(self, future: asyncio.Future[DispatchReport]) -> None:
        self._future = future

    def done(self) -> bool:
        """Whether every delivery is settled."""
        return self._future.done()

    async def result(self, timeout: float | None = None) -> DispatchReport:  # noqa: ASYNC109 - the interface
        """Wait until every delivery is settled.

        Raises TimeoutError after ``timeout`` seconds; the deliveries go on.
        """
        async with asyncio.timeout(timeout):
            return await asyncio.shield(self._future)


class Handle:
    """What :meth:`Dispatcher.submit` gives back; it may be used from any thread."""

    def __init__(self, future: Future[DispatchReport], in_own_thread: Callable[[], bool]) -> None:
        self._future = future
        self._in_own_thread = in_own_thread
        self._pid = os.getpid()

    def done(self) -> bool:
        """Whether every delivery is settled."""
        return self._future.done()

    def result(self, timeout: float | None = None) -> DispatchReport:
        """Wait until every delivery is settled.

        Raises TimeoutError after ``timeout`` seconds; the deliveries go on.  Raises
        :class:`~alarm_dispatch.errors.ForkedProcessError` in a child process of the one that submitted, and
        :class:`~alarm_dispatch.errors.WrongThreadError` in a hook or confirmation, where it would wait for
        itself.
        """
        if not self._future.done():
            if self._pid != os.getpid():
                raise ForkedProcessError(
                    "this handle was made before a fork; its deliveries go on in the parent process only"
                )
            if self._in_own_thread():
                raise WrongThreadError("the dispatcher's own thread cannot wait for what it does itself")
        return self._future.result(timeout)

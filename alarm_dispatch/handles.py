"""What submit gives back: a handle on deliveries that are under way."""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Callable

from alarm_dispatch.delivery import DispatchReport
from alarm_dispatch.errors import ForkedProcessError, WrongThreadError
from alarm_dispatch.repeats.decision import RepeatDecision
from alarm_dispatch.tickets import Ticket

__all__ = ["AsyncHandle", "Handle"]


class AsyncHandle:
    """What :meth:`AsyncDispatcher.submit` gives back.

    ``decision`` is what an evaluation came to; None for what was not observed, but submitted.
    """

    __slots__ = ("_ticket", "decision")

    def __init__(self, ticket: Ticket, decision: RepeatDecision | None = None) -> None:
        self._ticket = ticket
        self.decision = decision

    def done(self) -> bool:
        """Whether every delivery is settled."""
        return self._ticket.report is not None

    async def result(self, timeout: float | None = None) -> DispatchReport:  # noqa: ASYNC109 - the interface
        """Wait until every delivery is settled.

        Raises TimeoutError after ``timeout`` seconds; the deliveries go on.
        """
        report = self._ticket.report
        if report is None:
            settled = asyncio.get_running_loop().create_future()

            def wake() -> None:
                if not settled.done():
                    settled.set_result(None)

            self._ticket.when_done(wake)
            try:
                async with asyncio.timeout(timeout):
                    await settled
            finally:
                self._ticket.forget(wake)
            report = self._ticket.report
        assert report is not None  # noqa: S101 - for mypy: the ticket woke us because it is there
        return report


class Handle:
    """What :meth:`Dispatcher.submit` gives back; it may be used from any thread.

    ``decision`` is what an evaluation came to; None for what was not observed, but submitted.
    """

    __slots__ = ("_in_own_thread", "_lock", "_pid", "_ticket", "decision")

    def __init__(
        self,
        ticket: Ticket,
        in_own_thread: Callable[[], bool],
        decision: RepeatDecision | None = None,
    ) -> None:
        self._ticket = ticket
        self.decision = decision
        self._in_own_thread = in_own_thread
        self._pid = os.getpid()
        self._lock = threading.Lock()

    def done(self) -> bool:
        """Whether every delivery is settled."""
        return self._ticket.report is not None

    def result(self, timeout: float | None = None) -> DispatchReport:
        """Wait until every delivery is settled.

        Raises TimeoutError after ``timeout`` seconds; the deliveries go on.  Raises
        :class:`~alarm_dispatch.errors.ForkedProcessError` in a child process of the one that submitted, and
        :class:`~alarm_dispatch.errors.WrongThreadError` in a hook or confirmation, where it would wait for
        itself.
        """
        if self._ticket.report is None:
            self._check_place()
            settled = threading.Event()
            with self._lock:
                waiter = self._ticket.when_done(settled.set)
            try:
                settled.wait(timeout)
            finally:
                self._ticket.forget(waiter)
        report = self._ticket.report
        if report is None:
            raise TimeoutError(f"not all deliveries were settled within {timeout} s")
        return report

    def _check_place(self) -> None:
        if self._pid != os.getpid():
            raise ForkedProcessError(
                "this handle was made before a fork; its deliveries go on in the parent process only"
            )
        if self._in_own_thread():
            raise WrongThreadError("the dispatcher's own thread cannot wait for what it does itself")

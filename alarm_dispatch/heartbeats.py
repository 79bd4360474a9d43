"""Sends a test alarm again and again, so that a path that has fallen silent is noticed."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import threading
from collections.abc import Callable

from alarm_dispatch.delivery import Delivery, DispatchReport
from alarm_dispatch.errors import DispatcherClosedError
from alarm_dispatch.redaction import described, presentable
from alarm_dispatch.tickets import Ticket

__all__ = ["Heartbeat"]

_log = logging.getLogger("alarm_dispatch")

# Beats that are under way at a time.  To a receiver that is down they would else grow without a bound.
_MOST_UNSETTLED = 10


class Heartbeat:
    """What ``dispatcher.heartbeat`` gives back: it sends until it is stopped, or its dispatcher is closed.

    It is made on its event loop, and sends the first one in that loop's next turn.

    ``sent`` counts the beats that were begun, ``failed`` those that a callback did not confirm or that could
    not be sent, and ``last`` is the report on the one that settled last, None before.  A beat that fails is
    a failed delivery for the hooks and a warning in the log, and ends nothing.
    """

    def __init__(
        self, group: str, every: float, beat: Callable[[], Ticket], loop: asyncio.AbstractEventLoop
    ) -> None:
        self.sent = 0
        self.failed = 0
        self.last: DispatchReport | None = None
        self._group = group
        self._every = every
        self._beat = beat
        self._loop = loop
        self._unsettled = 0
        self._stopped = threading.Event()
        self._due = loop.time()
        self._next: asyncio.Handle = loop.call_soon(self._go_on)

    def __repr__(self) -> str:
        return f"Heartbeat({self._group!r}, every={self._every!r})"

    @property
    def stopped(self) -> bool:
        """Whether it sends no more."""
        return self._stopped.is_set()

    def stop(self) -> None:
        """Send no more; what is under way goes on.  It may be called from any thread, and twice."""
        self._stopped.set()
        with contextlib.suppress(RuntimeError):  # the loop is closed, and nothing is to be stopped
            self._loop.call_soon_threadsafe(self._cancel)

    def _cancel(self) -> None:
        self._next.cancel()

    def _go_on(self) -> None:
        if self.stopped:
            return
        self._send()
        now = self._loop.time()
        # Reckoned from the first, so that it does not drift; what was missed is not made up for.
        self._due += self._every * max(1, -(-(now - self._due) // self._every))
        self._next = self._loop.call_at(self._due, self._go_on)

    def _send(self) -> None:
        if self._unsettled >= _MOST_UNSETTLED:
            self._fail(f"{self._unsettled} before it are not settled yet")
            return
        try:
            ticket = self._beat()
        except Exception as error:  # noqa: BLE001 - the next one may well be sent
            self._fail(described(error))
            return
        self.sent += 1
        self._unsettled += 1

        def settled() -> None:
            report = ticket.report
            assert report is not None  # noqa: S101 - for mypy: that is why we are called
            self._unsettled -= 1
            self.last = report
            # What ends with the dispatcher says nothing about the path.
            failed = [one for one in report.failed if not isinstance(one.error, DispatcherClosedError)]
            if failed:
                self._fail(", ".join(map(_told, failed)))

        ticket.when_done(settled)

    def _fail(self, reason: str) -> None:
        self.failed += 1
        _log.warning("heartbeat of group %r failed: %s", self._group, reason)


def _told(delivery: Delivery) -> str:
    callback = delivery.callback
    outcome = presentable(delivery.outcome, callback.address, callback.headers, callback.secrets)
    return f"{callback}: {outcome}"

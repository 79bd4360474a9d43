"""What is under way and how it ends: counted, told to the hooks and the handles, and waited for."""

from __future__ import annotations

import asyncio
import logging
from collections import deque

from alarm_dispatch.callbacks import Callback
from alarm_dispatch.delivery import Delivery, DeliveryStatus
from alarm_dispatch.engine.digests import Digest
from alarm_dispatch.engine.lanes import Lane
from alarm_dispatch.engine.settings import EngineSettings
from alarm_dispatch.exchange import Attempt
from alarm_dispatch.jobs import Job, JobState
from alarm_dispatch.redaction import shown_error
from alarm_dispatch.shown import kind_of

__all__ = ["Settling"]

_log = logging.getLogger("alarm_dispatch")


class Settling:
    """The part of an engine that knows how much there is still to do, and tells how each ended."""

    def __init__(self, settings: EngineSettings) -> None:
        self._loop = asyncio.get_running_loop()
        self._settings = settings
        self._counts = dict.fromkeys(DeliveryStatus, 0)
        self._pending = 0
        self._emptied: set[asyncio.Future[None]] = set()
        self._untold: deque[tuple[Job, Attempt | Delivery]] = deque()
        self._telling = False

    def tell(self, event: Attempt | Delivery, callback: Callback) -> None:
        """Tell the hooks of an event of ``callback``; what one of them raises is logged and harms nobody."""
        for hook in self._settings.hooks:
            try:
                hook(event)
            except BaseException as error:  # noqa: BLE001 - a hook only watches; the log tells what it raises
                shown = shown_error(error, callback.secrets)
                _log.error("hook %s raised on %s", kind_of(hook), type(event).__name__, exc_info=shown)

    def settle_unbuilt(self, delivery: Delivery) -> None:
        """Count and tell a delivery that failed before it became a job."""
        self._counts[delivery.status] += 1
        self._settings.backlog.release()
        self.tell(delivery, delivery.callback)

    def _report(self, job: Job, error: BaseException | None, status: DeliveryStatus | None = None) -> None:
        if job.state is JobState.SETTLED:
            return
        job.state = JobState.SETTLED
        if isinstance(job, Digest):
            for one in job.members:
                self._report(one, error, status)
            return
        delivery = job.settled(error, status)
        self._counts[delivery.status] += 1
        self._pending -= 1
        self._settings.backlog.release()
        self._untold.append((job, delivery))

    def _tell_all(self) -> None:
        """Tell what has happened, in its order.

        Only when nothing is half done: whoever is told may submit, and with eager tasks it happens at once.
        """
        if self._telling:
            return  # the outer call goes on
        self._telling = True
        try:
            while self._untold:
                job, event = self._untold.popleft()
                self.tell(event, job.callback)
                if isinstance(event, Delivery):
                    job.ticket.settle(job.index, event)
        finally:
            self._telling = False
        self._wake_if_empty()

    def _wake_if_empty(self) -> None:
        if not self._pending:
            for waiter in self._emptied:
                if not waiter.done():
                    waiter.set_result(None)
            self._emptied.clear()

    async def drain(self, timeout: float | None) -> bool:  # noqa: ASYNC109 - it answers, others raise
        """Wait until every job is settled; False when ``timeout`` seconds were over."""
        if not self._pending:
            return True
        waiter = self._loop.create_future()
        self._emptied.add(waiter)
        try:
            async with asyncio.timeout(timeout):
                await waiter
        except TimeoutError:
            return False
        finally:
            self._emptied.discard(waiter)
        return True

    # What an engine with an outbox does otherwise, as things must be written first.

    async def _recorded(self, job: Job, attempt: Attempt, error: BaseException | None) -> bool | None:
        """Note the attempt of a job that an outbox keeps.

        The answer is False when the job is no longer ours, None when it could not be noted.
        """

    def _lose(self, job: Job, lane: Lane | None) -> None:
        """Others have the job now; only an engine with an outbox comes here."""

    async def _let_go(self) -> None:
        """Everything has ended: let go of what was held for it."""

"""How deliveries go: jobs in, settled deliveries out, each callback in a lane of its own."""

from __future__ import annotations

import asyncio
import logging

from alarm_dispatch.engine.serving import Serving
from alarm_dispatch.engine.stats import DispatcherStats, figures
from alarm_dispatch.errors import DispatcherClosedError
from alarm_dispatch.jobs import Job, JobState
from alarm_dispatch.shown import kind_of

__all__ = ["Engine"]

_log = logging.getLogger("alarm_dispatch")

# Seconds that cancelled requests get to clean up, when the dispatcher is closed.
_CANCEL_GRACE = 1.0


class Engine(Serving):
    """Serves jobs on one event loop until it is closed; all methods are called on that loop."""

    async def close(self, timeout: float) -> None:  # noqa: ASYNC109 - it ends by itself, others may not
        """Take nothing more; let what is due go on for ``timeout`` seconds; then end everything.

        Jobs that wait for a later attempt end at once, failed with
        :class:`~alarm_dispatch.errors.DispatcherClosedError`.  When this returns, or is cancelled, every job
        is settled or about to be.
        """
        self._closing = True
        self._digests.flush()
        for item in self._timers.clear():
            if isinstance(item, Job) and item.state is JobState.WAITING:
                self._end_waiting(item, self._queues.lane_with(item))
        self._tell_all()
        try:
            if timeout > 0:
                self._serve()
                await self._until_idle(timeout)
        finally:
            self._abort()
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=_CANCEL_GRACE)
        for job in list(self._tasks.values()):
            # A transport that swallows its cancellation goes on by itself; the handle gets its end now.
            _log.warning("transport %s ignored its cancellation", kind_of(job.transport))
            self._report(job, DispatcherClosedError(self._told_at_close))
        self._tell_all()
        await self._let_go()
        await self._transports.aclose(_CANCEL_GRACE)

    async def _until_idle(self, timeout: float) -> None:  # noqa: ASYNC109 - handed on
        until = self._loop.time() + timeout
        while self._tasks and (remaining := until - self._loop.time()) > 0:
            await asyncio.wait(self._tasks, timeout=remaining, return_when=asyncio.FIRST_COMPLETED)

    @property
    def ended(self) -> bool:
        """Whether everything was ended: by :meth:`close`, or with the tasks when their loop ends."""
        return self._ended

    def stats(self) -> DispatcherStats:
        """The figures of now."""
        # A task may outlast its delivery by a turn of the loop.
        out = (job for job in self._tasks.values() if job.state is JobState.IN_FLIGHT)
        in_flight = sum(len(job.deliveries) for job in out)
        return figures(self._queues.lanes, self._counts, self._pending, in_flight, self._loop.time())

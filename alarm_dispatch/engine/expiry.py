"""Which of a lane's deliveries became too old while its rate, its circuit or its limit held them up."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable

from attrs import define

from alarm_dispatch.engine.decisions import expired
from alarm_dispatch.engine.lanes import Lane
from alarm_dispatch.jobs import Job, JobState

__all__ = ["Expiries", "Sweep", "swept"]

# Up to so many are looked through whenever the next one gets too old, more of them only so often in max_age.
_FEW = 256
_TIMES = 16


@define(eq=False)
class Sweep:
    """In the heap: the time at which a lane is looked through."""

    lane: Lane
    due: float


def swept(lane: Lane, now: float) -> tuple[list[Job], float | None]:
    """Those that may be sent and are too old at the loop's time ``now``, and when to look again.

    Those behind others of their alarm are not among them: they may be sent only when those have settled.
    """
    too_old: list[Job] = []
    next_at: float | None = None
    for job in lane.jobs():
        max_age = job.callback.max_age
        if job.state is not JobState.READY or max_age is None:
            continue
        ends_at = job.submitted + max_age
        if now > ends_at:
            too_old.append(job)
            continue
        if lane.pending > _FEW:
            ends_at = max(ends_at, now + max_age / _TIMES)
        next_at = ends_at if next_at is None else min(next_at, ends_at)
    return too_old, next_at


class Expiries:
    """Has lanes looked through when one of their deliveries gets too old, and ends those.

    ``push`` puts a sweep into the engine's heap, which brings it back to :meth:`look`.
    """

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        push: Callable[[float, Sweep], object],
        end: Callable[[Job, Lane, BaseException], object],
    ) -> None:
        self._loop = loop
        self._push = push
        self._end = end

    def watch(self, job: Job, lane: Lane) -> None:
        """Reckon with the job, which may be sent now, getting too old."""
        if job.callback.max_age is not None:
            self._look_at(lane, job.submitted + job.callback.max_age)

    def look(self, sweep: Sweep) -> None:
        """End what is too old now."""
        # The loop fires a timer up to one tick of its clock early.
        lane, now = sweep.lane, max(sweep.due, self._loop.time())
        too_old, next_at = swept(lane, now)
        lane.swept_at = None
        for job in too_old:
            error = expired(job, now)
            if error is not None:  # pragma: no branch - by the same sum
                self._end(job, lane, error)
                lane.discard()
        if next_at is not None:
            self._look_at(lane, next_at)

    def _look_at(self, lane: Lane, when: float) -> None:
        if lane.swept_at is None or when < lane.swept_at:
            # A tick after it, as at that time it is not yet too old.
            lane.swept_at = when
            due = math.nextafter(when, math.inf)
            self._push(due, Sweep(lane, due))

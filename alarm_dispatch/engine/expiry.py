"""Which of a lane's deliveries became too old while its rate, its circuit or its limit held them up."""

from __future__ import annotations

from attrs import define

from alarm_dispatch.engine.lanes import Lane
from alarm_dispatch.jobs import Job, JobState

__all__ = ["Sweep", "swept"]

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

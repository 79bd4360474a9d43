"""What a dispatcher does now, as frozen figures."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from attrs import frozen

from alarm_dispatch.delivery import DeliveryStatus
from alarm_dispatch.engine.lanes import CircuitState, Lane
from alarm_dispatch.jobs import JobState

__all__ = ["DispatcherStats", "LaneStats", "figures", "lane_stats"]


@frozen(kw_only=True)
class LaneStats:
    """One receiver's figures.

    ``in_flight`` counts deliveries whose request is out, ``waiting`` the other unsettled ones, and
    ``oldest_waiting`` is the age of the oldest of those in seconds (None when there is none).  What is
    gathered for a window is in no lane before that ends.  ``delivered``, ``failed`` and ``superseded`` count
    since the lane was last made; a lane that had nothing to do for long is forgotten.
    """

    callback: str
    limit: int
    waiting: int
    in_flight: int
    delivered: int
    failed: int
    superseded: int
    circuit: CircuitState
    oldest_waiting: float | None


@frozen(kw_only=True)
class DispatcherStats:
    """A dispatcher's figures; the counts are since it was made."""

    waiting: int
    in_flight: int
    delivered: int
    failed: int
    superseded: int
    lanes: tuple[LaneStats, ...]

    @property
    def submitted(self) -> int:
        """All deliveries so far: each is delivered, failed, superseded, or still on its way."""
        return self.waiting + self.in_flight + self.delivered + self.failed + self.superseded


def figures(
    lanes: Iterable[Lane], counts: Mapping[DeliveryStatus, int], pending: int, in_flight: int, now: float
) -> DispatcherStats:
    """The figures of all lanes at the loop's time ``now``; ``pending`` are the unsettled deliveries."""
    return DispatcherStats(
        waiting=pending - in_flight,
        in_flight=in_flight,
        delivered=counts[DeliveryStatus.DELIVERED],
        failed=counts[DeliveryStatus.FAILED],
        superseded=counts[DeliveryStatus.SUPERSEDED],
        lanes=tuple(lane_stats(lane, now) for lane in lanes),
    )


def lane_stats(lane: Lane, now: float) -> LaneStats:
    """The figures of one lane at the loop's time ``now``."""
    in_flight, waiting = 0, list[float]()
    for job in lane.jobs():
        if job.state is JobState.IN_FLIGHT:
            in_flight += len(job.deliveries)
        else:
            waiting += [one.submitted for one in job.deliveries]
    return LaneStats(
        callback=lane.name,
        limit=lane.limit,
        waiting=len(waiting),
        in_flight=in_flight,
        delivered=lane.delivered,
        failed=lane.failed,
        superseded=lane.superseded,
        circuit=lane.circuit_state(now),
        oldest_waiting=now - min(waiting) if waiting else None,
    )

"""Which job may be sent next: lanes, turns and the window together, without a clock or a socket."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterable

from alarm_dispatch.callbacks import Callback
from alarm_dispatch.engine.lanes import Lane
from alarm_dispatch.engine.turns import Turns
from alarm_dispatch.engine.window import Share, Window
from alarm_dispatch.jobs import Job, JobState
from alarm_dispatch.limits import Circuit, as_circuit

__all__ = ["Queues"]

# Lanes without work that are kept for their figures and their circuit.
_KEPT_IDLE = 1_024


class Queues:
    """Every lane, and whose turn it is.

    ``limit`` is of requests in flight over all lanes, ``circuit`` that of callbacks without one of their
    own, ``wake_at`` is asked to call :meth:`woken` with a lane at a time.
    """

    def __init__(self, limit: int, circuit: Circuit | None, wake_at: Callable[[float, Lane], object]) -> None:
        self.window = Window(limit)
        self._circuit = circuit
        self._wake_at = wake_at
        self._lanes: dict[str, Lane] = {}
        self._idle: OrderedDict[str, Lane] = OrderedDict()
        # By the share that a lane takes its places from: who waits for one does not hold up the others, and
        # has its turn by level when there is one.
        self._turns = tuple((share, Turns()) for share in Share)

    @property
    def lanes(self) -> Iterable[Lane]:
        """All lanes, also those without work that are still known."""
        return self._lanes.values()

    @property
    def wanted_by_fatal(self) -> bool:
        """Whether fatal alarms wait for their turn."""
        return any(turns.wanted(0) for _, turns in self._turns)

    def lane_of(self, callback: Callback) -> Lane:
        """The callback's lane, by the callback's settings."""
        key = callback.lane
        lane = self._lanes.get(key)
        if lane is None:
            lane = self._lanes[key] = Lane(key=key)
        elif not lane.pending:
            self._idle.pop(key, None)
        if lane.settings_of is not callback:
            # The same receiver may be written several times; its latest settings count.
            own = callback.circuit
            lane.adopt(callback, self._circuit if own is None else as_circuit(own, "circuit"))
        return lane

    def lane_with(self, job: Job) -> Lane:
        """The lane that an unsettled job is in, as it is."""
        return self._lanes[job.callback.lane]

    def has_alone(self, job: Job) -> bool:
        """Whether the job's lane has something of its alarm that is sent by itself."""
        lane = self._lanes.get(job.callback.lane)
        return lane is not None and job.alarm_id in lane.heads

    def make_ready(self, job: Job, lane: Lane) -> bool:
        """Let the job be sent when it is its turn; False when its lane has no room for it now."""
        job.state = JobState.READY
        lane.ready[job.level].append(job)
        if lane.in_flight >= lane.limit:
            return False  # an end brings it back
        self._enroll(lane, job.level)
        return True

    def next(self, now: float) -> tuple[Job, Lane, Share] | None:
        """The job to be sent now, with the share of the window that it takes its place from."""
        while (turn := self._next_turn()) is not None:
            lane, level, turns, enrolled_for = turn
            queue = lane.ready[level]
            while queue and queue[0].state is not JobState.READY:
                queue.popleft()  # superseded or ended while it stood here
            if not queue or not self._may_send(lane, now):
                continue
            share = self._share_of(lane)
            if share is not enrolled_for and not self.window.admits(share):
                self._turns[share][1].enroll(lane, level)  # since it enrolled its share has changed
                continue
            job = queue.popleft()
            if queue and lane.in_flight + 1 < lane.limit:
                self._enroll(lane, level)  # at its limit the next end brings it back
            turns.charge(level)
            return job, lane, share
        return None

    def _next_turn(self) -> tuple[Lane, int, Turns, Share] | None:
        for share, turns in self._turns:
            # Asked first, as most have nothing: this runs twice for every request.
            if turns.enrolled and self.window.admits(share) and (turn := turns.next()) is not None:
                return *turn, turns, share
        return None

    def _share_of(self, lane: Lane) -> Share:
        return self.window.share(answered=lane.answered, in_flight=lane.in_flight)

    def _enroll(self, lane: Lane, level: int) -> None:
        self._turns[self._share_of(lane)][1].enroll(lane, level)

    def _may_send(self, lane: Lane, now: float) -> bool:
        """Whether the lane may send one more; when not, something is set to bring it back."""
        if lane.in_flight >= lane.limit:
            return False  # an end brings it back
        free_at = lane.free_at(now)
        if free_at is None:
            return False  # the end of the probe brings it back
        if free_at > now:
            if lane.wakes_at is None or free_at < lane.wakes_at:
                lane.wakes_at = free_at
                self._wake_at(free_at, lane)
            return False
        return True

    def bring_back(self, lane: Lane) -> None:
        """Let the lane have turns for all that it has ready."""
        for level, queue in enumerate(lane.ready):
            if queue:
                self._enroll(lane, level)

    def woken(self, lane: Lane) -> None:
        """The time has come that the lane waited for."""
        lane.wakes_at = None
        self.bring_back(lane)

    def rest(self, lane: Lane, now: float) -> None:
        """Keep a lane without work for a while; callbacks made anew for each alarm must not pile up."""
        lane.idle_since = now
        self._idle[lane.key] = lane
        # Two are looked at for each that comes, so that those which must be kept do not hold up the others.
        for _ in range(min(2, len(self._idle) - _KEPT_IDLE)):
            key, oldest = next(iter(self._idle.items()))
            if oldest.forgettable(now):
                del self._idle[key], self._lanes[key]
            else:
                self._idle.move_to_end(key)

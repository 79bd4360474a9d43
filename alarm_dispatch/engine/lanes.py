"""One receiver's queue: what is in it, in which order, and whether it may send now."""

from __future__ import annotations

import enum
from collections import Counter, deque
from collections.abc import Iterator

from attrs import define, field

from alarm_dispatch.callbacks import Callback
from alarm_dispatch.engine.turns import LEVELS, Turns
from alarm_dispatch.jobs import GATHERED, Job, JobState
from alarm_dispatch.limits import Circuit, Rate

__all__ = ["CircuitState", "Lane"]

_FEW = 64
_STAYING = (JobState.IN_FLIGHT, JobState.ENDING)
# Seconds without anything to do after which a receiver's failures and requests tell nothing of it.
_LONG_PAST = 86_400.0


class CircuitState(enum.StrEnum):
    """What a lane's circuit does."""

    OFF = "off"
    """The callback has none."""
    CLOSED = "closed"
    """All deliveries go on."""
    OPEN = "open"
    """None goes on until the pause is over."""
    HALF_OPEN = "half-open"
    """The pause is over; one delivery is tried."""


@define(eq=False)
class Lane:
    """One receiver's deliveries.

    ``heads`` holds, for each alarm (or other order) with unsettled deliveries, the first of them; the others
    hang on it in their order and start only when those before have settled, so that resolved never overtakes
    triggered.  ``gathered`` counts the alarms of those that were gathered.
    ``ready`` are the heads that may be sent now, by level, and ``enrolled`` where they have their turns.
    ``pending`` counts the unsettled ones.

    ``answered`` says whether the last attempt that ended got a whole reply, ``wakes_at`` when the lane is
    looked at again because of its rate or its circuit, ``swept_at`` when for deliveries that are too old.
    """

    key: str = field(repr=False)  # it has the whole URL in it
    name: str = ""
    limit: int = 1
    rate: Rate | None = None
    circuit: Circuit | None = None
    settings_of: Callback | None = None
    ready: tuple[deque[Job], ...] = field(factory=lambda: tuple(deque() for _ in range(LEVELS)))
    enrolled: list[Turns | None] = field(factory=lambda: [None] * LEVELS)
    heads: dict[str, Job] = field(factory=dict)
    gathered: Counter[str] = field(factory=Counter)
    in_flight: int = 0
    pending: int = 0
    answered: bool = False
    wakes_at: float | None = None
    swept_at: float | None = None
    idle_since: float = 0.0
    delivered: int = 0
    failed: int = 0
    superseded: int = 0
    _stale: int = 0
    _sent: deque[float] = field(factory=deque)
    _failures: int = 0
    _open_until: float | None = None
    _paused_until: float | None = None
    _probe: Job | None = None

    def adopt(self, callback: Callback, circuit: Circuit | None) -> None:
        """Go by this callback's settings; ``circuit`` is its own or the dispatcher's."""
        self.settings_of = callback
        self.name, self.limit, self.rate, self.circuit = callback.name, callback.limit, callback.pace, circuit
        if circuit is None:
            self._failures, self._open_until, self._probe = 0, None, None

    # -- the order of an alarm's deliveries

    def push(self, job: Job) -> bool:
        """Put the job behind its alarm's others; True when it is the first and may be sent."""
        self.pending += 1
        if job.order == GATHERED:
            self.gathered.update(job.alarm_ids)
        head = self.heads.get(job.order)
        if head is None:
            self.heads[job.order] = job
            return True
        (head.tail or head).next = job
        head.tail = job
        return False

    def take_out(self, order: str) -> list[Job]:
        """Take out those of an order, oldest first, save one in flight or whose end is being written."""
        head = self.heads.get(order)
        if head is None:
            return []
        taken = list(_chain(head))
        if head.state in _STAYING:
            taken.remove(head)
            head.next = head.tail = None
        else:
            del self.heads[order]
        for job in taken:
            job.next = job.tail = None  # it may be put in again
            self._left(job)
        return taken

    def _left(self, job: Job) -> None:
        self.pending -= 1
        if job.order == GATHERED:
            self.gathered.subtract(job.alarm_ids)
            for alarm in job.alarm_ids:
                if not self.gathered[alarm]:
                    del self.gathered[alarm]

    def withdraw(self) -> list[Job]:
        """Take out the deliveries of all alarms in this way."""
        taken = [job for order in list(self.heads) for job in self.take_out(order)]
        for queue in self.ready:
            queue.clear()
        self._stale = 0
        return taken

    def forgettable(self, now: float) -> bool:
        """Whether it has nothing to go by that a new lane would not have, or only what is long past."""
        if now - self.idle_since > _LONG_PAST:
            return True
        recent = self.rate is not None and self._sent and now < self._sent[-1] + self.rate.period
        paused = self._paused_until is not None and now < self._paused_until
        return not recent and not paused and not self._failures and self._open_until is None

    def discard(self) -> None:
        """Note that a ready job settled where it stands; such ones are taken out when they are the most."""
        self._stale += 1
        if self._stale > _FEW and 2 * self._stale > sum(map(len, self.ready)):
            for queue in self.ready:
                kept = [job for job in queue if job.state is JobState.READY]
                queue.clear()
                queue.extend(kept)
            self._stale = 0

    def settle(self, job: Job) -> Job | None:
        """Take out an alarm's first delivery; the next one of that alarm, which may be sent now."""
        self._left(job)
        following = job.next
        if following is None:
            del self.heads[job.order]
        else:
            following.tail = job.tail if job.tail is not following else None
            self.heads[job.order] = following
        job.next = job.tail = None
        return following

    def jobs(self) -> Iterator[Job]:
        """All unsettled jobs."""
        for head in list(self.heads.values()):
            yield from _chain(head)

    # -- whether it may send

    def free_at(self, now: float) -> float | None:
        """When rate and circuit let the next request go: now, later, or None until the probe ends."""
        if self._open_until is not None:
            if self._probe is not None:
                return None
            if now < self._open_until:
                return self._open_until
        free_at = now if self._paused_until is None else max(now, self._paused_until)
        if self.rate is not None and len(self._sent) >= self.rate.count:
            return max(free_at, self._sent[-self.rate.count] + self.rate.period)
        return free_at

    def started(self, now: float, job: Job) -> None:
        """Note a request that goes out."""
        self.in_flight += 1
        if self.rate is not None:
            self._sent.append(now)
            while len(self._sent) > self.rate.count:
                self._sent.popleft()
        if self._open_until is not None:
            self._probe = job

    def ended(
        self,
        now: float,
        job: Job,
        *,
        answered: bool | None,
        confirmed: bool | None,
        pause: float | None = None,
    ) -> None:
        """Note a request's end; None where it says nothing of the receiver (a fault of ours).

        ``pause`` is for how many seconds the receiver wants to be left alone.
        """
        self.in_flight -= 1
        if pause:
            # What else is sent to it meanwhile would be refused too, and may make the pause longer.
            self._paused_until = max(now + pause, self._paused_until or now)
        if answered is not None:
            self.answered = answered
        # Those that went before the pause may end while the probe is out.
        probed = job is self._probe
        if probed:
            self._probe = None
        if self.circuit is None or confirmed is None:
            return
        if confirmed:
            self._failures, self._open_until, self._probe = 0, None, None
            return
        self._failures += 1
        if probed or (self._open_until is None and self._failures >= self.circuit.failures):
            self._open_until = now + self.circuit.pause

    def circuit_state(self, now: float) -> CircuitState:
        """What the circuit does at this time."""
        if self.circuit is None:
            return CircuitState.OFF
        if self._open_until is None:
            return CircuitState.CLOSED
        return CircuitState.OPEN if now < self._open_until else CircuitState.HALF_OPEN


def _chain(head: Job) -> Iterator[Job]:
    job: Job | None = head
    while job is not None:
        following = job.next
        yield job
        job = following

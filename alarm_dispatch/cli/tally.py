"""What became of many deliveries so far: counts, how fast they go, and how both are told."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Mapping
from typing import Any

from attrs import define, field

from alarm_dispatch.cli.grids import STYLES, Line, Part
from alarm_dispatch.delivery import Delivery, DeliveryStatus
from alarm_dispatch.exchange import Attempt, Verdict

__all__ = ["Tally", "statuses_told", "verdicts_told"]

# Seconds over which the rate is taken: long enough to be readable, short enough to show a stop.
_RATE_OVER = 5.0

_STATUS_STYLES = {
    DeliveryStatus.DELIVERED: "green",
    DeliveryStatus.FAILED: "red",
    DeliveryStatus.SUPERSEDED: "yellow",
}


def statuses_told(counts: Mapping[DeliveryStatus, int]) -> Line:
    """How many deliveries ended how."""
    parts: list[Part] = []
    for status in DeliveryStatus:
        count = counts[status]
        parts += [", " if parts else "", (f"{status} {count}", _STATUS_STYLES[status] if count else "")]
    return tuple(parts)


def verdicts_told(counts: Mapping[Verdict, int]) -> Line:
    """How many attempts had which verdict, those that none had left out; nothing for none."""
    parts: list[Part] = []
    for verdict in Verdict:
        if count := counts[verdict]:
            parts += [", " if parts else "attempts: ", (f"{verdict} {count}", STYLES[verdict])]
    return tuple(parts)


@define
class Tally:
    """Counts alarms, deliveries and attempts; times are seconds since the beginning.

    ``callbacks`` is how many deliveries an alarm makes, ``lines`` how many lines the file has (None when
    that is not known), ``skipped`` how many of those read are no alarm, empty ones included.
    """

    callbacks: int
    lines: int | None = None
    skipped: int = 0
    bad_lines: int = 0
    alarms: int = 0
    read_to_end: bool = False
    statuses: Counter[DeliveryStatus] = field(factory=Counter)
    verdicts: Counter[Verdict] = field(factory=Counter)
    _recent: deque[tuple[float, int]] = field(factory=lambda: deque([(0.0, 0)]))

    def note(self, event: Attempt | Delivery) -> None:
        """Count an attempt that ended, or a delivery that settled."""
        if isinstance(event, Attempt):
            self.verdicts[event.verdict] += 1
        else:
            self.statuses[event.status] += 1

    @property
    def submitted(self) -> int:
        """Deliveries handed to the dispatcher."""
        return self.alarms * self.callbacks

    @property
    def done(self) -> int:
        """Deliveries that are settled."""
        return self.statuses.total()

    @property
    def total(self) -> int | None:
        """Deliveries in all, None while that is not known."""
        if self.read_to_end:
            return self.submitted
        # A file may grow while it is read.
        return None if self.lines is None else max(self.lines - self.skipped, self.alarms) * self.callbacks

    @property
    def failed(self) -> int:
        """Deliveries that failed."""
        return self.statuses[DeliveryStatus.FAILED]

    def rate(self, elapsed: float) -> float:
        """Settled deliveries a second, of late."""
        recent = self._recent
        recent.append((elapsed, self.done))
        while len(recent) > 2 and recent[1][0] <= elapsed - _RATE_OVER:  # noqa: PLR2004 - two make a difference
            recent.popleft()
        since, before = recent[0]
        return (self.done - before) / (elapsed - since) if elapsed > since else 0.0

    def now(self, elapsed: float) -> Line:
        """For a bar that shows done and total itself: the rate and the counts."""
        return (f"{self.rate(elapsed):.0f}/s  ", *statuses_told(self.statuses))

    def line(self, elapsed: float) -> Line:
        """The same as a line of its own."""
        total = "" if self.total is None else f" of {self.total}"
        told = "draining, " if self.read_to_end else ""
        return ((f"{elapsed:>7.1f} s  ", "dim"), f"{told}{self.done}{total} done, ", *self.now(elapsed))

    def summary(self, elapsed: float) -> list[Line]:
        """All of it, for people."""
        took = f"in {elapsed:.1f} s, {self._mean_rate(elapsed):.0f}/s"
        told: list[Line] = [
            (f"{self.alarms} alarms, {self.submitted} deliveries {took}",),
            statuses_told(self.statuses),
        ]
        if attempts := verdicts_told(self.verdicts):
            told.append(attempts)
        if self.bad_lines:
            told.append(((f"lines that are no alarm: {self.bad_lines}", "red"),))
        return told

    def document(self, elapsed: float) -> dict[str, Any]:
        """The same for programs; ``seconds`` and ``per_second`` are of the whole run."""
        return {
            "alarms": self.alarms,
            "bad_lines": self.bad_lines,
            "deliveries": self.submitted,
            **{str(status): self.statuses[status] for status in DeliveryStatus},
            "attempts": {str(verdict): self.verdicts[verdict] for verdict in Verdict},
            "seconds": elapsed,
            "per_second": self._mean_rate(elapsed),
        }

    def _mean_rate(self, elapsed: float) -> float:
        return self.done / elapsed if elapsed > 0 else 0.0

"""Whose turn it is: lanes in turn within a level, and levels by weight, so that none starves."""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from alarm_dispatch.engine.lanes import Lane

__all__ = ["LEVELS", "Turns"]

LEVELS = 3
"""Fatal, warning, and the rest."""

# Of 85 turns that all levels want, 64 are fatal, 16 warning and 5 for the rest.
_STRIDES = (5, 20, 64)


class Turns:
    """The lanes that have something to send, by level.

    Each level's turns cost its stride; the level that has spent least is next.  A level that comes back
    after it had nothing starts where the others are: it cannot save up turns, and does not pay for those
    that it had while nobody else wanted any.

    ``enrolled`` is how many turns are wanted now.
    """

    __slots__ = ("_reached", "_rings", "_spent", "enrolled")

    def __init__(self) -> None:
        self._rings: tuple[OrderedDict[Lane, None], ...] = tuple(OrderedDict() for _ in range(LEVELS))
        self._spent = [0] * LEVELS
        self._reached = 0
        self.enrolled = 0

    def enroll(self, lane: Lane, level: int) -> None:
        """Let the lane have turns on this level, here and nowhere else, once."""
        elsewhere = lane.enrolled[level]
        if elsewhere is self:
            return
        if elsewhere is not None:
            elsewhere._withdraw(lane, level)
        lane.enrolled[level] = self
        ring = self._rings[level]
        if not ring:
            self._spent[level] = max(self._spent[level], self._reached)
        ring[lane] = None
        self.enrolled += 1

    def next(self) -> tuple[Lane, int] | None:
        """The lane and the level whose turn it is; it has no further turn until it enrolls again."""
        if not self.enrolled:
            return None
        level, least = -1, 0
        for candidate in range(LEVELS):
            if self._rings[candidate] and (level < 0 or self._spent[candidate] < least):
                level, least = candidate, self._spent[candidate]
        lane = next(iter(self._rings[level]))
        self._withdraw(lane, level)
        lane.enrolled[level] = None
        return lane, level

    def wanted(self, level: int) -> bool:
        """Whether a lane is enrolled on this level."""
        return bool(self._rings[level])

    def charge(self, level: int) -> None:
        """Note that a turn of this level was used; only then have the levels come as far."""
        self._reached = max(self._reached, self._spent[level])
        self._spent[level] += _STRIDES[level]

    def _withdraw(self, lane: Lane, level: int) -> None:
        del self._rings[level][lane]
        self.enrolled -= 1

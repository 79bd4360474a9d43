"""Whose turn it is: lanes in turn within a level, and levels by weight, so that none starves."""

from __future__ import annotations

from collections import deque
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
    after it had nothing starts where the others are, so that it cannot save up turns.
    """

    __slots__ = ("_rings", "_spent")

    def __init__(self) -> None:
        self._rings: tuple[deque[Lane], ...] = tuple(deque() for _ in range(LEVELS))
        self._spent = [0] * LEVELS

    def enroll(self, lane: Lane, level: int) -> None:
        """Let the lane have turns on this level, once."""
        if not lane.enrolled[level]:
            lane.enrolled[level] = True
            ring = self._rings[level]
            if not ring:
                busy = [spent for spent, others in zip(self._spent, self._rings, strict=True) if others]
                self._spent[level] = max(self._spent[level], min(busy, default=0))
            ring.append(lane)

    def next(self) -> tuple[Lane, int] | None:
        """The lane and the level whose turn it is; it has no further turn until it enrolls again."""
        level, least = -1, 0
        for candidate in range(LEVELS):
            if self._rings[candidate] and (level < 0 or self._spent[candidate] < least):
                level, least = candidate, self._spent[candidate]
        if level < 0:
            return None
        lane = self._rings[level].popleft()
        lane.enrolled[level] = False
        return lane, level

    def charge(self, level: int) -> None:
        """Note that a turn of this level was used."""
        self._spent[level] += _STRIDES[level]

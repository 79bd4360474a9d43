"""How many requests may be in flight in the whole process."""

from __future__ import annotations

import enum

from attrs import frozen

__all__ = ["Share", "Window"]

_AT_FIRST = 64


@frozen
class _Pace:
    """How long the event loop may take for a round, in seconds, and how far the room may shrink for it."""

    late: float
    early: float
    least: int


_USUAL = _Pace(0.003, 0.0015, 16)
# A fatal alarm takes some four rounds of the loop from submit to confirmed.  So few requests at a time cost
# some throughput, since each round and each write wakes somebody up for less.
_HURRIED = _Pace(0.0002, 0.0001, 6)


class Share(enum.IntEnum):
    """What part of the window a request takes its place from."""

    ANSWERING = 0
    """Its receiver answered the last time."""
    FIRST = 1
    """It did not, or never was asked, and has nothing in flight."""
    FURTHER = 2
    """The same, and it has something in flight."""


class Window:
    """Two shares of one limit: one for receivers that answer, one for those that do not.

    A receiver that accepts and never answers holds its requests for the whole timeout.  Such ones, and
    those that never answered yet, have a share of their own, so that they cannot take the others' places:
    half of it for a first request of each, half for further ones.  A limit of one cannot be shared.

    The other share shrinks while the event loop is late, since with everything in flight at once a fatal
    alarm would queue behind all of it inside the loop; it grows again while the loop is in time.  What is
    late depends on whether fatal alarms come (``hurried``).
    """

    def __init__(self, limit: int) -> None:
        self._doubtful_limit = limit // 2
        self._further_limit = max(1, limit // 4)
        self._most = limit - self._doubtful_limit
        self._room = min(self._most, _AT_FIRST)
        self._answering = 0
        self._doubtful = 0
        self._took = 0.0
        self._hurried = False

    def share(self, *, answered: bool, in_flight: int) -> Share:
        """The share for a receiver's next request."""
        if answered or not self._doubtful_limit:
            return Share.ANSWERING
        return Share.FURTHER if in_flight else Share.FIRST

    def admits(self, share: Share) -> bool:
        """Whether one more request may go out in this share."""
        if share is Share.ANSWERING:
            return self._answering < self._room
        if share is Share.FIRST:
            return self._doubtful < self._doubtful_limit
        return self._doubtful < self._further_limit

    def enter(self, share: Share) -> None:
        """Count a request that goes out."""
        if share is Share.ANSWERING:
            self._answering += 1
        else:
            self._doubtful += 1

    def leave(self, share: Share) -> None:
        """Count a request that ended, in the share in which it went out."""
        if share is Share.ANSWERING:
            self._answering -= 1
        else:
            self._doubtful -= 1

    def hurry(self, hurried: bool) -> None:
        """Go by the pace of fatal alarms, or by the usual one again."""
        if hurried and not self._hurried and self._took > _HURRIED.late:
            # At once, by what the last round took: the next alarm comes in a few milliseconds.
            self._shrink_to(int(self._room * _HURRIED.late / self._took), _HURRIED)
        self._hurried = hurried

    def loop_took(self, seconds: float) -> None:
        """Learn how long a round of the event loop took."""
        pace, self._took = _HURRIED if self._hurried else _USUAL, seconds
        if seconds > pace.late:
            self._shrink_to(self._room * 3 // 4, pace)
        elif seconds < pace.early and self._answering >= self._room:
            self._room = min(self._most, self._room + self._room // 4 + 1)

    def _shrink_to(self, room: int, pace: _Pace) -> None:
        self._room = max(min(pace.least, self._most, self._room), room)

"""How many requests may be in flight in the whole process."""

from __future__ import annotations

import enum

__all__ = ["Share", "Window"]

# In seconds: by then a timer of the loop should fire; later than that it has too much to do at once.
_LATE = 0.003
_EARLY = 0.0015
_LEAST = 16
_AT_FIRST = 64


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
    alarm would queue behind all of it inside the loop; it grows again while the loop is in time.
    """

    def __init__(self, limit: int) -> None:
        self._doubtful_limit = limit // 2
        self._further_limit = max(1, limit // 4)
        self._most = limit - self._doubtful_limit
        self._room = min(self._most, _AT_FIRST)
        self._answering = 0
        self._doubtful = 0

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

    def loop_was_late(self, seconds: float) -> None:
        """Learn by how much a timer of the event loop was late."""
        if seconds > _LATE:
            self._room = max(min(_LEAST, self._most), self._room * 3 // 4)
        elif seconds < _EARLY and self._answering >= self._room:
            self._room = min(self._most, self._room + self._room // 4 + 1)

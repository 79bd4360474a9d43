"""How many requests may be in flight in the whole process."""

from __future__ import annotations

import enum

__all__ = ["Share", "Window"]

# In seconds: by then a timer of the loop should fire; later than that it has too much to do at once.
_LATE = 0.003
_EARLY = 0.0015
_LEAST = 16
_AT_FIRST = 64


class Share(enum.Enum):
    """What part of the window a request takes its place from."""

    ANSWERING = enum.auto()
    """Its receiver answered the last time."""
    FIRST = enum.auto()
    """It did not, or never was asked, and has nothing in flight."""
    FURTHER = enum.auto()
    """The same, and it has something in flight."""

    @classmethod
    def of(cls, *, answered: bool, in_flight: int) -> Share:
        """The share for a receiver's next request."""
        if answered:
            return cls.ANSWERING
        return cls.FURTHER if in_flight else cls.FIRST


class Window:
    """Two shares of one limit: one for receivers that answer, one for those that do not.

    A receiver that accepts and never answers holds its requests for the whole timeout.  Such ones, and
    those that never answered yet, have a share of their own, so that they cannot take the others' places:
    half of it for a first request of each, half for further ones.

    The other share shrinks while the event loop is late, since with everything in flight at once a fatal
    alarm would queue behind all of it inside the loop; it grows again while the loop is in time.
    """

    def __init__(self, limit: int) -> None:
        self._doubtful_limit = max(1, limit // 2)
        self._further_limit = max(1, limit // 4)
        self._most = max(1, limit - self._doubtful_limit)
        self._room = min(self._most, _AT_FIRST)
        self._answering = 0
        self._doubtful = 0

    def admits(self, share: Share) -> bool:
        """Whether one more request may go out in this share."""
        if share is Share.ANSWERING:
            return self._answering < self._room
        if share is Share.FIRST:
            return self._doubtful < self._doubtful_limit
        return self._doubtful < self._further_limit

    @property
    def full(self) -> bool:
        """Whether no request at all may go out."""
        return self._answering >= self._room and self._doubtful >= self._doubtful_limit

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

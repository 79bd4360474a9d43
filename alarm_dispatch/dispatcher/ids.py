"""Where delivery ids come from: the system's random numbers, many at a time."""

from __future__ import annotations

import os

from alarm_dispatch.clock import Clock

__all__ = ["DeliveryIds"]

_AT_A_TIME = 128


class DeliveryIds:
    """Makes ids of 24 hexadecimal digits, from any thread; with a clock, the first half is the time.

    Ids that were made together then stand together in an outbox's index.
    """

    def __init__(self, clock: Clock | None) -> None:
        self._clock = clock
        self._bytes = 12 if clock is None else 6
        self._ready: list[str] = []
        self._pid = 0

    def __call__(self) -> str:
        """An id that nobody else has."""
        # To ask the system each time would hand the interpreter to another thread each time.
        if self._pid != os.getpid():
            self._ready, self._pid = [], os.getpid()  # in a child of a fork they are the parent's
        try:
            digits = self._ready.pop()
        except IndexError:
            size = self._bytes * 2
            drawn = os.urandom(self._bytes * _AT_A_TIME).hex()
            digits, *more = (drawn[start : start + size] for start in range(0, len(drawn), size))
            self._ready = more
        if self._clock is None:
            return digits
        return f"{int(self._clock.now().timestamp() * 1000) & 0xFFFFFFFFFFFF:012x}{digits}"

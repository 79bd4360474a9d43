"""What comes in one moment goes on together, as a step for each would cost far more."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Generic, TypeVar

__all__ = ["Gathering"]

_T = TypeVar("_T")

# What is handed over at once, and for how many seconds more of it is waited for at most.
_ENOUGH = 256
_LONGEST = 0.002
# Turns of the loop that bring nothing before that is taken for a pause.  After one alone a fifth of the steps
# were made while replies were still coming in, and a step costs as much as fifteen deliveries in it.
_QUIET_TURNS = 2


class Gathering(Generic[_T]):
    """Hands notes over when two turns of the event loop have brought no more, when they are many, or late.

    While others are being written they wait for that: then they go together.  All methods are called on
    the loop.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, hand_over: Callable[[list[_T]], object]) -> None:
        self._loop = loop
        self._hand_over = hand_over
        self._notes: list[_T] = []
        self._being_written = 0
        self._watching = False
        self._late_at = 0.0
        self._quiet = 0

    def add(self, note: _T) -> None:
        """Have it go with the next."""
        self._notes.append(note)
        if not self._watching and not self._being_written:
            self._watch()

    def flush(self) -> None:
        """Hand over what there is."""
        notes, self._notes = self._notes, []
        if notes:
            self._being_written += 1
            self._hand_over(notes)

    def written(self) -> None:
        """What was handed over once is done with."""
        self._being_written -= 1
        if self._notes and not self._watching and not self._being_written:
            self._watch()

    def _watch(self) -> None:
        self._watching = True
        self._late_at = self._loop.time() + _LONGEST
        self._quiet = 0
        self._loop.call_soon(self._look, len(self._notes))

    def _look(self, before: int) -> None:
        count = len(self._notes)
        self._quiet = 0 if before < count else self._quiet + 1
        if self._quiet < _QUIET_TURNS and count < _ENOUGH and self._loop.time() < self._late_at:
            self._loop.call_soon(self._look, count)
            return
        self._watching = False
        self.flush()

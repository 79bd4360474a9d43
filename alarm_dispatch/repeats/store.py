"""Where what is known of alarms between two evaluations is kept: the seam, and the store in memory."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager
from datetime import datetime
from typing import NamedTuple, Protocol, runtime_checkable

from alarm_dispatch.repeats.decision import RepeatState

__all__ = ["MemoryRepeats", "RepeatKey", "RepeatStore"]


class RepeatKey(NamedTuple):
    """What has a state of its own: an alarm in a group, by its id and the group's name."""

    alarm_id: str
    group: str


@runtime_checkable
class RepeatStore(Protocol):
    """Keeps the states of alarms; it may be used from any thread.

    What a method did is kept when it returns, or, inside :meth:`transaction`, when that block ends.
    """

    def transaction(self) -> AbstractContextManager[None]:
        """Make what this thread does in the block one step, which no other comes between: all or nothing."""
        ...

    def get(self, key: RepeatKey) -> RepeatState | None:
        """The state, None when nothing is known."""
        ...

    def put(self, key: RepeatKey, state: RepeatState | None) -> None:
        """Keep a state in the place of the one that was there; None forgets it."""
        ...

    def trim(self, *, before: datetime, most: int) -> None:
        """Forget what was evaluated last before that aware time, and the oldest of more than ``most``.

        It may do a part of it at a time.
        """
        ...


class MemoryRepeats:
    """A :class:`RepeatStore` in memory; a restart begins with nothing."""

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._states: dict[RepeatKey, RepeatState] = {}
        # What was there before, of each step in the transaction that is open.
        self._undo: list[tuple[RepeatKey, RepeatState | None]] = []
        self._depth = 0

    def __len__(self) -> int:
        return len(self._states)

    def transaction(self) -> AbstractContextManager[None]:
        """Make what this thread does in the block one step: all of it or nothing."""
        return self._transaction()

    @contextlib.contextmanager
    def _transaction(self) -> Iterator[None]:
        with self._lock:
            begun = len(self._undo)
            self._depth += 1
            try:
                yield
            except BaseException:
                while len(self._undo) > begun:
                    self._set(*self._undo.pop())
                raise
            finally:
                self._depth -= 1
                if not self._depth:
                    self._undo.clear()

    def get(self, key: RepeatKey) -> RepeatState | None:
        """The state, None when nothing is known."""
        with self._lock:
            return self._states.get(key)

    def put(self, key: RepeatKey, state: RepeatState | None) -> None:
        """Keep a state in the place of the one that was there; None forgets it."""
        with self._lock:
            if self._depth:
                self._undo.append((key, self._states.get(key)))
            self._set(key, state)

    def _set(self, key: RepeatKey, state: RepeatState | None) -> None:
        # The dict keeps the order of the evaluations, but for a clock that was set back.
        self._states.pop(key, None)
        if state is not None:
            self._states[key] = state

    def trim(self, *, before: datetime, most: int) -> None:
        """Forget what was evaluated last before that aware time, and the oldest of more than ``most``."""
        with self._lock:
            old = [key for key, state in self._states.items() if state.seen_at < before]
            for key in old:
                self.put(key, None)
            if (surplus := len(self._states) - most) > 0:
                for key in sorted(self._states, key=lambda one: self._states[one].seen_at)[:surplus]:
                    self.put(key, None)

"""Where time comes from: the system's clock and event loop, or a test's."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime
from importlib import import_module
from typing import Protocol

__all__ = ["Clock", "FastClock", "SystemClock"]


class Clock(Protocol):
    """The wall clock, and the event loops whose ``time()`` goes with it."""

    def now(self) -> datetime:
        """The aware time of day."""
        ...

    def new_event_loop(self) -> asyncio.AbstractEventLoop:
        """A new event loop, not yet running."""
        ...


class SystemClock:
    """The machine's own time."""

    def now(self) -> datetime:
        """The aware time of day, in UTC."""
        return datetime.now(UTC)

    def new_event_loop(self) -> asyncio.AbstractEventLoop:
        """A loop of the platform's default kind."""
        return asyncio.new_event_loop()


class FastClock(SystemClock):
    """The machine's own time, with event loops of uvloop's, which cost less for each request.

    For ``Dispatcher(clock=FastClock())``; an ``AsyncDispatcher`` uses the loop that it is called on.

    Raises ImportError where uvloop is not installed: it comes with the extra ``fast``, and there is none
    for Windows.
    """

    def __init__(self) -> None:
        try:
            # By name: it is in an extra, and type checkers need not have it.
            self._new_loop: Callable[[], asyncio.AbstractEventLoop] = import_module("uvloop").new_event_loop
        except ImportError as error:
            raise ImportError("FastClock needs uvloop: install alarm-dispatch[fast]") from error

    def new_event_loop(self) -> asyncio.AbstractEventLoop:
        """One of uvloop's."""
        return self._new_loop()

"""Where time comes from: the system's clock and event loop, or a test's."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import Protocol

__all__ = ["Clock", "SystemClock"]


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

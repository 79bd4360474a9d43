"""The system's own clock."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime

from alarm_dispatch.clock import SystemClock


def test_the_systems_time_is_aware() -> None:
    """It is the time of day in UTC."""
    before = datetime.now(UTC)

    now = SystemClock().now()

    assert before <= now <= datetime.now(UTC)
    assert now.tzinfo is UTC


def test_the_systems_loop_runs() -> None:
    """Each call makes another loop."""
    clock = SystemClock()
    loop, other = clock.new_event_loop(), clock.new_event_loop()
    try:
        assert loop is not other
        assert loop.run_until_complete(asyncio.sleep(0, "done")) == "done"
    finally:
        loop.close()
        other.close()

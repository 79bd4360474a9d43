"""The system's own clock, and the one with uvloop's event loops."""

from __future__ import annotations

import asyncio
import sys
from datetime import UTC, datetime

import pytest

from alarm_dispatch import Dispatcher, RetrySchedule
from alarm_dispatch.clock import FastClock, SystemClock
from alarm_dispatch.testing import LoopbackReceiver

from ..dispatch.alarms import METRIC_ALARM, group

_AT_ONCE = RetrySchedule(delays=(0,))


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


def test_a_fast_clock_makes_loops_of_uvloops() -> None:
    """A dispatcher runs on one, and its time is the system's."""
    uvloop = pytest.importorskip("uvloop")
    clock = FastClock()
    kinds: list[type] = []

    def watch(_event: object) -> None:
        kinds.append(type(asyncio.get_running_loop()))

    with LoopbackReceiver("500,200") as receiver, Dispatcher(clock=clock, hooks=[watch]) as dispatcher:
        report = dispatcher.dispatch(METRIC_ALARM, group(receiver.url, schedule=_AT_ONCE))

    assert report.ok
    assert kinds == [uvloop.Loop] * 3
    assert clock.now().tzinfo is UTC


def test_without_uvloop_a_fast_clock_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is told where the clock is made, not when the first alarm comes."""
    monkeypatch.setitem(sys.modules, "uvloop", None)

    with pytest.raises(ImportError, match=r"install alarm-dispatch\[fast\]"):
        FastClock()

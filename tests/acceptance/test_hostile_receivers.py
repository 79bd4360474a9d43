"""Receivers that do anything but answer: each attempt fails for a reason, and the next one follows."""

from __future__ import annotations

import tracemalloc

import pytest

from alarm_dispatch import Dispatcher, RetrySchedule

from ..dispatch.alarms import METRIC_ALARM, group


@pytest.mark.parametrize(
    ("step", "verdict", "reason"),
    [
        ("reset", "unknown", "connection reset by peer"),
        ("close", "unknown", "Server disconnected without sending a response."),
        ("early", "unknown", "peer closed connection without sending complete message body"),
        ("garbage", "unknown", "what came is not an HTTP reply"),
        ("huge", "unknown", "a body longer than 65536 bytes"),
        ("informational", "unknown", "timed out while waiting for the reply"),
        ("timeout", "unknown", "timed out while waiting for the reply"),
        ("drip", "unknown", "timed out while waiting for the reply"),
        ("redirect", "rejected", "status 302, not 200"),
        ("304", "rejected", "status 304, not 200"),
        ("204", "unconfirmed", "status 204, not 200"),
        ("404", "rejected", "status 404, not 200"),
    ],
)
def test_the_attempt_fails_with_its_reason_and_the_next_one_confirms(
    loopback_receiver, step, verdict, reason
):
    """Memory stays bounded meanwhile."""
    receiver = loopback_receiver(f"{step},200")
    schedule = RetrySchedule(attempts=2, delays=(0,))
    tracemalloc.start()

    try:
        with Dispatcher() as dispatcher:
            report = dispatcher.dispatch(METRIC_ALARM, group(receiver.url, timeout=0.4, schedule=schedule))
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    first, second = report.deliveries[0].attempts
    assert first.verdict == verdict
    assert reason in first.reason
    assert second.verdict == "confirmed"
    assert report.ok
    assert peak < 20_000_000

"""Processes on one outbox that are killed and stopped under load, in real time."""

from __future__ import annotations

import pytest

from ..outbox.kills import LIMIT, Found, rounds, stops

# The benchmark `python -m tests.benchmarks --only outbox_kills` runs 200.
KILLS = 25
KILLS_OF_TWO = 10
STOPS = 2

pytestmark = pytest.mark.skipif("sys.platform == 'win32'", reason="there is no SIGKILL here")


def check(found: Found) -> None:
    """All that was acknowledged arrived, and nothing more often than it may."""
    assert found.acknowledged > 100
    assert found.left == ()
    assert found.lost == 0
    assert found.twice <= found.in_flight
    assert found.most <= LIMIT


def test_kills_at_any_moment_lose_nothing():
    """Each dispatcher goes on with what those before it left, in the order of each alarm."""
    found = rounds(KILLS, seed=1)

    check(found)
    assert found.out_of_order == 0


def test_kills_of_one_of_two_lose_nothing():
    """Both submit and send; one of them goes on."""
    found = rounds(KILLS_OF_TWO, workers=2, seed=2)

    check(found)
    assert found.out_of_order == 0


def test_a_stop_past_the_lease_loses_nothing():
    """The other takes over; a request that is stopped on its way to the wire is late all the same."""
    found = stops(STOPS, seed=3)

    check(found)
    assert found.out_of_order <= found.in_flight

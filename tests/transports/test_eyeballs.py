"""Which of several addresses answers first, in virtual time."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

import pytest

from alarm_dispatch.testing import VirtualClock
from alarm_dispatch.transports.eyeballs import first_connected


class _Network:
    """Addresses that connect after some seconds, and those that fail then."""

    def __init__(self, seconds: Mapping[str, float], failing: str = "") -> None:
        self.seconds = seconds
        self.failing = failing
        self.clock = VirtualClock()
        self.tried: list[tuple[str, float]] = []
        self.cancelled: list[str] = []
        self.closed: list[str] = []

    async def connect(self, address: str) -> str:
        self.tried.append((address, self.clock.elapsed))
        try:
            await asyncio.sleep(self.seconds[address])
        except asyncio.CancelledError:
            self.cancelled.append(address)
            raise
        if address in self.failing:
            raise ConnectionRefusedError(address)
        return address

    async def close(self, address: str) -> None:
        self.closed.append(address)

    def first(self, timeout: float = 60.0) -> str:
        async def main() -> str:
            async with asyncio.timeout(timeout):
                return await first_connected(self.connect, self.close, self.seconds)

        return self.clock.run(main())


@pytest.mark.parametrize(
    ("seconds", "failing", "first", "elapsed", "tried"),
    [
        ({"a": 1}, "", "a", 1.0, [("a", 0.0)]),
        ({"a": 0.2, "b": 0}, "", "a", 0.2, [("a", 0.0)]),
        ({"a": 9, "b": 0.1}, "", "b", 0.35, [("a", 0.0), ("b", 0.25)]),
        ({"a": 0.6, "b": 9, "c": 9}, "", "a", 0.6, [("a", 0.0), ("b", 0.25), ("c", 0.5)]),
        ({"a": 0.1, "b": 0.1}, "a", "b", 0.2, [("a", 0.0), ("b", 0.1)]),
        ({"a": 9, "b": 0, "c": 0}, "ab", "c", 0.25, [("a", 0.0), ("b", 0.25), ("c", 0.25)]),
    ],
)
def test_the_first_that_connects(seconds, failing, first, elapsed, tried):
    """The next address has its turn when one fails, or after a quarter of a second."""
    network = _Network(seconds, failing)

    assert network.first() == first
    assert network.clock.elapsed == pytest.approx(elapsed)
    assert network.tried == [(address, pytest.approx(at)) for address, at in tried]


@pytest.mark.parametrize("seconds", [{"a": 1}, {"a": 1, "b": 0, "c": 2}])
def test_the_first_ones_error_is_told(seconds):
    """When all have failed."""
    network = _Network(seconds, "abc")

    with pytest.raises(ConnectionRefusedError, match="a"):
        network.first()

    assert network.cancelled == []


def test_the_others_are_let_go():
    """Those on their way are cut off, and one that arrives at the same time is closed."""
    network = _Network({"a": 9, "b": 0.75, "c": 0.5})

    assert network.first() in "bc"
    assert network.cancelled == ["a"]
    assert len(network.closed) == 1


def test_a_deadline_cuts_all_of_them_off():
    """None stays behind."""
    network = _Network({"a": 9, "b": 9, "c": 9})

    with pytest.raises(TimeoutError):
        network.first(timeout=0.4)

    assert sorted(network.cancelled) == ["a", "b"]


def test_the_winner_is_closed_when_nobody_waits_for_it_any_more():
    """As when the deadline comes while the others are being let go."""
    network = _Network({"a": 9, "b": 0})

    async def connect(address: str) -> str:
        try:
            return await network.connect(address)
        except asyncio.CancelledError:
            await asyncio.sleep(5)
            raise

    async def main() -> None:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(1):
                await first_connected(connect, network.close, network.seconds)

    network.clock.run(main())

    assert network.closed == ["b"]

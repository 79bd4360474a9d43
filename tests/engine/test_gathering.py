"""What is noted in one moment goes on together."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from alarm_dispatch.engine.gathering import Gathering


class StandIn:
    """An event loop whose turns and time are the test's."""

    def __init__(self) -> None:
        self.now = 0.0
        self._soon: list[tuple[Callable[..., object], tuple[object, ...]]] = []

    def time(self) -> float:
        return self.now

    def call_soon(self, call: Callable[..., object], *arguments: object) -> None:
        self._soon.append((call, arguments))

    def turn(self, seconds: float = 0.0) -> None:
        """Do what was to be done soon, ``seconds`` later."""
        self.now += seconds
        due, self._soon = self._soon, []
        for call, arguments in due:
            call(*arguments)

    @property
    def idle(self) -> bool:
        """Whether nothing is to be done."""
        return not self._soon


@pytest.fixture
def loop():
    """The stand-in."""
    return StandIn()


@pytest.fixture
def handed():
    """What was handed over, so many notes at a time."""
    return []


@pytest.fixture
def gathering(loop, handed):
    """Of texts."""
    return Gathering(loop, handed.append)


def test_one_note_goes_after_two_turns(loop, gathering, handed):
    """It waits for nobody who does not come."""
    gathering.add("a")
    loop.turn()
    assert handed == []

    loop.turn()

    assert handed == [["a"]]
    assert loop.idle


def test_a_turn_that_brings_nothing_is_no_pause_yet(loop, gathering, handed):
    """What comes after it goes with the rest, and the next pause is counted anew."""
    gathering.add("a")
    loop.turn()
    gathering.add("b")
    loop.turn()
    loop.turn()
    assert handed == []

    loop.turn()

    assert handed == [["a", "b"]]


def test_those_of_one_moment_go_together(loop, gathering, handed):
    """Until turns have brought no more."""
    gathering.add("a")
    gathering.add("b")
    gathering._look(1)
    assert handed == []
    gathering.add("c")

    for _ in range(3):
        loop.turn()

    assert handed == [["a", "b", "c"]]


def test_when_there_is_always_more_it_goes_after_a_while(loop, gathering, handed):
    """2 ms after the first."""
    gathering.add("0")
    for number in range(1, 50):
        loop.call_soon(gathering.add, f"{number}")
        loop._soon.reverse()  # in each turn another comes before it is looked
        loop.turn(0.0003)
        if handed:
            break

    assert len(handed[0]) == 8


def test_many_go_at_once(loop, gathering, handed):
    """However many more there may be."""
    gathering.add("first")
    for number in range(300):
        gathering.add(f"{number}")

    loop.turn()

    assert len(handed[0]) == 301


def test_while_some_are_written_the_others_wait(loop, gathering, handed):
    """And then go together."""
    gathering.add("a")
    for _ in range(2):
        loop.turn()

    for name in "bcd":
        gathering.add(name)
        loop.turn()
    assert handed == [["a"]]
    gathering.written()
    for _ in range(2):
        loop.turn()

    assert handed == [["a"], ["b", "c", "d"]]


def test_the_last_do_not_wait(loop, gathering, handed):
    """What is flushed goes now, and whoever waited to look finds nothing."""
    gathering.add("a")
    gathering.flush()
    assert handed == [["a"]]
    for _ in range(2):
        loop.turn()
    assert handed == [["a"]]

    gathering.add("b")
    gathering.flush()
    gathering.written()
    assert loop.idle
    gathering.add("c")
    gathering.written()
    for _ in range(2):
        loop.turn()

    assert handed == [["a"], ["b"], ["c"]]

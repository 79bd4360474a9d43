"""Whose turn it is: lanes one after the other, levels by weight, and none for ever last."""

from __future__ import annotations

from collections import Counter

from hypothesis import given, settings
from hypothesis import strategies as st

from alarm_dispatch.engine.lanes import Lane
from alarm_dispatch.engine.turns import LEVELS, Turns

FATAL, WARNING, REST = range(LEVELS)


def take(turns: Turns, count: int) -> list[tuple[Lane, int]]:
    """The next turns, each of them used, of lanes that always have more to send."""
    taken = []
    for _ in range(count):
        turn = turns.next()
        assert turn is not None
        turns.charge(turn[1])
        turns.enroll(*turn)
        taken.append(turn)
    return taken


def test_without_lanes_it_is_nobodys_turn():
    """Nothing to send."""
    assert Turns().next() is None


def test_a_lane_enrolls_once_for_a_level():
    """Having much to send gives no more turns."""
    turns, lane = Turns(), Lane(key="a")

    turns.enroll(lane, REST)
    turns.enroll(lane, REST)

    assert turns.next() == (lane, REST)
    assert turns.next() is None


def test_the_lanes_of_a_level_have_turns_one_after_the_other():
    """Whatever they have, and in the order in which they enrolled."""
    turns, lanes = Turns(), [Lane(key=str(number)) for number in range(5)]
    for lane in lanes:
        turns.enroll(lane, WARNING)

    taken = [lane for lane, _ in take(turns, 15)]

    assert taken == lanes * 3


def test_of_85_turns_64_are_fatal_16_warnings_and_5_the_rest():
    """The weights, when all levels have more than they can send."""
    turns, lane = Turns(), Lane(key="a")
    for level in range(LEVELS):
        turns.enroll(lane, level)

    shares = Counter(level for _, level in take(turns, 850))

    assert [abs(shares[level] - due) <= 1 for level, due in enumerate((640, 160, 50))] == [True] * LEVELS


def test_the_first_turn_is_the_most_urgent_levels():
    """With all levels new, fatal goes first, then warning."""
    turns, lane = Turns(), Lane(key="a")
    for level in reversed(range(LEVELS)):
        turns.enroll(lane, level)

    assert [level for _, level in take(turns, 3)] == [FATAL, WARNING, REST]


def test_a_level_that_had_nothing_saves_up_no_turns():
    """After 1,000 warnings alone a fatal one does not get 4,000 turns in a row."""
    turns, lane = Turns(), Lane(key="a")
    turns.enroll(lane, WARNING)
    take(turns, 1_000)

    turns.enroll(lane, FATAL)
    shares = Counter(level for _, level in take(turns, 50))

    assert shares[FATAL] in (40, 41)
    assert shares[FATAL] + shares[WARNING] == 50


def test_a_level_does_not_pay_for_turns_that_nobody_else_wanted():
    """The rest had everything alone; when fatal ones were first to come back, it still has its share."""
    turns, lane = Turns(), Lane(key="a")
    turns.enroll(lane, REST)
    take(turns, 10_000)
    assert turns.next() == (lane, REST)

    turns.enroll(lane, FATAL)
    turns.enroll(lane, REST)
    shares = Counter(level for _, level in take(turns, 690))

    assert shares[REST] in (49, 50, 51)


def test_a_turn_that_was_not_used_costs_nothing():
    """A lane that might not send does not push its level back."""
    turns, lane = Turns(), Lane(key="a")
    turns.enroll(lane, FATAL)
    turns.enroll(lane, REST)

    for _ in range(100):
        assert turns.next() == (lane, FATAL)
        turns.enroll(lane, FATAL)


def test_levels_keep_their_shares_when_all_turns_but_one_are_in_vain():
    """A lane that may send one at a time has turns on all levels, uses the first, and enrolls again."""
    turns, lane, used = Turns(), Lane(key="a"), Counter[int]()
    for _ in range(850):
        for level in range(LEVELS):
            turns.enroll(lane, level)
        (_, first), *_in_vain = iter(turns.next, None)
        turns.charge(first)
        used[first] += 1

    assert [abs(used[level] - due) <= 1 for level, due in enumerate((640, 160, 50))] == [True] * LEVELS


@settings(deadline=None)
@given(
    steps=st.lists(
        st.tuples(st.integers(0, LEVELS - 1), st.integers(1, 200), st.booleans()), min_size=1, max_size=12
    ),
    late=st.integers(0, LEVELS - 1),
)
def test_no_level_waits_for_more_than_its_weight(steps, late):
    """Whatever went before, a level that comes has its first turn after 17 others at most."""
    turns, lanes = Turns(), [Lane(key=str(number)) for number in range(LEVELS)]
    for level, count, goes_on in steps:
        turns.enroll(lanes[level], level)
        take(turns, count)
        if not goes_on:
            waiting = [turn for turn in iter(turns.next, None) if turn[1] != level]
            for turn in waiting:
                turns.enroll(*turn)

    turns.enroll(lanes[late], late)
    levels = [level for _, level in take(turns, 18)]

    assert late in levels


@settings(deadline=None)
@given(st.lists(st.integers(0, 6), min_size=1, max_size=60))
def test_lanes_of_one_level_differ_by_one_turn_at_most(numbers):
    """Those that enrolled from the start have as many turns as each other."""
    turns, lanes = Turns(), [Lane(key=str(number)) for number in range(7)]
    there = [lanes[number] for number in dict.fromkeys(numbers)]
    for number in numbers:
        turns.enroll(lanes[number], REST)

    had = Counter(lane.key for lane, _ in take(turns, len(numbers)))

    counts = [had[lane.key] for lane in there]
    assert max(counts) - min(counts) <= 1

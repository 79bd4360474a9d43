"""How many requests may be in flight: two shares of one limit, by the state of the loop."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alarm_dispatch.engine.window import Share, Window

LATE, IN_TIME, BETWEEN = 0.01, 0.0, 0.002
HASTY = 0.0008  # late for fatal alarms only


def room(window: Window, share: Share) -> int:
    """How many more requests would go in this share."""
    entered = 0
    while window.admits(share):
        window.enter(share)
        entered += 1
    for _ in range(entered):
        window.leave(share)
    return entered


@pytest.mark.parametrize(
    ("answered", "in_flight", "share"),
    [
        (True, 0, Share.ANSWERING),
        (True, 7, Share.ANSWERING),
        (False, 0, Share.FIRST),
        (False, 1, Share.FURTHER),
    ],
)
def test_a_receivers_share_is_known_by_its_last_answer(answered, in_flight, share):
    """Who did not answer, or was never asked, has a first request and further ones."""
    assert Window(8).share(answered=answered, in_flight=in_flight) is share


@pytest.mark.parametrize(
    ("limit", "answering", "first", "further"),
    [(1, 1, 0, 1), (2, 1, 1, 1), (3, 2, 1, 1), (8, 4, 4, 2), (64, 32, 32, 16), (512, 64, 256, 128)],
)
def test_the_limit_is_divided(limit, answering, first, further):
    """Half for those that answer, at first 64; of the other half further requests get half."""
    window = Window(limit)

    shares = [room(window, share) for share in Share]

    assert shares == [answering, first, further]


def test_a_limit_of_one_has_one_share():
    """There is nothing to divide."""
    assert Window(1).share(answered=False, in_flight=0) is Share.ANSWERING


def test_first_and_further_requests_share_their_half():
    """Further ones leave room for first ones."""
    window = Window(8)

    while window.admits(Share.FURTHER):
        window.enter(Share.FURTHER)

    assert room(window, Share.FIRST) == 2
    assert room(window, Share.ANSWERING) == 4


def test_a_late_loop_shrinks_the_room_down_to_its_least():
    """By a quarter each time, and those that do not answer are not concerned."""
    window = Window(512)
    rooms = []

    for _ in range(8):
        window.loop_took(LATE)
        rooms.append(room(window, Share.ANSWERING))

    assert rooms == [48, 36, 27, 20, 16, 16, 16, 16]
    assert room(window, Share.FIRST) == 256


def test_a_small_limit_is_not_shrunk():
    """Sixteen at a time make no loop late."""
    window = Window(8)

    window.loop_took(LATE)

    assert room(window, Share.ANSWERING) == 4


def test_a_loop_in_time_lets_the_room_grow_when_it_is_used():
    """By a quarter each time, up to the half of the limit."""
    window = Window(512)
    window.loop_took(IN_TIME)
    assert room(window, Share.ANSWERING) == 64

    rooms = []
    for _ in range(8):
        while window.admits(Share.ANSWERING):
            window.enter(Share.ANSWERING)
        window.loop_took(IN_TIME)
        rooms.append(room(window, Share.ANSWERING))

    assert rooms == [17, 21, 26, 33, 41, 51, 3, 0]


def test_in_between_the_room_stays():
    """Neither late nor early."""
    window = Window(512)
    while window.admits(Share.ANSWERING):
        window.enter(Share.ANSWERING)

    window.loop_took(BETWEEN)

    assert room(window, Share.ANSWERING) == 0


def test_for_fatal_alarms_the_room_shrinks_at_once():
    """To what fits into the round that they may take, as far as is known of the last one."""
    window = Window(512)
    window.loop_took(HASTY)

    window.hurry(True)

    assert room(window, Share.ANSWERING) == 16  # 64 took 0.8 ms, and 0.2 ms are allowed
    window.loop_took(HASTY)
    assert room(window, Share.ANSWERING) == 12


@pytest.mark.parametrize(("took", "left"), [(1.0, 6), (0.0002, 64)])
def test_the_room_for_fatal_alarms_has_a_least_too(took, left):
    """A loop that stood still for a while says little; and one in time is left as it is."""
    window = Window(512)
    window.loop_took(0.0)
    window._took = took

    window.hurry(True)

    assert room(window, Share.ANSWERING) == left


def test_to_hurry_twice_is_to_hurry_once():
    """Every fatal alarm says so."""
    window = Window(512)
    window.loop_took(HASTY)

    window.hurry(True)
    window.hurry(True)

    assert room(window, Share.ANSWERING) == 16


def test_after_the_hurry_the_usual_pace_counts_again():
    """The same round is late for fatal alarms and in time for others."""
    window = Window(512)
    window.hurry(True)
    window.loop_took(0.001)
    assert room(window, Share.ANSWERING) == 48

    window.hurry(False)
    for _ in range(48):
        window.enter(Share.ANSWERING)
    window.loop_took(0.001)

    assert room(window, Share.ANSWERING) == 13


@settings(deadline=None)
@given(
    limit=st.integers(1, 600),
    steps=st.lists(
        st.one_of(
            st.tuples(st.just("enter"), st.booleans(), st.integers(0, 3)),
            st.tuples(st.just("leave"), st.integers(0, 600)),
            st.tuples(st.just("late"), st.sampled_from([LATE, IN_TIME, BETWEEN])),
            st.tuples(st.just("hurry"), st.booleans()),
        ),
        max_size=200,
    ),
)
def test_the_limit_is_never_passed_and_there_is_always_a_way_on(limit, steps):
    """Whatever comes: with nothing in flight each share admits one."""
    window, flying = Window(limit), list[Share]()
    for verb, *values in steps:
        if verb == "enter":
            share = window.share(answered=bool(values[0]), in_flight=int(values[1]))
            while window.admits(share):
                window.enter(share)
                flying.append(share)
        elif verb == "leave":
            for _ in range(min(int(values[0]), len(flying))):
                window.leave(flying.pop())
        elif verb == "hurry":
            window.hurry(bool(values[0]))
        else:
            window.loop_took(values[0])
        assert len(flying) <= limit

    for share in flying:
        window.leave(share)
    assert all(
        window.admits(window.share(answered=answered, in_flight=in_flight))
        for answered in (True, False)
        for in_flight in (0, 1)
    )

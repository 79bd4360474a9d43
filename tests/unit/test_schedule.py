"""How many attempts, and which waits."""

from __future__ import annotations

import pickle
import random
from typing import Any

import pytest
import tenacity
from hypothesis import given, settings
from hypothesis import strategies as st

from alarm_dispatch import RetrySchedule, Verdict
from alarm_dispatch.errors import InvalidFieldError, TransportError
from tests.unit.made import attempt


def delays_of(schedule: RetrySchedule, *, each: float = 0.0, rng: random.Random | None = None) -> list[float]:
    """All waits of a delivery whose attempts take ``each`` seconds and always fail; at most 50."""
    found: list[float] = []
    for number in range(1, 51):
        elapsed = number * each + sum(found)
        delay = schedule.next_delay(attempt(number), elapsed=elapsed, waited=sum(found), rng=rng)
        if delay is None:
            break
        found.append(delay)
    return found


@pytest.mark.parametrize(
    ("settings", "delays", "text"),
    [
        ({}, [5, 10], "3 attempts, waits 5 s, 10 s"),
        ({"attempts": 1}, [], "1 attempt"),
        ({"attempts": 2}, [5], "2 attempts, waits 5 s"),
        ({"attempts": 4}, [5, 10, 10], "4 attempts, waits 5 s, 10 s, 10 s"),
        ({"attempts": 3, "delays": (5, 10)}, [5, 10], "3 attempts, waits 5 s, 10 s"),
        ({"attempts": 2, "delays": (5, 10)}, [5], "2 attempts, waits 5 s"),
        ({"attempts": 4, "delays": [0.5]}, [0.5] * 3, "4 attempts, waits 0.5 s, 0.5 s, 0.5 s"),
        ({"attempts": 3, "delays": ()}, [0, 0], "3 attempts, waits 0 s, 0 s"),
        ({"delays": (1,)}, [1], "2 attempts, waits 1 s"),
        pytest.param({"delays": iter([0, 2.5])}, [0, 2.5], "3 attempts, waits 0 s, 2.5 s", id="an iterator"),
        ({"delays": ()}, [], "1 attempt"),
        (
            {"attempts": 10, "delays": (1, 2)},
            [1] + [2] * 8,
            "10 attempts, waits 1 s, 2 s, 2 s, 2 s, 2 s, 2 s, 2 s, 2 s, …",
        ),
    ],
    ids=str,
)
def test_the_short_form(settings: dict[str, Any], delays: list[float], text: str) -> None:
    """Attempts and waits, of which the last serves for all further ones."""
    schedule = RetrySchedule(**settings)

    assert delays_of(schedule) == delays
    assert str(schedule) == text


def test_the_text_of_endless_attempts_is_short() -> None:
    """Not each of a million waits is told."""
    assert len(str(RetrySchedule(attempts=10**300))) < 400


@pytest.mark.parametrize(
    ("settings", "each", "delays"),
    [
        ({"stop": tenacity.stop_after_attempt(2)}, 0, [5]),
        ({"stop": tenacity.stop_never, "wait": tenacity.wait_fixed(3)}, 0, [3] * 50),
        ({"stop": tenacity.stop_after_delay(16)}, 1, [5, 10]),
        ({"stop": tenacity.stop_after_delay(18)}, 1, [5, 10]),
        ({"stop": tenacity.stop_after_delay(18.5)}, 1, [5, 10, 10]),
        ({"stop": tenacity.stop_before_delay(18)}, 1, [5, 10]),
        ({"stop": tenacity.stop_before_delay(17)}, 1, [5]),
        ({"stop": tenacity.stop_before_delay(5)}, 0, []),
        ({"stop": tenacity.stop_after_attempt(3) | tenacity.stop_after_delay(6)}, 0.5, [5]),
        ({"stop": tenacity.stop_after_attempt(3) & tenacity.stop_after_delay(16)}, 0.5, [5, 10]),
        ({"stop": lambda state: state.attempt_number >= 2}, 0, [5]),
        ({"stop": lambda state: state.idle_for >= 15}, 0, [5, 10]),
        ({"stop": lambda state: state.upcoming_sleep > 5}, 0, [5]),
        ({"attempts": 5, "wait": tenacity.wait_exponential(multiplier=2)}, 0, [2, 4, 8, 16]),
        ({"attempts": 5, "wait": tenacity.wait_exponential(max=3)}, 0, [1, 2, 3, 3]),
        ({"attempts": 3, "wait": tenacity.wait_fixed(1) + tenacity.wait_incrementing(0, 2)}, 0, [1, 3]),
        (
            {"attempts": 4, "wait": tenacity.wait_chain(tenacity.wait_fixed(1), tenacity.wait_fixed(9))},
            0,
            [1, 9, 9],
        ),
        ({"attempts": 3, "wait": tenacity.wait_none()}, 0, [0, 0]),
        ({"attempts": 3, "wait": lambda state: state.seconds_since_start * 2}, 1.5, [3, 12]),
        ({"attempts": 3, "wait": lambda state: 7}, 0, [7, 7]),
    ],
)
def test_tenacitys_strategies(settings: dict[str, Any], each: float, delays: list[float]) -> None:
    """They see the attempt's number, the time since the start, the waits so far and the coming one."""
    assert delays_of(RetrySchedule(**settings), each=each) == delays


def test_random_waits_are_in_their_bounds() -> None:
    """A wait drawn by tenacity is taken as it is."""
    delays = delays_of(RetrySchedule(attempts=20, wait=tenacity.wait_random(2, 3)))

    assert len(delays) == 19
    assert all(2 <= delay <= 3 for delay in delays)
    assert len(set(delays)) > 1


def test_strategies_see_the_outcome() -> None:
    """The outcome is what a transport would have raised, with the verdict and the reason."""
    seen: list[Any] = []

    def stop(state: tenacity.RetryCallState) -> bool:
        seen.append(state)
        return False

    RetrySchedule(stop=stop).next_delay(
        attempt(2, Verdict.UNKNOWN, reason="timed out"), elapsed=7.5, waited=5.0
    )

    (state,) = seen
    error = state.outcome.exception()
    assert isinstance(error, TransportError)
    assert (error.verdict, error.reason) == (Verdict.UNKNOWN, "timed out")
    assert (state.attempt_number, state.idle_for, state.upcoming_sleep) == (2, 5.0, 10.0)
    assert state.seconds_since_start == 7.5
    assert state.outcome.attempt_number == 2


def test_jitter_is_drawn_from_the_given_source() -> None:
    """It adds a part between nothing and ``jitter``; the same seed draws the same."""
    schedule = RetrySchedule(attempts=40, delays=(5,), jitter=2)

    delays = delays_of(schedule, rng=random.Random(7))

    assert delays == delays_of(schedule, rng=random.Random(7))
    assert all(5 <= delay <= 7 for delay in delays)
    assert max(delays) - min(delays) > 1
    assert delays_of(schedule) == [5] * 39


def test_jitter_counts_for_the_stop() -> None:
    """The upcoming wait that a strategy sees is the real one."""
    schedule = RetrySchedule(stop=tenacity.stop_before_delay(5.0001), delays=(5,), jitter=1)

    assert schedule.next_delay(attempt()) == 5
    assert schedule.next_delay(attempt(), rng=random.Random(7)) is None


@pytest.mark.parametrize("delay", [-1, float("nan"), float("inf"), float("-inf")])
def test_a_wait_that_is_no_time_is_a_mistake(delay: float) -> None:
    """A strategy of a user's own is not trusted with the engine's clock."""
    with pytest.raises(ValueError, match=f"the wait strategy answered {float(delay)!r} seconds"):
        RetrySchedule(wait=lambda _state: delay).next_delay(attempt())


@pytest.mark.parametrize(
    ("settings", "field", "problem"),
    [
        ({"attempts": 0}, "attempts", "must be an integer of at least 1, not 0"),
        ({"attempts": -(10**5000)}, "attempts", "is too large; at most 1.8e308 in size is allowed"),
        ({"attempts": 1.0}, "attempts", "must be an integer of at least 1, not 1.0"),
        ({"attempts": True}, "attempts", "must be an int or a float, not bool"),
        ({"attempts": "3"}, "attempts", "must be an int or a float, not str"),
        ({"delays": (5, -1)}, "delays[1]", "must be at least 0 seconds, not -1"),
        ({"delays": (float("nan"),)}, "delays[0]", "must be finite, not nan"),
        ({"delays": (float("inf"),)}, "delays[0]", "must be finite, not inf"),
        ({"delays": (10**400,)}, "delays[0]", "is too large; at most 1.8e308 in size is allowed"),
        ({"delays": ("5",)}, "delays[0]", "must be an int or a float, not str"),
        ({"delays": "5"}, "delays", "must be a list of seconds, not '5'"),
        ({"delays": b"5"}, "delays", "must be a list of seconds, not b'5'"),
        ({"delays": 5}, "delays", "must be a list of seconds, not 5"),
        ({"jitter": -0.1}, "jitter", "must be at least 0 seconds, not -0.1"),
        ({"jitter": None}, "jitter", "must be an int or a float, not NoneType"),
        ({"jitter": True}, "jitter", "must be an int or a float, not bool"),
        ({"stop": 5}, "stop", "must be a tenacity strategy, not int"),
        ({"wait": "5"}, "wait", "must be a tenacity strategy, not str"),
        (
            {"attempts": 3, "stop": tenacity.stop_never},
            "stop",
            "is given beside attempts; only one of them is allowed",
        ),
        (
            {"delays": (5,), "wait": tenacity.wait_none()},
            "wait",
            "is given beside delays; only one of them is allowed",
        ),
    ],
    ids=[f"case {number}" for number in range(20)],
)
def test_what_is_no_schedule(settings: dict[str, Any], field: str, problem: str) -> None:
    """The error names the setting and what is allowed."""
    with pytest.raises(InvalidFieldError) as caught:
        RetrySchedule(**settings)

    assert (caught.value.field, caught.value.problem) == (f"RetrySchedule.{field}", problem)


def test_schedules_are_values() -> None:
    """Equal settings are equal, whatever kind of list the waits came in."""
    schedule = RetrySchedule(attempts=3, delays=[5, 10])

    assert schedule == RetrySchedule(attempts=3, delays=(5.0, 10.0))
    assert hash(schedule) == hash(RetrySchedule(attempts=3, delays=(5.0, 10.0)))
    assert schedule != RetrySchedule(attempts=3, delays=(5, 11))
    assert pickle.loads(pickle.dumps(schedule)) == schedule


@pytest.mark.parametrize(
    ("schedule", "text"),
    [
        (RetrySchedule(stop=tenacity.stop_after_delay(9)), "stop_after_delay, wait_chain"),
        (RetrySchedule(wait=tenacity.wait_fixed(9)), "stop_after_attempt, wait_fixed"),
    ],
)
def test_the_text_names_strategies(schedule: RetrySchedule, text: str) -> None:
    """Tenacity's own names tell what they do."""
    assert str(schedule) == text


@settings(deadline=None)
@given(
    st.none() | st.integers(1, 30),
    st.none() | st.lists(st.floats(0, 1e6), max_size=6),
    st.floats(0, 100),
    st.integers(),
)
def test_attempts_and_waits_are_in_their_bounds(
    attempts: int | None, delays: list[float] | None, jitter: float, seed: int
) -> None:
    """There are never more attempts than asked for, and no wait is shorter than its own or too long."""
    schedule = RetrySchedule(attempts=attempts, delays=delays, jitter=jitter)

    waits = delays_of(schedule, rng=random.Random(seed))

    plain = delays_of(schedule)
    assert len(waits) == len(plain)
    assert len(waits) + 1 == (attempts or (3 if delays is None else len(delays) + 1))
    for wait, least in zip(waits, plain, strict=True):
        assert 0 <= least <= wait <= least + jitter


def test_there_is_no_jitter_unless_it_is_asked_for() -> None:
    """The documented times are exact."""
    assert delays_of(RetrySchedule(), rng=random.Random(7)) == [5, 10]


@pytest.mark.parametrize(
    ("schedule", "told"),
    [
        (RetrySchedule(jitter=0.5), "3 attempts, waits 5 s, 10 s, up to 0.5 s more each"),
        (RetrySchedule(attempts=1, jitter=0.5), "1 attempt"),
        (
            RetrySchedule(stop=tenacity.stop_after_delay(60), wait=tenacity.wait_fixed(5), jitter=2),
            "stop_after_delay, wait_fixed, up to 2 s more each",
        ),
    ],
)
def test_the_text_tells_the_jitter(schedule: RetrySchedule, told: str) -> None:
    """Where there is a wait that it can lengthen."""
    assert str(schedule) == told

"""What is told at each evaluation, and of what alarm."""

from __future__ import annotations

import attrs
import pytest

from alarm_dispatch import Repeat
from alarm_dispatch.repeats import RepeatTracker, decide

from .made import EXPONENTIAL, ONCE, STATES, at, found, played, sent

EVERY_3_MINUTES = Repeat("continuousAlarm", 180)


@pytest.mark.parametrize(
    ("repeat", "script", "told"),
    [
        # One evaluation a minute: F firing, R resolved, C closed, N no data.
        (ONCE, "FFFFFFRRFFR", "1.....r.1.r"),
        (None, "FFFFFF", "1....."),
        (EVERY_3_MINUTES, "FFFFFFFRF", "1..+..+r1"),
        (EXPONENTIAL, "FFFFFFFFFFFFFFFFFRFF", "1+.+...+.......+.r1+"),
        (ONCE, "RRCFC", "...1r"),
        (ONCE, "FCCR", "1r.."),
        # A lack of data is told once, until it fires again, which is told, or is over.
        (ONCE, "NNNFFR", "n..1.r"),
        (ONCE, "NNRRN", "n.r.n"),
        (ONCE, "FFNNFFNR", "1.n.+.nr"),
        (EVERY_3_MINUTES, "FNNNNFFFF", "1n...+..+"),
        (EXPONENTIAL, "FFNFFFFF", "1+n++..."),
        (ONCE, "NC", "nr"),
    ],
)
def test_what_is_told(repeat, script, told):
    """Each mode, the end, and a lack of data."""
    assert played(RepeatTracker(), script, repeat=repeat) == told


@pytest.mark.parametrize(
    ("repeat", "script", "told"),
    [
        # Two minutes must have passed since it was first found resolved.
        (ONCE, "FRRRR", "1..r."),
        (ONCE, "FRFRRFRRR", "1.......r"),
        (ONCE, "FRRFRRRF", "1.....r1"),
        # It has been unresolved all the time, so it repeats.
        (EVERY_3_MINUTES, "FRFFRFF", "1..+..+"),
        (EXPONENTIAL, "FRFRFFRF", "1.+..+.."),
        # Who closes it means it.
        (ONCE, "FC", "1r"),
        (ONCE, "FRC", "1.r"),
        # A resolution that did not hold has not been one, of a lack of data neither.
        (ONCE, "NRN", "n.."),
        (ONCE, "NRRRN", "n..rn"),
        (ONCE, "FRNRRR", "1.n..r"),
        (ONCE, "FNRFR", "1n.+."),
        (ONCE, "NRF", "n.1"),
        (ONCE, "RRR", "..."),
    ],
)
def test_a_resolution_that_must_hold(repeat, script, told):
    """What flaps is one occurrence, and its end is told when it has been over for so long."""
    assert played(RepeatTracker(min_hold=120), script, repeat=repeat) == told


def test_one_that_fires_after_the_hold_without_having_been_found_to_hold():
    """Between two evaluations nobody knows: it is the same occurrence, whose end was never told."""
    tracker = RepeatTracker(min_hold=120)

    assert played(tracker, "FRF", every=500) == "1.."


@pytest.mark.parametrize(
    ("repeat", "expected"),
    [
        (Repeat("continuous", 300), [0, 300, 600, 900, 1_200, 1_500]),
        (Repeat("continuous", 300, daily_after=600), [0, 300, 600, 87_000]),
        (Repeat("continuous", 300, daily_after=601), [0, 300, 600, 900, 87_300]),
        (Repeat("continuous", 300, daily_after=0), [0, 86_400]),
        (Repeat("continuous", 100_000, daily_after=600), [0, 100_200]),
        # Not before its time: so at the first evaluation after it, and the next is counted from there.
        (Repeat("continuous", 400), [0, 600, 1_200]),
    ],
)
def test_when_a_continuous_one_becomes_daily(repeat, expected):
    """What was told after that time is followed by the next a day later."""
    tracker, evaluations = RepeatTracker(), (*range(0, 1_600, 300), *range(86_100, 120_000, 300))

    times = [
        time
        for time in evaluations
        if tracker.observe(found("F", repeat), "g", now=at(time)).alarm is not None
    ]

    assert times[: len(expected)] == expected


def test_what_the_alarm_does_not_say_is_filled_in():
    """Its duration, when it was evaluated and when it ended, and the level that it had."""
    tracker = RepeatTracker(min_hold=60)
    firing = found("F", Repeat("continuous", 100), level="fatal", started_at=at(-30))

    first = tracker.observe(firing, "g", now=at(0))
    again = tracker.observe(attrs.evolve(firing, level=None), "g", now=at(100))
    tracker.observe(found("R", started_at=at(-30)), "g", now=at(200))
    over = tracker.observe(found("R", started_at=at(-30)), "g", now=at(260))

    begun = {"started_at": at(-30), "level": "fatal"}
    assert sent(first) == begun | {"evaluated_at": at(0), "duration": 30.0}
    assert sent(again) == begun | {"evaluated_at": at(100), "duration": 130.0}
    assert sent(over) == begun | {"evaluated_at": at(260), "ended_at": at(200), "duration": 230.0}


def test_what_the_alarm_says_stays():
    """The monitoring system knows better."""
    tracker = RepeatTracker()
    told = {"evaluated_at": at(1), "duration": 7, "level": "info"}

    first = tracker.observe(found("F", **told), "g", now=at(100))
    over = tracker.observe(found("R", ended_at=at(150), **(told | {"duration": None})), "g", now=at(200))

    assert sent(first) == {"started_at": at(0), **told}
    assert sent(over) == {"started_at": at(0), **told, "ended_at": at(150), "duration": 150.0}


def test_an_occurrence_has_one_start():
    """An evaluation's own time is not it, and one that was earlier than known is."""
    tracker, often = RepeatTracker(), Repeat("continuous", 10)

    starts = [
        sent(tracker.observe(found("F", often, started_at=at(start)), "g", now=at(now)))["started_at"]
        for now, start in ((0, 0), (10, 10), (20, -5), (30, 30))
    ]

    assert starts == [at(0), at(0), at(-5), at(-5)]


def test_a_lack_of_data_has_the_duration_of_its_occurrence():
    """And none where there is no occurrence."""
    alone, within = RepeatTracker(), RepeatTracker()
    within.observe(found("F"), "g", now=at(0))

    assert "duration" not in sent(alone.observe(found("N"), "g", now=at(40)))
    assert "duration" not in sent(alone.observe(found("R"), "g", now=at(50)))
    assert sent(within.observe(found("N"), "g", now=at(40)))["duration"] == 40.0


def test_a_start_in_the_future():
    """The clock of the monitoring system may be ahead; nothing lasts less than no time."""
    tracker = RepeatTracker()
    ahead = found("F", started_at=at(1_000))

    assert sent(tracker.observe(ahead, "g", now=at(0))) == {
        "started_at": at(0),
        "evaluated_at": at(0),
        "duration": 0.0,
    }
    ended = found("R", started_at=at(0), ended_at=at(-10))
    assert sent(tracker.observe(ended, "g", now=at(5)))["duration"] == 0.0


def test_a_clock_that_was_set_back():
    """Nothing is waited for longer than it would have been."""
    often = Repeat("continuous", 60)
    repeats, holds = RepeatTracker(), RepeatTracker(min_hold=60)
    for tracker in (repeats, holds):
        tracker.observe(found("F", often), "g", now=at(3_600))
    holds.observe(found("R"), "g", now=at(3_600))

    told = [
        [str(tracker.observe(found(state, often), "g", now=at(now)).decision) for now in (0, 59, 60)]
        for tracker, state in ((repeats, "F"), (holds, "R"))
    ]

    assert told == [["nothing", "nothing", "repeat"], ["nothing", "nothing", "resolved"]]


@pytest.mark.parametrize("state", STATES)
def test_the_decision_depends_on_nothing_else(state):
    """The same state, evaluation and time come to the same, and change nothing they are given."""
    _, before = decide(None, found("F", EXPONENTIAL), at(0))
    kept = attrs.evolve(before)

    first = decide(before, found(state, EXPONENTIAL), at(10), min_hold=5)

    assert decide(before, found(state, EXPONENTIAL), at(10), min_hold=5) == first
    assert before == kept

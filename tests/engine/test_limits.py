"""Rates, circuits and Retry-After: what is one, and what is told of what is none."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta, timezone
from email.utils import format_datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alarm_dispatch import Callback
from alarm_dispatch.errors import InvalidFieldError
from alarm_dispatch.limits import Circuit, Rate, as_circuit, as_rate, retry_after

NOW = datetime(2026, 3, 1, 12, 0, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("written", "rate"),
    [
        (Rate(20, 60), Rate(20, 60)),
        ("20/60", Rate(20, 60)),
        ("1/0.5", Rate(1, 0.5)),
        ("5/1", Rate(5)),
        (20, Rate(1, 0.05)),
        (0.5, Rate(1, 2)),
        (20 / 60, Rate(1, 3)),
    ],
)
def test_a_rate_is_written_in_three_ways(written, rate):
    """As a rate, as text, or as requests a second."""
    found = as_rate(written, "rate")

    assert found.count == rate.count
    assert found.period == pytest.approx(rate.period)
    assert Callback("http://a/", format="tencent", rate=written).rate == found


@pytest.mark.parametrize(
    "written",
    [
        0,
        -1,
        -0.5,
        0.0,
        True,
        False,
        math.inf,
        math.nan,
        -math.inf,
        "",
        "20",
        "20/0",
        "0/60",
        "20/0.0",
        "-20/60",
        "20/-60",
        "a/b",
        "20/60/1",
        " 20/60",
        "2e1/60",
        "٢٠/60",
        "1234567890/1",
        "20/",
        "/60",
        "20/60s",
        "20/.5",
        [],
        {},
        (20, 60),
        b"20/60",
        object(),
    ],
)
def test_what_is_no_rate_is_told(written):
    """With what is allowed."""
    with pytest.raises(
        InvalidFieldError, match=r'^rate: is no rate: .*; allowed are Rate\(20, 60\), "20/60"'
    ):
        as_rate(written, "rate")


@pytest.mark.parametrize("written", [1e-320, 10**400, 1e308 * 10**-300 * 1e-320])
def test_a_number_whose_period_is_no_time_is_told(written):
    """So slow, or so fast, that no float holds it."""
    with pytest.raises(InvalidFieldError):
        as_rate(written, "rate")


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ((0, 60), "Rate.count: must be at least 1, not 0"),
        ((1.5, 60), "Rate.count: must be an integer, not 1.5"),
        ((True, 60), "Rate.count: must be an integer, not True"),
        (("1", 60), "Rate.count: must be an integer, not '1'"),
        ((1, 0), "Rate.period: must be more than 0 seconds, not 0"),
        ((1, -5), "Rate.period: must be more than 0 seconds, not -5"),
        ((1, math.inf), "Rate.period: must be finite, not inf"),
        ((1, math.nan), "Rate.period: must be finite, not nan"),
    ],
)
def test_a_rate_needs_a_count_and_a_period(arguments, told):
    """Each is told by its name."""
    with pytest.raises(InvalidFieldError) as failure:
        Rate(*arguments)

    assert str(failure.value) == told


@settings(deadline=None)
@given(st.integers(1, 10**6), st.floats(0.01, 10**6))
def test_a_rate_is_shown_as_it_is_written(count, period):
    """To the figures that are shown."""
    shown = str(Rate(count, float(f"{period:.6g}")))

    assert "e" in shown or as_rate(shown, "rate") == Rate(count, float(f"{period:.6g}"))


@pytest.mark.parametrize(
    ("written", "circuit"),
    [(None, None), (False, None), (True, Circuit()), (Circuit(failures=2), Circuit(failures=2))],
)
def test_a_circuit_may_be_yes_or_no(written, circuit):
    """True is one with the usual figures."""
    assert as_circuit(written, "circuit") == circuit
    assert (Circuit().failures, Circuit().pause) == (5, 30.0)


@pytest.mark.parametrize("written", ["x", "", 1, 0, 1.0, [], {"failures": 3}, Circuit])
def test_what_is_no_circuit_is_told(written):
    """One is not True here."""
    with pytest.raises(InvalidFieldError, match="circuit: must be a Circuit, True or False, not "):
        as_circuit(written, "circuit")


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"failures": 0}, "Circuit.failures: must be at least 1, not 0"),
        ({"failures": 2.0}, "Circuit.failures: must be an integer, not 2.0"),
        ({"pause": 0}, "Circuit.pause: must be more than 0 seconds, not 0"),
        ({"pause": "30"}, "Circuit.pause: must be an int or a float, not str"),
        ({"pause": math.inf}, "Circuit.pause: must be finite, not inf"),
    ],
)
def test_a_circuit_needs_its_figures(settings, told):
    """Each is told by its name."""
    with pytest.raises(InvalidFieldError) as failure:
        Circuit(**settings)

    assert str(failure.value) == told


def in_seconds(seconds: float, zone: Any = UTC) -> str:
    """A date of that many seconds from now, as mail and HTTP write it."""
    return format_datetime((NOW + timedelta(seconds=seconds)).astimezone(zone), usegmt=zone is UTC)


@pytest.mark.parametrize(
    ("text", "seconds", "note"),
    [
        ("0", 0.0, "Retry-After 0 s"),
        ("7", 7.0, "Retry-After 7 s"),
        ("007", 7.0, "Retry-After 7 s"),
        ("60", 60.0, "Retry-After 60 s"),
        ("61", 60.0, "Retry-After '61' capped at 60 s"),
        ("31536000", 60.0, "Retry-After '31536000' capped at 60 s"),
        ("999999999999", 60.0, "Retry-After '999999999999' capped at 60 s"),
        (in_seconds(7), 7.0, "Retry-After 7 s"),
        (in_seconds(0), 0.0, "Retry-After 0 s"),
        (in_seconds(7, timezone(timedelta(hours=8))), 7.0, "Retry-After 7 s"),
        ("Sun, 01 Mar 2026 12:00:30", 30.0, "Retry-After 30 s"),
        ("Sun, 01 Mar 2026 12:00:30 -0000", 30.0, "Retry-After 30 s"),
        ("Sunday, 01-Mar-26 12:00:30 GMT", 30.0, "Retry-After 30 s"),
        ("Sun Mar  1 12:00:30 2026", 30.0, "Retry-After 30 s"),
        (in_seconds(31_536_000), 60.0, "Retry-After 'Mon, 01 Mar 2027 12:00:00 GMT' capped at 60 s"),
        (in_seconds(-1), None, "Retry-After 'Sun, 01 Mar 2026 11:59:59 GMT' ignored, it is in the past"),
    ],
)
def test_both_forms_of_retry_after_count(text, seconds, note):
    """Seconds, and the three forms of an HTTP date; at most 60 s here."""
    assert retry_after(text, NOW, 60.0) == (seconds, note)


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "soon",
        "-5",
        "-1",
        "+5",
        "1.5",
        "1e3",
        "0x10",
        "5 s",
        "5,6",
        "٥",
        "²",
        "inf",
        "nan",
        "1_000",
        "Sun, 99 Foo 2026 12:00:30 GMT",
        "Sun, 31 Feb 2026 12:00:30 GMT",
        "Sun, 01 Mar 99999 12:00:30 GMT",
        "Sun, 01 Mar 2026 25:61:61 GMT",
        "Sun, 01 Mar 2026 12:00:30 +99999999",
        "\x00",
        "x" * 70000,
    ],
)
def test_garbage_is_ignored_and_noted(text):
    """Shown in ASCII, and not at any length."""
    seconds, note = retry_after(text, NOW, 60.0)

    assert seconds is None
    assert note.startswith("Retry-After ")
    assert "ignored" in note
    assert note.isascii()
    assert len(note) < 300


def test_huge_digits_cost_nothing():
    """They are no time that anybody means."""
    seconds, note = retry_after("9" * 100_000, NOW, 60.0)

    assert seconds in (None, 60.0)
    assert len(note) < 300


@settings(deadline=None)
@given(
    st.one_of(
        st.text(max_size=60),
        st.text(alphabet="0123456789 ,:+-.eMarSunGMT/", max_size=40),
        st.builds(
            "{}, {:02} {} {} {}:{}:{} {}".format,
            st.sampled_from(["Sun", "Sunday", "", "x"]),
            st.integers(-1, 99),
            st.sampled_from(["Mar", "mar", "13", ""]),
            st.integers(-1, 100_000),
            st.integers(-1, 99),
            st.integers(-1, 99),
            st.one_of(st.integers(-1, 99), st.just("5.5")),
            st.sampled_from(["GMT", "+0800", "-0000", "+9999", "EST", "Z", "", "+", "-", "+1e5"]),
        ),
    )
)
def test_whatever_a_receiver_answers_it_is_a_time_within_the_cap_or_none(text):
    """And never an exception."""
    seconds, note = retry_after(text, NOW, 60.0)

    assert seconds is None or 0 <= seconds <= 60
    assert note.startswith("Retry-After ")
    assert note.isascii()

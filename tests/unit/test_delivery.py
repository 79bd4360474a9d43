"""Settled deliveries and the report on them."""

from __future__ import annotations

import pickle
from typing import Any

import pytest

from alarm_dispatch import Delivery, DeliveryStatus, DispatchReport, Verdict
from alarm_dispatch.errors import DispatchFailedError, MissingFieldError
from tests.unit.made import attempt, delivery

_MISSING = MissingFieldError("tencent", "region", "Target.region")


def report(*deliveries: Delivery) -> DispatchReport:
    """A report on these deliveries."""
    return DispatchReport(alarm_id="alarm-1", group="oncall", deliveries=deliveries)


@pytest.mark.parametrize(
    ("made", "outcome"),
    [
        (delivery("delivered", attempts=(attempt(verdict=Verdict.CONFIRMED),)), "delivered"),
        (
            delivery(attempts=(attempt(reason="status 500, not 200"),)),
            "rejected after 1 attempt: status 500, not 200",
        ),
        (
            delivery(attempts=(attempt(), attempt(2, Verdict.UNKNOWN, reason="timed out"))),
            "unknown after 2 attempts: timed out",
        ),
        (
            delivery(error=_MISSING),
            "MissingFieldError: format tencent must send 'region', but Target.region is not set",
        ),
        (delivery(attempts=(attempt(),), error=ValueError("broken")), "ValueError: broken"),
        (delivery(), "failed without an attempt"),
    ],
)
def test_the_outcome_says_why(made: Delivery, outcome: str) -> None:
    """An error of our own comes before the receiver's last answer."""
    assert made.outcome == outcome


def test_a_delivery_is_ok_when_it_is_delivered() -> None:
    """Its status is a word."""
    assert delivery("delivered").ok
    assert not delivery("failed").ok
    assert delivery("failed").status == "failed"
    assert [str(status) for status in DeliveryStatus] == ["delivered", "failed", "superseded"]


def test_errors_do_not_make_deliveries_differ() -> None:
    """Two exceptions are never equal, two outcomes may be."""
    assert delivery(error=ValueError("a")) == delivery(error=ValueError("a"))
    assert hash(delivery(error=ValueError("a"))) == hash(delivery())


def test_a_report_is_ok_when_all_deliveries_are() -> None:
    """Those that failed are in the group's order."""
    good, bad, worse = delivery("delivered"), delivery(id="d-2"), delivery(id="d-3")

    assert report(good).ok
    assert report(good).failed == ()
    assert not report(good, bad, worse).ok
    assert report(worse, good, bad).failed == (worse, bad)


def test_a_report_without_failures_raises_nothing() -> None:
    """There is nothing to tell."""
    report(delivery("delivered")).raise_for_failure()


@pytest.mark.parametrize("error", [_MISSING, None])
def test_a_failed_report_raises_with_the_first_cause(error: Any) -> None:
    """The exception has the whole report, and the first failed delivery's error as its cause."""
    made = report(delivery("delivered"), delivery(id="d-2", error=error), delivery(error=ValueError("x")))

    with pytest.raises(DispatchFailedError, match="2 of 3 deliveries failed: blueking https://ops") as caught:
        made.raise_for_failure()

    assert caught.value.report is made
    assert caught.value.__cause__ is error


def test_a_report_can_be_handed_to_another_process() -> None:
    """Pickled it is equal."""
    made = report(delivery(attempts=(attempt(),), error=ValueError("x")))

    assert pickle.loads(pickle.dumps(made)) == made

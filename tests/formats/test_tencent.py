"""Tencent's own rules, in the current format and in the older one."""

from __future__ import annotations

import json
from datetime import timedelta, timezone
from typing import Any

import attrs
import pytest

from alarm_dispatch.errors import InvalidFieldError, ParseError
from alarm_dispatch.formats import Dialect, tencent, tencent_legacy
from alarm_dispatch.model import Alarm, Repeat
from tests.formats.alarms import EVENT_ALARM, METRIC_ALARM, STARTED, changed, resolved
from tests.formats.samples import NOW, body, context

every_dialect = pytest.mark.parametrize("dialect", list(Dialect))
every_module = pytest.mark.parametrize("module", [tencent, tencent_legacy], ids=["current", "older"])

_THRESHOLD_KEYS = {
    "calcType",
    "calcValue",
    "calcUnit",
    "currentValue",
    "historyValue",
    "unit",
    "period",
    "periodNum",
    "alarmNotifyType",
    "alarmNotifyPeriod",
}


def times_of(sent: Any) -> Any:
    """The mapping that holds the three times, which the older document nests."""
    return sent if "firstOccurTime" in sent else sent["alarmPolicyInfo"]


@every_dialect
@every_module
def test_a_metric_without_a_threshold_leaves_its_keys_out(module: Any, dialect: Dialect) -> None:
    """Nothing about a threshold is sent, not even as null, though the alarm has a unit and a period."""
    condition = attrs.evolve(METRIC_ALARM.condition, operator=None, threshold=None)
    made = module.Format(dialect=dialect)

    built = made.build(attrs.evolve(METRIC_ALARM, condition=condition), context())

    conditions = body(built)["alarmPolicyInfo"]["conditions"]
    assert conditions == {"metricName": "usage", "metricShowName": "使用率"}
    assert not _THRESHOLD_KEYS & set(conditions)
    assert made.parse(built.content, built.content_type).alarmPolicyInfo.conditions.unit is None


@every_dialect
@pytest.mark.parametrize("alarm", [METRIC_ALARM, EVENT_ALARM], ids=["metric", "event"])
def test_a_product_without_regions_sends_no_region(alarm: Alarm, dialect: Dialect) -> None:
    """The key is absent, not null."""
    built = tencent.Format(dialect=dialect).build(changed(alarm, "target.region", None), context())

    assert "region" not in body(built)["alarmObjInfo"]


def test_the_documented_status_is_a_number_for_metrics_and_text_for_events() -> None:
    """Each sample keeps its own type, firing and resolved, and so does the period."""
    made = tencent.Format()

    sent = [
        body(made.build(alarm, context()))
        for alarm in (METRIC_ALARM, resolved(METRIC_ALARM), EVENT_ALARM, resolved(EVENT_ALARM))
    ]

    assert [one["alarmStatus"] for one in sent] == [1, 0, "1", "0"]
    assert sent[0]["alarmPolicyInfo"]["conditions"]["alarmNotifyPeriod"] == 300
    assert sent[2]["alarmPolicyInfo"]["conditions"]["alarmNotifyPeriod"] == "0"
    assert "durationTime" not in sent[2]
    assert "durationTime" not in sent[3]


@every_dialect
def test_a_closed_alarm_is_resolved(dialect: Dialect) -> None:
    """Tencent has no word for closed, and the alarm is over."""
    built = tencent.Format(dialect=dialect).build(resolved(METRIC_ALARM, state="closed"), context())

    assert str(body(built)["alarmStatus"]) == "0"


_COURSES = [
    ("documented", METRIC_ALARM, (600, "0")),
    ("documented", resolved(METRIC_ALARM), (90, "90")),
    ("documented", resolved(METRIC_ALARM, duration=77.9), (77, "77")),
    ("documented", resolved(METRIC_ALARM, duration=5, ended_at=None), (5, "5")),
    ("documented", resolved(METRIC_ALARM, ended_at=STARTED - timedelta(seconds=9)), (0, "0")),
    ("documented", attrs.evolve(METRIC_ALARM, started_at=NOW + timedelta(seconds=9)), (0, "0")),
    ("documented", attrs.evolve(METRIC_ALARM, duration=1.5), (1, "0")),
    ("observed", METRIC_ALARM, (600, "0")),
    ("observed", resolved(METRIC_ALARM), (90, "2026-01-31 19:51:30")),
    ("observed", resolved(METRIC_ALARM, duration=77.9), (77, "2026-01-31 19:51:30")),
]


@every_module
@pytest.mark.parametrize(("dialect", "alarm", "wanted"), _COURSES)
def test_duration_and_recovery_of_a_metric(
    module: Any, dialect: str, alarm: Alarm, wanted: tuple[int, str]
) -> None:
    """Whole seconds, never negative; the recovery is seconds in the document and a time as observed."""
    times = times_of(body(module.Format(dialect=dialect).build(alarm, context())))

    assert (times["durationTime"], times["recoverTime"]) == wanted


@pytest.mark.parametrize(
    ("dialect", "alarm", "wanted"),
    [
        ("documented", EVENT_ALARM, (None, "0")),
        ("documented", resolved(EVENT_ALARM), (None, "90")),
        ("observed", EVENT_ALARM, (600, "0")),
        ("observed", resolved(EVENT_ALARM), (90, "2026-01-31 19:51:30")),
        ("documented", changed(resolved(EVENT_ALARM), "condition.resolvable", False), (None, "0")),
        (
            "documented",
            changed(resolved(EVENT_ALARM, ended_at=None), "condition.resolvable", False),
            (None, "0"),
        ),
        ("observed", changed(resolved(EVENT_ALARM), "condition.resolvable", False), (90, "0")),
    ],
)
def test_duration_and_recovery_of_an_event(dialect: str, alarm: Alarm, wanted: tuple[Any, str]) -> None:
    """An event without a resolved state never has a recovery; only observed events have a duration."""
    sent = body(tencent.Format(dialect=dialect).build(alarm, context()))

    assert (sent.get("durationTime"), sent["recoverTime"]) == wanted


@pytest.mark.parametrize(
    ("repeat", "wanted"),
    [
        (Repeat("once"), ("singleAlarm", 0)),
        (Repeat("continuous", 300.0), ("continuousAlarm", 300)),
        (Repeat("exponential", 0.5), ("exponentialAlarm", 0.5)),
        (Repeat("exponential", 1e300), ("exponentialAlarm", 1e300)),
    ],
)
def test_how_an_alarm_is_repeated(repeat: Repeat, wanted: tuple[str, float]) -> None:
    """A metric's period is a number, an integer where it is whole; an event's is that number's text."""
    metric = body(tencent.Format().build(changed(METRIC_ALARM, "condition.repeat", repeat), context()))
    event = body(tencent.Format().build(changed(EVENT_ALARM, "condition.repeat", repeat), context()))

    of_metric = metric["alarmPolicyInfo"]["conditions"]
    of_event = event["alarmPolicyInfo"]["conditions"]
    assert (of_metric["alarmNotifyType"], of_metric["alarmNotifyPeriod"]) == wanted
    assert type(of_metric["alarmNotifyPeriod"]) is type(wanted[1])
    assert (of_event["alarmNotifyType"], of_event["alarmNotifyPeriod"]) == (wanted[0], repr(wanted[1]))


@pytest.mark.parametrize(
    ("number", "text"),
    [(90, "90"), (90.0, "90"), (-0.5, "-0.5"), (1e14, "100000000000000"), (1e15, "1000000000000000.0")],
)
def test_numbers_are_sent_as_text_without_an_idle_point(number: float, text: str) -> None:
    """A whole threshold looks like the samples', whatever the type it was given in."""
    sent = body(tencent.Format().build(changed(METRIC_ALARM, "condition.threshold", number), context()))

    assert sent["alarmPolicyInfo"]["conditions"]["calcValue"] == text


@every_module
@pytest.mark.parametrize(
    ("offset", "text"),
    [
        (0, "2026-01-31 11:50:00"),
        (-18_000, "2026-01-31 06:50:00"),
        (20_700.0, "2026-01-31 17:35:00"),
        (-0.5, "2026-01-31 11:49:59"),
    ],
)
def test_the_zone_of_the_times_is_an_option(module: Any, offset: float, text: str) -> None:
    """The offset is in seconds east of UTC."""
    sent = body(module.Format(utc_offset=offset).build(METRIC_ALARM, context()))

    assert times_of(sent)["firstOccurTime"] == text


@every_module
@pytest.mark.parametrize(
    "offset", [86_400, -86_400, 86_399.999_999_9, 1e300, float("nan"), "28800", True, None]
)
def test_an_offset_outside_of_a_day_is_refused(module: Any, offset: Any) -> None:
    """The format cannot be made with it, so that no delivery fails for it."""
    with pytest.raises(InvalidFieldError, match=r"Format\.utc_offset"):
        module.Format(utc_offset=offset)


def test_the_zone_of_the_alarm_does_not_show() -> None:
    """The same moment in another zone gives the same bytes."""
    moved = attrs.evolve(METRIC_ALARM, started_at=STARTED.astimezone(timezone(timedelta(minutes=345))))

    assert tencent.Format().build(moved, context()) == tencent.Format().build(METRIC_ALARM, context())


@pytest.mark.parametrize(
    ("level", "wanted"), [("info", "Remind"), ("warning", "Warn"), ("fatal", "Serious"), (None, None)]
)
def test_observed_levels(level: str | None, wanted: str | None) -> None:
    """The level is told in Tencent's words, and left out when there is none."""
    sent = body(tencent.Format(dialect="observed").build(changed(METRIC_ALARM, "level", level), context()))

    assert sent.get("alarmLevel") == wanted


def test_observed_extras_are_left_out_when_not_known() -> None:
    """Only the alarm's id is always known."""
    alarm = attrs.evolve(EVENT_ALARM, tenant=None, level=None, details={})
    for field, nothing in (("type_english_name", None), ("tags", ()), ("labels", {}), ("url", None)):
        alarm = changed(alarm, f"policy.{field}", nothing)

    sent = body(tencent.Format(dialect="observed").build(alarm, context()))

    documented = body(tencent.Format().build(alarm, context()))
    assert set(sent) - set(documented) == {"durationTime", "alertId"}
    assert sent["alarmObjInfo"] == documented["alarmObjInfo"]
    assert sent["alarmPolicyInfo"] == documented["alarmPolicyInfo"]


def test_a_tenant_without_account_numbers_sends_none() -> None:
    """``appId`` and ``uin`` are the cloud's own numbers; the tenant's id does not stand in for them."""
    alarm = changed(changed(METRIC_ALARM, "tenant.account_id", None), "tenant.application_id", None)

    sent = body(tencent.Format(dialect="observed").build(alarm, context()))

    assert not {"appId", "uin"} & set(sent["alarmObjInfo"])


@pytest.mark.parametrize("kind", [None, "log", 1])
def test_a_body_of_neither_kind_is_a_parse_error(kind: Any) -> None:
    """The kind of alarm decides the shape, so it must be one of the two."""
    with pytest.raises(ParseError) as caught:
        tencent.Format().parse(json.dumps({"alarmType": kind}).encode(), "application/json")

    assert caught.value.problems == (("$.alarmType", "must be 'metric' or 'event'"),)


def test_a_body_of_the_older_format_is_not_one_of_the_current() -> None:
    """The two formats are told apart by the alarm's kind, which the older one lacks."""
    built = tencent_legacy.Format().build(METRIC_ALARM, context())

    with pytest.raises(ParseError):
        tencent.Format().parse(built.content, built.content_type)

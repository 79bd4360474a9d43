"""How an alarm is told to people."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone, tzinfo
from typing import Any
from zoneinfo import ZoneInfo

import attrs
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from alarm_dispatch.errors import InvalidFieldError
from alarm_dispatch.formats.wording import (
    FactName,
    Language,
    as_language,
    as_zone,
    facts,
    headline,
    time_text,
)
from alarm_dispatch.model import (
    Alarm,
    AlarmState,
    DimensionLabel,
    EventCondition,
    MetricCondition,
    Policy,
    Target,
)
from tests.formats.alarms import EVENT_ALARM, METRIC_ALARM, STARTED, changed, resolved
from tests.formats.strategies import alarms, times

CHINA = timezone(timedelta(hours=8))
NOW = STARTED + timedelta(seconds=150)

BARE = Alarm(
    id="a",
    policy=Policy(id=1, name="ping"),
    condition=MetricCondition(metric="loss"),
    target=Target(),
    started_at=STARTED,
)


def told(alarm: Alarm, language: Language = Language.ENGLISH, zone: tzinfo = UTC) -> dict[str, str]:
    """The facts' values by their names."""
    return {fact.name.value: fact.value for fact in facts(alarm, NOW, language, zone)}


@pytest.mark.parametrize(
    ("alarm", "english", "chinese"),
    [
        (METRIC_ALARM, "[Fatal] Triggered: 内存使用率 — web-1", "[致命] 告警触发：内存使用率 — web-1"),
        (
            resolved(METRIC_ALARM),
            "[Fatal] Resolved: 内存使用率 — web-1",
            "[致命] 告警恢复：内存使用率 — web-1",
        ),
        (attrs.evolve(BARE, state="no_data"), "No data: ping", "告警无数据：ping"),
        (attrs.evolve(BARE, state="closed", level="info"), "[Info] Closed: ping", "[提醒] 告警关闭：ping"),
        (
            attrs.evolve(BARE, level="warning", target=Target(dimensions={"ip": "10.0.0.1", "port": 443})),
            "[Warning] Triggered: ping — 10.0.0.1, 443",
            "[预警] 告警触发：ping — 10.0.0.1, 443",
        ),
        (changed(BARE, "policy.name", ""), "Triggered: loss", "告警触发：loss"),
        (changed(EVENT_ALARM, "policy.name", "\n"), None, "[致命] 告警触发：ping不可达 — web-1"),
        (changed(BARE, "policy.name", "a\r\n\nb\u2028c  d"), "Triggered: a b c  d", None),
    ],
)
def test_the_headline_is_one_line(alarm: Alarm, english: str | None, chinese: str | None) -> None:
    """Level, state, policy and target, each only where the alarm has it."""
    assert headline(alarm, Language.ENGLISH) == (english or headline(alarm, Language.ENGLISH))
    assert headline(alarm, Language.CHINESE) == (chinese or headline(alarm, Language.CHINESE))


def test_the_facts_of_a_metric() -> None:
    """All that is known of it, in the order in which people ask, with labels of the language."""
    shown = [(fact.label, fact.value) for fact in facts(resolved(METRIC_ALARM), NOW, Language.ENGLISH, CHINA)]

    assert shown == [
        ("Level", "Fatal"),
        ("Policy", "内存使用率"),
        ("Metric", "使用率, 总量"),
        ("Value", "97.39%"),
        ("Threshold", "Average >= 95 percent (3 × 1 minute)"),
        ("Target", "web-1"),
        ("Dimensions", "目标IP=10.0.0.1, nodes=module|6, port=443"),
        ("Region", "广州"),
        ("Started", "2026-01-31 19:50:00 UTC+08:00"),
        ("Ended", "2026-01-31 19:51:30 UTC+08:00"),
        ("Lasted", "1 minute 30 seconds"),
        ("Description", "内存快满了"),
        ("Link", "https://console.example.com/policy/144"),
    ]


def test_the_facts_of_an_event_in_chinese() -> None:
    """An event has a product, no value and no threshold; one that goes on has not ended."""
    shown = [(fact.label, fact.value) for fact in facts(EVENT_ALARM, NOW, Language.CHINESE, UTC)]

    assert shown == [
        ("级别", "致命"),
        ("策略", "内存使用率"),
        ("事件", "ping不可达"),
        ("产品", "云服务器"),
        ("对象", "web-1"),
        ("维度", "目标IP=10.0.0.1, nodes=module|6, port=443"),
        ("地域", "广州"),
        ("开始时间", "2026-01-31 11:50:00 UTC"),
        ("持续时间", "2分钟30秒"),
        ("描述", "内存快满了"),
        ("链接", "https://console.example.com/policy/144"),
    ]


def test_what_the_alarm_does_not_have_is_left_out() -> None:
    """Nothing is invented, no label stands alone."""
    ended = attrs.evolve(BARE, state="resolved")

    assert told(BARE) == {
        "policy": "ping",
        "metric": "loss",
        "started": "2026-01-31 11:50:00 UTC",
        "lasted": "2 minutes 30 seconds",
    }
    assert "lasted" not in told(ended)
    assert "ended" not in told(ended)
    assert "product" not in told(attrs.evolve(BARE, condition=EventCondition(name="boot")))


@pytest.mark.parametrize(
    ("changes", "wanted"),
    [
        ({}, "97.39%"),
        ({"current_value": 5.0}, "5%"),
        ({"current_value": None}, "97.39%"),
        ({"current_value": None, "state": "resolved"}, None),
        ({"current_value": None, "state": "no_data"}, None),
        ({"current_value": None, "anomaly_records": ()}, None),
    ],
)
def test_the_value_is_what_the_metric_is_now(changes: dict[str, Any], wanted: str | None) -> None:
    """A recorded violation is told as the value only while the condition is violated."""
    assert told(attrs.evolve(METRIC_ALARM, **changes)).get("value") == wanted


@pytest.mark.parametrize(
    ("condition", "wanted"),
    [
        ({"operator": ">", "threshold": 5}, "> 5"),
        ({"operator": ">", "threshold": 5, "unit": "ms", "statistic": "max"}, "max > 5 ms"),
        ({"operator": ">", "threshold": 5, "unit": "%", "threshold_unit": ""}, "> 5"),
        ({"operator": ">", "threshold": 5, "periods": 2}, "> 5"),
        ({"operator": ">", "threshold": 5, "period": 60}, "> 5"),
        ({"operator": ">", "threshold": 5, "periods": 2, "period": 300.0}, "> 5 (2 × 5 minutes)"),
        ({"operator": ">", "threshold": 5, "periods": 2, "period": 0.5}, "> 5 (2 × 0.5 s)"),
        ({"operator": ">", "threshold": 5, "expression": "avg(x) > 5"}, "avg(x) > 5"),
        ({"statistic": "max"}, None),
    ],
)
def test_the_threshold_is_the_systems_own_rule_or_composed(
    condition: dict[str, Any], wanted: str | None
) -> None:
    """Statistic, operator, number and unit, and how often in a row where that is known."""
    alarm = attrs.evolve(BARE, condition=MetricCondition(metric="loss", **condition))

    assert told(alarm).get("threshold") == wanted


def test_dimensions_are_told_by_the_names_that_people_know() -> None:
    """Any JSON value has a text; labels replace key and value."""
    dimensions = {"ip": "x", "up": True, "none": None, "list": ["a", 1.0], "map": {"a": [1]}}
    label = DimensionLabel(key="ip", display_name="Address", display_value="10.0.0.1")
    alarm = attrs.evolve(BARE, target=Target(dimensions=dimensions, dimension_labels=[label]))

    assert told(alarm)["dimensions"] == 'Address=10.0.0.1, up=true, none=null, list=a/1, map={"a":[1]}'


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(alarms(), times(), st.sampled_from(Language))
def test_any_alarm_can_be_told(alarm: Alarm, now: datetime, language: Language) -> None:
    """Whatever it has or lacks, the headline is one line and no fact is empty or told twice."""
    told_facts = facts(alarm, now, language, CHINA)
    names = [fact.name for fact in told_facts]

    assert len(headline(alarm, language).splitlines()) == 1
    assert all(fact.label and fact.value for fact in told_facts)
    assert names == [name for name in FactName if name in names]


def test_every_state_and_level_has_words() -> None:
    """In each language, and different ones."""
    for language in Language:
        lines = {headline(attrs.evolve(BARE, state=state), language) for state in AlarmState}
        assert len(lines) == len(AlarmState)


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        ("UTC", "2026-01-31 11:50:00 UTC"),
        ("+08:00", "2026-01-31 19:50:00 UTC+08:00"),
        ("-03:30", "2026-01-31 08:20:00 UTC-03:30"),
        ("+00:00", "2026-01-31 11:50:00 UTC"),
        ("Asia/Shanghai", "2026-01-31 19:50:00 UTC+08:00"),
        (ZoneInfo("America/New_York"), "2026-01-31 06:50:00 UTC-05:00"),
    ],
)
def test_a_time_says_whose_clock_it_is(written: str | tzinfo, shown: str) -> None:
    """Zones are given by name, by offset or as an object."""
    assert time_text(STARTED, as_zone(written)) == shown


@pytest.mark.parametrize("wrong", ["", "+8", "+25:00", "Mars/Phobos", "../etc/passwd", "a\0b", None, 8])
def test_what_is_no_zone_is_refused(wrong: Any) -> None:
    """The error says what would be one."""
    with pytest.raises(InvalidFieldError, match=r'Format\.zone: .*"\+08:00"'):
        as_zone(wrong)


def test_an_unknown_language_is_refused() -> None:
    """The error names those that there are."""
    with pytest.raises(InvalidFieldError, match=r"Format\.language: is 'fr'; allowed are: zh, en"):
        as_language("fr")

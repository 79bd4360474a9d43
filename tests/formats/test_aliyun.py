"""Alibaba's own rules: states, levels, expression, dimensions, duration text, signature."""

from __future__ import annotations

import functools
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qsl

import attrs
import pytest

from alarm_dispatch.errors import InvalidFieldError
from alarm_dispatch.formats import aliyun
from alarm_dispatch.formats.wording.words import Language, lasting_text
from alarm_dispatch.model import Alarm
from tests.formats.alarms import METRIC_ALARM, STARTED, changed, resolved
from tests.formats.samples import context


def sent(alarm: Alarm, /, **options: Any) -> dict[str, str]:
    """The parameters that the format builds for the alarm."""
    content = aliyun.Format(**options).build(alarm, context()).content
    return dict(parse_qsl(content.decode("ascii"), keep_blank_values=True, strict_parsing=True))


_DOCUMENTED = [
    "expression",
    "metricName",
    "instanceName",
    "metricProject",
    "userId",
    "curValue",
    "alertName",
    "namespace",
    "triggerLevel",
    "alertState",
    "preTriggerLevel",
    "ruleId",
    "dimensions",
    "timestamp",
]
_OBSERVED = [
    *_DOCUMENTED[:3],
    "signature",
    *_DOCUMENTED[3:],
    "lastTime",
    "rawMetricName",
    "transId",
    "groupId",
    "productGroupName",
    "regionName",
    "regionId",
    "unit",
]


def test_the_documented_form_has_the_parameters_of_the_table() -> None:
    """14 parameters in the sample's order, and no signature without a signer."""
    assert list(sent(METRIC_ALARM)) == _DOCUMENTED


def test_the_observed_form_has_its_23_parameters_always() -> None:
    """The order is the same whatever is known."""
    assert list(sent(METRIC_ALARM, dialect="observed")) == _OBSERVED
    bare = changed(attrs.evolve(METRIC_ALARM, tenant=None, level=None), "target.name", None)
    assert list(sent(bare, dialect="observed")) == _OBSERVED


@pytest.mark.parametrize("dialect", ["documented", "observed"])
@pytest.mark.parametrize(
    ("state", "wanted"),
    [("triggered", "ALERT"), ("resolved", "OK"), ("closed", "OK"), ("no_data", "INSUFFICIENT_DATA")],
)
def test_states(dialect: str, state: str, wanted: str) -> None:
    """The state is one of the document's three."""
    assert sent(attrs.evolve(METRIC_ALARM, state=state), dialect=dialect)["alertState"] == wanted


@pytest.mark.parametrize(("level", "wanted"), [("fatal", "CRITICAL"), ("warning", "WARN"), ("info", "INFO")])
def test_levels(level: str, wanted: str) -> None:
    """Both levels are in Alibaba's words."""
    parameters = sent(attrs.evolve(METRIC_ALARM, level=level, previous_level=level))

    assert (parameters["triggerLevel"], parameters["preTriggerLevel"]) == (wanted, wanted)


@pytest.mark.parametrize(
    ("dialect", "changes", "wanted"),
    [
        ("documented", {}, ("CRITICAL", "WARN")),
        ("observed", {}, ("OK", "CRITICAL")),
        ("observed", {"level": None}, ("OK", "WARN")),
        ("observed", {"level": None, "previous_level": None}, ("OK", "null")),
    ],
)
def test_levels_of_a_recovery(dialect: str, changes: Any, wanted: tuple[str, str]) -> None:
    """Real senders put OK as the level of a recovery and the old level beside it."""
    parameters = sent(resolved(METRIC_ALARM, **changes), dialect=dialect)

    assert (parameters["triggerLevel"], parameters["preTriggerLevel"]) == wanted


@pytest.mark.parametrize(
    ("changes", "wanted"),
    [
        ({}, "$Average>=95"),
        ({"expression": "max over 3 minutes"}, "max over 3 minutes"),
        ({"expression": ""}, ""),
        ({"expression": "", "statistic": None}, ""),
        ({"operator": "<", "threshold": 0.5}, "$Average<0.5"),
    ],
)
def test_the_rule_in_its_own_words_comes_first(changes: Any, wanted: str) -> None:
    """Without an expression one is composed as the sample shows it."""
    condition = attrs.evolve(METRIC_ALARM.condition, **changes)

    assert sent(attrs.evolve(METRIC_ALARM, condition=condition))["expression"] == wanted


def test_dimensions_are_one_text() -> None:
    """Text stands as it is, anything else as compact JSON."""
    dimensions = {"a": "x=y, z", "b": 1.5, "c": None, "d": True, "e": ["值", {"f": 2}]}

    parameters = sent(changed(METRIC_ALARM, "target.dimensions", dimensions))

    assert parameters["dimensions"] == '{a=x=y, z, b=1.5, c=null, d=true, e=["值",{"f":2}]}'


@pytest.mark.parametrize(("dialect", "wanted"), [("documented", "1769860201"), ("observed", "1769860201500")])
def test_the_timestamp_is_of_the_evaluation(dialect: str, wanted: str) -> None:
    """Seconds in the document, milliseconds as observed, both rounded down."""
    alarm = attrs.evolve(METRIC_ALARM, evaluated_at=STARTED + timedelta(seconds=1, microseconds=500_999))

    assert sent(alarm, dialect=dialect)["timestamp"] == wanted


def test_without_an_evaluation_the_timestamp_is_the_start() -> None:
    """The start is when the alert was triggered."""
    assert sent(attrs.evolve(METRIC_ALARM, evaluated_at=None))["timestamp"] == "1769860200"


def test_observed_values_fall_back_before_null() -> None:
    """The metric's name stands in for its id; an end that nobody knows has no duration."""
    alarm = changed(resolved(METRIC_ALARM, ended_at=None), "condition.metric.id", None)

    parameters = sent(alarm, dialect="observed")

    assert (parameters["rawMetricName"], parameters["lastTime"]) == ("usage", "null")


@pytest.mark.parametrize(
    ("seconds", "chinese", "english"),
    [
        (0, "0秒", "0 seconds"),
        (1, "1秒", "1 second"),
        (59, "59秒", "59 seconds"),
        (120, "2分钟", "2 minutes"),
        (125, "2分钟5秒", "2 minutes 5 seconds"),
        (3_600, "1小时", "1 hour"),
        (3_605, "1小时", "1 hour"),
        (3_660, "1小时1分钟", "1 hour 1 minute"),
        (90_061, "1天1小时", "1 day 1 hour"),
        (86_400 * 400, "400天", "400 days"),
    ],
)
def test_the_duration_in_words(seconds: int, chinese: str, english: str) -> None:
    """At most the largest unit and the one below it."""
    assert lasting_text(seconds, Language.CHINESE) == chinese
    assert lasting_text(seconds, Language.ENGLISH) == english


def test_the_language_of_the_duration_is_an_option() -> None:
    """English on request, and nothing but the two languages."""
    assert sent(METRIC_ALARM, dialect="observed", language="en")["lastTime"] == "10 minutes"
    with pytest.raises(InvalidFieldError, match=r"Format\.language: .*zh, en"):
        aliyun.Format(language="fr")


def test_the_observed_signer_sees_all_but_the_signature() -> None:
    """It gets 22 parameters in order, and its text stands after the instance's name."""
    seen: list[tuple[tuple[str, str], ...]] = []

    def signer(parameters: tuple[tuple[str, str], ...]) -> str:
        seen.append(parameters)
        return "sig=="

    parameters = sent(METRIC_ALARM, dialect="observed", signer=signer)

    assert parameters.pop("signature") == "sig=="
    assert seen == [tuple(parameters.items())]


def _sign_with(key: str, parameters: tuple[tuple[str, str], ...]) -> str:
    return f"{len(key)}-{len(parameters)}"


def test_the_key_of_a_signer_is_not_shown() -> None:
    """A signer may be a partial that would show its key in the repr."""
    made = aliyun.Format(signer=functools.partial(_sign_with, "hunter2"))

    assert "hunter2" not in repr(made)


def test_a_signer_must_be_callable() -> None:
    """A key alone signs nothing."""
    with pytest.raises(InvalidFieldError, match=r"Format\.signer: must be callable"):
        aliyun.Format(signer="hunter2")

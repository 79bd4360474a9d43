"""How an alarm is told to people: a headline and facts, in no vendor's syntax."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, tzinfo

from attrs import frozen

from alarm_dispatch.formats.fields import json_text, number_text, seconds_lasted
from alarm_dispatch.formats.wording.words import LABELS, LEVELS, STATES, FactName, Language, lasting_text
from alarm_dispatch.formats.wording.zones import time_text
from alarm_dispatch.model import Alarm, Metric, MetricCondition, Target
from alarm_dispatch.states import AlarmState
from alarm_dispatch.values import JsonValue, Number

__all__ = ["Fact", "facts", "headline", "state_text"]


@frozen
class Fact:
    """One thing that is known of an alarm: how the language calls it, what it is, and which it is.

    The value is the alarm's own text, line breaks and all; who puts it into markup escapes it.
    """

    label: str
    value: str
    name: FactName


def headline(alarm: Alarm, language: Language) -> str:
    """One line, such as ``[Fatal] Triggered: memory usage — web-1``.

    It tells the level, the state, the policy and the target's name, or its dimensions; what the alarm does
    not have is left out.
    """
    level = "" if alarm.level is None else f"[{LEVELS[language][alarm.level]}] "
    what = _one_line(alarm.policy.name) or _one_line(_condition_name(alarm))
    target = _one_line(alarm.target.name or _dimensions(alarm.target, keys=False))
    colon = "：" if language is Language.CHINESE else ": "
    return f"{level}{state_text(alarm, language)}{colon}{what}{f' — {target}' if target else ''}"


def state_text(alarm: Alarm, language: Language) -> str:
    """What the alarm is now, in a word or two."""
    return STATES[language][alarm.state]


def facts(alarm: Alarm, now: datetime, language: Language, zone: tzinfo) -> tuple[Fact, ...]:
    """What is known of the alarm, in the order in which people ask; what is not known is not there.

    ``now`` is the aware time of the sending, to which an alarm lasts that has not ended.
    """
    labels = LABELS[language]
    return tuple(
        Fact(labels[name], value, name) for name, value in _values(alarm, now, language, zone) if value
    )


def _values(
    alarm: Alarm, now: datetime, language: Language, zone: tzinfo
) -> Iterator[tuple[FactName, str | None]]:
    target = alarm.target
    yield FactName.LEVEL, None if alarm.level is None else LEVELS[language][alarm.level]
    yield FactName.POLICY, alarm.policy.name
    yield from _condition(alarm, language)
    yield FactName.TARGET, target.name
    yield FactName.DIMENSIONS, _dimensions(target)
    yield FactName.REGION, target.region_name or target.region
    yield FactName.STARTED, time_text(alarm.started_at, zone)
    yield FactName.ENDED, None if alarm.ended_at is None else time_text(alarm.ended_at, zone)
    lasted = seconds_lasted(alarm, now)
    yield FactName.LASTED, None if lasted is None else lasting_text(lasted, language)
    yield FactName.DESCRIPTION, alarm.description
    yield FactName.LINK, alarm.policy.url


def _condition(alarm: Alarm, language: Language) -> Iterator[tuple[FactName, str | None]]:
    condition = alarm.condition
    if not isinstance(condition, MetricCondition):
        yield FactName.EVENT, condition.display_name or condition.name
        yield FactName.PRODUCT, condition.product_display_name or condition.product
        return
    yield FactName.METRIC, ", ".join(map(_metric_name, (condition.metric, *condition.other_metrics)))
    value = _current_value(alarm)
    yield FactName.VALUE, None if value is None else _with_unit(value, condition.unit)
    yield FactName.THRESHOLD, _threshold(condition, language)


def _condition_name(alarm: Alarm) -> str:
    condition = alarm.condition
    if isinstance(condition, MetricCondition):
        return _metric_name(condition.metric)
    return condition.display_name or condition.name


def _metric_name(metric: Metric) -> str:
    return metric.display_name or metric.name


def _current_value(alarm: Alarm) -> Number | None:
    """What the metric is now; the last violating value is that only while the condition is violated."""
    record = alarm.latest_anomaly_record
    if alarm.current_value is not None or record is None or alarm.state is not AlarmState.TRIGGERED:
        return alarm.current_value
    return record.value


def _with_unit(value: Number, unit: str | None) -> str:
    number = number_text(value)
    if not unit:
        return number
    return f"{number}{unit}" if unit in {"%", "‰"} else f"{number} {unit}"


def _threshold(condition: MetricCondition, language: Language) -> str | None:
    """The rule in the monitoring system's own words, else composed: ``Average >= 95% (3 × 1 minute)``."""
    if condition.expression:
        return condition.expression
    if condition.operator is None or condition.threshold is None:
        return None
    unit = condition.unit if condition.threshold_unit is None else condition.threshold_unit
    words = (condition.statistic, condition.operator, _with_unit(condition.threshold, unit))
    rule = " ".join(word for word in words if word)
    if not condition.period or not condition.periods:
        return rule
    period = number_text(condition.period)
    # A period of a fraction of a second has no words of its own.
    told = lasting_text(int(period), language) if period.isdigit() else f"{period} s"
    return f"{rule} ({condition.periods} × {told})"


def _dimensions(target: Target, *, keys: bool = True) -> str:
    """``IP=10.0.0.1, port=443``, by the names that people know them by."""
    labels = {label.key: label for label in target.dimension_labels}
    shown = []
    for key, value in target.dimensions.items():
        label = labels.get(key)
        text = label.display_value if label else _value_text(value)
        shown.append(f"{label.display_name if label else key}={text}" if keys else text)
    return ", ".join(shown)


def _value_text(value: JsonValue) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, int | float) and not isinstance(value, bool):
        return number_text(value)
    if isinstance(value, tuple):
        return "/".join(map(_value_text, value))
    return json_text(value if value is None or isinstance(value, bool) else value.thaw())


def _one_line(text: str) -> str:
    # Not split() alone: its blanks are those within a line too, which may be meant.
    return " ".join(line for line in text.splitlines() if line)

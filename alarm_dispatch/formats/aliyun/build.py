"""Which of the alarm's values goes where in Alibaba's form."""

from __future__ import annotations

from datetime import datetime

from alarm_dispatch.formats.aliyun import wire
from alarm_dispatch.formats.fields import (
    epoch_milliseconds,
    epoch_seconds,
    json_text,
    metric_condition,
    number_text,
    required,
    seconds_lasted,
    threshold_text,
)
from alarm_dispatch.formats.wording.words import Language, lasting_text
from alarm_dispatch.model import Alarm, AlarmState, Level, MetricCondition
from alarm_dispatch.values import JsonObject

__all__ = ["NAME", "NULL", "documented", "observed"]

NAME = "aliyun"

NULL = "null"
"""The text that the observed senders put where they have no value."""

_STATES = {
    AlarmState.TRIGGERED: "ALERT",
    AlarmState.RESOLVED: "OK",
    AlarmState.CLOSED: "OK",
    AlarmState.NO_DATA: "INSUFFICIENT_DATA",
}

_LEVELS = {Level.FATAL: "CRITICAL", Level.WARNING: "WARN", Level.INFO: "INFO"}

_MODEL_FIELDS = {
    "expression": "alarm.condition.expression",
    "instanceName": "alarm.target.name",
    "metricProject": "alarm.target.namespace",
    "userId": "alarm.tenant",
    "curValue": "alarm.current_value",
    "namespace": "alarm.target.namespace",
    "triggerLevel": "alarm.level",
    "preTriggerLevel": "alarm.previous_level",
}


def documented(alarm: Alarm) -> wire.Notice:
    """The parameters of the document's table, none of which may be absent."""
    return wire.Notice(
        **{
            key: value if value is not None else required(value, NAME, key, _MODEL_FIELDS[key])
            for key, value in _known(alarm, metric_condition(alarm, NAME)).items()
        },
        timestamp=str(epoch_seconds(_evaluated(alarm))),
    )


def observed(alarm: Alarm, now: datetime, language: Language) -> wire.Notice:
    """All parameters that the real senders put, with the text ``null`` for a value that is not known."""
    condition = metric_condition(alarm, NAME)
    known = _known(alarm, condition)
    if alarm.state.ended:
        known["triggerLevel"] = "OK"
        known["preTriggerLevel"] = _level(alarm.level or alarm.previous_level)
    seconds = seconds_lasted(alarm, now)
    target = alarm.target
    known |= {
        "lastTime": None if seconds is None else lasting_text(seconds, language),
        "rawMetricName": condition.metric.id or condition.metric.name,
        "transId": alarm.id,
        "groupId": None if target.group_id is None else str(target.group_id),
        "productGroupName": target.group_name,
        "regionName": target.region_name,
        "regionId": target.region,
        "unit": condition.unit,
    }
    return wire.Notice(
        **{key: NULL if value is None else value for key, value in known.items()},
        timestamp=str(epoch_milliseconds(_evaluated(alarm))),
    )


def _known(alarm: Alarm, condition: MetricCondition) -> dict[str, str | None]:
    """The document's parameters but the timestamp, None where the alarm lacks the value."""
    rule = threshold_text(condition)
    return {
        "expression": condition.expression
        if condition.expression is not None or rule is None
        else f"${rule}",
        "metricName": condition.metric.name,
        "instanceName": alarm.target.name,
        "metricProject": alarm.target.namespace,
        "userId": None if alarm.tenant is None else str(alarm.tenant.id),
        "curValue": None if alarm.current_value is None else number_text(alarm.current_value),
        "alertName": alarm.policy.name,
        "namespace": alarm.target.namespace,
        "triggerLevel": _level(alarm.level),
        "alertState": _STATES[alarm.state],
        "preTriggerLevel": _level(alarm.previous_level),
        "ruleId": str(alarm.policy.id),
        "dimensions": _dimensions_text(alarm.target.dimensions),
    }


def _level(level: Level | None) -> str | None:
    return None if level is None else _LEVELS[level]


def _dimensions_text(dimensions: JsonObject) -> str:
    shown = (
        f"{key}={value if isinstance(value, str) else json_text(value)}"
        for key, value in dimensions.thaw().items()
    )
    return f"{{{', '.join(shown)}}}"


def _evaluated(alarm: Alarm) -> datetime:
    return alarm.evaluated_at or alarm.started_at

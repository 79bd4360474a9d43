"""How the alarm's values become those of Tencent's bodies, the current one and the older alike."""

from __future__ import annotations

from datetime import timedelta, timezone, tzinfo
from typing import Any, TypeVar

from alarm_dispatch.errors import InvalidFieldError, MissingFieldError, UnsupportedAlarmError
from alarm_dispatch.formats.base import BuildContext
from alarm_dispatch.formats.fields import (
    local_text,
    number_text,
    plain_number,
    present,
    required,
    seconds_lasted,
)
from alarm_dispatch.model import Alarm, AlarmState, MetricCondition, RepeatMode
from alarm_dispatch.values import check_number

__all__ = [
    "CHINA_OFFSET",
    "NOTIFY_TYPES",
    "check_offset",
    "duration",
    "metric_conditions",
    "metric_object",
    "policy_type",
    "recovery",
    "status",
    "zone_of",
]

_T = TypeVar("_T")

CHINA_OFFSET = 28_800.0
"""UTC+8 in seconds, the zone of every time in Tencent's samples."""

_DAY = timedelta(days=1)

_STATUS = {AlarmState.TRIGGERED: 1, AlarmState.RESOLVED: 0, AlarmState.CLOSED: 0}

NOTIFY_TYPES = {
    RepeatMode.ONCE: "singleAlarm",
    RepeatMode.CONTINUOUS: "continuousAlarm",
    RepeatMode.EXPONENTIAL: "exponentialAlarm",
}


def check_offset(value: float) -> float:
    """``value`` when it is an offset in seconds within 24 hours, else InvalidFieldError."""
    field = "Format.utc_offset"
    # Compared as a timedelta, because rounding to microseconds can still reach the whole day.
    if abs(check_number(value, field)) > _DAY.total_seconds() or abs(timedelta(seconds=value)) >= _DAY:
        raise InvalidFieldError(field, f"must be less than 24 hours from UTC in seconds, not {value!r}")
    return value


def zone_of(utc_offset: float) -> timezone:
    """The zone that many seconds east of UTC."""
    return timezone(timedelta(seconds=utc_offset))


def status(alarm: Alarm, name: str) -> int:
    """1 while the alarm goes on, 0 when it is over; UnsupportedAlarmError when there are no data."""
    try:
        return _STATUS[alarm.state]
    except KeyError:
        raise UnsupportedAlarmError(name, "has no status for an alarm without data") from None


def policy_type(alarm: Alarm, name: str) -> str:
    """The policy's type, which both bodies must have."""
    return required(alarm.policy.type, name, "alarmPolicyInfo.policyType", "alarm.policy.type")


def metric_object(
    alarm: Alarm, name: str, *, application_id: str | None = None, account_id: str | None = None
) -> dict[str, Any]:
    """What the metric alarm is about; the region is left out for a product without regions."""
    return present(
        {
            "region": alarm.target.region,
            "namespace": required(
                alarm.target.namespace, name, "alarmObjInfo.namespace", "alarm.target.namespace"
            ),
            "appId": application_id,
            "uin": account_id,
            "dimensions": alarm.target.dimensions,
        },
        "region",
        "appId",
        "uin",
    )


def metric_conditions(
    alarm: Alarm, condition: MetricCondition, name: str, *, observed: bool = False
) -> dict[str, Any]:
    """The metric against its threshold; for a metric without one, its names alone."""
    shown = _set(condition.metric.display_name, name, "metricShowName", "metric.display_name")
    if condition.operator is None or condition.threshold is None:
        return {"metricName": condition.metric.name, "metricShowName": shown}
    repeat = _set(condition.repeat, name, "alarmNotifyType", "repeat")
    current = required(
        alarm.current_value, name, "alarmPolicyInfo.conditions.currentValue", "alarm.current_value"
    )
    previous = alarm.previous_value if observed else None
    return present(
        {
            "metricName": condition.metric.name,
            "metricShowName": shown,
            "calcType": condition.operator,
            "calcValue": number_text(condition.threshold),
            "calcUnit": condition.threshold_unit if observed else None,
            "currentValue": number_text(current),
            "historyValue": None if previous is None else number_text(previous),
            "unit": _set(condition.unit, name, "unit", "unit"),
            "period": number_text(_set(condition.period, name, "period", "period")),
            "periodNum": number_text(_set(condition.periods, name, "periodNum", "periods")),
            "alarmNotifyType": NOTIFY_TYPES[repeat.mode],
            "alarmNotifyPeriod": plain_number(repeat.period),
        },
        "calcUnit",
        "historyValue",
    )


def _set(value: _T | None, name: str, wire_key: str, model_field: str) -> _T:
    # The paths are put together only when they are told: this runs for every alarm, six times.
    if value is None:
        raise MissingFieldError(
            name, f"alarmPolicyInfo.conditions.{wire_key}", f"alarm.condition.{model_field}"
        )
    return value


def duration(alarm: Alarm, context: BuildContext, name: str, wire_field: str) -> int:
    """Seconds from the first trigger to the end, or to this sending while the alarm goes on."""
    return required(seconds_lasted(alarm, context.now), name, wire_field, "alarm.ended_at")


def recovery(
    alarm: Alarm, context: BuildContext, zone: tzinfo, name: str, wire_field: str, *, observed: bool
) -> str:
    """The text "0" while the alarm goes on, then how it was recovered.

    The documents call that the seconds it took; every observed sender puts the local time instead.
    """
    if not alarm.state.ended:
        return "0"
    if observed:
        return local_text(required(alarm.ended_at, name, wire_field, "alarm.ended_at"), zone)
    return str(duration(alarm, context, name, wire_field))

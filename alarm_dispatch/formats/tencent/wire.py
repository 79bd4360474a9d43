# ruff: noqa: N815 - the attributes are the vendor's own keys, that is the point of wire classes
"""What Tencent's callback body looks like, key for key."""

from __future__ import annotations

from typing import Any

from attrs import define

from alarm_dispatch.formats.fields import wire_converter

__all__ = [
    "EventAlarm",
    "EventConditions",
    "EventObject",
    "EventPolicy",
    "KeyValue",
    "MetricAlarm",
    "MetricConditions",
    "MetricObject",
    "MetricPolicy",
    "converter",
]


@define(kw_only=True)
class KeyValue:
    """One entry of a list of named values."""

    key: str
    value: Any


@define(kw_only=True)
class MetricObject:
    """What a metric alarm is about."""

    region: str | None = None
    namespace: str
    appId: str | None = None
    uin: str | None = None
    dimensions: dict[str, Any]


@define(kw_only=True)
class EventObject:
    """What an event alarm is about; events have no namespace."""

    region: str | None = None
    appId: str | None = None
    uin: str | None = None
    dimensions: dict[str, Any]


@define(kw_only=True)
class MetricConditions:
    """The metric and its threshold; all but the two names are absent for a metric without one."""

    metricName: str
    metricShowName: str
    calcType: str | None = None
    calcValue: str | None = None
    calcUnit: str | None = None
    currentValue: str | None = None
    historyValue: str | None = None
    unit: str | None = None
    period: str | None = None
    periodNum: str | None = None
    alarmNotifyType: str | None = None
    alarmNotifyPeriod: float | None = None


@define(kw_only=True)
class EventConditions:
    """The event; its period is text where that of a metric is a number."""

    productName: str
    productShowName: str
    eventName: str
    eventShowName: str
    alarmNotifyType: str
    alarmNotifyPeriod: str


@define(kw_only=True)
class MetricPolicy:
    """The policy of a metric alarm."""

    policyId: str
    policyType: str
    policyName: str
    policyTypeCName: str
    policyTypeEname: str | None = None
    conditions: MetricConditions
    tag: list[str] | None = None
    policyTags: list[KeyValue] | None = None


@define(kw_only=True)
class EventPolicy:
    """The policy of an event alarm: the same in the other order."""

    policyId: str
    policyType: str
    policyName: str
    conditions: EventConditions
    policyTypeCName: str
    policyTypeEname: str | None = None
    tag: list[str] | None = None
    policyTags: list[KeyValue] | None = None


@define(kw_only=True)
class MetricAlarm:
    """The whole body of a metric alarm; ``durationTime`` is in seconds."""

    sessionId: str
    alarmStatus: int | str
    alarmType: str
    alarmObjInfo: MetricObject
    alarmPolicyInfo: MetricPolicy
    firstOccurTime: str
    durationTime: int
    recoverTime: str
    alertId: str | None = None
    alarmLevel: str | None = None
    policyDetailURL: str | None = None


@define(kw_only=True)
class EventAlarm:
    """The whole body of an event alarm; ``durationTime`` is in seconds and absent in the document."""

    sessionId: str
    alarmStatus: int | str
    alarmType: str
    alarmObjInfo: EventObject
    alarmPolicyInfo: EventPolicy
    firstOccurTime: str
    durationTime: int | None = None
    recoverTime: str
    alertId: str | None = None
    alarmLevel: str | None = None
    policyDetailURL: str | None = None
    additionalMsg: list[KeyValue] | None = None


converter = wire_converter()

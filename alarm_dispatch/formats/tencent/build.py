"""Which of the alarm's values goes where in Tencent's current body."""

from __future__ import annotations

from datetime import tzinfo

from attrs import frozen

from alarm_dispatch.formats.base import BuildContext
from alarm_dispatch.formats.fields import local_text, number_text, required
from alarm_dispatch.formats.tencent import wire
from alarm_dispatch.formats.tencent.parts import (
    NOTIFY_TYPES,
    duration,
    metric_conditions,
    metric_object,
    policy_type,
    recovery,
    status,
)
from alarm_dispatch.model import Alarm, EventCondition, Level, MetricCondition
from alarm_dispatch.values import JsonObject

__all__ = ["NAME", "event_alarm", "metric_alarm"]

NAME = "tencent"

_LEVELS = {Level.INFO: "Remind", Level.WARNING: "Warn", Level.FATAL: "Serious"}


def metric_alarm(
    alarm: Alarm, condition: MetricCondition, context: BuildContext, zone: tzinfo, *, observed: bool
) -> wire.MetricAlarm:
    """The body of a metric alarm, whose status is a number in the document and text as observed."""
    code = status(alarm, NAME)
    extras = _observed_extras(alarm) if observed else _NO_EXTRAS
    return wire.MetricAlarm(
        sessionId=context.session_id,
        alarmStatus=str(code) if observed else code,
        alarmType="metric",
        alarmObjInfo=metric_object(
            alarm, NAME, application_id=extras.application_id, account_id=extras.account_id
        ),
        alarmPolicyInfo=wire.MetricPolicy(
            policyId=str(alarm.policy.id),
            policyType=policy_type(alarm, NAME),
            policyName=alarm.policy.name,
            policyTypeCName=_policy_type_name(alarm),
            policyTypeEname=extras.policy_type_name,
            conditions=metric_conditions(alarm, condition, NAME, observed=observed),
            tag=extras.tags,
            policyTags=extras.labels,
        ),
        firstOccurTime=local_text(alarm.started_at, zone),
        durationTime=duration(alarm, context, NAME, "durationTime"),
        recoverTime=recovery(alarm, context, zone, NAME, "recoverTime", observed=observed),
        alertId=extras.alert_id,
        alarmLevel=extras.level,
        policyDetailURL=extras.policy_url,
    )


def event_alarm(
    alarm: Alarm, condition: EventCondition, context: BuildContext, zone: tzinfo, *, observed: bool
) -> wire.EventAlarm:
    """The body of an event alarm, whose status is text and whose duration only the observed senders tell."""
    code = status(alarm, NAME)
    extras = _observed_extras(alarm) if observed else _NO_EXTRAS
    return wire.EventAlarm(
        sessionId=context.session_id,
        alarmStatus=str(code),
        alarmType="event",
        alarmObjInfo=wire.EventObject(
            region=alarm.target.region,
            appId=extras.application_id,
            uin=extras.account_id,
            dimensions=alarm.target.dimensions.thaw(),
        ),
        alarmPolicyInfo=wire.EventPolicy(
            policyId=str(alarm.policy.id),
            policyType=policy_type(alarm, NAME),
            policyName=alarm.policy.name,
            conditions=_event_conditions(condition),
            policyTypeCName=_policy_type_name(alarm),
            policyTypeEname=extras.policy_type_name,
            tag=extras.tags,
            policyTags=extras.labels,
        ),
        firstOccurTime=local_text(alarm.started_at, zone),
        durationTime=duration(alarm, context, NAME, "durationTime") if observed else None,
        recoverTime=recovery(alarm, context, zone, NAME, "recoverTime", observed=observed)
        if condition.resolvable
        else "0",
        alertId=extras.alert_id,
        alarmLevel=extras.level,
        policyDetailURL=extras.policy_url,
        additionalMsg=_named_values(alarm.details) if observed else None,
    )


@frozen(kw_only=True)
class _Extras:
    """What both kinds of alarm have beyond the document, each None where it is not known."""

    application_id: str | None = None
    account_id: str | None = None
    policy_type_name: str | None = None
    tags: list[str] | None = None
    labels: list[wire.KeyValue] | None = None
    alert_id: str | None = None
    level: str | None = None
    policy_url: str | None = None


_NO_EXTRAS = _Extras()


def _observed_extras(alarm: Alarm) -> _Extras:
    tenant, policy = alarm.tenant, alarm.policy
    return _Extras(
        application_id=None if tenant is None else _id_text(tenant.application_id),
        account_id=None if tenant is None else _id_text(tenant.account_id),
        policy_type_name=policy.type_english_name,
        tags=list(policy.tags) or None,
        labels=_named_values(policy.labels),
        alert_id=alarm.id,
        level=None if alarm.level is None else _LEVELS[alarm.level],
        policy_url=policy.url,
    )


def _id_text(value: int | str | None) -> str | None:
    return None if value is None else str(value)


def _named_values(values: JsonObject) -> list[wire.KeyValue] | None:
    return [wire.KeyValue(key=key, value=value) for key, value in values.thaw().items()] or None


def _policy_type_name(alarm: Alarm) -> str:
    return required(alarm.policy.type_name, NAME, "alarmPolicyInfo.policyTypeCName", "alarm.policy.type_name")


def _event_conditions(condition: EventCondition) -> wire.EventConditions:
    at = "alarmPolicyInfo.conditions"
    repeat = required(condition.repeat, NAME, f"{at}.alarmNotifyType", "alarm.condition.repeat")
    return wire.EventConditions(
        productName=required(condition.product, NAME, f"{at}.productName", "alarm.condition.product"),
        productShowName=required(
            condition.product_display_name,
            NAME,
            f"{at}.productShowName",
            "alarm.condition.product_display_name",
        ),
        eventName=condition.name,
        eventShowName=required(
            condition.display_name, NAME, f"{at}.eventShowName", "alarm.condition.display_name"
        ),
        alarmNotifyType=NOTIFY_TYPES[repeat.mode],
        alarmNotifyPeriod=number_text(repeat.period),
    )

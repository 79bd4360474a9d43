"""Which of the alarm's values goes where in Tencent's current body, whose shape wire.py tells."""

from __future__ import annotations

from datetime import tzinfo
from typing import Any

from alarm_dispatch.formats.base import BuildContext
from alarm_dispatch.formats.fields import local_text, number_text, present, required
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
) -> dict[str, Any]:
    """The body of a metric alarm, whose status is a number in the document and text as observed.

    The keys stand in the order of the wire classes.  Those are not used for writing: objects that are made
    only to be turned into dicts took half of the time of a whole body.
    """
    code, policy = status(alarm, NAME), alarm.policy
    application_id, account_id = _tenant_ids(alarm) if observed else (None, None)
    about = metric_object(alarm, NAME, application_id=application_id, account_id=account_id)
    told = {
        "policyId": str(policy.id),
        "policyType": policy_type(alarm, NAME),
        "policyName": policy.name,
        "policyTypeCName": _policy_type_name(alarm),
    }
    if observed and policy.type_english_name is not None:
        told["policyTypeEname"] = policy.type_english_name
    body: dict[str, Any] = {
        "sessionId": context.session_id,
        "alarmStatus": str(code) if observed else code,
        "alarmType": "metric",
        "alarmObjInfo": about,
        "alarmPolicyInfo": {
            **told,
            "conditions": metric_conditions(alarm, condition, NAME, observed=observed),
            **(_tags(alarm) if observed else _NOTHING),
        },
        "firstOccurTime": local_text(alarm.started_at, zone),
        "durationTime": duration(alarm, context, NAME, "durationTime"),
        "recoverTime": recovery(alarm, context, zone, NAME, "recoverTime", observed=observed),
    }
    return _with_observed(body, alarm) if observed else body


def event_alarm(
    alarm: Alarm, condition: EventCondition, context: BuildContext, zone: tzinfo, *, observed: bool
) -> dict[str, Any]:
    """The body of an event alarm, whose status is text and whose duration only the observed senders tell."""
    code, policy = status(alarm, NAME), alarm.policy
    application_id, account_id = _tenant_ids(alarm) if observed else (None, None)
    about = {
        "region": alarm.target.region,
        "appId": application_id,
        "uin": account_id,
        "dimensions": alarm.target.dimensions,
    }
    told = {
        "policyId": str(policy.id),
        "policyType": policy_type(alarm, NAME),
        "policyName": policy.name,
        "conditions": _event_conditions(condition),
        "policyTypeCName": _policy_type_name(alarm),
        "policyTypeEname": policy.type_english_name if observed else None,
    }
    body: dict[str, Any] = {
        "sessionId": context.session_id,
        "alarmStatus": str(code),
        "alarmType": "event",
        "alarmObjInfo": present(about, "region", "appId", "uin"),
        "alarmPolicyInfo": {
            **present(told, "policyTypeEname"),
            **(_tags(alarm) if observed else _NOTHING),
        },
        "firstOccurTime": local_text(alarm.started_at, zone),
        "durationTime": duration(alarm, context, NAME, "durationTime") if observed else None,
        "recoverTime": recovery(alarm, context, zone, NAME, "recoverTime", observed=observed)
        if condition.resolvable
        else "0",
    }
    if not observed:
        return present(body, "durationTime")
    body = _with_observed(body, alarm)
    if alarm.details:
        body["additionalMsg"] = _named_values(alarm.details)
    return body


_NOTHING: dict[str, Any] = {}


def _tenant_ids(alarm: Alarm) -> tuple[str | None, str | None]:
    """The application's and the account's, each None where it is not known."""
    tenant = alarm.tenant
    if tenant is None:
        return None, None
    return _id_text(tenant.application_id), _id_text(tenant.account_id)


def _tags(alarm: Alarm) -> dict[str, Any]:
    """What the policy has beyond the document."""
    found: dict[str, Any] = {}
    if alarm.policy.tags:
        found["tag"] = alarm.policy.tags
    if alarm.policy.labels:
        found["policyTags"] = _named_values(alarm.policy.labels)
    return found


def _with_observed(body: dict[str, Any], alarm: Alarm) -> dict[str, Any]:
    """The same body with what both kinds of alarm have beyond the document, where it is known."""
    body["alertId"] = alarm.id
    if alarm.level is not None:
        body["alarmLevel"] = _LEVELS[alarm.level]
    if alarm.policy.url is not None:
        body["policyDetailURL"] = alarm.policy.url
    return body


def _id_text(value: int | str | None) -> str | None:
    return None if value is None else str(value)


def _named_values(values: JsonObject) -> list[dict[str, Any]]:
    return [{"key": key, "value": value} for key, value in values.items_as_they_are.items()]


def _policy_type_name(alarm: Alarm) -> str:
    return required(alarm.policy.type_name, NAME, "alarmPolicyInfo.policyTypeCName", "alarm.policy.type_name")


def _event_conditions(condition: EventCondition) -> dict[str, Any]:
    at = "alarmPolicyInfo.conditions"
    repeat = required(condition.repeat, NAME, f"{at}.alarmNotifyType", "alarm.condition.repeat")
    return {
        "productName": required(condition.product, NAME, f"{at}.productName", "alarm.condition.product"),
        "productShowName": required(
            condition.product_display_name,
            NAME,
            f"{at}.productShowName",
            "alarm.condition.product_display_name",
        ),
        "eventName": condition.name,
        "eventShowName": required(
            condition.display_name, NAME, f"{at}.eventShowName", "alarm.condition.display_name"
        ),
        "alarmNotifyType": NOTIFY_TYPES[repeat.mode],
        "alarmNotifyPeriod": number_text(repeat.period),
    }

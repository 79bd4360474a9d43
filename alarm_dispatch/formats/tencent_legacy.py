# ruff: noqa: N815 - the attributes are the vendor's own keys, that is the point of wire classes
"""Tencent's older callback, which the receiver confirms with ``retCode`` and the session id."""

from __future__ import annotations

from datetime import timezone, tzinfo
from typing import Any

from attrs import field, frozen

from alarm_dispatch.confirmation import (
    Confirmation,
    any_2xx,
    json_field_equals,
    read_json,
    read_loose_json,
    session_echo,
    status_is,
)
from alarm_dispatch.formats import fields
from alarm_dispatch.formats.base import (
    BuildContext,
    DeliveryRules,
    Dialect,
    Payload,
    Verification,
    as_dialect,
)
from alarm_dispatch.formats.tencent.parts import (
    CHINA_OFFSET,
    check_offset,
    duration,
    metric_conditions,
    metric_object,
    policy_type,
    recovery,
    status,
    zone_of,
)
from alarm_dispatch.formats.tencent.wire import MetricConditions, MetricObject
from alarm_dispatch.model import Alarm, MetricCondition
from alarm_dispatch.schedule import RetrySchedule
from alarm_dispatch.values import instance

__all__ = ["NAME", "DocumentedAlarm", "DocumentedPolicy", "Format", "ObservedAlarm", "ObservedPolicy"]

NAME = "tencent_legacy"


@frozen(kw_only=True)
class DocumentedPolicy:
    """The policy with the times nested in it, as the document prints them."""

    policyId: str
    policyType: str
    policyName: str
    conditions: MetricConditions
    firstOccurTime: str
    durationTime: int
    recoverTime: str


@frozen(kw_only=True)
class DocumentedAlarm:
    """The whole body as the document prints it."""

    sessionId: str
    alarmStatus: int | str
    alarmObjInfo: MetricObject
    alarmPolicyInfo: DocumentedPolicy


@frozen(kw_only=True)
class ObservedPolicy:
    """The policy without the times."""

    policyId: str
    policyType: str
    policyName: str
    conditions: MetricConditions


@frozen(kw_only=True)
class ObservedAlarm:
    """The whole body with the times at its top level, as receivers get it."""

    sessionId: str
    alarmStatus: int | str
    alarmObjInfo: MetricObject
    alarmPolicyInfo: ObservedPolicy
    firstOccurTime: str
    durationTime: int
    recoverTime: str


_converter = fields.wire_converter()


def _rules(status_rule: Confirmation, *, unquoted: bool) -> DeliveryRules:
    reader = read_loose_json if unquoted else read_json
    echo = json_field_equals("retCode", 0, reader=reader) & session_echo("sessionId", reader=reader)
    return DeliveryRules(
        timeout=5.0, schedule=RetrySchedule(attempts=3, delays=(5, 10)), confirmation=status_rule & echo
    )


_RULES = {
    (dialect, unquoted): _rules(status_rule, unquoted=unquoted)
    for dialect, status_rule in ((Dialect.DOCUMENTED, status_is(200)), (Dialect.OBSERVED, any_2xx()))
    for unquoted in (False, True)
}


@frozen(kw_only=True)
class Format:
    """Tencent Cloud Monitor's older callback, a JSON body for metric alarms only.

    ``utc_offset`` is the zone of the naive times in seconds east of UTC, less than 24 hours; by default
    UTC+8 as in the samples.  ``accept_unquoted_reply`` also takes a reply with bare keys
    (``{retCode: 0}``), which is how the document prints it; real receivers answer JSON.

    Delivery, from that document: at most three attempts, confirmed when the reply's ``retCode`` is 0 and
    its ``sessionId`` the one that was sent; the 5 s are those of the current document, the waits ours.
    Raises :class:`~alarm_dispatch.errors.InvalidFieldError`.
    """

    dialect: Dialect = field(default=Dialect.DOCUMENTED, converter=as_dialect)
    utc_offset: float = field(default=CHINA_OFFSET, converter=check_offset)
    accept_unquoted_reply: bool = field(default=False, validator=instance(bool))
    _zone: timezone = field(init=False, repr=False, eq=False)

    @_zone.default
    def _zone_of_offset(self) -> timezone:
        return zone_of(self.utc_offset)

    @property
    def name(self) -> str:
        """``tencent_legacy``."""
        return NAME

    @property
    def rules(self) -> DeliveryRules:
        """Three attempts of 5 s, confirmed by what the reply's body says."""
        return _RULES[self.dialect, self.accept_unquoted_reply]

    def build(self, alarm: Alarm, context: BuildContext) -> Payload:
        """The JSON body of a metric alarm.

        Raises :class:`~alarm_dispatch.errors.BuildError` for an event, for a missing value, and for an
        alarm without data, for which Tencent has no status.
        """
        write = _observed if self.dialect is Dialect.OBSERVED else _documented
        body = write(alarm, fields.metric_condition(alarm, NAME), context, self._zone)
        return fields.json_payload(body)

    def parse(self, content: bytes, content_type: str) -> DocumentedAlarm | ObservedAlarm:
        """The alarm in a body of either dialect; raises :class:`~alarm_dispatch.errors.ParseError`."""
        body = fields.read_json(content, content_type, NAME)
        if "firstOccurTime" in body:
            return fields.structured(_converter, body, ObservedAlarm, NAME)
        return fields.structured(_converter, body, DocumentedAlarm, NAME)

    def verification(self, context: BuildContext) -> Verification:  # noqa: ARG002 - the same for every URL
        """A POST of an empty JSON object."""
        return fields.json_verification()


def _documented(
    alarm: Alarm, condition: MetricCondition, context: BuildContext, zone: tzinfo
) -> dict[str, Any]:
    return {
        "sessionId": context.session_id,
        "alarmStatus": status(alarm, NAME),
        "alarmObjInfo": metric_object(alarm, NAME),
        "alarmPolicyInfo": {
            **_policy(alarm, condition),
            "firstOccurTime": fields.local_text(alarm.started_at, zone),
            "durationTime": duration(alarm, context, NAME, "alarmPolicyInfo.durationTime"),
            "recoverTime": recovery(
                alarm, context, zone, NAME, "alarmPolicyInfo.recoverTime", observed=False
            ),
        },
    }


def _observed(
    alarm: Alarm, condition: MetricCondition, context: BuildContext, zone: tzinfo
) -> dict[str, Any]:
    return {
        "sessionId": context.session_id,
        "alarmStatus": str(status(alarm, NAME)),
        "alarmObjInfo": metric_object(alarm, NAME),
        "alarmPolicyInfo": _policy(alarm, condition),
        "firstOccurTime": fields.local_text(alarm.started_at, zone),
        "durationTime": duration(alarm, context, NAME, "durationTime"),
        "recoverTime": recovery(alarm, context, zone, NAME, "recoverTime", observed=True),
    }


def _policy(alarm: Alarm, condition: MetricCondition) -> dict[str, Any]:
    return {
        "policyId": str(alarm.policy.id),
        "policyType": policy_type(alarm, NAME),
        "policyName": alarm.policy.name,
        "conditions": metric_conditions(alarm, condition, NAME),
    }

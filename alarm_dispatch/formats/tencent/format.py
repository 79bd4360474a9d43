"""Tencent's current format: its options, its delivery rules, its bodies."""

from __future__ import annotations

from datetime import timezone

from attrs import field, frozen

from alarm_dispatch.confirmation import any_2xx, status_is
from alarm_dispatch.errors import ParseError
from alarm_dispatch.formats.base import (
    BuildContext,
    DeliveryRules,
    Dialect,
    Payload,
    Verification,
    as_dialect,
)
from alarm_dispatch.formats.fields import json_payload, json_verification, read_json, structured
from alarm_dispatch.formats.tencent import wire
from alarm_dispatch.formats.tencent.build import NAME, event_alarm, metric_alarm
from alarm_dispatch.formats.tencent.parts import CHINA_OFFSET, check_offset, zone_of
from alarm_dispatch.model import Alarm, EventCondition
from alarm_dispatch.schedule import RetrySchedule

__all__ = ["NAME", "Format"]

_SCHEDULE = RetrySchedule(attempts=3, delays=(5, 10))

_RULES = {
    Dialect.DOCUMENTED: DeliveryRules(timeout=5.0, schedule=_SCHEDULE, confirmation=status_is(200)),
    Dialect.OBSERVED: DeliveryRules(timeout=5.0, schedule=_SCHEDULE, confirmation=any_2xx()),
}


@frozen(kw_only=True)
class Format:
    """Tencent Cloud Monitor's API callback, a JSON body for metric and for event alarms.

    ``utc_offset`` is the zone of the naive times in seconds east of UTC, less than 24 hours; by default
    UTC+8 as in the samples.

    Delivery, from the Tencent document: 5 s for an attempt and at most three of them; the waits of 5 s and
    10 s are ours, because it states none.  Confirmed by status 200, observed by any 2xx.  Raises
    :class:`~alarm_dispatch.errors.InvalidFieldError`.
    """

    dialect: Dialect = field(default=Dialect.DOCUMENTED, converter=as_dialect)
    utc_offset: float = field(default=CHINA_OFFSET, converter=check_offset)
    _zone: timezone = field(init=False, repr=False, eq=False)

    @_zone.default
    def _zone_of_offset(self) -> timezone:
        return zone_of(self.utc_offset)

    @property
    def name(self) -> str:
        """``tencent``."""
        return NAME

    @property
    def rules(self) -> DeliveryRules:
        """Three attempts of 5 s; which status confirms depends on the dialect."""
        return _RULES[self.dialect]

    def build(self, alarm: Alarm, context: BuildContext) -> Payload:
        """The JSON body of a metric or an event alarm.

        Raises :class:`~alarm_dispatch.errors.BuildError` for a missing value, and for an alarm without
        data, for which Tencent has no status.
        """
        observed = self.dialect is Dialect.OBSERVED
        if isinstance(alarm.condition, EventCondition):
            body = event_alarm(alarm, alarm.condition, context, self._zone, observed=observed)
        else:
            body = metric_alarm(alarm, alarm.condition, context, self._zone, observed=observed)
        return json_payload(body)

    def parse(self, content: bytes, content_type: str) -> wire.MetricAlarm | wire.EventAlarm:
        """The alarm in a body of either dialect; raises :class:`~alarm_dispatch.errors.ParseError`."""
        body = read_json(content, content_type, NAME)
        match body.get("alarmType"):
            case "metric":
                return structured(wire.converter, body, wire.MetricAlarm, NAME)
            case "event":
                return structured(wire.converter, body, wire.EventAlarm, NAME)
        raise ParseError(NAME, [("$.alarmType", "must be 'metric' or 'event'")])

    def verification(self, context: BuildContext) -> Verification:  # noqa: ARG002 - the same for every URL
        """A POST of an empty JSON object."""
        return json_verification()

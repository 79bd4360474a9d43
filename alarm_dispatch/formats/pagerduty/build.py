"""Which of the alarm's values goes where in PagerDuty's event."""

from __future__ import annotations

import hashlib
from datetime import tzinfo
from typing import Any

from alarm_dispatch.errors import MissingFieldError
from alarm_dispatch.formats.base import BuildContext
from alarm_dispatch.formats.fields import required
from alarm_dispatch.formats.pagerduty.wire import NAME, Event, EventPayload, Link
from alarm_dispatch.formats.texts import rfc3339, value_text
from alarm_dispatch.formats.wording import Language, facts, headline
from alarm_dispatch.model import Alarm, Level, MetricCondition

__all__ = ["LONGEST_KEY", "LONGEST_SUMMARY", "dedup_key", "resolved", "triggered"]

# "The maximum permitted length of this property", in PagerDuty's documentation of the event.
LONGEST_SUMMARY = 1024
LONGEST_KEY = 255

_SEVERITIES = {Level.FATAL: "critical", Level.WARNING: "warning", Level.INFO: "info"}
_MARK = "…"


def dedup_key(alarm_id: str) -> str:
    """What names the occurrence: its id, and of a longer one the beginning, ``~`` and the id's SHA-256."""
    if len(alarm_id) <= LONGEST_KEY:
        return alarm_id
    digest = hashlib.sha256(alarm_id.encode()).hexdigest()
    return f"{alarm_id[: LONGEST_KEY - len(digest) - 1]}~{digest}"


def resolved(key: str, routing_key: str) -> Event:
    """The event that ends it, which needs no more than the key."""
    return Event(routing_key=routing_key, event_action="resolve", dedup_key=key)


def triggered(
    alarm: Alarm, context: BuildContext, routing_key: str, language: Language, zone: tzinfo
) -> Event:
    """The event that opens it, or adds to it when it is open."""
    level = required(alarm.level, NAME, "payload.severity", "alarm.level")
    summary = headline(alarm, language)
    shortened = len(summary) > LONGEST_SUMMARY
    return Event(
        routing_key=routing_key,
        event_action="trigger",
        dedup_key=dedup_key(alarm.id),
        payload=EventPayload(
            summary=summary[: LONGEST_SUMMARY - 1] + _MARK if shortened else summary,
            source=_source(alarm),
            severity=_SEVERITIES[level],
            timestamp=rfc3339(alarm.evaluated_at or alarm.started_at),
            component=alarm.target.namespace or None,
            group=alarm.target.group_name or None,
            class_=_class(alarm),
            custom_details=_details(alarm, context, language, zone, summary if shortened else None),
        ),
        links=_links(alarm),
    )


def _source(alarm: Alarm) -> str:
    """The target's name, else its dimensions, else its namespace: the least that says where it is."""
    target = alarm.target
    dimensions = ", ".join(f"{key}={value_text(value)}" for key, value in target.dimensions.items())
    found = target.name or dimensions or target.namespace
    if not found:
        raise MissingFieldError(NAME, "payload.source", "alarm.target.name")
    return found


def _class(alarm: Alarm) -> str:
    condition = alarm.condition
    return condition.metric.name if isinstance(condition, MetricCondition) else condition.name


def _details(
    alarm: Alarm, context: BuildContext, language: Language, zone: tzinfo, summary: str | None
) -> dict[str, Any]:
    # The alarm's own named values win their names; what people read keeps its label in any case.
    details: dict[str, Any] = {fact.label: fact.value for fact in facts(alarm, context.now, language, zone)}
    own: dict[str, Any] = {
        "alarm_id": alarm.id,
        "state": str(alarm.state),
        "summary": summary,
        "related_info": alarm.related_info,
        "dimensions": alarm.target.dimensions.thaw() or None,
        "labels": alarm.policy.labels.thaw() or None,
        "tags": list(alarm.policy.tags) or None,
        "details": alarm.details.thaw() or None,
    }
    details.update((name, value) for name, value in own.items() if value is not None)
    return details


def _links(alarm: Alarm) -> list[Link] | None:
    url = alarm.policy.url
    # The schema wants a URL; what is none is among the details.
    if not url or not url.startswith(("https://", "http://")):
        return None
    return [Link(href=url, text=alarm.policy.name or None)]

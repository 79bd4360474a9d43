"""Which of the alarm's values goes where in the Alertmanager's message."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from alarm_dispatch.formats.alertmanager.labels import NamedTexts
from alarm_dispatch.formats.alertmanager.wire import NAME, NOT_YET, VERSION, Alert, Message
from alarm_dispatch.formats.fields import json_text, number_text, required, threshold_text
from alarm_dispatch.formats.texts import rfc3339, value_text
from alarm_dispatch.formats.wording import Language, headline
from alarm_dispatch.model import Alarm, Level, MetricCondition
from alarm_dispatch.values import JsonValue

__all__ = ["FIRING", "OWN_LABELS", "RESOLVED", "alert", "group_key", "group_labels_of", "message"]

FIRING, RESOLVED = "firing", "resolved"

OWN_LABELS = frozenset(
    [
        "alertname",
        "severity",
        "alarm_id",
        "policy_id",
        "metric",
        "event",
        "namespace",
        "region",
        "instance",
        "tenant",
    ]
)
"""The labels that say what no option can say otherwise."""

# The words that Prometheus' rules and their receivers have for it.
_SEVERITIES = {Level.FATAL: "critical", Level.WARNING: "warning", Level.INFO: "info"}

# 64 bits in hexadecimal, as the Alertmanager writes its own.
_FINGERPRINT_LENGTH = 16


def alert(alarm: Alarm, extra_labels: Mapping[str, str], language: Language) -> Alert:
    """One alarm as it stands in the list."""
    ended = alarm.state.ended
    return Alert(
        status=RESOLVED if ended else FIRING,
        labels=_labels(alarm, extra_labels),
        annotations=_annotations(alarm, language),
        startsAt=rfc3339(alarm.started_at),
        endsAt=rfc3339(required(alarm.ended_at, NAME, "alerts[].endsAt", "alarm.ended_at"))
        if ended
        else NOT_YET,
        generatorURL=alarm.policy.url or "",
        # Of the id and not of the labels: these may change while the alarm goes on.
        fingerprint=hashlib.sha256(alarm.id.encode()).hexdigest()[:_FINGERPRINT_LENGTH],
    )


def _labels(alarm: Alarm, extra_labels: Mapping[str, str]) -> dict[str, str]:
    target, condition = alarm.target, alarm.condition
    metric = isinstance(condition, MetricCondition)
    name = condition.metric.name if isinstance(condition, MetricCondition) else condition.name
    labels = NamedTexts("alerts[].labels")
    own = {
        "alertname": required(
            alarm.policy.name or None, NAME, "alerts[].labels.alertname", "alarm.policy.name"
        ),
        "severity": "" if alarm.level is None else _SEVERITIES[alarm.level],
        "alarm_id": alarm.id,
        "policy_id": str(alarm.policy.id),
        "metric" if metric else "event": name,
        "namespace": target.namespace or "",
        "region": target.region or "",
        "instance": target.name or "",
        "tenant": "" if alarm.tenant is None else str(alarm.tenant.id),
    }
    # Those that this alarm lacks keep their names: a dimension must not be called otherwise for it.
    own.setdefault("event", "")
    own.setdefault("metric", "")
    labels.add(own, "alarm", "alarm")
    labels.add(extra_labels, "extra", "Format.labels")
    labels.add(_texts(alarm.policy.labels), "policy", "alarm.policy.labels")
    labels.add(_texts(alarm.target.dimensions), "dimension", "alarm.target.dimensions")
    return labels.present()


def _annotations(alarm: Alarm, language: Language) -> dict[str, str]:
    condition = alarm.condition
    metric = condition if isinstance(condition, MetricCondition) else None
    annotations = NamedTexts("alerts[].annotations")
    own = {
        "summary": headline(alarm, language),
        "description": alarm.description or "",
        "state": str(alarm.state),
        "value": "" if alarm.current_value is None else number_text(alarm.current_value),
        "unit": (metric and metric.unit) or "",
        "threshold": (metric and (metric.expression or threshold_text(metric))) or "",
        "related_info": alarm.related_info or "",
        "tags": json_text(list(alarm.policy.tags)) if alarm.policy.tags else "",
    }
    annotations.add(own, "alarm", "alarm")
    annotations.add(_texts(alarm.details), "detail", "alarm.details")
    return annotations.present()


def _texts(items: Mapping[str, JsonValue]) -> dict[str, str]:
    return {key: value_text(value) for key, value in items.items()}


def message(alerts: Sequence[Alert], group_by: Iterable[str], receiver: str, external_url: str) -> Message:
    """The message of alerts whose group labels are the same."""
    group_labels = group_labels_of(alerts[0], group_by) if alerts else {}
    return Message(
        version=VERSION,
        groupKey=group_key(group_labels),
        # Never: what is too much for one message is in the next.
        truncatedAlerts=0,
        status=FIRING if any(one.status == FIRING for one in alerts) else RESOLVED,
        receiver=receiver,
        groupLabels=group_labels,
        commonLabels=_common([one.labels for one in alerts]),
        commonAnnotations=_common([one.annotations for one in alerts]),
        externalURL=external_url,
        alerts=list(alerts),
    )


def group_labels_of(one: Alert, group_by: Iterable[str]) -> dict[str, str]:
    """Those of the labels that it is grouped by."""
    return {name: one.labels[name] for name in group_by if name in one.labels}


def group_key(group_labels: Mapping[str, str]) -> str:
    """A text that names the group, in the Alertmanager's form: the route, always the root, and the labels."""
    told = ", ".join(f"{name}={json_text(value)}" for name, value in sorted(group_labels.items()))
    return f"{{}}:{{{told}}}"


def _common(sets: Sequence[dict[str, str]]) -> dict[str, str]:
    """What all of them have alike."""
    if not sets:
        return {}
    first, *others = sets
    return {name: text for name, text in first.items() if all(_has(other, name, text) for other in others)}


def _has(texts: dict[str, Any], name: str, text: str) -> bool:
    return bool(texts.get(name) == text)

"""The alarms that a template is tried with when it is made: of each kind, with all that one can have."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import attrs

from alarm_dispatch.formats.base import BuildContext
from alarm_dispatch.model import (
    Alarm,
    Anomaly,
    AnomalyRecord,
    DimensionLabel,
    EventCondition,
    Metric,
    MetricCondition,
    Policy,
    Repeat,
    Target,
    Tenant,
)
from alarm_dispatch.states import AlarmState, Level
from alarm_dispatch.values import JsonObject, JsonValue

__all__ = ["CONTEXT", "sample_alarms"]

_AT = datetime(2026, 1, 31, 12, 0, tzinfo=UTC)
_LATER = _AT + timedelta(minutes=1)

CONTEXT = BuildContext(session_id="sample", now=_LATER)


class _AnyKey(JsonObject):
    """What is there by any name: which dimensions and labels alarms will have is not known."""

    __slots__ = ("_answer",)

    def __init__(self, answer: JsonValue) -> None:
        super().__init__({"sample": answer})
        self._answer = answer

    def __getitem__(self, key: str) -> JsonValue:
        return self._answer


def sample_alarms(state: AlarmState) -> Iterator[Alarm]:
    """A metric alarm and an event alarm, each with texts and with numbers for what nobody can know before."""
    for answer in ("sample", 1):
        for condition in (_metric_condition(), _event_condition()):
            yield attrs.evolve(_alarm(condition, _AnyKey(answer)), state=state)


def _metric_condition() -> MetricCondition:
    metric = Metric(
        name="sample",
        display_name="sample",
        id="sample",
        source_label="sample",
        source_name="sample",
        kind_label="sample",
        kind_name="sample",
    )
    return MetricCondition(
        metric=metric,
        other_metrics=(metric,),
        statistic="average",
        operator=">=",
        threshold=90,
        threshold_unit="%",
        unit="%",
        period=60,
        periods=1,
        expression="sample",
        group_by=("sample",),
        repeat=Repeat(),
    )


def _event_condition() -> EventCondition:
    return EventCondition(
        name="sample",
        display_name="sample",
        product="sample",
        product_display_name="sample",
        repeat=Repeat(),
    )


def _alarm(condition: Any, anything: JsonObject) -> Alarm:
    alarm = Alarm(
        id="sample",
        number=1,
        policy=Policy(
            id=1,
            name="sample",
            type="sample",
            type_name="sample",
            type_english_name="sample",
            scenario="sample",
            tags=("sample",),
            labels=anything,
            url="https://example.com/",
        ),
        condition=condition,
        target=Target(
            dimensions=anything,
            dimension_labels=(DimensionLabel(key="sample", display_name="sample", display_value="sample"),),
            namespace="sample",
            region="sample",
            region_name="sample",
            name="sample",
            group_id=1,
            group_name="sample",
        ),
        tenant=Tenant(id=1, name="sample", account_id=1, application_id=1),
        level=Level.FATAL,
        previous_level=Level.WARNING,
        started_at=_AT,
        created_at=_AT,
        evaluated_at=_AT,
        ended_at=_LATER,
        duration=60,
        current_value=95,
        previous_value=85,
        description="sample",
        related_info="sample",
        details=anything,
        muted=False,
    )
    record = AnomalyRecord(
        id=1,
        anomalies=(Anomaly(level=Level.FATAL, id="sample", message="sample", time=_AT),),
        data_id="sample",
        value=95,
        fields=anything,
        dimensions=anything,
        observed_at=_AT,
        created_at=_AT,
    )
    return attrs.evolve(alarm, anomaly_records=(record,))

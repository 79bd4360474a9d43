"""What a format says when an alarm lacks a value, has an unsuitable one, or is of a kind without payload."""

from __future__ import annotations

from typing import Any

import attrs
import pytest

from alarm_dispatch import formats
from alarm_dispatch.errors import MissingFieldError, UnsuitableFieldError, UnsupportedAlarmError
from alarm_dispatch.formats import Dialect
from alarm_dispatch.model import Alarm
from tests.formats.alarms import EVENT_ALARM, METRIC_ALARM, changed, resolved
from tests.formats.samples import body, context

_BOTH = ("documented", "observed")
_CONDITIONS = "alarmPolicyInfo.conditions"

_TENCENT_METRIC = [
    ("target.namespace", "alarmObjInfo.namespace"),
    ("policy.type", "alarmPolicyInfo.policyType"),
    ("condition.metric.display_name", f"{_CONDITIONS}.metricShowName"),
    ("current_value", f"{_CONDITIONS}.currentValue"),
    ("condition.unit", f"{_CONDITIONS}.unit"),
    ("condition.period", f"{_CONDITIONS}.period"),
    ("condition.periods", f"{_CONDITIONS}.periodNum"),
    ("condition.repeat", f"{_CONDITIONS}.alarmNotifyType"),
]
_TENCENT_EVENT = [
    ("policy.type", "alarmPolicyInfo.policyType"),
    ("policy.type_name", "alarmPolicyInfo.policyTypeCName"),
    ("condition.product", f"{_CONDITIONS}.productName"),
    ("condition.product_display_name", f"{_CONDITIONS}.productShowName"),
    ("condition.display_name", f"{_CONDITIONS}.eventShowName"),
    ("condition.repeat", f"{_CONDITIONS}.alarmNotifyType"),
]
_BLUEKING = [
    ("tenant", "bk_biz_id"),
    ("tenant.name", "bk_biz_name"),
    ("anomaly_records", "latest_anomaly_record"),
    ("created_at", "event.create_time"),
    ("level", "event.level"),
    ("number", "event.id"),
    ("condition.metric.display_name", "strategy.item_list[0].metric_field_name"),
    ("condition.other_metrics[0].display_name", "strategy.item_list[1].metric_field_name"),
]
_ALIYUN = [
    ("target.name", "instanceName"),
    ("target.namespace", "metricProject"),
    ("tenant", "userId"),
    ("current_value", "curValue"),
    ("level", "triggerLevel"),
    ("previous_level", "preTriggerLevel"),
]

_MISSING = [
    *(("blueking", dialect, METRIC_ALARM, *row) for dialect in _BOTH for row in _BLUEKING),
    *(("tencent", dialect, METRIC_ALARM, *row) for dialect in _BOTH for row in _TENCENT_METRIC),
    *(
        ("tencent", dialect, METRIC_ALARM, "policy.type_name", "alarmPolicyInfo.policyTypeCName")
        for dialect in _BOTH
    ),
    *(("tencent", dialect, EVENT_ALARM, *row) for dialect in _BOTH for row in _TENCENT_EVENT),
    *(("tencent_legacy", dialect, METRIC_ALARM, *row) for dialect in _BOTH for row in _TENCENT_METRIC),
    *(("aliyun", "documented", METRIC_ALARM, *row) for row in _ALIYUN),
    # An end that nobody knows: the duration counts to it, and the recovery tells it.
    ("tencent", "documented", resolved(METRIC_ALARM), "ended_at", "durationTime"),
    ("tencent", "observed", resolved(METRIC_ALARM), "ended_at", "durationTime"),
    ("tencent", "observed", resolved(METRIC_ALARM, duration=5), "ended_at", "recoverTime"),
    ("tencent", "documented", resolved(EVENT_ALARM), "ended_at", "recoverTime"),
    ("tencent", "observed", resolved(EVENT_ALARM), "ended_at", "durationTime"),
    ("tencent", "observed", resolved(EVENT_ALARM, duration=5), "ended_at", "recoverTime"),
    ("tencent_legacy", "documented", resolved(METRIC_ALARM), "ended_at", "alarmPolicyInfo.durationTime"),
    ("tencent_legacy", "observed", resolved(METRIC_ALARM), "ended_at", "durationTime"),
    ("tencent_legacy", "observed", resolved(METRIC_ALARM, duration=5), "ended_at", "recoverTime"),
]


def _id(value: Any) -> str:
    return type(value.condition).__name__ if isinstance(value, Alarm) else str(value)


@pytest.mark.parametrize(("name", "dialect", "alarm", "model_field", "wire_field"), _MISSING, ids=_id)
def test_a_missing_value_is_named_on_both_sides(
    name: str, dialect: str, alarm: Alarm, model_field: str, wire_field: str
) -> None:
    """The error names the format, the path in the payload and the field of the alarm to set."""
    lacking = changed(alarm, model_field, () if model_field == "anomaly_records" else None)

    with pytest.raises(MissingFieldError) as caught:
        formats.get(name, dialect=dialect).build(lacking, context())

    error = caught.value
    assert (error.format, error.wire_field, error.model_field) == (name, wire_field, f"alarm.{model_field}")


@pytest.mark.parametrize(
    "unset",
    [{"statistic": None}, {"operator": None, "threshold": None}],
    ids=["statistic", "threshold"],
)
def test_an_expression_that_cannot_be_composed_is_missing(unset: dict[str, Any]) -> None:
    """Without the rule in words, statistic, operator and threshold are all needed for Alibaba's."""
    alarm = attrs.evolve(METRIC_ALARM, condition=attrs.evolve(METRIC_ALARM.condition, **unset))

    with pytest.raises(MissingFieldError) as caught:
        formats.get("aliyun").build(alarm, context())

    assert (caught.value.wire_field, caught.value.model_field) == (
        "expression",
        "alarm.condition.expression",
    )


@pytest.mark.parametrize("dialect", list(Dialect))
@pytest.mark.parametrize("name", ["aliyun", "blueking", "tencent_legacy"])
def test_an_event_is_refused_where_there_are_only_metrics(name: str, dialect: Dialect) -> None:
    """Three of the formats have no payload for an event."""
    with pytest.raises(UnsupportedAlarmError, match=f"format {name} has no payload for an event"):
        formats.get(name, dialect=dialect).build(EVENT_ALARM, context())


@pytest.mark.parametrize("dialect", list(Dialect))
@pytest.mark.parametrize(
    ("name", "alarm"),
    [("tencent", METRIC_ALARM), ("tencent", EVENT_ALARM), ("tencent_legacy", METRIC_ALARM)],
    ids=["metric", "event", "legacy"],
)
def test_tencent_has_no_status_without_data(name: str, alarm: Alarm, dialect: Dialect) -> None:
    """Tencent knows alerted and resolved, and a guess between them could wake or lull somebody."""
    with pytest.raises(UnsupportedAlarmError, match=f"format {name} has no status"):
        formats.get(name, dialect=dialect).build(attrs.evolve(alarm, state="no_data"), context())


_WHOLE_IDS = [
    ("tenant.id", "bk_biz_id", _BOTH),
    ("policy.id", "strategy.id", _BOTH),
    ("number", "event.id", ("documented",)),
    ("anomaly_records[0].id", "latest_anomaly_record.anomaly_id", ("documented",)),
]


@pytest.mark.parametrize("wrong", ["x7", "007", "-0", "+7", "7.0", "٧", " 7", "1" * 309])
@pytest.mark.parametrize(
    ("model_field", "wire_field", "dialect"),
    [(model, wire, dialect) for model, wire, dialects in _WHOLE_IDS for dialect in dialects],
)
def test_blueking_refuses_ids_that_are_no_integers(
    model_field: str, wire_field: str, dialect: str, wrong: str
) -> None:
    """Only an integer, or text that is exactly one, is sent where BlueKing has integers."""
    with pytest.raises(UnsuitableFieldError) as caught:
        formats.get("blueking", dialect=dialect).build(changed(METRIC_ALARM, model_field, wrong), context())

    told = f"alarm.{model_field}".replace("[0]", "[-1]")
    assert (caught.value.wire_field, caught.value.model_field) == (wire_field, told)


@pytest.mark.parametrize(("given", "sent"), [("144", 144), ("0", 0), ("-5", -5), (7, 7)])
def test_blueking_takes_integers_written_as_text(given: int | str, sent: int) -> None:
    """Text that is a canonical integer is sent as that integer."""
    built = formats.get("blueking").build(changed(METRIC_ALARM, "policy.id", given), context())

    assert body(built)["strategy"]["id"] == sent


def test_newer_blueking_row_ids_may_be_any_text() -> None:
    """The observed dialect sends row ids as the text they are."""
    alarm = changed(changed(METRIC_ALARM, "number", "17a"), "anomaly_records[0].id", "r-9")

    sent = body(formats.get("blueking", dialect="observed").build(alarm, context()))

    assert sent["event"]["id"] == "17a"
    assert sent["latest_anomaly_record"]["anomaly_id"] == "r-9"

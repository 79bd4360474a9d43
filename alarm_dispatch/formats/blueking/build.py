"""Which of the alarm's values goes where in BlueKing's notice."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime

from alarm_dispatch.errors import MissingFieldError, UnsuitableFieldError
from alarm_dispatch.formats.blueking import wire
from alarm_dispatch.formats.fields import epoch_seconds, local_text, metric_condition, required
from alarm_dispatch.model import Alarm, AlarmState, AnomalyRecord, Level, Metric, MetricCondition

__all__ = ["NAME", "notice"]

NAME = "blueking"

# A state without data is announced like an anomaly: the sender has no type of its own for it.
_TYPES = {
    AlarmState.TRIGGERED: "ANOMALY_NOTICE",
    AlarmState.NO_DATA: "ANOMALY_NOTICE",
    AlarmState.RESOLVED: "RECOVERY_NOTICE",
    AlarmState.CLOSED: "CLOSE_NOTICE",
}

_LEVELS = {Level.FATAL: 1, Level.WARNING: 2, Level.INFO: 3}

# At most as many digits as the largest double has, so that a hostile text costs no time.
_DECIMAL = re.compile(r"0|-?[1-9][0-9]{0,307}")


def notice(
    alarm: Alarm, level_names: Mapping[Level, str], arguments: dict[str, str] | None, *, observed: bool
) -> wire.Notice:
    """The notice of this alarm; ``arguments`` are the callback URL's query arguments, None for none."""
    condition = metric_condition(alarm, NAME)
    tenant = required(alarm.tenant, NAME, "bk_biz_id", "alarm.tenant")
    return wire.Notice(
        webhook_url_params=arguments,
        extra=_beside_own_keys(arguments) if arguments else None,
        bk_biz_id=_integer(tenant.id, "bk_biz_id", "alarm.tenant.id"),
        bk_biz_name=required(tenant.name, NAME, "bk_biz_name", "alarm.tenant.name"),
        latest_anomaly_record=_latest_record(alarm, observed=observed),
        type=_TYPES[alarm.state],
        event=_event(alarm, condition, level_names, observed=observed),
        strategy=_strategy(alarm, condition, observed=observed),
        scenario=alarm.policy.scenario if observed else None,
        labels=list(alarm.policy.tags) if observed else None,
        related_info=alarm.related_info if observed else None,
        current_value=alarm.current_value if observed else None,
        description=alarm.description if observed else None,
    )


def _beside_own_keys(arguments: dict[str, str]) -> dict[str, str] | None:
    # The notice's own keys win even where this notice leaves one out: a URL must not fake a scenario.
    return {name: value for name, value in arguments.items() if name not in wire.OWN_KEYS} or None


def _integer(value: int | str, wire_field: str, model_field: str) -> int:
    if isinstance(value, int):
        return value
    if _DECIMAL.fullmatch(value):
        return int(value)
    raise UnsuitableFieldError(NAME, wire_field, model_field, f"must be an integer, not {value!r}")


def _row_id(value: int | str, wire_field: str, model_field: str, *, observed: bool) -> int | str:
    # Newer senders have ids of 19 digits and more, which a receiver's doubles cannot hold.
    return str(value) if observed else _integer(value, wire_field, model_field)


def _utc(time: datetime) -> str:
    return local_text(time, UTC)


def _latest_record(alarm: Alarm, *, observed: bool) -> wire.LatestAnomalyRecord | wire.NoRecord:
    record = alarm.latest_anomaly_record
    if record is None and alarm.state.ended:
        return wire.NoRecord()
    return _record(
        required(record, NAME, "latest_anomaly_record", "alarm.anomaly_records"), observed=observed
    )


def _record(record: AnomalyRecord, *, observed: bool) -> wire.LatestAnomalyRecord:
    return wire.LatestAnomalyRecord(
        origin_alarm=wire.OriginAlarm(
            anomaly={
                str(_LEVELS[anomaly.level]): wire.Anomaly(
                    anomaly_message=anomaly.message,
                    anomaly_time=_utc(anomaly.time),
                    anomaly_id=anomaly.id,
                )
                for anomaly in record.anomalies
            },
            data=wire.RecordData(
                record_id=record.data_id,
                values=record.fields.thaw(),
                dimensions=record.dimensions.thaw(),
                value=record.value,
                time=epoch_seconds(record.observed_at),
            ),
        ),
        create_time=_utc(record.created_at),
        source_time=_utc(record.observed_at),
        anomaly_id=_row_id(
            record.id, "latest_anomaly_record.anomaly_id", "alarm.anomaly_records[-1].id", observed=observed
        ),
    )


def _event(
    alarm: Alarm, condition: MetricCondition, level_names: Mapping[Level, str], *, observed: bool
) -> wire.Event:
    level = required(alarm.level, NAME, "event.level", "alarm.level")
    if alarm.number is None:
        raise MissingFieldError(NAME, "event.id", "alarm.number")
    return wire.Event(
        create_time=_utc(required(alarm.created_at, NAME, "event.create_time", "alarm.created_at")),
        end_time=None if alarm.ended_at is None else _utc(alarm.ended_at),
        begin_time=_utc(alarm.started_at),
        event_id=alarm.id,
        level=_LEVELS[level],
        level_name=level_names[level],
        id=_row_id(alarm.number, "event.id", "alarm.number", observed=observed),
        dimensions=(alarm.target.dimensions.thaw() or None) if observed else None,
        dimension_translation=_translations(alarm) if observed else None,
        agg_dimensions=(list(condition.group_by) or None) if observed else None,
        is_shielded=alarm.muted if observed else None,
    )


def _translations(alarm: Alarm) -> dict[str, wire.Translation] | None:
    # A label of a dimension that the target lacks has no value to send, so it is not known.
    dimensions = alarm.target.dimensions.thaw()
    return {
        label.key: wire.Translation(
            value=dimensions[label.key], display_name=label.display_name, display_value=label.display_value
        )
        for label in alarm.target.dimension_labels
        if label.key in dimensions
    } or None


def _strategy(alarm: Alarm, condition: MetricCondition, *, observed: bool) -> wire.Strategy:
    items = [_item(condition.metric, 0, "alarm.condition.metric", observed=observed)]
    for index, metric in enumerate(condition.other_metrics):
        items.append(_item(metric, index + 1, f"alarm.condition.other_metrics[{index}]", observed=observed))
    return wire.Strategy(
        item_list=items,
        id=_integer(alarm.policy.id, "strategy.id", "alarm.policy.id"),
        name=alarm.policy.name,
        scenario=alarm.policy.scenario if observed else None,
    )


def _item(metric: Metric, index: int, model: str, *, observed: bool) -> wire.Item:
    shown = metric.display_name
    if shown is None:
        raise MissingFieldError(
            NAME, f"strategy.item_list[{index}].metric_field_name", f"{model}.display_name"
        )
    if not observed:
        return wire.Item(metric_field_name=shown, metric_field=metric.name)
    return wire.Item(
        metric_field_name=shown,
        metric_field=metric.name,
        metric_id=metric.id,
        data_source_label=metric.source_label,
        data_source_name=metric.source_name,
        data_type_label=metric.kind_label,
        data_type_name=metric.kind_name,
    )

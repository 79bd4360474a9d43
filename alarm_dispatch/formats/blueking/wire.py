"""What BlueKing's callback body looks like, key for key."""

from __future__ import annotations

from typing import Any

import attrs
from attrs import frozen

from alarm_dispatch.formats.fields import wire_converter

__all__ = [
    "Anomaly",
    "Event",
    "Item",
    "LatestAnomalyRecord",
    "NoRecord",
    "Notice",
    "OriginAlarm",
    "RecordData",
    "Strategy",
    "Translation",
    "converter",
]


@frozen(kw_only=True)
class Anomaly:
    """One violated level."""

    anomaly_message: str
    anomaly_time: str
    anomaly_id: str


@frozen(kw_only=True)
class RecordData:
    """The data point; ``time`` is in epoch seconds."""

    record_id: str
    values: dict[str, Any]
    dimensions: dict[str, Any]
    value: float
    time: int


@frozen(kw_only=True)
class OriginAlarm:
    """The data point and the levels it violated, by level number."""

    anomaly: dict[str, Anomaly]
    data: RecordData


@frozen(kw_only=True)
class LatestAnomalyRecord:
    """The last anomaly record."""

    origin_alarm: OriginAlarm
    create_time: str
    source_time: str
    anomaly_id: int | str


@frozen
class NoRecord:
    """The empty object that stands for a record that never was."""


@frozen(kw_only=True)
class Translation:
    """One dimension as people read it."""

    value: Any
    display_name: str
    display_value: str


@frozen(kw_only=True)
class Event:
    """The alarm; ``end_time`` is null, not absent, while it has no end."""

    create_time: str
    end_time: str | None
    begin_time: str
    event_id: str
    level: int
    level_name: str
    id: int | str
    dimensions: dict[str, Any] | None = None
    dimension_translation: dict[str, Translation] | None = None
    agg_dimensions: list[str] | None = None
    is_shielded: bool | None = None


@frozen(kw_only=True)
class Item:
    """One watched metric."""

    metric_field_name: str
    metric_field: str
    metric_id: str | None = None
    data_source_label: str | None = None
    data_source_name: str | None = None
    data_type_label: str | None = None
    data_type_name: str | None = None


@frozen(kw_only=True)
class Strategy:
    """The policy."""

    item_list: list[Item]
    id: int
    name: str
    scenario: str | None = None


@frozen(kw_only=True)
class Notice:
    """The whole body.

    ``extra`` is no key of the wire: it holds the keys that stand beside the format's own at the top level,
    which the observed sender takes from the callback URL's query.
    """

    webhook_url_params: dict[str, Any] | None = None
    extra: dict[str, Any] | None = None
    bk_biz_id: int
    bk_biz_name: str
    latest_anomaly_record: LatestAnomalyRecord | NoRecord
    type: str
    event: Event
    strategy: Strategy
    scenario: str | None = None
    labels: list[str] | None = None
    related_info: str | None = None
    current_value: float | None = None
    description: str | None = None


OWN_KEYS = frozenset(attribute.name for attribute in attrs.fields(Notice)) - {"extra"}
"""The top-level keys that are the format's own."""

converter = wire_converter()


def _read_record(value: Any, _kind: Any) -> LatestAnomalyRecord | NoRecord:
    return NoRecord() if value == {} else converter.structure(value, LatestAnomalyRecord)


converter.register_structure_hook_func(lambda kind: kind == LatestAnomalyRecord | NoRecord, _read_record)

_read_own = converter.get_structure_hook(Notice)
_write_own = converter.get_unstructure_hook(Notice)


def _read_notice(body: dict[str, Any], _kind: Any) -> Notice:
    notice: Notice = _read_own({key: value for key, value in body.items() if key in OWN_KEYS}, Notice)
    extra = {key: value for key, value in body.items() if key not in OWN_KEYS}
    return attrs.evolve(notice, extra=extra) if extra else notice


def _write_notice(notice: Notice) -> dict[str, Any]:
    body: dict[str, Any] = _write_own(notice)
    extra = body.pop("extra", None)
    if not extra:
        return body
    # The observed order: all arguments in one mapping, then each, then the notice itself.
    arguments = {"webhook_url_params": notice.webhook_url_params} if notice.webhook_url_params else {}
    return {**arguments, **extra, **body}


converter.register_structure_hook(Notice, _read_notice)
converter.register_unstructure_hook(Notice, _write_notice)

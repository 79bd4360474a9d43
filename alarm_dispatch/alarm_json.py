"""How an alarm is kept as JSON: written and read back to an equal one, quickly."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import attrs

from alarm_dispatch.json_text import json_bytes
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
from alarm_dispatch.shown import a_kind
from alarm_dispatch.values import JsonObject

__all__ = ["dump_alarm", "read_alarm"]

_PARTS = (
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
_SECOND = timedelta(seconds=1)
_USUAL_LENGTH = len("2026-01-31T08:00:00.123456+08:00")

_CONDITIONS = {"metric": MetricCondition, "event": EventCondition}


def dump_alarm(alarm: Alarm) -> bytes:
    """The alarm as JSON, by its field names; what is None is left out.

    :func:`read_alarm` and :func:`~alarm_dispatch.loading.load_alarm` read it back to an equal alarm.  A time
    keeps its moment and its offset, and loses the name of its zone.
    """
    return json_bytes(alarm, _plain)


def read_alarm(content: bytes) -> Alarm:
    """The alarm that :func:`dump_alarm` wrote.

    Raises ValueError for what is no JSON, and TypeError, KeyError or
    :class:`~alarm_dispatch.errors.InvalidFieldError` for what is no alarm.
    """
    # Not orjson: it makes floats of integers beyond 64 bits.
    found = json.loads(content)
    if not isinstance(found, dict):
        raise TypeError("an alarm must be a JSON object")
    alarm: Alarm = _read(Alarm, found)
    return alarm


def _writer(kind: type) -> Callable[[Any], dict[str, Any]]:
    # Compiled, as attributes that stand in the code cost a third of those that are looked up by names.
    # Other defaults than None are written: to leave them out would cost more than the bytes that it saves.
    lines = ["def write(part):", " written = {}"]
    for field in attrs.fields(kind):
        lines += [f" value = part.{field.name}", f" if value is not None: written[{field.name!r}] = value"]
    lines += [f" written['kind'] = {word!r}" for word, found in _CONDITIONS.items() if found is kind]
    made: dict[str, Any] = {}
    exec("\n".join([*lines, " return written"]), made)  # noqa: S102 - made of our own fields' names
    write: Callable[[Any], dict[str, Any]] = made["write"]
    return write


def _time(value: datetime) -> str:
    text = value.isoformat()
    # fromisoformat loses an offset of less than a second, which nobody has but a test.
    if len(text) > _USUAL_LENGTH and abs(value.utcoffset() or _SECOND) < _SECOND:
        return value.astimezone(UTC).isoformat()
    return text


_WRITERS: dict[type, Callable[[Any], Any]] = {
    JsonObject: lambda value: value.items_as_they_are,
    datetime: _time,
    **{kind: _writer(kind) for kind in _PARTS},
}


def _plain(value: Any) -> Any:
    writer = _WRITERS.get(type(value))
    if writer is not None:
        return writer(value)
    if isinstance(value, datetime):
        return _time(value)
    raise TypeError(f"{a_kind(type(value).__name__)} is no part of an alarm")


def _read(kind: Any, content: dict[str, Any]) -> Any:
    for name, make in _READERS[kind]:
        value = content.get(name)
        if value is not None:
            content[name] = make(value)
    return kind(**content)


def _reader(kind: type) -> Callable[[Any], Any]:
    return lambda content: _read(kind, dict(content))


def _several(kind: type) -> Callable[[Any], Any]:
    return lambda items: [_read(kind, dict(item)) for item in items]


def _condition(content: Any) -> Any:
    fields = dict(content)
    return _read(_CONDITIONS[fields.pop("kind")], fields)


# What is not named here is as JSON has it; the classes themselves check it.
_READERS: dict[type, tuple[tuple[str, Callable[[Any], Any]], ...]] = {
    Alarm: (
        ("policy", _reader(Policy)),
        ("condition", _condition),
        ("target", _reader(Target)),
        ("tenant", _reader(Tenant)),
        ("anomaly_records", _several(AnomalyRecord)),
        ("started_at", datetime.fromisoformat),
        ("created_at", datetime.fromisoformat),
        ("evaluated_at", datetime.fromisoformat),
        ("ended_at", datetime.fromisoformat),
    ),
    Anomaly: (("time", datetime.fromisoformat),),
    AnomalyRecord: (
        ("anomalies", _several(Anomaly)),
        ("observed_at", datetime.fromisoformat),
        ("created_at", datetime.fromisoformat),
    ),
    EventCondition: (("repeat", _reader(Repeat)),),
    MetricCondition: (
        ("metric", _reader(Metric)),
        ("other_metrics", _several(Metric)),
        ("repeat", _reader(Repeat)),
    ),
    Target: (("dimension_labels", _several(DimensionLabel)),),
    **dict.fromkeys((DimensionLabel, Metric, Policy, Repeat, Tenant), ()),
}

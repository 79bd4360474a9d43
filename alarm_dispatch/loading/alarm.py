"""How an alarm is written down: the model's own field names, as a mapping or a file."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from alarm_dispatch.converters import StructureError, collecting_converter, problems_of, table
from alarm_dispatch.errors import ConfigurationError, InvalidFieldError
from alarm_dispatch.loading.source import Source, read_source
from alarm_dispatch.model import Alarm, EventCondition, Metric, MetricCondition
from alarm_dispatch.values import JsonObject

__all__ = ["load_alarm"]

_CONDITIONS = {"metric": MetricCondition, "event": EventCondition}


def load_alarm(source: Source) -> Alarm:
    """The alarm that a JSON file, a TOML file or a mapping describes.

    Keys are the model's field names, times ISO 8601 with an offset, levels and states their words; the
    condition says its ``kind``: ``metric`` or ``event``.

    Raises :class:`~alarm_dispatch.errors.ConfigurationError`, which tells every problem with the path of
    its field (``$.policy.id``), and OSError when a file cannot be read.
    """
    content, name = read_source(source, "alarm")
    try:
        return _converter.structure(content, Alarm)
    except StructureError as error:
        raise ConfigurationError(name, problems_of(error)) from error


def _time(value: Any, _type: Any) -> datetime:
    if isinstance(value, datetime):  # TOML has times of its own
        return value
    if isinstance(value, str):
        try:
            return datetime.fromisoformat(value)
        except ValueError:
            pass
    raise TypeError('must be a time in ISO 8601 with an offset, such as "2026-01-31T08:00:00+08:00"')


def _mapping(value: Any, _type: Any) -> Any:
    table(value)
    return value


def _metric(value: Any, _type: Any) -> Any:
    return Metric(name=value) if isinstance(value, str) else _plain_metric(value, Metric)


def _condition(value: Any, _type: Any) -> Any:
    table(value)
    content = dict(value)
    kind = content.pop("kind", "metric" if "metric" in content else "event")
    if not isinstance(kind, str) or kind not in _CONDITIONS:
        raise InvalidFieldError("Condition.kind", f"is {kind!r}; allowed are: {', '.join(_CONDITIONS)}")
    return _converter.structure(content, _CONDITIONS[kind])


_converter = collecting_converter(leave_out={})
_converter.register_structure_hook(datetime, _time)
_converter.register_structure_hook(JsonObject, _mapping)
_converter.register_structure_hook(MetricCondition | EventCondition, _condition)
_plain_metric = _converter.get_structure_hook(Metric)
_converter.register_structure_hook(Metric, _metric)

"""How an alarm's values become wire values, and how bodies are written and read, for all formats alike."""

from __future__ import annotations

import json
import math
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Any, TypeVar
from urllib.parse import parse_qsl, urlencode

import attrs

from alarm_dispatch.converters import JsonConverter, StructureError, identity, problems_of, strict_converter
from alarm_dispatch.errors import MissingFieldError, ParseError, UnsupportedAlarmError
from alarm_dispatch.formats.base import Payload, Verification
from alarm_dispatch.json_text import json_bytes, json_text
from alarm_dispatch.model import Alarm, MetricCondition
from alarm_dispatch.values import JsonObject, Number

__all__ = [
    "JSON_TYPE",
    "epoch_milliseconds",
    "epoch_seconds",
    "form_payload",
    "form_verification",
    "json_payload",
    "json_text",
    "json_verification",
    "local_text",
    "metric_condition",
    "number_text",
    "plain_number",
    "present",
    "read_form",
    "read_json",
    "required",
    "seconds_lasted",
    "structured",
    "threshold_text",
    "wire_converter",
]

_T = TypeVar("_T")

JSON_TYPE = "application/json"
_FORM_TYPE = "application/x-www-form-urlencoded"
_FORM_CONTENT_TYPE = f"{_FORM_TYPE}; charset=UTF-8"

_LOCAL_LENGTH = len("YYYY-MM-DD HH:MM:SS")  # what follows is the offset
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_SECOND = timedelta(seconds=1)
_MILLISECOND = timedelta(milliseconds=1)

# From here on doubles no longer tell neighbouring integers apart, so their digits would be invented.
_EXACT = 1e15


def required(value: _T | None, name: str, wire: str, model: str) -> _T:
    """``value`` when it is not None, else MissingFieldError for the format ``name``."""
    if value is None:
        raise MissingFieldError(name, wire, model)
    return value


def metric_condition(alarm: Alarm, name: str) -> MetricCondition:
    """The alarm's metric condition, else UnsupportedAlarmError: for the formats that have no events."""
    if not isinstance(alarm.condition, MetricCondition):
        raise UnsupportedAlarmError(name, "has no payload for an event, only for metrics")
    return alarm.condition


def plain_number(value: Number) -> Number:
    """An int where the number is a whole one and exact, as a person would write it."""
    if isinstance(value, float) and value.is_integer() and abs(value) < _EXACT:
        return int(value)
    return value


def present(body: dict[str, Any], *keys: str) -> dict[str, Any]:
    """The same ``body``, without those of these keys whose value is None."""
    for key in keys:
        if body[key] is None:
            del body[key]
    return body


def number_text(value: Number) -> str:
    """The shortest text that reads back as the same number, whole ones without ".0"."""
    return repr(plain_number(value))


def threshold_text(condition: MetricCondition) -> str | None:
    """The rule as statistic, operator and threshold (``Average>=95``), None when one is not known."""
    if condition.statistic is None or condition.operator is None or condition.threshold is None:
        return None
    return f"{condition.statistic}{condition.operator}{number_text(condition.threshold)}"


def local_text(time: datetime, zone: tzinfo) -> str:
    """The naive ``YYYY-MM-DD HH:MM:SS`` of that moment in ``zone``, fractions cut off."""
    # Not strftime: its %Y writes the year 7 as "7" on Linux.
    return time.astimezone(zone).isoformat(" ", "seconds")[:_LOCAL_LENGTH]


def epoch_seconds(time: datetime) -> int:
    """Whole seconds since 1970, rounded down."""
    return (time - _EPOCH) // _SECOND


def epoch_milliseconds(time: datetime) -> int:
    """Whole milliseconds since 1970, rounded down."""
    return (time - _EPOCH) // _MILLISECOND


def seconds_lasted(alarm: Alarm, now: datetime) -> int | None:
    """How long the alarm has gone on, in whole seconds; None when it ended and nobody knows when.

    The monitoring system's own count comes first.  A clock that went back makes it 0, never negative.
    """
    if alarm.duration is not None:
        return math.floor(alarm.duration)
    until = alarm.ended_at if alarm.state.ended else now
    return None if until is None else max(0, (until - alarm.started_at) // _SECOND)


def wire_converter() -> JsonConverter:
    """A strict converter for wire classes: it keeps their order and leaves out what is absent.

    Absent is an attribute whose value and default are None.  ``dict[str, Any]`` is JSON, which passes as
    it is.
    """
    # cattrs' own omit_if_default puts every key that may be absent behind those that may not.
    converter = strict_converter().copy(omit_if_default=False)
    converter.register_structure_hook_func(_is_json_mapping, converter.get_structure_hook(dict[str, Any]))
    # cattrs leaves the call out where the hook is this very function, which halves the time of writing.
    converter.register_unstructure_hook_func(_passes_as_it_is, identity)
    converter.register_unstructure_hook_factory(attrs.has, _in_wire_order)
    return converter


def _in_wire_order(kind: Any, converter: Any) -> Any:
    write = converter.gen_unstructure_attrs_fromdict(kind)
    may_be_absent = [attribute.name for attribute in attrs.fields(kind) if attribute.default is None]

    def unstructure(wire: Any) -> dict[str, Any]:
        body: dict[str, Any] = write(wire)
        for key in may_be_absent:
            if body[key] is None:
                del body[key]
        return body

    return unstructure if may_be_absent else write


def _is_json_mapping(kind: Any) -> bool:
    return bool(kind == dict[str, Any])


def _passes_as_it_is(kind: Any) -> bool:
    return kind in _PLAIN or _is_json_mapping(kind)


_PLAIN = (
    list[str],
    list[str] | None,
    str | None,
    int | None,
    float | None,
    bool | None,
    int | str,
    dict[str, Any] | None,
)


def json_payload(body: Any) -> Payload:
    """A JSON body in UTF-8; the model's own JSON may stand anywhere in it."""
    return Payload(content=json_bytes(body, _as_it_is), content_type=JSON_TYPE)


def _as_it_is(value: JsonObject) -> Any:
    """What an encoder sees in the model's JSON: a copy of it would cost more than its encoding."""
    return value.items_as_they_are


def form_payload(parameters: tuple[tuple[str, str], ...]) -> Payload:
    """A form body in UTF-8, encoded as :func:`urllib.parse.urlencode` does it."""
    return Payload(content=urlencode(parameters).encode(), content_type=_FORM_CONTENT_TYPE)


def json_verification() -> Verification:
    """The verification request of a JSON format: an empty object."""
    return Verification(payload=Payload(content=b"{}", content_type=JSON_TYPE))


def form_verification() -> Verification:
    """The verification request of a form format: an empty body."""
    return Verification(payload=Payload(content=b"", content_type=_FORM_CONTENT_TYPE))


def read_json(content: bytes, content_type: str, name: str) -> dict[str, Any]:
    """The JSON object of a body; ParseError when the type, the encoding or the JSON is wrong."""
    text = _decoded(content, content_type, JSON_TYPE, name)
    try:
        body = json.loads(text, parse_constant=_not_json, parse_float=_finite)
    except ValueError as error:
        raise ParseError(name, [("$", f"is not JSON: {error}")]) from error
    except RecursionError:
        # Nothing but brackets is an attack on the parser, not a fault of ours.
        raise ParseError(name, [("$", "is nested too deeply")]) from None
    if not isinstance(body, dict):
        raise ParseError(name, [("$", "must be a JSON object")])
    return body


def read_form(content: bytes, content_type: str, name: str) -> dict[str, str]:
    """The parameters of a form body, blank ones too; ParseError when it is none or repeats one."""
    text = _decoded(content, content_type, _FORM_TYPE, name)
    try:
        pairs = parse_qsl(text, keep_blank_values=True, strict_parsing=True, errors="strict")
    except ValueError as error:
        raise ParseError(name, [("$", f"is not a form: {error}")]) from error
    parameters = dict(pairs)
    if len(parameters) < len(pairs):
        keys = [key for key, _ in pairs]
        raise ParseError(
            name, [(f"$.{key}", "is given more than once") for key in parameters if keys.count(key) > 1]
        )
    return parameters


def structured(converter: JsonConverter, body: dict[str, Any], kind: type[_T], name: str) -> _T:
    """The wire object in ``body``; ParseError with every path that is wrong."""
    try:
        return converter.structure(body, kind)
    except StructureError as error:
        raise ParseError(name, problems_of(error)) from error


def _decoded(content: bytes, content_type: str, wanted: str, name: str) -> str:
    media_type = content_type.partition(";")[0].strip().lower()
    if media_type != wanted:
        raise ParseError(name, [("content type", f"must be {wanted}, not {content_type!r}")])
    try:
        return content.decode()
    except UnicodeDecodeError as error:
        raise ParseError(name, [("$", f"is not UTF-8: byte {error.start} is wrong")]) from error


def _not_json(constant: str) -> float:
    raise ValueError(f"{constant} is no JSON number")


def _finite(literal: str) -> float:
    value = float(literal)
    if not math.isfinite(value):
        raise ValueError("a number is too large for a double")
    return value

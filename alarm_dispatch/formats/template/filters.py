"""What filters and operators make of values: bounded, and told as JSON and people have it."""

from __future__ import annotations

import json
import math
import operator
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any

import attrs

from alarm_dispatch.formats.fields import epoch_milliseconds, epoch_seconds, number_text
from alarm_dispatch.formats.template.budget import LARGEST_INTEGER, NotAllowedError, spend, spend_on
from alarm_dispatch.formats.texts import rfc3339
from alarm_dispatch.json_text import json_bytes
from alarm_dispatch.values import JsonObject

__all__ = [
    "FILTERS",
    "added",
    "bounded",
    "compared",
    "concatenated",
    "multiplied",
    "remainder",
    "scalar_text",
]

_MOST_DECIMALS = 15


def scalar_text(value: Any) -> str:
    """A value as it stands in a body: numbers at their shortest, ``true``, RFC 3339, nothing for None."""
    if isinstance(value, str):
        text = str(value)
    elif value is None:
        text = ""
    elif isinstance(value, bool):
        text = "true" if value else "false"
    elif isinstance(value, int | float):
        text = number_text(value)
    elif isinstance(value, datetime):
        text = _time(value)
    else:
        raise NotAllowedError(f"{_kind(value)} is no text; use the filter tojson or join")
    spend(characters=len(text))
    return text


def _kind(value: object) -> str:
    return "a mapping" if isinstance(value, Mapping) else f"a value of the type {type(value).__name__}"


def _time(value: datetime) -> str:
    # An offset with seconds is beyond RFC 3339.
    offset = value.utcoffset() or timedelta()
    return value.isoformat() if not offset % timedelta(minutes=1) else rfc3339(value)


def concatenated(*values: Any) -> str:
    """What ``~`` makes."""
    return "".join(map(scalar_text, values))


def added(left: Any, right: Any) -> Any:
    """What ``+`` makes."""
    spend_on((left, right))
    return bounded(left + right)


def multiplied(left: Any, right: Any) -> Any:
    """What ``*`` makes, of numbers only: ``"x" * n`` could be as long as n."""
    _check_numbers("*", left, right)
    return bounded(left * right)


def bounded(value: Any) -> Any:
    """What an operation has made, if it is no number beyond those of JSON.

    To divide numbers takes the square of their length, and a text of a million digits is soon there.
    """
    if isinstance(value, int | float) and abs(value) > LARGEST_INTEGER:
        raise NotAllowedError("a result is larger than any JSON number may be")
    return value


def remainder(left: Any, right: Any) -> Any:
    """What ``%`` makes, of numbers only: with a text it is a format with a width."""
    _check_numbers("%", left, right)
    return left % right


_COMPARISONS: Mapping[str, Any] = {
    "eq": operator.eq,
    "ne": operator.ne,
    "lt": operator.lt,
    "lteq": operator.le,
    "gt": operator.gt,
    "gteq": operator.ge,
    "in": lambda left, right: left in right,
    "notin": lambda left, right: left not in right,
}


def compared(left: Any, *others: Any) -> bool:
    """What comparisons make; ``others`` are the words of operators and their right sides, in turns."""
    for word, right in zip(others[::2], others[1::2], strict=True):
        spend_on((left, right))
        if not _COMPARISONS[word](left, right):
            return False
        left = right
    return True


def _check_numbers(sign: str, *values: Any) -> None:
    for value in values:
        if not isinstance(value, int | float):
            raise NotAllowedError(f"{sign} is for numbers only, not for {_kind(value)}")


def _join(value: Iterable[Any], separator: str = "") -> str:
    texts = [scalar_text(item) for item in value]
    spend(characters=len(separator) * len(texts))
    return separator.join(texts)


def _replace(value: Any, old: str, new: str) -> str:
    text = scalar_text(value)
    if not old:
        raise NotAllowedError("replace needs a text to look for")
    spend(characters=text.count(old) * len(new))
    return text.replace(old, new)


def _round(value: float, decimals: int = 0) -> float:
    if not 0 <= decimals <= _MOST_DECIMALS:
        raise NotAllowedError(f"round takes from 0 to {_MOST_DECIMALS} decimals")
    return round(value, decimals)


_encoder = json.JSONEncoder(
    ensure_ascii=False,
    allow_nan=False,
    separators=(",", ":"),
    default=lambda value: _plain(value),  # noqa: PLW0108 - it is defined below
)


def _to_json(value: Any) -> str:
    if isinstance(value, JsonObject) or attrs.has(type(value)):
        # A part of the alarm is as large as it is; only what a template makes may hold one thing many times.
        text = json_bytes(value, _plain).decode()
        spend(characters=len(text))
        return text
    parts = []
    for part in _encoder.iterencode(value):
        spend(characters=len(part))
        parts.append(part)
    return "".join(parts)


def _plain(value: Any) -> Any:
    if isinstance(value, JsonObject):
        return value.items_as_they_are
    if isinstance(value, datetime):
        return _time(value)
    if attrs.has(type(value)):
        given = ((one.name, getattr(value, one.name)) for one in attrs.fields(type(value)))
        return {name: item for name, item in given if item is not None}
    if isinstance(value, Iterable):
        return list(value)
    raise NotAllowedError(f"{_kind(value)} is no JSON")


def _epoch(value: datetime) -> int:
    return epoch_seconds(_a_time(value))


def _epoch_ms(value: datetime) -> int:
    return epoch_milliseconds(_a_time(value))


def _rfc3339(value: datetime) -> str:
    return rfc3339(_a_time(value))


def _a_time(value: Any) -> datetime:
    if not isinstance(value, datetime):
        raise NotAllowedError(f"{_kind(value)} is no time")
    return value


def _finite(value: Any, default: float = 0.0) -> float:
    try:
        number = float(value)
    except (TypeError, ValueError, OverflowError):
        return default
    return number if math.isfinite(number) else default


FILTERS: dict[str, Any] = {
    "epoch": _epoch,
    "epoch_ms": _epoch_ms,
    "float": _finite,
    "join": _join,
    "replace": _replace,
    "rfc3339": _rfc3339,
    "round": _round,
    "string": scalar_text,
    "tojson": _to_json,
}
"""Filters of our own, by name."""

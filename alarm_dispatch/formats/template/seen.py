"""What a template may see of the alarm, and what of it is known before there is one."""

from __future__ import annotations

import functools
import types
import typing
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

import attrs

from alarm_dispatch.formats.wording import Fact
from alarm_dispatch.model import Alarm, AnomalyRecord
from alarm_dispatch.states import AlarmState

__all__ = ["is_seen", "known_parts"]

_TEXT = frozenset(
    {
        "endswith",
        "isdigit",
        "lower",
        "lstrip",
        "removeprefix",
        "removesuffix",
        "rstrip",
        "startswith",
        "strip",
        "upper",
    }
)
_MAPPING = frozenset({"get", "items", "keys", "values"})
_TIME = frozenset({"year", "month", "day", "hour", "minute", "second", "microsecond", "isoformat"})
_LOOP = frozenset(
    {"cycle", "first", "index", "index0", "last", "length", "nextitem", "previtem", "revindex", "revindex0"}
)


def is_seen(value: object, name: str, loop: type) -> bool:
    """Whether a template may look at this attribute; ``loop`` is the class of ``loop``."""
    kind: Any = type(value)
    return name in _seen(kind, loop)


@functools.cache
def _seen(kind: Any, loop: Any) -> frozenset[str]:
    if issubclass(kind, AlarmState):
        return _TEXT | {"ended"}
    if issubclass(kind, str):
        return _TEXT
    if issubclass(kind, Mapping):
        return _MAPPING
    if issubclass(kind, datetime):
        return _TIME
    if issubclass(kind, loop):
        return _LOOP
    return _fields(kind)


def _fields(kind: type) -> frozenset[str]:
    """Of the model's classes and a fact all fields; of anything else nothing."""
    if not attrs.has(kind) or not (kind is Fact or kind.__module__ == Alarm.__module__):
        return frozenset()
    names = frozenset(one.name for one in attrs.fields(kind))
    return names | {"latest_anomaly_record"} if kind is Alarm else names


def known_parts(path: typing.Sequence[str]) -> tuple[int, str] | None:
    """Nothing for a path in the alarm that can exist, else its first wrong step, and what there is.

    A path is followed as far as the model's classes go: what is in dimensions or labels nobody knows before.
    """
    kinds: set[type] = {Alarm}
    for place, step in enumerate(path):
        known = set().union(*map(_fields, kinds))
        if step not in known:
            return place, ", ".join(sorted(known))
        kinds = {inner for kind in kinds for inner in _classes(_hint(kind, step))}
        if not kinds:
            return None
    return None


def _hint(kind: type, name: str) -> Any:
    if name == "latest_anomaly_record":
        return AnomalyRecord
    return _hints(kind).get(name)


@functools.cache
def _hints(kind: type) -> dict[str, Any]:
    # Which Python reads out of texts every time: a template of many paths would take half a minute.
    return typing.get_type_hints(kind)


def _classes(hint: Any) -> Iterator[type]:
    """The model's classes that a field may hold itself, not in a list."""
    if isinstance(hint, types.UnionType) or typing.get_origin(hint) is typing.Union:
        for inner in typing.get_args(hint):
            yield from _classes(inner)
    elif isinstance(hint, type) and _fields(hint):
        yield hint

"""How an event is kept within PagerDuty's size: the largest of its details are shortened, and say so."""

from __future__ import annotations

from typing import Any

import attrs

from alarm_dispatch.errors import UnsupportedAlarmError
from alarm_dispatch.formats.base import Payload
from alarm_dispatch.formats.fields import json_payload
from alarm_dispatch.formats.pagerduty.wire import NAME, Event, converter

__all__ = ["LARGEST_EVENT", "sized"]

# "512 KB" in PagerDuty's documentation, which it enforces (github.com/prometheus/alertmanager/issues/2178).
# It does not say which KB, so the smaller one is kept.
LARGEST_EVENT = 512_000

_KEPT = 1_000  # characters of a text that is shortened


def sized(event: Event) -> Payload:
    """The body of a trigger; a page with less in it is better than none.

    Raises :class:`~alarm_dispatch.errors.UnsupportedAlarmError` where it is no detail that is too large.
    """
    payload = json_payload(converter.unstructure(event))
    over = len(payload.content) - LARGEST_EVENT
    if over <= 0:
        return payload
    told = event.payload
    assert told is not None  # noqa: S101 - for mypy: a trigger has one
    told = attrs.evolve(told, custom_details=_shortened(told.custom_details or {}, over))
    payload = json_payload(converter.unstructure(attrs.evolve(event, payload=told)))
    if len(payload.content) > LARGEST_EVENT:
        raise UnsupportedAlarmError(
            NAME, f"cannot tell this alarm within {LARGEST_EVENT:,} bytes of an event"
        )
    return payload


def _shortened(details: dict[str, Any], over: int) -> dict[str, Any]:
    """The details with so many bytes less, of as few of them as can be."""
    sizes = {name: _size(value) for name, value in details.items()}
    shorter = dict(details)
    for name in sorted(sizes, key=lambda name: sizes[name], reverse=True):
        if over <= 0:
            break
        shorter[name] = _short(details[name], sizes[name])
        over -= sizes[name] - _size(shorter[name])
    return shorter


def _size(value: Any) -> int:
    return len(json_payload(value).content)


def _short(value: Any, size: int) -> str:
    beginning = f"{value[:_KEPT]}… " if isinstance(value, str) else ""
    return f"{beginning}(shortened: it has {size:,} bytes, and an event at most {LARGEST_EVENT:,})"

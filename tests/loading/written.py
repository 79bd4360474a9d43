"""Alarms and groups as they are written down."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from alarm_dispatch.errors import ConfigurationError

ALARM: dict[str, Any] = {
    "id": "alarm-1",
    "policy": {"id": 1, "name": "CPU"},
    "condition": {"metric": "cpu"},
    "target": {},
    "started_at": "2026-01-31T08:00:00Z",
}
CALLBACK: dict[str, Any] = {"url": "https://ops.example.com/alarms", "format": "blueking"}
GROUP: dict[str, Any] = {"name": "oncall", "callbacks": [CALLBACK]}


def alarm(**fields: Any) -> dict[str, Any]:
    """A written alarm with these fields."""
    return {**ALARM, **fields}


def group(**settings: Any) -> dict[str, Any]:
    """A written group with these settings of its one callback."""
    return {"name": "oncall", "callbacks": [{**CALLBACK, **settings}]}


def problems(load: Callable[[Any], object], source: Any) -> dict[str, str]:
    """Every problem by its path."""
    with pytest.raises(ConfigurationError) as caught:
        load(source)
    found = dict(caught.value.problems)
    assert len(found) == len(caught.value.problems)
    assert str(caught.value).isprintable() or "\n" in str(caught.value)
    assert str(caught.value).encode()
    return found

"""Where the samples and the example alarms are, and how a body is compared with one."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from alarm_dispatch import load_alarm
from alarm_dispatch.formats import BuildContext
from alarm_dispatch.model import Alarm

ROOT = Path(__file__).parents[2]
WIRE = ROOT / "tests" / "wire"
ALARMS = ROOT / "examples" / "alarms"

NOW = datetime(2026, 1, 31, 12, 0, tzinfo=UTC)


def context(session_id: str = "xxxxxxxx", **fields: Any) -> BuildContext:
    """A context with a fixed time."""
    return BuildContext(session_id=session_id, **{"now": NOW, **fields})


def sample(path: str) -> Any:
    """The JSON value of a sample."""
    return json.loads((WIRE / path).read_text(encoding="utf-8"))


def sample_alarm(name: str) -> Alarm:
    """The alarm of an example file."""
    return load_alarm(ALARMS / f"{name}.json")


def exact(value: Any) -> str:
    """A text that tells values apart by key order and by type too (1 is neither "1" nor 1.0 nor True)."""
    return json.dumps(value, ensure_ascii=False)


def body(payload: Any) -> Any:
    """The JSON value of a payload."""
    return json.loads(payload.content.decode("utf-8"))


def present(value: Any) -> Any:
    """The same value without the keys whose value is None."""
    if isinstance(value, dict):
        return {key: present(item) for key, item in value.items() if item is not None}
    return [present(item) for item in value] if isinstance(value, list | tuple) else value

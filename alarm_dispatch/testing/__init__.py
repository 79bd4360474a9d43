"""What users test with: receivers by a script or hostile ones, a virtual clock, an outbox in memory."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from alarm_dispatch.testing.clock import VirtualClock
    from alarm_dispatch.testing.hostile import HostileReceiver
    from alarm_dispatch.testing.outbox import MemoryOutbox
    from alarm_dispatch.testing.receivers import LoopbackReceiver, MemoryReceiver, ScriptedReceiver

__all__ = [
    "HostileReceiver",
    "LoopbackReceiver",
    "MemoryOutbox",
    "MemoryReceiver",
    "ScriptedReceiver",
    "VirtualClock",
]

_HOMES = {
    "HostileReceiver": "alarm_dispatch.testing.hostile",
    "LoopbackReceiver": "alarm_dispatch.testing.receivers",
    "MemoryOutbox": "alarm_dispatch.testing.outbox",
    "MemoryReceiver": "alarm_dispatch.testing.receivers",
    "ScriptedReceiver": "alarm_dispatch.testing.receivers",
    "VirtualClock": "alarm_dispatch.testing.clock",
}


def __getattr__(name: str) -> Any:
    # Imported on demand, as pytest imports this package for its plugin in every run, used or not.
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(_HOMES[name]), name)

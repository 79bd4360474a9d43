"""The engine under both dispatchers."""

from alarm_dispatch.engine.core import Engine
from alarm_dispatch.engine.settings import EngineSettings, Hook
from alarm_dispatch.engine.stats import DispatcherStats, LaneStats

__all__ = ["DispatcherStats", "Engine", "EngineSettings", "Hook", "LaneStats"]

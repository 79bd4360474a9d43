"""The engine under both dispatchers."""

from alarm_dispatch.engine.core import Engine, EngineSettings, Hook
from alarm_dispatch.engine.stats import DispatcherStats, LaneStats

__all__ = ["DispatcherStats", "Engine", "EngineSettings", "Hook", "LaneStats"]

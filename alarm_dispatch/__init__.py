"""Outbound alarm callbacks: each vendor's payload built exactly, delivered, confirmed and retried."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from alarm_dispatch.callbacks import Callback
    from alarm_dispatch.delivery import Delivery, DeliveryStatus, DispatchReport
    from alarm_dispatch.dispatcher import AsyncDispatcher, Dispatcher
    from alarm_dispatch.engine import DispatcherStats, LaneStats
    from alarm_dispatch.exchange import Attempt, Judgement, Reply, Request, Verdict
    from alarm_dispatch.groups import AlarmGroup
    from alarm_dispatch.limits import Circuit, Rate
    from alarm_dispatch.loading import load_alarm, load_groups
    from alarm_dispatch.model import (
        Alarm,
        AlarmState,
        Anomaly,
        AnomalyRecord,
        DimensionLabel,
        EventCondition,
        Level,
        Metric,
        MetricCondition,
        Policy,
        Repeat,
        RepeatMode,
        Target,
        Tenant,
    )
    from alarm_dispatch.repeats import Observation, RepeatDecision, RepeatTracker
    from alarm_dispatch.schedule import RetrySchedule
else:
    # Imported on demand: all of it takes twice as long as httpx does, and whoever only models alarms, or
    # reads what was loaded, needs a part.  Type checkers read the imports above, so that a name that is not
    # there stays an error to them.
    _HOMES = {
        "callbacks": ("Callback",),
        "delivery": ("Delivery", "DeliveryStatus", "DispatchReport"),
        "dispatcher": ("AsyncDispatcher", "Dispatcher"),
        "engine": ("DispatcherStats", "LaneStats"),
        "exchange": ("Attempt", "Judgement", "Reply", "Request", "Verdict"),
        "groups": ("AlarmGroup",),
        "limits": ("Circuit", "Rate"),
        "loading": ("load_alarm", "load_groups"),
        "model": (
            "Alarm",
            "AlarmState",
            "Anomaly",
            "AnomalyRecord",
            "DimensionLabel",
            "EventCondition",
            "Level",
            "Metric",
            "MetricCondition",
            "Policy",
            "Repeat",
            "RepeatMode",
            "Target",
            "Tenant",
        ),
        "repeats": ("Observation", "RepeatDecision", "RepeatTracker"),
        "schedule": ("RetrySchedule",),
    }
    _HOME_OF = {name: home for home, names in _HOMES.items() for name in names}

    def __getattr__(name: str) -> object:
        from importlib import import_module  # noqa: PLC0415 - a part of what is saved

        if name in _HOME_OF:
            found = getattr(import_module(f"{__name__}.{_HOME_OF[name]}"), name)
            globals()[name] = found
            return found
        if name in ("errors", "formats"):
            return import_module(f"{__name__}.{name}")
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")

    def __dir__() -> list[str]:
        return sorted({*globals(), *__all__})


__all__ = [
    "Alarm",
    "AlarmGroup",
    "AlarmState",
    "Anomaly",
    "AnomalyRecord",
    "AsyncDispatcher",
    "Attempt",
    "Callback",
    "Circuit",
    "Delivery",
    "DeliveryStatus",
    "DimensionLabel",
    "DispatchReport",
    "Dispatcher",
    "DispatcherStats",
    "EventCondition",
    "Judgement",
    "LaneStats",
    "Level",
    "Metric",
    "MetricCondition",
    "Observation",
    "Policy",
    "Rate",
    "Repeat",
    "RepeatDecision",
    "RepeatMode",
    "RepeatTracker",
    "Reply",
    "Request",
    "RetrySchedule",
    "Target",
    "Tenant",
    "Verdict",
    "load_alarm",
    "load_groups",
]

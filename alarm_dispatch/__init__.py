"""Outbound alarm callbacks: each vendor's payload built exactly, delivered, confirmed and retried."""

from alarm_dispatch.callbacks import AlarmGroup, Callback
from alarm_dispatch.delivery import Delivery, DeliveryStatus, DispatchReport
from alarm_dispatch.dispatcher import AsyncDispatcher, Dispatcher
from alarm_dispatch.exchange import Attempt, Judgement, Reply, Request, Verdict
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
from alarm_dispatch.schedule import RetrySchedule

__all__ = [
    "Alarm",
    "AlarmGroup",
    "AlarmState",
    "Anomaly",
    "AnomalyRecord",
    "AsyncDispatcher",
    "Attempt",
    "Callback",
    "Delivery",
    "DeliveryStatus",
    "DimensionLabel",
    "DispatchReport",
    "Dispatcher",
    "EventCondition",
    "Judgement",
    "Level",
    "Metric",
    "MetricCondition",
    "Policy",
    "Repeat",
    "RepeatMode",
    "Reply",
    "Request",
    "RetrySchedule",
    "Target",
    "Tenant",
    "Verdict",
    "load_alarm",
    "load_groups",
]

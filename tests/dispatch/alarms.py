"""Alarms and groups that the tests of the engine dispatch."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import attrs

from alarm_dispatch import Alarm, AlarmGroup, AlarmState, Callback, EventCondition, load_alarm
from alarm_dispatch.model import Repeat

from ..paths import ALARMS

METRIC_ALARM = load_alarm(ALARMS / "tencent-metric.en.json")
BLUEKING_ALARM = load_alarm(ALARMS / "blueking-anomaly.json")
URL = "https://receiver.example/alarms"


def event_alarm() -> Alarm:
    """An alarm that only formats with events can tell."""
    condition = EventCondition(
        name="ping",
        display_name="Ping",
        product="cvm",
        product_display_name="CVM",
        repeat=Repeat(),
    )
    return attrs.evolve(METRIC_ALARM, condition=condition)


def numbered(number: int, state: AlarmState = AlarmState.TRIGGERED) -> Alarm:
    """One of many alarms that differ in their id only."""
    ended_at = datetime(2017, 3, 9, tzinfo=UTC) if state.ended else None
    return attrs.evolve(METRIC_ALARM, id=f"alarm-{number}", state=state, ended_at=ended_at)


def group(*urls: str, **settings: Any) -> AlarmGroup:
    """A group with a Tencent callback for each URL; ``settings`` are the callbacks'."""
    settings.setdefault("format", "tencent")
    return AlarmGroup("oncall", callbacks=[Callback(url, **settings) for url in urls or (URL,)])

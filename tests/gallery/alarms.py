"""The alarm that every format tells: as it fires, as it is resolved, and with a long description."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path

import attrs

from alarm_dispatch import load_alarm
from alarm_dispatch.model import Alarm
from alarm_dispatch.states import AlarmState

__all__ = ["FILE", "FIRING", "LONG", "RESOLVED", "told_at"]

FILE = Path(__file__).with_name("alarm.json")

FIRING = load_alarm(FILE)

RESOLVED = attrs.evolve(
    FIRING,
    state=AlarmState.RESOLVED,
    ended_at=FIRING.started_at + timedelta(minutes=12, seconds=30),
    current_value=81.2,
)

# In Chinese, which is the robots' own language, and of which a character takes three bytes.
_LINE = "第{}台主机内存使用率超过阈值，请检查缓存、连接和积压的任务。"

LONG = attrs.evolve(
    FIRING,
    policy=attrs.evolve(FIRING.policy, name="内存使用率"),
    condition=attrs.evolve(
        FIRING.condition, metric=attrs.evolve(FIRING.condition.metric, display_name="内存使用率")
    ),
    target=attrs.evolve(FIRING.target, name="数据库集群", region_name="广州"),
    description="\n".join(_LINE.format(number) for number in range(1, 51)),
)


def told_at(alarm: Alarm) -> datetime:
    """When it is told: two seconds after its beginning or its end."""
    return (alarm.ended_at or alarm.started_at) + timedelta(seconds=2)

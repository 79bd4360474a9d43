"""The alarm of a drill: one that every built-in format can tell, and that nobody takes for a real one."""

from __future__ import annotations

from datetime import datetime

from alarm_dispatch.model import (
    Alarm,
    Anomaly,
    AnomalyRecord,
    Level,
    Metric,
    MetricCondition,
    Policy,
    Repeat,
    Target,
    Tenant,
)

__all__ = ["MARK", "drill_alarm", "heartbeat_alarm"]

MARK = "DRILL"
"""Stands in every text of a drill's alarm that people read."""

_DIMENSIONS = {"drill": "true", "objName": f"{MARK}: no real object"}


def drill_alarm(alarm_id: str, now: datetime) -> Alarm:
    """A drill at the aware time ``now``."""
    return _marked(alarm_id, now, f"{MARK}: this is only a test of the alarm path, nothing is wrong")


def heartbeat_alarm(alarm_id: str, now: datetime) -> Alarm:
    """The same, as the heartbeat of a path."""
    return _marked(alarm_id, now, f"{MARK} (heartbeat): the alarm path works, nothing is wrong")


def _marked(alarm_id: str, now: datetime, text: str) -> Alarm:
    # 0 is nobody's number: no receiver finds a business, a rule or an alarm of its own by it.
    return Alarm(
        id=alarm_id,
        number=0,
        level=Level.INFO,
        previous_level=Level.INFO,
        tenant=Tenant(id=0, name=MARK),
        policy=Policy(
            id=0,
            name=text,
            type="drill",
            type_name=MARK,
            type_english_name=MARK,
            tags=(MARK,),
        ),
        condition=MetricCondition(
            metric=Metric(name="drill", display_name=f"{MARK}: no real metric"),
            statistic="Average",
            operator=">=",
            threshold=0,
            unit="",
            period=60,
            periods=1,
            expression=f"{MARK}: no real rule",
            repeat=Repeat(),
        ),
        target=Target(region="drill", namespace="drill", name=MARK, dimensions=_DIMENSIONS),
        started_at=now,
        created_at=now,
        evaluated_at=now,
        duration=0,
        current_value=0,
        description=text,
        anomaly_records=[
            AnomalyRecord(
                id=0,
                anomalies=[Anomaly(level=Level.INFO, id="drill", message=text, time=now)],
                data_id="drill",
                value=0,
                fields={"drill": 0},
                dimensions=_DIMENSIONS,
                observed_at=now,
                created_at=now,
            )
        ],
    )

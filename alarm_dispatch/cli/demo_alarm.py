"""The alarm of the demonstration: one that all of the built-in formats can tell."""

from __future__ import annotations

from datetime import datetime, timedelta

from alarm_dispatch.model import (
    Alarm,
    Anomaly,
    AnomalyRecord,
    Level,
    Metric,
    MetricCondition,
    Policy,
    Repeat,
    RepeatMode,
    Target,
    Tenant,
)

__all__ = ["demo_alarm"]

_DIMENSIONS = {"instanceId": "ins-demo0001", "objName": "172.21.30.15"}


def demo_alarm(now: datetime) -> Alarm:
    """A full disk, five minutes ago seen from ``now``."""
    started = now - timedelta(minutes=5)
    return Alarm(
        id="demo-disk-full",
        number=8817,
        level=Level.FATAL,
        previous_level=Level.WARNING,
        tenant=Tenant(id=2, name="Demo"),
        policy=Policy(id=144, name="disk almost full", type="cvm_device", type_name="CVM - basic monitoring"),
        condition=MetricCondition(
            metric=Metric(name="disk_usage", display_name="Disk utilization"),
            statistic="Average",
            operator=">=",
            threshold=95,
            unit="%",
            period=60,
            periods=3,
            repeat=Repeat(RepeatMode.CONTINUOUS, 300),
        ),
        target=Target(region="gz", namespace="qce/cvm", name="demo-host", dimensions=_DIMENSIONS),
        started_at=started,
        created_at=started,
        evaluated_at=now,
        current_value=97.4,
        anomaly_records=[
            AnomalyRecord(
                id=6211913,
                anomalies=[
                    Anomaly(
                        level=Level.FATAL,
                        id="demo-anomaly",
                        message="avg(disk_usage) >= 95, current value 97.4",
                        time=now,
                    )
                ],
                data_id="demo-data-point",
                value=97.4,
                fields={"disk_usage": 97.4},
                dimensions=_DIMENSIONS,
                observed_at=now,
                created_at=now,
            )
        ],
    )

"""One metric alarm and one event alarm with every field set, for the tests to change."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import attrs

from alarm_dispatch.model import (
    Alarm,
    Anomaly,
    AnomalyRecord,
    DimensionLabel,
    EventCondition,
    Level,
    Metric,
    MetricCondition,
    Policy,
    Repeat,
    Target,
    Tenant,
)

STARTED = datetime(2026, 1, 31, 11, 50, tzinfo=UTC)
ENDED = STARTED + timedelta(seconds=90)

POLICY = Policy(
    id=144,
    name="内存使用率",
    type="cvm_device",
    type_name="云服务器-基础监控",
    type_english_name="CVM - basic monitoring",
    scenario="os",
    tags=("prod", "db"),
    labels={"team": "infra", "rank": 2},
    url="https://console.example.com/policy/144",
)

TENANT = Tenant(id=2, name="蓝鲸", account_id=100000012345, application_id=1250000000)

TARGET = Target(
    dimensions={"ip": "10.0.0.1", "nodes": ["module|6"], "port": 443},
    dimension_labels=(
        DimensionLabel(key="ip", display_name="目标IP", display_value="10.0.0.1"),
        DimensionLabel(key="host", display_name="not a dimension", display_value="left out"),
    ),
    namespace="qce/cvm",
    region="gz",
    region_name="广州",
    name="web-1",
    group_id=7,
    group_name="web",
)

CONDITION = MetricCondition(
    metric=Metric(
        name="usage",
        display_name="使用率",
        id="bk_monitor.system.mem.usage",
        source_label="bk_monitor",
        source_name="监控平台",
        kind_label="time_series",
        kind_name="时序数据",
    ),
    other_metrics=(Metric(name="total", display_name="总量"),),
    statistic="Average",
    operator=">=",
    threshold=95.0,
    threshold_unit="percent",
    unit="%",
    period=60,
    periods=3,
    group_by=("ip",),
    repeat=Repeat("continuous", 300),
)

RECORD = AnomalyRecord(
    id=6211913,
    anomalies=(
        Anomaly(level=Level.FATAL, id="point.1", message="usage >= 95", time=STARTED),
        Anomaly(level=Level.WARNING, id="point.2", message="usage >= 80", time=STARTED),
    ),
    data_id="point",
    value=97.39,
    fields={"usage": 97.39, "time": 1769860200},
    dimensions={"ip": "10.0.0.1", "nodes": ["module|6"], "port": 443},
    observed_at=STARTED,
    created_at=STARTED + timedelta(seconds=2),
)

METRIC_ALARM = Alarm(
    id="alarm-7",
    number=8817,
    policy=POLICY,
    condition=CONDITION,
    target=TARGET,
    tenant=TENANT,
    level=Level.FATAL,
    previous_level=Level.WARNING,
    started_at=STARTED,
    created_at=STARTED + timedelta(seconds=5),
    evaluated_at=STARTED + timedelta(milliseconds=1500),
    current_value=97.39,
    previous_value=96,
    anomaly_records=(RECORD,),
    description="内存快满了",
    related_info="cluster 3",
    details={"cause": "leak", "pages": 12},
    muted=False,
)

EVENT_ALARM = attrs.evolve(
    METRIC_ALARM,
    condition=EventCondition(
        name="ping_unreachable",
        display_name="ping不可达",
        product="cvm",
        product_display_name="云服务器",
        repeat=Repeat("once", 0),
    ),
)


def resolved(alarm: Alarm, **changes: Any) -> Alarm:
    """The alarm, ended 90 s after its start."""
    return attrs.evolve(alarm, **{"state": "resolved", "ended_at": ENDED, **changes})


def changed(value: Any, path: str, new: Any) -> Any:
    """The object with another value at a path such as ``condition.metric.display_name``.

    A step may end in ``[n]`` for an item of a tuple.
    """
    step, _, rest = path.partition(".")
    name, _, index = step.rstrip("]").partition("[")
    old = getattr(value, name)
    if not index:
        return attrs.evolve(value, **{name: changed(old, rest, new) if rest else new})
    items = list(old)
    items[int(index)] = changed(items[int(index)], rest, new)
    return attrs.evolve(value, **{name: tuple(items)})

"""The alarms that benchmarks send: Tencent bodies of 1.4 KB, each a little different."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import attrs

from alarm_dispatch import Alarm, Level, MetricCondition, Policy, Repeat, Target, Tenant
from alarm_dispatch.formats import BuildContext, tencent
from alarm_dispatch.model import Metric

__all__ = ["FORMAT", "NOW", "alarms", "body"]

FORMAT = tencent.Format(dialect="observed")
NOW = datetime(2026, 1, 31, 12, 0, tzinfo=UTC)

_POLICY = Policy(
    id="policy-n4exeh88",
    name="memory usage of the order database's replicas",
    type="cvm_device",
    type_name="CVM - basic monitoring",
    type_english_name="CVM - basic monitoring",
    tags=("production", "database", "orders"),
    labels={"team": "storage", "service": "orders", "rank": 2, "runbook": "https://runbooks.example.com/41"},
    url="https://console.example.com/monitor/alarm/policy/detail/policy-n4exeh88",
)
_CONDITION = MetricCondition(
    metric=Metric(name="mem_usage", display_name="Memory usage"),
    statistic="Average",
    operator=">=",
    threshold=95.0,
    threshold_unit="percent",
    unit="%",
    period=60,
    periods=3,
    repeat=Repeat("continuous", 300),
)
_TARGET = Target(
    namespace="qce/cvm",
    region="gz",
    dimensions={
        "unInstanceId": "ins-o9p3rg3m",
        "objId": "94f1133c-46cf-4c61-a4c1-d928183aba47",
        "objName": "172.21.30.15#588789#orders-replica-3",
        "availabilityZone": "ap-guangzhou-3",
        "privateNetwork": "vpc-n4exeh88",
        "subnet": "subnet-n4exeh88",
        "owner": "storage-oncall@example.com",
        "mounts": ["/", "/var/lib/orders", "/var/log"],
    },
)
_ALARM = Alarm(
    id="alarm-0",
    policy=_POLICY,
    condition=_CONDITION,
    target=_TARGET,
    tenant=Tenant(id=2, account_id=100000012345, application_id=1250000000),
    level=Level.INFO,
    started_at=NOW - timedelta(minutes=10),
    current_value=97.39,
    previous_value=96,
)


def alarms(count: int, start: int = 0, level: Level = Level.INFO) -> list[Alarm]:
    """Alarms of different occurrences and values."""
    return [
        attrs.evolve(_ALARM, id=f"alarm-{number}", current_value=95 + number % 500 / 100, level=level)
        for number in range(start, start + count)
    ]


def body(alarm: Alarm = _ALARM, **context: Any) -> bytes:
    """The bytes of an alarm."""
    return FORMAT.build(
        alarm, BuildContext(session_id="0123456789abcdef01234567", now=NOW, **context)
    ).content

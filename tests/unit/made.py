"""Whole values for tests that are about one of their fields."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from alarm_dispatch import (
    Alarm,
    AlarmGroup,
    Anomaly,
    AnomalyRecord,
    Attempt,
    Callback,
    Delivery,
    DeliveryStatus,
    DimensionLabel,
    EventCondition,
    Metric,
    MetricCondition,
    Policy,
    Repeat,
    Reply,
    Request,
    Target,
    Tenant,
    Verdict,
)
from alarm_dispatch.formats import BuildContext, DeliveryRules, Payload, Verification

NOW = datetime(2026, 1, 31, 8, 0, tzinfo=UTC)

LEAST: dict[type, dict[str, Any]] = {
    Repeat: {},
    Tenant: {"id": 1},
    Policy: {"id": 1, "name": "CPU"},
    Metric: {"name": "cpu"},
    MetricCondition: {"metric": "cpu"},
    EventCondition: {"name": "reboot"},
    DimensionLabel: {"key": "ip", "display_name": "IP", "display_value": "10.0.0.1"},
    Target: {},
    Anomaly: {"level": "fatal", "id": "a1", "message": "high", "time": NOW},
    AnomalyRecord: {
        "id": 1,
        "anomalies": (),
        "data_id": "d1",
        "value": 93.5,
        "fields": {"value": 93.5},
        "dimensions": {"ip": "10.0.0.1"},
        "observed_at": NOW,
        "created_at": NOW,
    },
    Alarm: {
        "id": "alarm-1",
        "policy": Policy(id=1, name="CPU"),
        "condition": MetricCondition(metric="cpu"),
        "target": Target(),
        "started_at": NOW,
    },
}
"""What each class of the model needs at least."""


def make(kind: type, **fields: Any) -> Any:
    """An object of a class of the model with these fields, and else what it needs at least."""
    return kind(**{**LEAST[kind], **fields})


def alarm(**fields: Any) -> Alarm:
    """An alarm."""
    made: Alarm = make(Alarm, **fields)
    return made


def full_alarm() -> Alarm:
    """An alarm with every field set."""
    return Alarm(
        id="alarm-1",
        policy=Policy(
            id="p-1",
            name="磁盘",
            type="disk",
            type_name="Disk",
            type_english_name="Disk",
            scenario="os",
            tags=("a", "b"),
            labels={"team": "db", "more": [1, {"x": None}]},
            url="https://monitor.example.com/p-1",
        ),
        condition=MetricCondition(
            metric=Metric(
                name="used",
                display_name="Used",
                id="m.used",
                source_label="a",
                source_name="b",
                kind_label="c",
                kind_name="d",
            ),
            other_metrics=(Metric(name="free"),),
            statistic="AVG",
            operator=">",
            threshold=90,
            threshold_unit="%",
            unit="%",
            period=60,
            periods=3,
            expression="used > 90",
            group_by=("ip",),
            repeat=Repeat("continuous", 300, daily_after=86_400),
        ),
        target=Target(
            dimensions={"ip": "10.0.0.1", "port": 80},
            dimension_labels=(DimensionLabel(key="ip", display_name="IP", display_value="10.0.0.1"),),
            namespace="ns",
            region="gz",
            region_name="Guangzhou",
            name="db-1",
            group_id=7,
            group_name="databases",
        ),
        started_at=NOW,
        state="closed",
        level="fatal",
        previous_level="warning",
        tenant=Tenant(id=2, name="ops", account_id=3, application_id="4"),
        number=5,
        created_at=NOW,
        evaluated_at=NOW,
        ended_at=NOW,
        duration=1.5,
        current_value=93.5,
        previous_value=-1,
        anomaly_records=(make(AnomalyRecord, anomalies=(make(Anomaly),)),),
        description="the disk is nearly full",
        related_info="see the runbook",
        details={"b": 1, "a": [True, None, {"c": 2.5}]},
        muted=False,
    )


def callback(url: str = "https://ops.example.com/alarms", **settings: Any) -> Callback:
    """A callback."""
    return Callback(url, **{"format": "blueking", **settings})


def group(*callbacks: Callback, name: str = "oncall", **settings: Any) -> AlarmGroup:
    """An alarm group."""
    return AlarmGroup(name, callbacks=callbacks or (callback(),), **settings)


def request(**fields: Any) -> Request:
    """A request."""
    return Request(**{"url": "https://ops.example.com/", "content": b"{}", "delivery_id": "d-1", **fields})


def reply(status_code: int = 200, content: bytes = b"", **fields: Any) -> Reply:
    """A reply to such a request."""
    return Reply(status_code=status_code, content=content, **{"request": request(), **fields})


def attempt(number: int = 1, verdict: Verdict = Verdict.REJECTED, **fields: Any) -> Attempt:
    """An attempt that took no time."""
    return Attempt(number=number, verdict=verdict, **{"started_at": NOW, "duration": 0.0, **fields})


def delivery(status: str = "failed", **fields: Any) -> Delivery:
    """A settled delivery."""
    return Delivery(
        status=DeliveryStatus(status),
        **{"id": "d-1", "alarm_id": "alarm-1", "callback": callback(), **fields},
    )


class PlainFormat:
    """A format of a user's own, with rules of its own."""

    def __init__(self, rules: DeliveryRules) -> None:
        self.name = "plain"
        self.rules = rules

    def build(self, alarm: Alarm, context: BuildContext) -> Payload:
        """The alarm's id."""
        return Payload(content=alarm.id.encode(), content_type="text/plain")

    def parse(self, content: bytes, content_type: str) -> object:
        """The text."""
        return content.decode()

    def verification(self, context: BuildContext) -> Verification:
        """An empty body."""
        return Verification(payload=Payload(content=b"", content_type="text/plain"))


class NullTransport:
    """A transport of a user's own."""

    async def send(self, request: Request, *, deadline: float) -> Reply:
        """Carry nothing."""
        return Reply(status_code=200)

"""A user's program: alarms, groups and both dispatchers."""

# ruff: noqa: T201 - a program prints

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path

import tenacity

from alarm_dispatch import (
    Alarm,
    AlarmGroup,
    AlarmState,
    AsyncDispatcher,
    Attempt,
    Callback,
    Delivery,
    Dispatcher,
    DispatchReport,
    EventCondition,
    Level,
    MetricCondition,
    Policy,
    Repeat,
    RepeatDecision,
    RepeatTracker,
    RetrySchedule,
    Target,
    Tenant,
    Verdict,
    load_alarm,
    load_groups,
)
from alarm_dispatch.confirmation import json_field_equals, session_echo, status_is
from alarm_dispatch.egress import EgressPolicy
from alarm_dispatch.errors import ConfigurationError, DispatchFailedError, InvalidFieldError
from alarm_dispatch.formats import aliyun, blueking, tencent, tencent_legacy
from alarm_dispatch.transports.auth import BasicAuth
from alarm_dispatch.transports.httpx import HttpxTransport

triggered = Alarm(
    id="alarm-1",
    policy=Policy(id=1, name="CPU", tags=["a"], labels={"team": "db"}),
    condition=MetricCondition(
        metric="cpu_usage", operator=">", threshold=90, repeat=Repeat("continuous", 300)
    ),
    target=Target(region="gz", dimensions={"ip": "10.0.0.1", "ports": [80, 443]}),
    started_at=datetime.now(UTC) - timedelta(minutes=5),
    level="fatal",
    tenant=Tenant(id="ops"),
    details={"a": {"b": None}},
)
resolved = Alarm(
    id="alarm-1",
    policy=triggered.policy,
    condition=EventCondition(name="ping"),
    target=triggered.target,
    started_at=triggered.started_at,
    state=AlarmState.RESOLVED,
    level=Level.WARNING,
)

group = AlarmGroup(
    "database-oncall",
    callbacks=[
        Callback("https://ops.example.com/alarms", format="blueking"),
        Callback("https://hooks.example.com/cm", format=tencent.Format(dialect="observed"), timeout=2.0),
        Callback(
            "https://hooks.example.com/old",
            format=tencent_legacy.Format(),
            schedule=RetrySchedule(attempts=3, delays=(5, 10), jitter=1),
            headers={"X-Team": "db"},
            limit=2,
        ),
        Callback(
            "https://hooks.example.com/ali",
            format=aliyun.Format(),
            schedule=RetrySchedule(
                stop=tenacity.stop_after_delay(60) | tenacity.stop_after_attempt(5),
                wait=tenacity.wait_exponential(multiplier=2) + tenacity.wait_random(0, 1),
            ),
            confirmation=status_is(200) & json_field_equals("errcode", 0) | session_echo(),
            headers=[("X-Team", "db")],
        ),
        Callback("https://ops.example.com/b", format=blueking.Format(level_names={"fatal": "F"})),
        Callback(
            "https://hooks.example.com/",
            format="tencent",
            egress=EgressPolicy.public_only(allow_ports=[443, "8000-8099"], deny_hosts=(".example.net",)),
        ),
    ],
    timeout=5,
    confirmation=lambda reply: reply.status_code == 204,
)


def followed() -> Alarm | None:
    """Decide what is told without a dispatcher."""
    tracker = RepeatTracker(min_hold=60)
    return tracker.observe(triggered, group).alarm


def synchronous() -> bool:
    """Dispatch from synchronous code."""
    transport = HttpxTransport(auth=BasicAuth("user", "password"), headers={"X-A": "b"})
    with Dispatcher(
        transport=transport,
        timeout=3,
        schedule=RetrySchedule(attempts=1),
        egress=EgressPolicy.internal(https_only=True),
    ) as dispatcher:
        report: DispatchReport = dispatcher.dispatch(triggered, group)
        handle = dispatcher.submit(resolved, group)
        later: DispatchReport = handle.result(timeout=30)
        observed = dispatcher.observe(triggered, group)
        if observed is not None and observed.decision is RepeatDecision.FIRST:
            later = observed.result(timeout=30)
        heartbeat = dispatcher.heartbeat(group, every=3_600)
        heartbeat.stop()
        drilled: DispatchReport = dispatcher.drill(group)
        print(drilled.ok, heartbeat.failed)
        check: Delivery = dispatcher.verify(group.callbacks[0])
    try:
        report.raise_for_failure()
    except DispatchFailedError as error:
        failed: tuple[Delivery, ...] = error.report.failed
        print([delivery.outcome for delivery in failed])
    return report.ok and later.ok and check.ok and handle.done()


async def asynchronous() -> list[str]:
    """Dispatch on the running event loop."""
    async with AsyncDispatcher() as dispatcher:
        report = await dispatcher.dispatch(triggered, group)
        handle = await dispatcher.submit(resolved, group)
        await handle.result(timeout=30)
    return [_told(attempt) for delivery in report.deliveries for attempt in delivery.attempts]


def _told(attempt: Attempt) -> str:
    status: int | None = attempt.status_code
    began: datetime = attempt.started_at
    if attempt.verdict is Verdict.CONFIRMED:
        return f"{attempt.number} {began} {attempt.duration:.3f}"
    return f"{attempt.number} {began} {status} {attempt.reason} {attempt.retry_in}"


def loaded(folder: Path) -> tuple[Alarm, dict[str, AlarmGroup]]:
    """Load from files and mappings."""
    try:
        return load_alarm(folder / "alarm.json"), load_groups(str(folder / "groups.toml"))
    except ConfigurationError as error:
        print([f"{path}: {message}" for path, message in error.problems])
    except InvalidFieldError as error:
        print(error.field, error.problem)
    return load_alarm({"id": "alarm-1"}), load_groups([{"name": "oncall"}])


if __name__ == "__main__":
    synchronous()
    asyncio.run(asynchronous())

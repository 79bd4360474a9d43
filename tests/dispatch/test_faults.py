"""What fails alone: formats, confirmations, transports and strategies that raise."""

from __future__ import annotations

import asyncio
from typing import Any

import attrs
import pytest

from alarm_dispatch import AlarmGroup, AsyncDispatcher, Callback, DispatchReport, RetrySchedule
from alarm_dispatch.errors import (
    DispatchFailedError,
    MissingFieldError,
    TransportError,
    UnsupportedAlarmError,
)
from alarm_dispatch.exchange import Reply, Request
from alarm_dispatch.formats import BuildContext, Payload, get
from alarm_dispatch.testing import MemoryReceiver

from .alarms import METRIC_ALARM, event_alarm, group

OTHER = "https://other.example/"


def dispatch(
    clock: Any, transport: Any, alarm: Any, alarm_group: AlarmGroup, **settings: Any
) -> DispatchReport:
    """One alarm, dispatched in virtual time."""

    async def main() -> DispatchReport:
        async with AsyncDispatcher(transport=transport, clock=clock, **settings) as dispatcher:
            return await dispatcher.dispatch(alarm, alarm_group)

    return clock.run(main())


@pytest.mark.parametrize("name", ["aliyun", "tencent_legacy"])
def test_a_format_without_events_fails_before_anything_is_sent(virtual_clock, memory_receiver, name):
    """The group's other callbacks still go out."""
    receiver = memory_receiver(200)
    callbacks = [Callback("https://one.example/", format=name), Callback(OTHER, format="tencent")]

    report = dispatch(
        virtual_clock, receiver.transport, event_alarm(), AlarmGroup("oncall", callbacks=callbacks)
    )

    refused, delivered = report.deliveries
    assert isinstance(refused.error, UnsupportedAlarmError)
    assert refused.attempts == ()
    assert refused.status == "failed"
    assert delivered.ok
    assert [carried.request.url for carried in receiver.transport.requests] == [OTHER]
    with pytest.raises(DispatchFailedError) as failure:
        report.raise_for_failure()
    assert failure.value.__cause__ is refused.error


def test_a_missing_value_is_named_before_anything_is_sent(virtual_clock, memory_receiver):
    """The error knows the format, the wire field and the model's field."""
    receiver = memory_receiver(200)
    alarm = attrs.evolve(METRIC_ALARM, policy=attrs.evolve(METRIC_ALARM.policy, type=None))

    report = dispatch(virtual_clock, receiver.transport, alarm, group())

    error = report.deliveries[0].error
    assert isinstance(error, MissingFieldError)
    assert (error.format, error.wire_field, error.model_field) == (
        "tencent",
        "alarmPolicyInfo.policyType",
        "alarm.policy.type",
    )
    assert receiver.requests == ()


class _Broken:
    """A format whose build raises or returns nonsense."""

    name = "broken"

    def __init__(self, built: Any) -> None:
        self._built = built
        self.rules = get("tencent").rules

    def build(self, _alarm: Any, _context: BuildContext) -> Payload:
        if isinstance(self._built, Exception):
            raise self._built
        return self._built

    def parse(self, _content: bytes, _content_type: str) -> object:
        raise AssertionError("no test parses this format")

    def verification(self, _context: BuildContext) -> Any:
        raise self._built


@pytest.mark.parametrize("built", [ZeroDivisionError("format is broken"), "not a payload"])
def test_a_format_that_raises_fails_its_own_delivery(virtual_clock, memory_receiver, built):
    """The cause is the delivery's error, and the others go on."""
    callbacks = [Callback("https://one.example/", format=_Broken(built)), Callback(OTHER, format="tencent")]
    told: list[object] = []

    report = dispatch(
        virtual_clock,
        memory_receiver(200).transport,
        METRIC_ALARM,
        AlarmGroup("oncall", callbacks=callbacks),
        hooks=[told.append],
    )

    broken, delivered = report.deliveries
    assert broken.error is built if isinstance(built, Exception) else isinstance(broken.error, TypeError)
    assert delivered.ok
    assert broken in told


def test_a_confirmation_that_raises_fails_its_delivery_at_once(virtual_clock, memory_receiver):
    """It is a fault of ours, so the receiver is not called again for it."""
    receiver = memory_receiver(200)

    def broken(_reply: Reply) -> bool:
        raise ZeroDivisionError("confirmation is broken")

    callbacks = [
        Callback("https://one.example/", format="tencent", confirmation=broken),
        Callback(OTHER, format="tencent"),
    ]
    report = dispatch(
        virtual_clock, receiver.transport, METRIC_ALARM, AlarmGroup("oncall", callbacks=callbacks)
    )

    failed, delivered = report.deliveries
    assert isinstance(failed.error, ZeroDivisionError)
    assert len(failed.attempts) == 1
    assert failed.attempts[0].reason == "ZeroDivisionError: confirmation is broken"
    assert failed.attempts[0].status_code == 200
    assert delivered.ok


def test_a_confirmation_that_answers_nonsense_is_told(virtual_clock, memory_receiver):
    """A string is neither yes nor no."""
    report = dispatch(
        virtual_clock, memory_receiver(200).transport, METRIC_ALARM, group(confirmation=lambda _reply: "yes")
    )

    assert isinstance(report.deliveries[0].error, TypeError)


def test_a_strategy_that_raises_fails_its_delivery(virtual_clock, memory_receiver):
    """Without a next time there is no next attempt."""

    def broken(_state: object) -> float:
        raise ZeroDivisionError("strategy is broken")

    schedule = RetrySchedule(attempts=3, wait=broken)

    report = dispatch(virtual_clock, memory_receiver(500).transport, METRIC_ALARM, group(schedule=schedule))

    assert isinstance(report.deliveries[0].error, ZeroDivisionError)
    assert len(report.deliveries[0].attempts) == 1


@pytest.mark.parametrize("wait", [-1.0, float("nan"), float("inf")])
def test_a_strategy_that_answers_no_time_fails_its_delivery(virtual_clock, memory_receiver, wait):
    """Nothing waits for ever, or backwards."""
    schedule = RetrySchedule(attempts=3, wait=lambda _state: wait)

    report = dispatch(virtual_clock, memory_receiver(500).transport, METRIC_ALARM, group(schedule=schedule))

    assert isinstance(report.deliveries[0].error, ValueError)


class _OwnTransport:
    """A transport of a user's own that knows nothing of deadlines."""

    def __init__(self, answer: Any) -> None:
        self._answer = answer

    async def send(self, request: Request, *, deadline: float) -> Reply:
        return await self._answer(request)


def test_a_transport_that_ignores_the_deadline_is_cut_off(virtual_clock):
    """The engine keeps the deadline for it, and cannot know what was sent."""

    async def hang(_request: Request) -> Reply:
        await asyncio.sleep(3600)
        raise AssertionError("unreachable")

    report = dispatch(virtual_clock, _OwnTransport(hang), METRIC_ALARM, group())

    attempts = report.deliveries[0].attempts
    assert [attempt.duration for attempt in attempts] == [5.0, 5.0, 5.0]
    assert [attempt.reason for attempt in attempts] == ["timed out in the transport"] * 3


def test_a_timeout_of_the_transports_own_is_a_fault_of_ours(virtual_clock):
    """Only the attempt's deadline is the receiver's fault."""

    async def impatient(_request: Request) -> Reply:
        raise TimeoutError("the transport's own")

    report = dispatch(virtual_clock, _OwnTransport(impatient), METRIC_ALARM, group())

    assert isinstance(report.deliveries[0].error, TimeoutError)


def test_a_transport_that_raises_something_else_fails_the_delivery(virtual_clock):
    """A mock that was asked for what it does not know must not look like a dead receiver."""

    async def unmocked(_request: Request) -> Reply:
        raise AssertionError("this request is not mocked")

    report = dispatch(virtual_clock, _OwnTransport(unmocked), METRIC_ALARM, group())

    assert isinstance(report.deliveries[0].error, AssertionError)
    assert len(report.deliveries[0].attempts) == 1


def test_a_transport_that_returns_no_reply_is_told(virtual_clock):
    """A status code alone is not a reply."""

    async def careless(_request: Request) -> Any:
        return 200

    report = dispatch(virtual_clock, _OwnTransport(careless), METRIC_ALARM, group())

    assert isinstance(report.deliveries[0].error, TypeError)


def test_a_callbacks_own_transport_carries_its_requests(virtual_clock, memory_receiver):
    """The dispatcher's is for those without one."""
    shared, own = memory_receiver(200), memory_receiver(200)
    callbacks = [
        Callback("https://one.example/", format="tencent", transport=own.transport),
        Callback(OTHER, format="tencent"),
    ]

    report = dispatch(
        virtual_clock, shared.transport, METRIC_ALARM, AlarmGroup("oncall", callbacks=callbacks)
    )

    assert report.ok
    assert len(own.requests) == len(shared.requests) == 1


def test_an_unreachable_receiver_is_retried(virtual_clock):
    """A connection that was refused may be accepted the next time."""
    receiver = MemoryReceiver("refused,unreachable,200")

    report = dispatch(virtual_clock, receiver.transport, METRIC_ALARM, group())

    verdicts = [attempt.verdict for attempt in report.deliveries[0].attempts]
    assert verdicts == ["unreachable", "unreachable", "confirmed"]


@pytest.mark.parametrize(
    ("alarm", "alarm_group"),
    [(None, None), (METRIC_ALARM, [Callback("http://a/", format="tencent")]), ({}, group())],
)
def test_arguments_of_another_kind_are_misuse(virtual_clock, memory_receiver, alarm, alarm_group):
    """Misuse raises at the call."""
    with pytest.raises(TypeError, match="must be of type Alarm"):
        dispatch(virtual_clock, memory_receiver(200).transport, alarm, alarm_group)


def test_a_transport_error_is_the_receivers_verdict(virtual_clock):
    """A transport of a user's own may say what is known."""
    from alarm_dispatch import Verdict

    async def unsure(_request: Request) -> Reply:
        raise TransportError(Verdict.UNREACHABLE, "the modem is off")

    report = dispatch(virtual_clock, _OwnTransport(unsure), METRIC_ALARM, group())

    assert [attempt.reason for attempt in report.deliveries[0].attempts] == ["the modem is off"] * 3

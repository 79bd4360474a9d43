"""How a delivery goes: attempts, waits, verdicts, and what never happens."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
import tenacity

from alarm_dispatch import (
    AlarmGroup,
    AsyncDispatcher,
    Attempt,
    Callback,
    Delivery,
    DispatchReport,
    RetrySchedule,
    Verdict,
)
from alarm_dispatch.confirmation import any_2xx
from alarm_dispatch.exchange import Judgement, Reply, Request
from alarm_dispatch.testing import MemoryReceiver, VirtualClock

from .alarms import BLUEKING_ALARM, METRIC_ALARM, URL, group


def dispatch(
    receiver: MemoryReceiver,
    clock: VirtualClock,
    alarm_group: AlarmGroup,
    alarm: Any = METRIC_ALARM,
    **settings: Any,
) -> DispatchReport:
    """One alarm, dispatched in virtual time."""

    async def main() -> DispatchReport:
        async with AsyncDispatcher(transport=receiver.transport, clock=clock, **settings) as dispatcher:
            return await dispatcher.dispatch(alarm, alarm_group)

    return clock.run(main())


def test_a_failing_receiver_is_tried_at_0_5_and_15_seconds(virtual_clock, memory_receiver):
    """BlueKing's schedule: the waits are 5 s and 10 s, to the microsecond."""
    receiver = memory_receiver("500,500,200", now=virtual_clock.now)

    report = dispatch(receiver, virtual_clock, group(format="blueking"), BLUEKING_ALARM)

    receiver.assert_arrivals([0, 5, 15])
    (delivery,) = report.deliveries
    assert report.ok
    assert delivery.status == "delivered"
    assert [attempt.number for attempt in delivery.attempts] == [1, 2, 3]
    assert [attempt.verdict for attempt in delivery.attempts] == ["rejected", "rejected", "confirmed"]
    assert [attempt.status_code for attempt in delivery.attempts] == [500, 500, 200]
    assert [attempt.retry_in for attempt in delivery.attempts] == [5.0, 10.0, None]
    starts = [attempt.started_at - delivery.attempts[0].started_at for attempt in delivery.attempts]
    assert starts == [timedelta(0), timedelta(seconds=5), timedelta(seconds=15)]


def test_after_three_failures_there_is_no_fourth(virtual_clock, memory_receiver):
    """Three attempts are all that the documents give a delivery."""
    receiver = memory_receiver(500)

    report = dispatch(receiver, virtual_clock, group(format="blueking"), BLUEKING_ALARM)
    virtual_clock.advance(3600)

    assert not report.ok
    assert report.deliveries[0].status == "failed"
    assert report.deliveries[0].error is None
    assert len(receiver.requests) == 3
    assert report.deliveries[0].outcome == "rejected after 3 attempts: status 500, not 200"


def test_a_receiver_that_never_answers_costs_the_timeout_each_time(virtual_clock, memory_receiver):
    """An attempt ends at its deadline, and the wait begins there."""
    receiver = memory_receiver("timeout")

    report = dispatch(receiver, virtual_clock, group(format="blueking"), BLUEKING_ALARM)

    receiver.assert_arrivals([0, 8, 21])
    (delivery,) = report.deliveries
    assert [attempt.duration for attempt in delivery.attempts] == [3.0, 3.0, 3.0]
    assert {attempt.verdict for attempt in delivery.attempts} == {Verdict.UNKNOWN}


def test_alibabas_three_retries_make_four_attempts(virtual_clock, memory_receiver):
    """The Alibaba document counts retries, not attempts."""
    receiver = memory_receiver(503)

    dispatch(receiver, virtual_clock, group(format="aliyun"), _aliyun_alarm())

    receiver.assert_arrivals([0, 5, 15, 35])


def _aliyun_alarm() -> Any:
    from alarm_dispatch import load_alarm

    from ..paths import ALARMS

    return load_alarm(ALARMS / "aliyun-threshold.json")


def test_every_attempt_of_a_delivery_is_the_same_request(virtual_clock, memory_receiver):
    """Bytes and session id are made once; the next notification has another id."""
    receiver = memory_receiver("500,500,200,200")
    one_group = group()

    first = dispatch(receiver, virtual_clock, one_group)
    second = dispatch(receiver, virtual_clock, one_group)

    bodies = [request.content for request in receiver.requests]
    assert len(set(bodies[:3])) == 1
    assert receiver.requests[0].json()["sessionId"] == first.deliveries[0].id
    assert receiver.requests[3].json()["sessionId"] == second.deliveries[0].id
    assert first.deliveries[0].id != second.deliveries[0].id


@pytest.mark.parametrize(
    ("step", "reason"),
    [
        ('200:{"sessionId":"another","retCode":0}', "sessionId is 'another', not the one that was sent"),
        ('200:{"retCode":0}', "the body has no field sessionId"),
        ('200:{"sessionId":"x","retCode":1}', "retCode is 1, not 0"),
        ('200:{"sessionId":"x","retCode":"0"}', "retCode is '0', not 0"),
        ('200:{"sessionId":"x","retCode":false}', "retCode is False, not 0"),
        ("200", "the body is empty"),
        ("200:[]", "the body has no field retCode"),
    ],
)
def test_the_older_tencent_format_wants_its_confirmation(virtual_clock, memory_receiver, step, reason):
    """200 alone is unconfirmed there, and retried."""
    receiver = memory_receiver(f"{step},confirm")

    report = dispatch(receiver, virtual_clock, group(format="tencent_legacy"))

    first, second = report.deliveries[0].attempts
    assert (first.verdict, first.reason, first.retry_in) == ("unconfirmed", reason, 5.0)
    assert second.verdict == "confirmed"


def test_the_older_tencent_format_does_not_take_a_body_that_is_no_json(virtual_clock):
    """Text that is not JSON is unconfirmed, too."""
    answers = iter([b"OK", b"<html>", b""])
    receiver = MemoryReceiver(lambda _request: Reply(status_code=200, content=next(answers)))

    report = dispatch(receiver, virtual_clock, group(format="tencent_legacy"))

    assert [attempt.reason for attempt in report.deliveries[0].attempts] == [
        "the body is not JSON",
        "the body is not JSON",
        "the body is empty",
    ]
    assert not report.ok


def test_a_confirmed_callback_is_not_called_again_for_another_ones_sake(virtual_clock, memory_receiver):
    """Each callback has its own delivery."""
    good, bad = "https://good.example/", "https://bad.example/"
    receiver = memory_receiver(200, scripts={bad: "500,500,200"})

    report = dispatch(receiver, virtual_clock, group(good, bad))

    assert report.ok
    assert [delivery.callback.url for delivery in report.deliveries] == [good, bad]
    targets = [carried.request.url for carried in receiver.transport.requests]
    assert targets.count(good) == 1
    assert targets.count(bad) == 3


def test_a_groups_callbacks_are_served_side_by_side(virtual_clock, memory_receiver):
    """Ten silent receivers take as long as one."""
    receiver = memory_receiver("timeout")
    urls = [f"https://receiver-{number}.example/" for number in range(10)]

    report = dispatch(receiver, virtual_clock, group(*urls, format="blueking"), BLUEKING_ALARM)

    assert len(report.failed) == 10
    assert virtual_clock.elapsed == 24.0


@pytest.mark.parametrize(
    ("settings", "arrivals"),
    [
        ({"schedule": RetrySchedule(attempts=1)}, [0]),
        ({"schedule": RetrySchedule(attempts=4, delays=(1, 2))}, [0, 1, 3, 5]),
        ({"schedule": RetrySchedule(delays=(0, 0))}, [0, 0, 0]),
        (
            {
                "schedule": RetrySchedule(
                    stop=tenacity.stop_after_delay(20), wait=tenacity.wait_exponential(multiplier=1)
                )
            },
            [0, 1, 3, 7, 15, 31],
        ),
        (
            {"schedule": RetrySchedule(stop=tenacity.stop_before_delay(20), wait=tenacity.wait_fixed(8))},
            [0, 8, 16],
        ),
    ],
)
def test_schedules_of_a_users_own(virtual_clock, memory_receiver, settings, arrivals):
    """The short form and any of tenacity's strategies decide the times."""
    receiver = memory_receiver(500)

    dispatch(receiver, virtual_clock, group(**settings))

    receiver.assert_arrivals(arrivals)


def test_settings_win_from_callback_over_group_over_dispatcher(virtual_clock, memory_receiver):
    """The nearest setting counts, each by itself."""
    receiver = memory_receiver(201)
    callback = Callback(URL, format="tencent", timeout=1.0)
    alarm_group = AlarmGroup("oncall", callbacks=[callback], schedule=RetrySchedule(attempts=2, delays=(7,)))

    strict = dispatch(receiver, virtual_clock, alarm_group, schedule=RetrySchedule(attempts=9))
    loose = dispatch(receiver, virtual_clock, alarm_group, confirmation=any_2xx())

    assert len(strict.deliveries[0].attempts) == 2
    assert strict.deliveries[0].attempts[0].retry_in == 7
    assert strict.deliveries[0].attempts[0].verdict == "unconfirmed"
    assert loose.ok


def test_jitter_comes_from_the_dispatchers_own_randomness(virtual_clock, memory_receiver):
    """A seeded generator makes the waits repeatable."""
    import random

    receiver = memory_receiver("500,500,200")
    schedule = RetrySchedule(attempts=3, delays=(5, 10), jitter=2)

    dispatch(receiver, virtual_clock, group(schedule=schedule), rng=random.Random(7))

    expected = random.Random(7)
    first = 5 + expected.uniform(0, 2)
    second = first + 10 + expected.uniform(0, 2)
    receiver.assert_arrivals([0, first, second], within=0.000001)


def test_a_refused_request_is_not_retried(virtual_clock):
    """What our own rule forbids, it forbids the next time too."""
    from alarm_dispatch.errors import TransportError

    calls = []

    def forbid(request: Request) -> Reply:
        calls.append(request)
        raise TransportError(Verdict.REFUSED, "not allowed")

    report = dispatch(MemoryReceiver(forbid), virtual_clock, group())

    assert len(calls) == 1
    assert report.deliveries[0].attempts[0].verdict == "refused"


def test_hooks_are_told_of_each_attempt_and_of_the_end(virtual_clock, memory_receiver):
    """An attempt's decision is known when the hook is called; a delivery comes last."""
    told: list[Attempt | Delivery] = []

    report = dispatch(memory_receiver("500,200"), virtual_clock, group(), hooks=[told.append])

    attempts, delivery = told[:-1], told[-1]
    assert tuple(attempts) == report.deliveries[0].attempts
    assert delivery == report.deliveries[0]
    assert attempts[0].delivery_id == delivery.id
    assert attempts[0].callback == delivery.callback.name


def test_a_hook_that_raises_harms_nobody(virtual_clock, memory_receiver, caplog):
    """It is told in the log, and the delivery goes on."""

    def broken(_event: object) -> None:
        raise RuntimeError("hook is broken")

    report = dispatch(memory_receiver("500,200"), virtual_clock, group(), hooks=[broken])

    assert report.ok
    assert "hook is broken" in caplog.text


def test_a_users_confirmation_may_give_the_verdict(virtual_clock, memory_receiver):
    """It sees the reply with its request, and says why."""

    def judge(reply: Reply) -> Judgement:
        assert reply.request is not None
        wanted = f'"{reply.request.delivery_id}"'
        if wanted.encode() in reply.content and reply.request.attempt == 2:
            return Judgement(Verdict.CONFIRMED)
        return Judgement(Verdict.REJECTED, f"attempt {reply.request.attempt} is not welcome")

    report = dispatch(memory_receiver("confirm"), virtual_clock, group(confirmation=judge))

    assert [attempt.reason for attempt in report.deliveries[0].attempts] == ["attempt 1 is not welcome", ""]

"""The documented rules on real sockets in real time; the waits are the documents', so this takes 15 s."""

from __future__ import annotations

import pytest

from alarm_dispatch import AlarmGroup, AsyncDispatcher, Callback, Dispatcher, DispatchReport
from alarm_dispatch.testing import LoopbackReceiver

from ..dispatch.alarms import BLUEKING_ALARM

_TOLERANCE = 0.3


@pytest.fixture(scope="module")
def outcome() -> tuple[DispatchReport, LoopbackReceiver, dict[str, tuple[float, ...]]]:
    """One alarm to five receivers side by side, under BlueKing's rules."""
    scripts = {
        "/recovers": "500,500,200",
        "/fails": "500",
        "/late": "delay:3.4:200,200",
        "/redirects": "redirect,302,200",
        "/breaks": "reset,garbage,200",
    }
    with LoopbackReceiver(scripts=scripts) as receiver, Dispatcher() as dispatcher:
        callbacks = [Callback(f"{receiver.url}{path}", format="blueking", name=path) for path in scripts]
        report = dispatcher.dispatch(BLUEKING_ALARM, AlarmGroup("oncall", callbacks=callbacks))
        arrivals: dict[str, tuple[float, ...]] = {}
        for path in scripts:
            times = [request.at for request in receiver.requests if request.target == path]
            arrivals[path] = tuple(time - times[0] for time in times)
        return report, receiver, arrivals


def delivery(outcome, path):
    """The delivery to one of the receivers."""
    (found,) = (one for one in outcome[0].deliveries if one.callback.name == path)
    return found


def test_500_500_200_takes_three_attempts_at_0_5_and_15_seconds(outcome):
    """And ends delivered."""
    found = delivery(outcome, "/recovers")

    assert outcome[2]["/recovers"] == pytest.approx((0, 5, 15), abs=_TOLERANCE)
    assert found.status == "delivered"
    assert [attempt.status_code for attempt in found.attempts] == [500, 500, 200]


def test_four_failures_never_happen(outcome):
    """After three it is failed."""
    found = delivery(outcome, "/fails")

    assert found.status == "failed"
    assert len(found.attempts) == len(outcome[2]["/fails"]) == 3


def test_a_reply_later_than_3_seconds_is_a_failed_attempt(outcome):
    """The next one follows 5 s after the deadline, not after the reply."""
    found = delivery(outcome, "/late")

    assert outcome[2]["/late"] == pytest.approx((0, 8), abs=_TOLERANCE)
    assert found.attempts[0].verdict == "unknown"
    assert found.attempts[0].duration == pytest.approx(3, abs=_TOLERANCE)
    assert found.status == "delivered"


@pytest.mark.parametrize(
    ("path", "verdicts"),
    [
        ("/redirects", ["rejected", "rejected", "confirmed"]),
        ("/breaks", ["unknown", "unknown", "confirmed"]),
    ],
)
def test_whatever_a_receiver_does_the_next_attempt_follows(outcome, path, verdicts):
    """A redirect is not followed, a reset and garbage are not fatal."""
    found = delivery(outcome, path)

    assert [attempt.verdict for attempt in found.attempts] == verdicts
    assert outcome[2][path] == pytest.approx((0, 5, 15), abs=_TOLERANCE)


def test_the_asynchronous_dispatcher_goes_over_real_sockets_too(loopback_receiver):
    """Its first attempt at least; the times are the same engine's."""
    import asyncio

    receiver = loopback_receiver(200)

    async def main() -> DispatchReport:
        async with AsyncDispatcher() as dispatcher:
            group = AlarmGroup("oncall", callbacks=[Callback(receiver.url, format="blueking")])
            return await dispatcher.dispatch(BLUEKING_ALARM, group)

    assert asyncio.run(main()).ok
    assert len(receiver.requests) == 1

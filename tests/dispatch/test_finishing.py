"""Formats that give each request a last touch: when, and what comes of their mistakes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import attrs
import pytest

from alarm_dispatch import AlarmGroup, AsyncDispatcher, Callback, DispatchReport
from alarm_dispatch.errors import SigningError
from alarm_dispatch.exchange import Request
from alarm_dispatch.formats import tencent

from .alarms import METRIC_ALARM, URL


class Finishing:
    """Tencent's format, with this for its last touch."""

    def __init__(self, touch: Callable[[Request], Any]) -> None:
        made = tencent.Format()
        self.name, self.rules = made.name, made.rules
        self.build, self.parse, self.verification = made.build, made.parse, made.verification
        self.finish = touch


def dispatch(clock: Any, receiver: Any, touch: Callable[[Request], Any], **settings: Any) -> DispatchReport:
    """One alarm in such a format."""
    group = AlarmGroup("oncall", callbacks=[Callback(URL, format=Finishing(touch), **settings)])

    async def main() -> DispatchReport:
        async with AsyncDispatcher(transport=receiver.transport, clock=clock) as dispatcher:
            return await dispatcher.dispatch(METRIC_ALARM, group)

    return clock.run(main())


def test_each_attempt_gets_its_own_touch_before_it_is_signed(virtual_clock, memory_receiver):
    """What the signer signs is what is sent."""
    receiver = memory_receiver("500,200", now=virtual_clock.now)
    times = []

    def touch(request: Request) -> Request:
        times.append(request.started_at)
        return attrs.evolve(request, url=f"{request.url}?x", content=b"touch %d" % request.attempt)

    report = dispatch(
        virtual_clock, receiver, touch, signer=lambda content, **_: {"X-Signed": content.decode()}
    )

    assert report.ok, report.deliveries[0].attempts[0].reason
    assert [request.target for request in receiver.requests] == ["/alarms?x", "/alarms?x"]
    assert [request.content for request in receiver.requests] == [b"touch 1", b"touch 2"]
    assert [dict(request.headers)["X-Signed"] for request in receiver.requests] == ["touch 1", "touch 2"]
    assert (times[1] - times[0]).total_seconds() == 5


def _fail(_request: Request) -> Request:
    raise ValueError("the key is k3y")


@pytest.mark.parametrize(
    ("touch", "told"),
    [
        (_fail, "format tencent raised ValueError when it finished the request"),
        (lambda request: None, "format tencent finished the request with a NoneType"),
    ],
)
def test_what_cannot_be_finished_is_not_sent(virtual_clock, memory_receiver, touch, told):
    """The delivery fails at once, and tells no key."""
    receiver = memory_receiver(200, now=virtual_clock.now)

    report = dispatch(virtual_clock, receiver, touch)

    (delivery,) = report.deliveries
    assert not receiver.requests
    assert delivery.attempts[0].verdict == "refused"
    assert delivery.attempts[0].reason == f"not signed: {told}"
    assert isinstance(delivery.error, SigningError)
    assert "k3y" not in repr(report)

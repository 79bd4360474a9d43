"""Who carries a message for Apprise, and under which policy."""

from __future__ import annotations

from typing import Any

import pytest

from alarm_dispatch import AlarmGroup, Callback, Dispatcher, Reply, Verdict
from alarm_dispatch.egress import EgressPolicy
from alarm_dispatch.errors import EgressRefusedError
from alarm_dispatch.testing import MemoryReceiver
from alarm_dispatch.transports.aiohttp import AiohttpTransport
from alarm_dispatch.transports.function import FunctionTransport
from alarm_dispatch.transports.httpx import HttpxTransport
from tests.dispatch.alarms import METRIC_ALARM
from tests.services import fake


def _delivered(callback: Callback, **settings: Any) -> Any:
    with Dispatcher(**settings) as dispatcher:
        (delivery,) = dispatcher.dispatch(METRIC_ALARM, AlarmGroup("g", callbacks=[callback])).deliveries
    return delivery


@pytest.mark.parametrize("transport", [None, HttpxTransport(), AiohttpTransport()])
def test_the_transports_for_http_leave_it_to_apprise(transport: Any) -> None:
    """They could not carry it."""
    sent: list[str] = []

    def send(_service: Any, body: str, *_: Any, **__: Any) -> bool:
        sent.append(body)
        return True

    with fake.known(send):
        delivery = _delivered(Callback(fake.URL), transport=transport)

    assert delivery.ok
    assert len(sent) == 1


def test_any_other_transport_carries_it() -> None:
    """So that nothing goes out of a test."""
    receiver = MemoryReceiver(200)
    sent: list[str] = []

    with fake.known(lambda *_, **__: sent.append("") or True):
        delivery = _delivered(Callback(fake.URL), transport=receiver.transport)
        own = _delivered(
            Callback(
                fake.URL,
                transport=FunctionTransport(lambda _: Reply(status_code=200)),
                headers={"X-Key": "a"},
                signer=lambda *_, **__: {"X-Signature": "b"},
            )
        )

    assert delivery.ok
    assert own.ok
    assert sent == []
    assert receiver.requests[0].json()["type"] == "warning"


@pytest.mark.parametrize(
    "policy",
    [
        EgressPolicy.internal(),
        EgressPolicy.internal(exempt_networks=["169.254.1.1"], tell_addresses=True),
        EgressPolicy.anything(),
    ],
)
def test_where_no_rule_could_be_broken_it_goes(policy: EgressPolicy) -> None:
    """Nobody sees where Apprise connects to."""
    assert policy.leaves_apprise_free

    with fake.known(lambda *_, **__: True):
        assert _delivered(Callback(fake.URL), egress=policy).ok


@pytest.mark.parametrize(
    "policy",
    [
        EgressPolicy.public_only(),
        EgressPolicy.internal(https_only=True),
        EgressPolicy.internal(allow_hosts=["t0ken-of-the-host"]),
        EgressPolicy.internal(deny_hosts=["h.example"]),
        EgressPolicy.internal(allow_networks=["10.0.0.0/8"]),
        EgressPolicy.anything(deny_networks=["10.0.0.0/8"]),
        EgressPolicy.internal(allow_ports=[443]),
        EgressPolicy.internal(deny_ports=[25]),
    ],
)
def test_where_a_rule_could_be_broken_it_is_refused(policy: EgressPolicy) -> None:
    """Unless the callback's own policy has none."""
    assert not policy.leaves_apprise_free

    with fake.known(lambda *_, **__: True):
        delivery = _delivered(Callback(fake.URL), egress=policy)
        trusted = _delivered(Callback(fake.URL, egress=EgressPolicy.anything()), egress=policy)

    assert trusted.ok
    assert [attempt.verdict for attempt in delivery.attempts] == [Verdict.REFUSED]
    assert isinstance(delivery.error, EgressRefusedError)
    assert delivery.error.rule == "through Apprise"
    assert str(delivery.error) == (
        "refused by the egress policy (through Apprise): apprise:adfake://***; "
        "for a URL that you trust, give its callback egress=EgressPolicy.anything()"
    )

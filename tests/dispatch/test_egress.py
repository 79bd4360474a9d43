"""Which policy holds for a delivery, and what becomes of one that is refused."""

from __future__ import annotations

import pickle
from typing import Any

import pytest

from alarm_dispatch import AlarmGroup, AsyncDispatcher, Callback, Circuit, Dispatcher
from alarm_dispatch.egress import INTERNAL, EgressPolicy
from alarm_dispatch.errors import DispatchFailedError, EgressRefusedError, InvalidFieldError, TransportError
from alarm_dispatch.exchange import Reply, Request, Verdict
from alarm_dispatch.testing import MemoryOutbox
from alarm_dispatch.transports.function import FunctionTransport

from .alarms import METRIC_ALARM, URL, group, numbered
from .test_faults import OTHER, dispatch

METADATA = "http://169.254.169.254/latest/"
PUBLIC_ONLY = EgressPolicy.public_only()


def test_a_refused_delivery_is_not_sent_and_not_tried_again(virtual_clock, memory_receiver):
    """It has one attempt, whose reason names the rule; the group's other callbacks go out."""
    receiver = memory_receiver(200)

    report = dispatch(virtual_clock, receiver.transport, METRIC_ALARM, group(METADATA, OTHER))

    refused, delivered = report.deliveries
    (attempt,) = refused.attempts
    assert (attempt.verdict, attempt.status_code, attempt.retry_in) == (Verdict.REFUSED, None, None)
    assert attempt.reason == f"refused by the egress policy (cloud metadata): {METADATA}"
    assert isinstance(refused.error, EgressRefusedError)
    assert refused.error.rule == "cloud metadata"
    assert refused.outcome == f"EgressRefusedError: {attempt.reason}"
    assert refused.error.__traceback__ is None
    assert delivered.ok
    assert [carried.request.url for carried in receiver.transport.requests] == [OTHER]
    with pytest.raises(DispatchFailedError) as failure:
        report.raise_for_failure()
    assert failure.value.__cause__ is refused.error


def test_what_a_transport_refuses_ends_the_same(virtual_clock):
    """An address that only a lookup shows."""

    class Refusing:
        async def send(self, request: Request, *, deadline: float) -> Reply:
            try:
                raise OSError("no way to 169.254.169.254")  # noqa: TRY301 - as libraries do
            except OSError:
                request.egress.check_address("169.254.169.254", request.url)
            raise AssertionError

    report = dispatch(virtual_clock, Refusing(), METRIC_ALARM, group())

    (delivery,) = report.deliveries
    assert [attempt.verdict for attempt in delivery.attempts] == ["refused"]
    assert isinstance(delivery.error, EgressRefusedError)
    assert "169.254" not in delivery.outcome
    # Nor by what the library raised, which would also keep the request.
    assert (delivery.error.__cause__, delivery.error.__context__) == (None, None)


def test_another_refusal_of_a_transport_is_no_fault(virtual_clock):
    """Its verdict tells it, as before."""

    class Refusing:
        async def send(self, request: Request, *, deadline: float) -> Reply:
            raise TransportError(Verdict.REFUSED, "not on a Sunday")

    (delivery,) = dispatch(virtual_clock, Refusing(), METRIC_ALARM, group()).deliveries

    assert (delivery.error, delivery.outcome) == (None, "refused after 1 attempt: not on a Sunday")


@pytest.mark.parametrize(
    ("dispatchers", "callbacks", "ok"),
    [
        ({}, {}, True),
        ({"egress": PUBLIC_ONLY}, {}, False),
        ({"egress": PUBLIC_ONLY}, {"egress": EgressPolicy.internal()}, True),
        ({}, {"egress": PUBLIC_ONLY}, False),
        ({"egress": None}, {"egress": None}, True),
    ],
)
def test_the_callbacks_policy_wins(virtual_clock, memory_receiver, dispatchers, callbacks, ok):
    """Else the dispatcher's holds, else the internal one; the request carries it to the transport."""
    receiver = memory_receiver(200)

    report = dispatch(
        virtual_clock, receiver.transport, METRIC_ALARM, group("http://10.0.0.1/", **callbacks), **dispatchers
    )

    assert report.ok is ok
    expected = callbacks.get("egress") or dispatchers.get("egress") or INTERNAL
    assert [one.request.egress for one in receiver.transport.requests] == [expected] * ok


def test_a_verification_is_refused_as_well(virtual_clock, memory_receiver):
    """It is a request like the others."""
    receiver = memory_receiver(200)

    async def main():
        async with AsyncDispatcher(transport=receiver.transport, clock=virtual_clock) as dispatcher:
            return await dispatcher.verify(Callback(METADATA, format="tencent"))

    delivery = virtual_clock.run(main())

    assert delivery.error.rule == "cloud metadata"
    assert receiver.requests == ()


def test_the_receiver_is_not_charged_with_a_refusal(virtual_clock, memory_receiver):
    """A circuit does not open: the receiver was never asked."""
    receiver = memory_receiver(200)
    alarm_group = group(METADATA, circuit=Circuit(failures=1, pause=3600))

    async def main():
        async with AsyncDispatcher(transport=receiver.transport, clock=virtual_clock) as dispatcher:
            for number in range(3):
                await dispatcher.dispatch(numbered(number), alarm_group)
            return dispatcher.stats().lanes[0].circuit

    assert virtual_clock.run(main()) == "closed"


@pytest.mark.parametrize("url", ["http://0xa9fea9fe/", "http://localhost:8080/", "http://[::1]/"])
def test_a_synchronous_dispatcher_refuses_the_same(url):
    """Before a function is called."""
    called = []

    with Dispatcher(transport=FunctionTransport(called.append), egress=PUBLIC_ONLY) as dispatcher:
        report = dispatcher.dispatch(METRIC_ALARM, group(url))

    assert report.deliveries[0].attempts[0].verdict == "refused"
    assert called == []


def test_a_refused_delivery_of_an_outbox_is_dead(virtual_clock, memory_receiver):
    """It can be replayed, when the policy is another one."""
    receiver, outbox = memory_receiver(200), MemoryOutbox()
    alarm_group = AlarmGroup("oncall", callbacks=[Callback("http://10.0.0.1/", format="tencent", name="ops")])

    async def main(egress, *, replay=False):
        if replay:
            outbox.replay([one.entry.id for one in outbox.list()])
        settings: dict[str, Any] = {"outbox": outbox, "groups": [alarm_group], "egress": egress}
        async with AsyncDispatcher(
            transport=receiver.transport, clock=virtual_clock, **settings
        ) as dispatcher:
            if not replay:
                await dispatcher.dispatch(METRIC_ALARM, alarm_group)
            await dispatcher.drain()
        return [(str(one.status), [str(each.verdict) for each in one.attempts]) for one in outbox.list()]

    assert virtual_clock.run(main(PUBLIC_ONLY)) == [("dead", ["refused"])]
    assert virtual_clock.run(main(INTERNAL, replay=True)) == [("delivered", ["refused", "confirmed"])]


@pytest.mark.parametrize("given", ["public_only", EgressPolicy, {}, 5])
def test_what_is_no_policy(given):
    """Neither for a dispatcher nor for a callback."""
    kind = type(given).__name__

    with pytest.raises(InvalidFieldError, match=f"^egress: must be an EgressPolicy, not {kind}$"):
        Dispatcher(egress=given)
    with pytest.raises(InvalidFieldError, match=f"^Callback.egress: must be an EgressPolicy, not {kind}$"):
        Callback(URL, format="tencent", egress=given)


def test_a_callback_with_a_policy_goes_over_a_process_boundary():
    """As others do."""
    callback = Callback(URL, format="tencent", egress=PUBLIC_ONLY)

    assert pickle.loads(pickle.dumps(callback)) == callback

"""Requests to services, through Apprise."""

from __future__ import annotations

import asyncio
import sys
import threading
import time
from collections.abc import Callable
from typing import Any

import apprise
import pytest

from alarm_dispatch import AlarmGroup, AsyncDispatcher, Callback, Dispatcher, RetrySchedule
from alarm_dispatch.egress import EgressPolicy
from alarm_dispatch.errors import EgressRefusedError, InvalidFieldError, TransportError
from alarm_dispatch.exchange import Reply, Request, Transport, Verdict
from alarm_dispatch.formats import apprise as apprise_format
from alarm_dispatch.testing import VirtualClock
from alarm_dispatch.transports.apprise import AppriseTransport
from tests.dispatch.alarms import METRIC_ALARM
from tests.formats.samples import context
from tests.services import fake

_PAYLOAD = apprise_format.Format().build(METRIC_ALARM, context())
_HEADERS = (("Content-Type", "application/json"),)


def request(url: str = fake.URL, **values: Any) -> Request:
    """A request to a service."""
    values.setdefault("content", _PAYLOAD.content)
    values.setdefault("headers", _HEADERS)
    return Request(url=url, lane=url, **values)


def send(url: str = fake.URL, *, seconds: float = 10.0, **values: Any) -> Reply:
    """What one request comes to."""

    async def main() -> Reply:
        deadline = asyncio.get_running_loop().time() + seconds
        return await AppriseTransport().send(request(url, **values), deadline=deadline)

    return asyncio.run(main())


def _json_url(receiver: Any, more: str = "") -> str:
    return f"apprise:{receiver.url.replace('http', 'json', 1)}{more}"


class Blocking:
    """A service that does not come back until it is let go."""

    def __init__(self) -> None:
        self.go_on = threading.Event()
        self.calls = 0

    def __call__(self, *_: Any, **__: Any) -> bool:
        self.calls += 1
        assert self.go_on.wait(30)
        return True


def _wait_until(is_so: Callable[[], bool]) -> None:
    end = time.monotonic() + 30
    while not is_so() and time.monotonic() < end:
        time.sleep(0.01)


def test_a_message_over_sockets(loopback_receiver: Any) -> None:
    """To a service that posts JSON: what Apprise makes of it, and its yes."""
    receiver = loopback_receiver(201)

    reply = send(_json_url(receiver, "/alarms"))

    (arrived,) = receiver.requests
    assert reply.status_code == 200
    assert arrived.target.startswith("/alarms")
    assert arrived.json()["title"].startswith("Triggered: test")
    assert "Policy: test\nMetric: " in arrived.json()["message"]
    assert arrived.json()["type"] == "warning"


@pytest.mark.parametrize("status", [302, 400, 401, 429, 500, 503])
def test_a_refusal_over_sockets(status: int, loopback_receiver: Any) -> None:
    """The status that the service told; a redirect is not followed."""
    receiver = loopback_receiver(f"redirect,{status}" if status == 302 else status)

    reply = send(_json_url(receiver))

    assert reply.status_code == status
    assert f"error={status}" in reply.content.decode()
    if hasattr(apprise.AppriseAsset, "http_redirects"):  # older releases cannot be told
        assert len(receiver.requests) == 1


def test_nobody_there() -> None:
    """No connection was made."""
    with pytest.raises(TransportError, match="connection refused") as caught:
        send("apprise:json://127.0.0.1:1/token-token")

    assert caught.value.verdict is Verdict.UNREACHABLE


def test_a_no_without_a_status() -> None:
    """A refusal has one all the same, which no service means."""

    def refuse(service: Any, *_: Any, **__: Any) -> bool:
        service.logger.error("There are no recipients.")
        return False

    with fake.known(refuse):
        reply = send()

    assert reply.status_code == 424
    assert reply.content == b"Apprise: There are no recipients."


@pytest.mark.parametrize(
    ("service", "reason"),
    [
        (lambda *_, **__: False, "and not why"),
        (lambda *_, **__: {}["a"], "the service raised KeyError"),
    ],
)
def test_what_nobody_can_tell_is_unknown(service: Callable[..., Any], reason: str) -> None:
    """It may have arrived."""
    with fake.known(service), pytest.raises(TransportError, match=reason) as caught:
        send()

    assert caught.value.verdict is Verdict.UNKNOWN


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        ({"url": "https://h.example/"}, "carries URLs such as apprise:"),
        ({"content": b"{}"}, "none of the format apprise"),
        ({"headers": ()}, "none of the format apprise"),
        ({"url": "apprise:adnosuch://x"}, "is no URL that Apprise takes"),
    ],
)
def test_what_apprise_cannot_tell_is_refused(values: dict[str, Any], reason: str) -> None:
    """It would be no different in the next attempt."""
    with pytest.raises(TransportError, match=reason) as caught:
        send(**values)

    assert caught.value.verdict is Verdict.REFUSED


def test_without_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    """The reason says what to install."""
    monkeypatch.setitem(sys.modules, "apprise", None)

    with pytest.raises(TransportError, match=r'pip install "alarm-dispatch\[apprise\]"') as caught:
        send("apprise:json://localhost")

    assert caught.value.verdict is Verdict.REFUSED


def test_the_policy_of_the_request() -> None:
    """Whoever calls the transport."""
    with pytest.raises(EgressRefusedError):
        send(egress=EgressPolicy.public_only())


def test_a_deadline_that_has_passed() -> None:
    """Nothing is begun."""
    with pytest.raises(TransportError, match="had passed before") as caught:
        send(seconds=-1.0)

    assert caught.value.verdict is Verdict.UNREACHABLE


def test_the_loop_goes_on_and_the_deadline_is_kept() -> None:
    """Although the service blocks; what comes of it later is dropped."""
    blocking = Blocking()

    async def main() -> tuple[TransportError, int]:
        ticks = 0

        async def tick() -> None:
            nonlocal ticks
            while True:
                await asyncio.sleep(0.01)
                ticks += 1

        ticking = asyncio.ensure_future(tick())
        with pytest.raises(TransportError, match=r"^timed out in Apprise$") as caught:
            await AppriseTransport().send(request(), deadline=asyncio.get_running_loop().time() + 0.3)
        ticking.cancel()
        return caught.value, ticks

    with fake.known(blocking):
        started = time.monotonic()
        error, ticks = asyncio.run(main())
        took = time.monotonic() - started
        blocking.go_on.set()

    assert error.verdict is Verdict.UNKNOWN
    assert ticks > 5
    assert took < 5


def test_stuck_threads_are_bounded() -> None:
    """Further attempts are told at once, and go on when a thread is back."""
    blocking = Blocking()
    transport = AppriseTransport(threads=3, per_receiver=2)
    reasons: list[str] = []

    async def attempt(lane: str, seconds: float) -> None:
        deadline = asyncio.get_running_loop().time() + seconds
        try:
            await transport.send(request(f"{fake.URL}-{lane}"), deadline=deadline)
        except TransportError as error:
            reasons.append(f"{lane} {error.verdict}: {error.reason}")

    async def main() -> None:
        await asyncio.gather(*(attempt("a", 0.2) for _ in range(2)))
        await attempt("a", 30)
        await attempt("b", 0.2)
        await attempt("c", 30)
        before = blocking.calls
        blocking.go_on.set()
        await asyncio.to_thread(_wait_until, lambda: not transport._slots._counts.calls)
        await attempt("c", 30)
        assert (before, blocking.calls) == (3, 4)

    with fake.known(blocking):
        asyncio.run(main())

    assert reasons == [
        "a unknown: timed out in Apprise",
        "a unknown: timed out in Apprise",
        "a unreachable: all 2 threads for this receiver are held by earlier calls that are not back",
        "b unknown: timed out in Apprise",
        "c unreachable: all 3 threads for all receivers are held by earlier calls that are not back",
    ]


def test_closing_does_not_wait_for_a_stuck_service() -> None:
    """The delivery is settled, and the process goes on."""
    blocking = Blocking()

    with fake.known(blocking):
        group = AlarmGroup("g", callbacks=[_callback(timeout=30.0)])
        dispatcher = Dispatcher()
        with dispatcher:
            handle = dispatcher.submit(METRIC_ALARM, group)
            _wait_until(lambda: bool(blocking.calls))
            started = time.monotonic()
            dispatcher.close(timeout=0.1)
            took = time.monotonic() - started
        (delivery,) = handle.result(timeout=5).deliveries
        blocking.go_on.set()

    assert took < 5
    assert delivery.attempts[0].verdict is Verdict.UNKNOWN


def test_a_thread_that_cannot_be_started(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing was sent."""

    def fail(_thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    async def main() -> None:
        transport, deadline = AppriseTransport(), asyncio.get_running_loop().time() + 5
        monkeypatch.setattr(threading.Thread, "start", fail)
        with pytest.raises(TransportError, match="no thread could be started") as caught:
            await transport.send(request(), deadline=deadline)
        assert caught.value.verdict is Verdict.UNREACHABLE

    asyncio.run(main())


def test_under_a_virtual_clock() -> None:
    """The time stands still while a service works."""
    with fake.known(lambda *_, **__: bool(time.sleep(0.05)) or True):

        async def main() -> Reply:
            return await AppriseTransport().send(request(), deadline=0.01)

        assert VirtualClock().run(main()).status_code == 200


@pytest.mark.parametrize(
    "settings", [{"threads": 0}, {"threads": True}, {"per_receiver": 1.5}, {"per_receiver": -1}]
)
def test_wrong_settings(settings: dict[str, Any]) -> None:
    """Each is named."""
    (name,) = settings

    with pytest.raises(InvalidFieldError, match=rf"^AppriseTransport\.{name}: must be at least 1"):
        AppriseTransport(**settings)


def test_it_is_a_transport() -> None:
    """It keeps the deadline itself."""
    transport = AppriseTransport(threads=2, per_receiver=1)

    assert isinstance(transport, Transport)
    assert transport.keeps_deadline
    assert repr(transport) == "AppriseTransport(threads=2, per_receiver=1)"


def _callback(url: str = fake.URL, **settings: Any) -> Callback:
    settings.setdefault("schedule", RetrySchedule(attempts=2, delays=(0,)))
    return Callback(url, **settings)


@pytest.mark.parametrize("door", [Dispatcher, AsyncDispatcher])
def test_from_an_alarm_to_a_service(door: Any, loopback_receiver: Any) -> None:
    """Through a dispatcher's front door, beside a callback over HTTP: retried, and confirmed."""
    receiver, other = loopback_receiver("500,200"), loopback_receiver(200)
    group = AlarmGroup(
        "g", callbacks=[_callback(_json_url(receiver)), Callback(other.url, format="blueking")]
    )

    async def main() -> Any:
        async with AsyncDispatcher() as dispatcher:
            return await dispatcher.dispatch(METRIC_ALARM, group)

    if door is Dispatcher:
        with Dispatcher() as dispatcher:
            report = dispatcher.dispatch(METRIC_ALARM, group)
    else:
        report = asyncio.run(main())

    told = [(attempt.verdict, attempt.status_code) for attempt in report.deliveries[0].attempts]
    assert told == [(Verdict.REJECTED, 500), (Verdict.CONFIRMED, 200)]
    assert report.deliveries[0].attempts[0].reason.startswith("Apprise: Failed to send JSON POST")


def test_a_url_is_verified_by_a_test_message(loopback_receiver: Any) -> None:
    """Which arrives, and says what it is."""
    receiver = loopback_receiver(200)

    with Dispatcher() as dispatcher:
        delivery = dispatcher.verify(_callback(_json_url(receiver)))

    assert delivery.ok
    assert receiver.requests[0].json()["title"] == "Test message"

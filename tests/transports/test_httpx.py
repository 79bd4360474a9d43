"""What only the httpx transport does: HTTP/2, a client of the user's own, mocks."""

from __future__ import annotations

import asyncio
import ssl
from types import SimpleNamespace
from typing import Any

import httpx
import pytest
import respx

from alarm_dispatch import AsyncDispatcher, Callback, Dispatcher
from alarm_dispatch.egress import EgressPolicy
from alarm_dispatch.errors import InvalidFieldError, TransportError
from alarm_dispatch.exchange import Reply, Request, Verdict
from alarm_dispatch.testing import VirtualClock
from alarm_dispatch.transports.httpx import HttpxTransport
from alarm_dispatch.transports.streams import WatchedBackend

from ..dispatch.alarms import METRIC_ALARM, group
from .loopback import failure_of, serving


def test_http2_is_spoken_when_it_is_asked_for(authority):
    """With the extra, one connection carries the requests as streams."""
    h2_connection = pytest.importorskip("h2.connection")
    h2_config = pytest.importorskip("h2.config")
    h2_events = pytest.importorskip("h2.events")
    seen: list[bytes] = []

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        peer = h2_connection.H2Connection(h2_config.H2Configuration(client_side=False))
        peer.initiate_connection()
        while data := await reader.read(65536):
            for event in peer.receive_data(data):
                if isinstance(event, h2_events.DataReceived):
                    seen.append(event.data)
                if isinstance(event, h2_events.StreamEnded):
                    peer.send_headers(event.stream_id, [(":status", "200")], end_stream=True)
            writer.write(peer.data_to_send())

    async def main() -> Reply:
        context = authority.server()
        context.set_alpn_protocols(["h2"])
        async with serving(answer, ssl=context) as port:
            transport = HttpxTransport(http2=True, ca_file=authority.ca_file)
            deadline = asyncio.get_running_loop().time() + 5
            request = Request(url=f"https://127.0.0.1:{port}/", content=b"{}", lane="one")
            replies = await asyncio.gather(*(transport.send(request, deadline=deadline) for _ in range(12)))
            await transport.aclose()
        return replies[0]

    assert asyncio.run(main()).status_code == 200
    assert [part for part in seen if part] == [b"{}"] * 12


def test_frames_of_http2_leave_others_their_turns(virtual_clock):
    """However many came: a frame may have 9 bytes, and takes time, also when it says nothing."""

    class Flood:
        async def read(self, most: int, _timeout: object) -> bytes:
            return bytes(most)

        write = aclose = None

        def get_extra_info(self, _info: str) -> Any:
            return SimpleNamespace(selected_alpn_protocol=lambda: "h2")

        async def start_tls(self) -> Any:
            return self

    class Backend:
        async def connect_tcp(self) -> Any:
            return Flood()

    turns: list[int] = []

    async def others() -> None:
        while True:
            turns.append(1)
            await asyncio.sleep(0)

    async def main() -> list[int]:
        stream = await (await WatchedBackend(Backend()).connect_tcp()).start_tls()
        meanwhile = asyncio.create_task(others())
        sizes = [len(await stream.read(65_536)) for _ in range(64)]
        meanwhile.cancel()
        return sizes

    sizes = virtual_clock.run(main())

    assert max(sizes) <= 1024
    assert len(turns) >= 64


def test_callbacks_can_be_mocked_with_respx(virtual_clock):
    """Without a socket, with the schedule in virtual time."""
    with respx.mock as mocked, Dispatcher(clock=virtual_clock) as dispatcher:
        route = mocked.post("https://receiver.example/alarms").mock(
            side_effect=[httpx.Response(500), httpx.ConnectError("no"), httpx.Response(200)]
        )
        report = dispatcher.dispatch(METRIC_ALARM, group())

    assert report.ok
    assert virtual_clock.elapsed == 15.0
    assert [call.request.content for call in route.calls] == [route.calls[0].request.content] * 3
    assert route.calls[0].request.headers["content-type"] == "application/json"
    verdicts = [attempt.verdict for attempt in report.deliveries[0].attempts]
    assert verdicts == ["rejected", "unreachable", "confirmed"]


def test_what_is_mocked_is_never_looked_up(monkeypatch, virtual_clock):
    """Whatever the policy: the addresses matter where a connection is made, and none is."""
    lookups: list[object] = []
    monkeypatch.setattr("socket.getaddrinfo", lambda *arguments, **_options: lookups.append(arguments))
    policy = EgressPolicy.public_only()

    with respx.mock as mocked, Dispatcher(clock=virtual_clock, egress=policy) as dispatcher:
        route = mocked.post("https://receiver.example/alarms").respond(200)
        report = dispatcher.dispatch(METRIC_ALARM, group())

    assert (report.ok, route.call_count, lookups) == (True, 1, [])


def test_a_mock_does_not_mock_the_policy(virtual_clock):
    """What the URL's text tells is refused all the same."""
    with respx.mock(assert_all_called=False) as mocked, Dispatcher(clock=virtual_clock) as dispatcher:
        route = mocked.post("http://169.254.169.254/latest").respond(200)
        report = dispatcher.dispatch(METRIC_ALARM, group("http://169.254.169.254/latest"))

    assert [attempt.verdict for attempt in report.deliveries[0].attempts] == ["refused"]
    assert not route.called


def test_a_proxy_is_not_asked_for_an_ipv6_address(loopback_receiver):
    """Its brackets are left out by httpcore, and what remains may be another host to the proxy."""
    proxy = loopback_receiver(200)

    error = failure_of(HttpxTransport(proxy=proxy.url), "http://[2606:2800:220:1::1]/")

    assert error.verdict is Verdict.REFUSED
    assert proxy.requests == ()


def test_a_route_that_is_not_mocked_fails_loudly(virtual_clock):
    """A forgotten mock is the test's fault, not a dead receiver, and is not retried."""
    with respx.mock(assert_all_called=False), Dispatcher(clock=virtual_clock) as dispatcher:
        report = dispatcher.dispatch(METRIC_ALARM, group())

    assert isinstance(report.deliveries[0].error, AssertionError)
    assert virtual_clock.elapsed == 0.0


def test_a_client_of_the_users_own_is_used_as_it_is():
    """Here with httpx's own mock transport, and its default headers."""
    seen: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return httpx.Response(302, headers={"Location": "https://elsewhere.example/"})

    clock = VirtualClock()

    async def main() -> str:
        mock = httpx.MockTransport(answer)
        async with (
            httpx.AsyncClient(transport=mock, headers={"X-From": "client"}, follow_redirects=True) as client,
            AsyncDispatcher(transport=HttpxTransport(client=client), clock=clock) as dispatcher,
        ):
            return str((await dispatcher.verify(Callback("https://one.example/", format="tencent"))).outcome)

    assert clock.run(main()) == "rejected after 1 attempt: status 302, not 200"
    assert [str(request.url) for request in seen] == ["https://one.example/"]
    assert (seen[0].headers["x-from"], seen[0].headers["accept-encoding"]) == ("client", "identity")
    assert seen[0].content == b"{}"


@pytest.mark.parametrize(
    ("reply", "told"),
    [
        ({"content": b"x" * 1_001}, "status 200, and a body longer than 1000 bytes"),
        ({"headers": [("x", "y")] * 101}, "a reply of more than 100 headers"),
    ],
)
def test_what_a_client_has_read_already_has_the_same_bounds(reply, told):
    """Its mock transport and its event hooks read the whole body."""

    async def main() -> str:
        mock = httpx.MockTransport(lambda _request: httpx.Response(200, **reply))
        async with (
            httpx.AsyncClient(transport=mock) as client,
            AsyncDispatcher(transport=HttpxTransport(client=client, max_reply_bytes=1_000)) as dispatcher,
        ):
            verified = await dispatcher.verify(Callback("https://one.example/", format="tencent"))
            return verified.attempts[0].reason

    assert VirtualClock().run(main()) == told


@pytest.mark.parametrize("settings", [{"http2": True}, {"proxy": "http://127.0.0.1/"}, {"ca_file": "ca.pem"}])
def test_a_client_brings_its_own_connections(settings):
    """What it would be silently ignored for is refused."""
    with pytest.raises(InvalidFieldError, match="client"):
        HttpxTransport(client=httpx.AsyncClient(), **settings)


@pytest.mark.parametrize(
    ("settings", "apart"),
    [
        ({"http2": True, "proxy": "https://proxy.example"}, True),
        ({"http2": True, "proxy": "https://proxy.example", "insecure_tls": True}, True),
        ({"http2": True, "proxy": "https://proxy.example", "tls": ssl.create_default_context()}, False),
        ({"http2": False, "proxy": "https://proxy.example"}, False),
    ],
)
def test_what_is_offered_to_a_proxy_is_apart_from_what_receivers_are(settings, apart, monkeypatch):
    """It is written into the context before each handshake, and another one may read it there."""
    made: dict[str, Any] = {}

    def new_pool(_gate: object, **given: Any) -> Any:
        made.update(given)
        raise httpx.ConnectError("for the test")

    monkeypatch.setattr("alarm_dispatch.transports.httpx.new_pool", new_pool)

    failure_of(HttpxTransport(**settings), "https://ops.example.com/")

    assert (made["proxy_tls"] is not made["tls"]) is apart
    assert made["proxy_tls"].verify_mode is made["tls"].verify_mode


def test_http2_without_its_extra_is_told_at_construction(monkeypatch):
    """Over plain HTTP it would silently be HTTP/1.1."""
    monkeypatch.setattr("importlib.util.find_spec", lambda _name: None)

    with pytest.raises(InvalidFieldError, match=r"alarm-dispatch\[http2\]"):
        HttpxTransport(http2=True)


def test_a_connection_that_the_system_gives_up_is_no_deadline(monkeypatch):
    """ETIMEDOUT is a TimeoutError, too, and tells more than our own."""
    import errno

    async def give_up(*_arguments: object) -> httpx.Response:
        raise TimeoutError(errno.ETIMEDOUT, "Connection timed out")

    monkeypatch.setattr(httpx.AsyncHTTPTransport, "handle_async_request", give_up)

    error = failure_of(HttpxTransport(), "http://127.0.0.1:1/")

    assert error.verdict is Verdict.UNREACHABLE
    assert error.reason == "connection timed out"


def test_what_is_said_on_a_new_connection_is_not_taken_for_a_reply():
    """As a mail server does; nothing is sent to it."""
    pytest.importorskip("aiohttp", reason="the connections in memory are for both transports")
    from .in_memory import HttpxInMemory, Line, said

    class Greeting(Line):
        greeting = b"HTTP/1.1 200 OK\r\n\r\n"

    with pytest.raises(TransportError) as failure:
        asyncio.run(said(HttpxInMemory(Greeting()), 5.0))

    assert failure.value.verdict is Verdict.UNREACHABLE
    assert failure.value.reason == "the receiver closed its connections, or spoke, before it was asked"

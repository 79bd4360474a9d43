"""The default transport: connections, TLS, proxies, authentication, caps, and mocks."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
import tracemalloc
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
import respx
import trustme

from alarm_dispatch import AsyncDispatcher, Callback, Dispatcher, Verdict
from alarm_dispatch.errors import InvalidFieldError, TransportError
from alarm_dispatch.exchange import Reply, Request
from alarm_dispatch.testing import VirtualClock
from alarm_dispatch.transports.auth import BasicAuth, BearerAuth
from alarm_dispatch.transports.httpx import HttpxTransport

from ..dispatch.alarms import METRIC_ALARM, group


def send(transport: HttpxTransport, url: str, *, timeout: float = 5.0, **values: Any) -> Reply:
    """One request over a transport, which is closed afterwards."""

    async def main() -> Reply:
        try:
            deadline = asyncio.get_running_loop().time() + timeout
            return await transport.send(Request(url=url, content=b"{}", **values), deadline=deadline)
        finally:
            await transport.aclose()

    return asyncio.run(main())


def failure_of(transport: HttpxTransport, url: str, **values: Any) -> TransportError:
    """The error that a request ends with."""
    with pytest.raises(TransportError) as failure:
        send(transport, url, **values)
    return failure.value


@contextlib.asynccontextmanager
async def serving(answer: Any, **options: Any) -> AsyncIterator[int]:
    """A server on loopback by its port; ``answer`` gets (reader, writer) and may end by a lost peer."""
    connections: set[asyncio.Task[None]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connections.add(asyncio.current_task())  # type: ignore[arg-type]
        try:
            await answer(reader, writer)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0, **options)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        await asyncio.wait(connections, timeout=5)


def free_port() -> int:
    """A port that nobody listens at."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def test_nobody_listens(virtual_clock):
    """Nothing was sent, and the reason is in plain words."""
    error = failure_of(HttpxTransport(), f"http://127.0.0.1:{free_port()}/")

    assert error.verdict is Verdict.UNREACHABLE
    assert error.reason == "connection refused"


def test_a_name_that_does_not_resolve(monkeypatch):
    """The lookup is part of the attempt."""

    def no_such_name(*_arguments: object, **_options: object) -> object:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", no_such_name)

    error = failure_of(HttpxTransport(), "http://no-such-name.example/")

    assert error.verdict is Verdict.UNREACHABLE
    assert error.reason == "name lookup failed: Name or service not known"


def test_a_name_lookup_that_hangs_ends_at_the_deadline(monkeypatch):
    """The thread that looks up is left alone."""
    import threading

    release = threading.Event()

    def hang(*_arguments: object, **_options: object) -> object:
        release.wait(10)
        raise socket.gaierror(socket.EAI_NONAME, "released")

    monkeypatch.setattr(socket, "getaddrinfo", hang)

    async def main() -> TransportError:
        transport = HttpxTransport()
        deadline = asyncio.get_running_loop().time() + 0.1
        try:
            await transport.send(Request(url="http://slow.example/", content=b""), deadline=deadline)
        except TransportError as error:
            return error
        finally:
            release.set()
            await transport.aclose()
        raise AssertionError("it answered")

    error = asyncio.run(main())

    assert error.verdict is Verdict.UNREACHABLE
    assert error.reason == "timed out while connecting"


def test_a_silent_receiver_times_out_while_waiting(loopback_receiver):
    """By then the body was sent."""
    error = failure_of(HttpxTransport(), loopback_receiver("timeout").url, timeout=0.1)

    assert error.verdict is Verdict.UNKNOWN
    assert error.reason == "timed out while waiting for the reply"


def test_a_body_without_end_is_read_up_to_the_cap(loopback_receiver):
    """Memory stays bounded, and the attempt fails."""
    transport = HttpxTransport()
    url = loopback_receiver("huge").url
    tracemalloc.start()
    try:
        error = failure_of(transport, url)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert error.verdict is Verdict.UNKNOWN
    assert error.reason == "status 200, and a body longer than 65536 bytes"
    assert peak < 10_000_000


@pytest.mark.parametrize(("cap", "fits"), [(12, True), (11, False)])
def test_the_cap_can_be_set(loopback_receiver, cap, fits):
    """A body of just that length is still read."""
    receiver = loopback_receiver('200:{"a":"bcde"}')
    transport = HttpxTransport(max_reply_bytes=cap)

    if fits:
        assert send(transport, receiver.url).content == b'{"a":"bcde"}'
    else:
        failure_of(transport, receiver.url)


@pytest.mark.parametrize("step", ["informational", "102"])
def test_interim_answers_are_no_reply(loopback_receiver, step):
    """Without a final answer the attempt fails."""
    transport = HttpxTransport()
    url = loopback_receiver(step).url

    assert failure_of(transport, url, timeout=0.3).verdict is Verdict.UNKNOWN


def test_connections_are_kept_and_lanes_share_none():
    """Two requests of a lane use one connection; another lane has its own."""
    connections: set[tuple[str, int]] = set()

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connections.add(writer.get_extra_info("peername"))
        while await reader.readuntil(b"\r\n\r\n"):
            await reader.readexactly(2)
            writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n")

    async def main() -> None:
        async with serving(answer) as port:
            transport = HttpxTransport()
            deadline = asyncio.get_running_loop().time() + 5
            for lane in ("one", "one", "other"):
                request = Request(url=f"http://127.0.0.1:{port}/", content=b"{}", lane=lane)
                await transport.send(request, deadline=deadline)
            await transport.aclose()

    asyncio.run(main())

    assert len(connections) == 2


@pytest.mark.parametrize(
    ("auth", "value"),
    [(BasicAuth("monitor", "geheim"), "Basic bW9uaXRvcjpnZWhlaW0="), (BearerAuth("t0ken"), "Bearer t0ken")],
)
def test_authentication_goes_with_every_request(loopback_receiver, auth, value):
    """And so do the transport's own headers."""
    receiver = loopback_receiver(200)

    send(HttpxTransport(auth=auth, headers={"X-Site": "gz"}), receiver.url)

    assert receiver.requests[0].header("authorization") == value
    assert receiver.requests[0].header("x-site") == "gz"


def test_a_requests_own_header_wins(loopback_receiver):
    """What the callback says counts more than what the transport says."""
    receiver = loopback_receiver(200)
    transport = HttpxTransport(auth=BearerAuth("general"))

    send(transport, receiver.url, headers=(("authorization", "Bearer special"),))

    assert [value for name, value in receiver.requests[0].headers if name.lower() == "authorization"] == [
        "Bearer special"
    ]


def test_requests_go_through_the_proxy(loopback_receiver):
    """The proxy gets the absolute URL, and its credentials in a header."""
    proxy = loopback_receiver(200)
    proxy_url = proxy.url.replace("http://", "http://user:pass@")

    reply = send(HttpxTransport(proxy=proxy_url), "http://receiver.invalid/alarms")

    assert reply.status_code == 200
    assert proxy.requests[0].target == "http://receiver.invalid/alarms"
    assert proxy.requests[0].header("proxy-authorization") == "Basic dXNlcjpwYXNz"


def test_a_proxy_that_refuses_means_unreachable(loopback_receiver):
    """The tunnel was not made, so nothing was sent."""
    error = failure_of(HttpxTransport(proxy=loopback_receiver(403).url), "https://receiver.invalid/")

    assert error.verdict is Verdict.UNREACHABLE


class _Authority:
    """A certificate authority of the test's own, with what it signed, as files."""

    def __init__(self, directory: Any) -> None:
        self.ca = trustme.CA()
        self.ca_file = directory / "ca.pem"
        self.ca.cert_pem.write_to_path(self.ca_file)

    def server(self, host: str = "127.0.0.1", *, ask_client: bool = False) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.ca.issue_cert(host).configure_cert(context)
        if ask_client:
            context.verify_mode = ssl.CERT_REQUIRED
            self.ca.configure_trust(context)
        return context

    def client_files(self, directory: Any) -> tuple[str, str]:
        issued = self.ca.issue_cert("monitor@example.org")
        certificate, key = directory / "client.pem", directory / "client.key"
        issued.cert_chain_pems[0].write_to_path(certificate)
        issued.private_key_pem.write_to_path(key)
        return str(certificate), str(key)


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> _Authority:
    """One authority for all tests here; keys take time."""
    return _Authority(tmp_path_factory.mktemp("authority"))


def test_https_with_an_authority_of_ones_own(loopback_receiver, authority):
    """Named by its file."""
    receiver = loopback_receiver(200, ssl_context=authority.server())

    assert send(HttpxTransport(ca_file=authority.ca_file), receiver.url).status_code == 200


def test_https_with_a_context_of_ones_own(loopback_receiver, authority):
    """A user's context is taken as it is."""
    receiver = loopback_receiver(200, ssl_context=authority.server())
    context = ssl.create_default_context(cafile=authority.ca_file)

    assert send(HttpxTransport(tls=context), receiver.url).status_code == 200


def test_a_client_certificate_is_shown(loopback_receiver, authority, tmp_path):
    """A receiver that asks for one gets it."""
    receiver = loopback_receiver(200, ssl_context=authority.server(ask_client=True))
    transport = HttpxTransport(ca_file=authority.ca_file, client_cert=authority.client_files(tmp_path))

    assert send(transport, receiver.url).status_code == 200


def test_a_certificate_of_nobody_known_is_not_accepted(loopback_receiver, authority):
    """Verification is on, and says what failed."""
    receiver = loopback_receiver(200, ssl_context=authority.server())

    error = failure_of(HttpxTransport(), receiver.url)

    assert error.verdict is Verdict.UNREACHABLE
    assert error.reason.startswith("TLS certificate not accepted: ")
    assert receiver.requests == ()


def test_a_certificate_for_another_host_is_not_accepted(loopback_receiver, authority):
    """The name is checked, too."""
    receiver = loopback_receiver(200, ssl_context=authority.server("other.example"))

    error = failure_of(HttpxTransport(ca_file=authority.ca_file), receiver.url)

    assert "certificate is not valid for '127.0.0.1'" in error.reason


def test_a_receiver_without_tls_behind_https(loopback_receiver, authority):
    """A handshake that fails is told as such."""
    url = loopback_receiver(200).url.replace("http:", "https:")

    error = failure_of(HttpxTransport(ca_file=authority.ca_file), url)

    assert error.verdict is Verdict.UNREACHABLE
    assert error.reason.startswith("TLS failed")


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


@pytest.mark.parametrize(
    ("settings", "field"),
    [
        ({"client": httpx.AsyncClient(), "http2": True}, "client"),
        ({"client": httpx.AsyncClient(), "proxy": "http://127.0.0.1/"}, "client"),
        ({"tls": ssl.create_default_context(), "ca_file": "ca.pem"}, "tls"),
        ({"ca_file": "/no/such/file.pem"}, "ca_file"),
        ({"client_cert": ("/no/such.pem", "/no/such.key")}, "client_cert"),
        ({"proxy": "ftp://proxy.example"}, "proxy"),
        ({"proxy": "http://[proxy"}, "proxy"),
        ({"max_reply_bytes": 0}, "max_reply_bytes"),
        ({"headers": {"X-Bad": "a\r\nb"}}, "headers"),
    ],
)
def test_wrong_settings_are_told_at_construction(settings, field):
    """Not at the first alarm."""
    with pytest.raises(InvalidFieldError, match=field):
        HttpxTransport(**settings)


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
    assert seen[0].headers["x-from"] == "client"
    assert seen[0].content == b"{}"


def test_proxies_of_the_environment_are_not_taken(loopback_receiver, monkeypatch):
    """Where alarms go is configured in one place."""
    monkeypatch.setenv("HTTP_PROXY", f"http://127.0.0.1:{free_port()}/")
    receiver = loopback_receiver(200)

    assert send(HttpxTransport(), receiver.url).status_code == 200


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

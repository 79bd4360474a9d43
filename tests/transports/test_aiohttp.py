"""What only the aiohttp transport does: its own requests, shared lookups, a session of the user's own."""

from __future__ import annotations

import asyncio
import socket
import subprocess
import sys
import threading
from typing import Any

import pytest

from alarm_dispatch import Verdict
from alarm_dispatch.egress import EgressPolicy
from alarm_dispatch.errors import InvalidFieldError, TransportError
from alarm_dispatch.exchange import Reply, Request
from alarm_dispatch.transports.reasons import Progress
from alarm_dispatch.transports.wire import RequestWriter

from .loopback import failure_of, send, serving

aiohttp = pytest.importorskip("aiohttp", reason="the extra fast is not installed")

from alarm_dispatch.transports.aiohttp import AiohttpTransport  # noqa: E402 - only where aiohttp is

_OK = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"
INTERNAL = EgressPolicy.internal()
_NO = b"HTTP/1.1 500 No\r\ncontent-length: 2\r\n\r\nno"


async def _within(transport: Any, url: str, seconds: float = 5.0, **values: Any) -> Reply:
    deadline = asyncio.get_running_loop().time() + seconds
    return await transport.send(Request(url=url, content=b"{}", **values), deadline=deadline)


def test_what_a_receiver_says_unasked_is_not_taken_for_its_reply():
    """A second answer to the last request must not confirm the next one."""
    turns: list[str] = []

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        await reader.readexactly(2)
        turns.append("answered")
        if len(turns) == 1:
            writer.write(_OK)
            await unasked.wait()
            writer.write(_OK)
            said.set()
            await reader.read()
        else:
            writer.write(_NO)

    async def main() -> int:
        transport = AiohttpTransport()
        async with serving(answer) as port:
            url = f"http://127.0.0.1:{port}/"
            await _within(transport, url)
            unasked.set()
            await said.wait()
            async with asyncio.timeout(5):
                while not _something_came(transport):  # noqa: ASYNC110 - a socket sets no event
                    await asyncio.sleep(0)
            reply = await _within(transport, url)
            await transport.aclose()
        return reply.status_code

    unasked, said = asyncio.Event(), asyncio.Event()
    assert asyncio.run(main()) == 500


def _something_came(transport: AiohttpTransport) -> bool:
    (connector,) = transport._connections.get().connectors.values()
    kept = connector._conns.values()
    return any(protocol.should_close for connections in kept for protocol, _ in connections)


def test_a_receiver_that_speaks_first_is_no_http_server(monkeypatch):
    """As a mail server does; nothing is sent to it."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()

    async def main() -> TransportError:
        async with serving(answer) as port:
            transport = AiohttpTransport()
            connect = aiohttp.TCPConnector.connect

            async def connect_and_hear(connector: Any, *arguments: Any) -> Any:
                connection = await connect(connector, *arguments)
                connection.protocol.data_received(b"220 mail.example ESMTP\r\n")
                return connection

            monkeypatch.setattr(aiohttp.TCPConnector, "connect", connect_and_hear)
            with pytest.raises(TransportError) as failure:
                await _within(transport, f"http://127.0.0.1:{port}/")
            await transport.aclose()
            return failure.value

    error = asyncio.run(main())

    assert error.verdict is Verdict.UNREACHABLE
    assert error.reason == "the receiver closed its connections, or spoke, before it was asked"


def test_a_name_is_looked_up_once_for_all_who_wait(monkeypatch):
    """A lookup that hangs takes one of the few threads, not one for each request."""
    release, lookups = threading.Event(), []

    def hang(*arguments: object, **_options: object) -> object:
        lookups.append(arguments)
        release.wait(10)
        raise socket.gaierror(socket.EAI_NONAME, "released")

    monkeypatch.setattr(socket, "getaddrinfo", hang)

    async def main() -> list[Any]:
        transport = AiohttpTransport()
        requests = (_within(transport, "http://slow.example/", 0.1, lane=str(lane)) for lane in range(8))
        try:
            return await asyncio.gather(*requests, return_exceptions=True)
        finally:
            release.set()
            await transport.aclose()

    errors = asyncio.run(main())

    assert {error.reason for error in errors} == {"timed out while connecting"}
    assert len(lookups) == 1


def test_policies_that_come_and_go_leave_no_connections_behind(monkeypatch):
    """Each has connections of its own, which are closed when there are too many; those in use stay."""
    monkeypatch.setattr("alarm_dispatch.transports.connections._MAX_POLICIES", 2)
    idle, busy, third, fourth = (EgressPolicy.internal(deny_ports=[port]) for port in range(1, 5))
    transport = AiohttpTransport()

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while head := await reader.readuntil(b"\r\n\r\n"):
            await reader.readexactly(2)
            if b"/slow" in head:
                asked.set()
                await released.wait()
            writer.write(_OK)

    async def main() -> None:
        async with serving(answer) as port:
            url = f"http://127.0.0.1:{port}/"
            await _within(transport, url, egress=idle)
            slow = asyncio.create_task(_within(transport, url + "slow", egress=busy))
            await asked.wait()
            connectors = transport._connections.get().connectors
            first = connectors[idle]
            await _within(transport, url, egress=third)
            assert (list(connectors), first.closed) == ([busy, third], True)
            await _within(transport, url, egress=fourth)
            assert list(connectors) == [busy, fourth]
            await _within(transport, url, egress=idle)
            released.set()
            assert (await slow).status_code == 200
            await transport.aclose()

    asked, released = asyncio.Event(), asyncio.Event()
    asyncio.run(main())


def test_the_reply_to_head_has_no_body():
    """Whatever length it tells."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(_OK[: -len(b"ok")])
        await reader.read()

    async def main() -> Reply:
        transport = AiohttpTransport()
        async with serving(answer) as port:
            deadline = asyncio.get_running_loop().time() + 5
            request = Request(url=f"http://127.0.0.1:{port}/", content=b"", method="HEAD")
            reply = await transport.send(request, deadline=deadline)
            await transport.aclose()
        return reply

    assert asyncio.run(main()).content == b""


@pytest.mark.parametrize("headers", [(("X-A", "1\r\nX-B: 2"),), (("X-A: 1\r\nX-B", "2"),), (("X", "\0"),)])
def test_a_header_cannot_become_two(loopback_receiver, headers):
    """Callbacks refuse such headers; a signature that makes one is refused here."""
    receiver = loopback_receiver(200)

    error = failure_of(AiohttpTransport(), receiver.url, headers=headers)

    assert error.verdict is Verdict.REFUSED
    assert receiver.requests == ()


def test_the_head_is_written_anew_when_the_headers_change():
    """Signatures do, from one attempt to the next."""
    writer = RequestWriter("https://one.example/a", "one.example", (("X-G", "g"),))

    def written(signature: str) -> bytes:
        return writer.write(Request(url="", content=b"{}", headers=(("X-Signature", signature),)))

    assert written("1") == (
        b"POST /a HTTP/1.1\r\nHost: one.example\r\nX-Signature: 1\r\nX-G: g\r\nContent-Length: 2\r\n\r\n{}"
    )
    assert b"X-Signature: 2\r\n" in written("2")
    assert b"X-Signature: 1\r\n" in written("1")


@pytest.mark.parametrize("url", ["http://[::1", "http://127.1/", "http://"])
def test_a_url_that_cannot_be_requested(url):
    """Callbacks refuse most of them; here they end the attempt."""
    error = failure_of(AiohttpTransport(), url)

    assert error.verdict in (Verdict.UNREACHABLE, Verdict.REFUSED)  # aiohttp took 127.1 for an address once
    assert error.reason


def test_connections_of_a_closed_loop_are_let_go():
    """Whoever runs a loop for each alarm and closes nothing does not pile them up."""
    transport = AiohttpTransport()

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 0\r\n\r\n")

    async def main() -> None:
        async with serving(answer) as port:
            await _within(transport, f"http://127.0.0.1:{port}/")

    for _ in range(3):
        asyncio.run(main())

    assert len(transport._connections._loops) == 1
    asyncio.run(transport.aclose())


def test_what_is_said_before_the_request_is_written_is_no_reply_either(loopback_receiver, monkeypatch):
    """Requests are written together, a moment after their connections were looked at."""
    receiver = loopback_receiver(200)
    transport = AiohttpTransport()

    def hear_instead(_writes: object, protocol: Any, _message: bytes, _progress: object) -> None:
        protocol.data_received(_OK)

    monkeypatch.setattr("alarm_dispatch.transports.writes.Writes.soon", hear_instead)

    failure = failure_of(transport, receiver.url)

    assert failure.verdict is Verdict.UNREACHABLE
    assert "before it was asked" in failure.reason


def test_a_request_is_not_written_to_who_spoke_before(loopback_receiver):
    """Its answer would be somebody else's."""
    receiver = loopback_receiver(200)
    transport = AiohttpTransport()

    async def main() -> bool:
        await _within(transport, receiver.url)
        connections, progress = transport._connections.get(), Progress()
        known = connections.receiver("", receiver.url, INTERNAL)
        connection, protocol = await known.connector.idle(known)
        connections.writes.soon(
            protocol, b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n", progress
        )
        protocol.data_received(_OK)
        await asyncio.sleep(0)
        connection.close()
        await transport.aclose()
        return progress.sent

    assert not asyncio.run(main())
    assert len(receiver.requests) == 1


def test_a_childs_garbage_does_not_close_its_parents_connections(loopback_receiver, monkeypatch):
    """The finalizer of aiohttp's connector would, when the child ends."""
    receiver = loopback_receiver(200)
    transport = AiohttpTransport()

    async def main() -> bool:
        await _within(transport, receiver.url)
        (parents,) = transport._connections.get().connectors.values()
        with monkeypatch.context() as patched:
            patched.setattr("alarm_dispatch.transports.pools._ABANDONED", abandoned := [])
            patched.setattr("alarm_dispatch.transports.pools._forks", 1)
            await transport.aclose()
            disowned, parents._closed = parents.closed, False
        await parents.close()
        return disowned and len(abandoned) == 1

    assert asyncio.run(main())


def test_it_runs_on_uvloop(loopback_receiver):
    """The loop it is fastest on."""
    uvloop = pytest.importorskip("uvloop", reason="the extra fast is not installed, or not for this system")
    receiver = loopback_receiver("200,reset")
    transport = AiohttpTransport()

    async def main() -> tuple[int, TransportError]:
        reply = await _within(transport, receiver.url)
        with pytest.raises(TransportError) as failure:
            await _within(transport, receiver.url)
        await transport.aclose()
        return reply.status_code, failure.value

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        status, error = runner.run(main())

    assert status == 200
    assert error.verdict is Verdict.UNKNOWN
    assert error.reason == "connection reset by peer"


def test_a_session_of_the_users_own_is_used_as_it_is(loopback_receiver):
    """With its headers; still no redirect is followed, and the session is not closed."""
    receiver = loopback_receiver("redirect,200")

    async def main() -> tuple[Reply, bool]:
        async with aiohttp.ClientSession(headers={"X-From": "session"}) as session:
            transport = AiohttpTransport(session=session, headers={"X-Site": "gz"})
            reply = await _within(transport, receiver.url)
            await transport.aclose()
            return reply, session.closed

    reply, closed = asyncio.run(main())

    (arrived,) = receiver.requests
    assert (reply.status_code, closed) == (302, False)
    assert (arrived.header("x-from"), arrived.header("x-site")) == ("session", "gz")
    assert arrived.header("content-type") is None
    assert arrived.header("accept-encoding") == "identity"
    assert arrived.content == b"{}"


@pytest.mark.parametrize(
    ("url", "verdict", "reason"),
    [
        ("{receiver}", Verdict.UNKNOWN, "timed out while waiting for the reply"),
        ("http://[", Verdict.REFUSED, "refused by the egress policy (invalid URL): ***"),
    ],
)
def test_a_session_that_fails(loopback_receiver, url, verdict, reason):
    """The session's own timeout counts too."""
    receiver = loopback_receiver("timeout")

    async def main() -> TransportError:
        timeout = aiohttp.ClientTimeout(total=0.1)
        async with aiohttp.ClientSession(timeout=timeout) as session:
            with pytest.raises(TransportError) as failure:
                await _within(AiohttpTransport(session=session), url.format(receiver=receiver.url))
            return failure.value

    error = asyncio.run(main())

    assert (error.verdict, error.reason) == (verdict, reason)


def test_a_body_can_be_read_by_the_users_middlewares(loopback_receiver):
    """They may sign it, for example."""
    receiver = loopback_receiver(200)
    seen: list[str] = []

    async def middleware(request: Any, handler: Any) -> Any:
        seen.append(request.body.decode())
        return await handler(request)

    async def main() -> None:
        async with aiohttp.ClientSession(middlewares=(middleware,)) as session:
            await _within(AiohttpTransport(session=session), receiver.url)

    asyncio.run(main())

    assert seen == ["{}"]


@pytest.mark.parametrize("settings", [{"proxy": "http://127.0.0.1/"}, {"ca_file": "ca.pem"}])
def test_a_session_brings_its_own_connections(settings):
    """What it would be silently ignored for is refused."""
    with pytest.raises(InvalidFieldError, match="session"):
        AiohttpTransport(session=object(), **settings)


@pytest.mark.parametrize("session", [5, object(), aiohttp.ClientSession])
def test_what_is_no_session(session):
    """Told when the transport is made."""
    with pytest.raises(InvalidFieldError) as caught:
        AiohttpTransport(session=session)

    told = f"must be an aiohttp.ClientSession, not {type(session).__name__}"
    assert (caught.value.field, caught.value.problem) == ("AiohttpTransport.session", told)


def test_without_aiohttp_the_extra_is_named():
    """Instead of a module that nobody asked for."""
    script = (
        "import sys\n"
        "sys.modules['aiohttp'] = None\n"
        "try:\n"
        "    import alarm_dispatch.transports.aiohttp\n"
        "except ImportError as error:\n"
        "    print(error)\n"
    )

    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)

    assert done.stdout == "AiohttpTransport needs aiohttp: install alarm-dispatch[fast]\n"


def test_it_is_reused_by_a_plain_send(loopback_receiver):
    """With general headers that a request overrides."""
    receiver = loopback_receiver(200)

    send(AiohttpTransport(headers={"X-Site": "gz"}), receiver.url, headers=(("x-site", "sz"),))

    assert receiver.requests[0].header("x-site") == "sz"

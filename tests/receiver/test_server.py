"""The loopback server: what it keeps, what it turns away, how it ends."""

import asyncio
import contextlib
import gc
import socket
import ssl
from datetime import UTC, datetime
from urllib.parse import urlsplit

import httpx
import pytest

from alarm_dispatch.errors import InvalidFieldError
from alarm_dispatch.receiver import LoopbackServer, Script
from alarm_dispatch.testing import LoopbackReceiver
from tests.receiver.wire import exchange, peer_of, post, reply_of, run


def test_a_request_is_kept_whole():
    """Method, target, headers in their case and order, body, number and time are all kept."""
    noon = datetime(2026, 1, 1, 12, tzinfo=UTC)

    async def main():
        async with LoopbackServer(now=lambda: noon) as server, peer_of(server) as (reader, writer):
            writer.write(post("磁盘".encode(), target="/a?b=1", headers="X-One: 1\r\nx-one: 2\r\n"))
            await reply_of(reader)
            return server.requests, asyncio.get_running_loop().time()

    (request,), now = run(main())

    assert (request.number, request.method, request.target) == (1, "POST", "/a?b=1")
    assert request.headers == (("Host", "receiver"), ("X-One", "1"), ("x-one", "2"), ("Content-Length", "6"))
    assert request.text == "磁盘"
    assert request.received_at == noon
    assert 0 <= now - request.at < 5


def test_times_are_aware():
    """Without a clock of the caller's, requests carry the time of day in UTC."""

    async def main():
        async with LoopbackServer() as server, httpx.AsyncClient(trust_env=False) as client:
            await client.post(server.url)
            return server.requests[0].received_at

    assert abs((datetime.now(UTC) - run(main())).total_seconds()) < 60


def test_only_the_last_requests_are_kept():
    """A receiver that runs for long does not fill the memory, but counts on."""

    async def main():
        async with LoopbackServer(keep=2) as server, httpx.AsyncClient(trust_env=False) as client:
            for number in range(5):
                await client.post(f"{server.url}/{number}")
            return server

    server = run(main())

    assert server.count == 5
    assert [request.target for request in server.requests] == ["/3", "/4"]


def test_a_chunked_body_is_put_together():
    """Bodies without a length are read, too."""

    async def chunks():
        yield b"one "
        yield b"two"

    async def main():
        async with LoopbackServer() as server, httpx.AsyncClient(trust_env=False) as client:
            await client.post(server.url, content=chunks())
            return server.requests[0].content

    assert run(main()) == b"one two"


def test_pipelined_requests_are_answered_in_order():
    """Requests sent at once are answered one after the other."""

    async def main():
        async with LoopbackServer("500,404,200") as server, peer_of(server) as (reader, writer):
            writer.write(post() + post() + post())
            return [(await reply_of(reader))[0].split()[1] for _ in range(3)]

    assert run(main()) == ["500", "404", "200"]


def test_who_expects_100_continue_gets_it():
    """A client that waits for permission to send its body is given it."""

    async def main():
        async with LoopbackServer("204") as server, peer_of(server) as (reader, writer):
            whole = post(b"body", headers="Expect: 100-continue\r\n")
            writer.write(whole.removesuffix(b"body"))
            interim = await reader.readuntil(b"\r\n\r\n")
            writer.write(b"body")
            return interim, (await reply_of(reader))[0], server.requests[0].content

    interim, status, content = run(main())

    assert interim.startswith(b"HTTP/1.1 100 ")
    assert status == "HTTP/1.1 204 No Content"
    assert content == b"body"


def test_head_gets_no_body():
    """The answer to HEAD announces the body and does not send it."""

    async def main():
        async with LoopbackServer("200:[1]") as server, peer_of(server) as (reader, writer):
            writer.write(b"HEAD / HTTP/1.1\r\nHost: receiver\r\nConnection: close\r\n\r\n")
            return await reader.read()

    answer = run(main())

    assert b"Content-Length: 3" in answer
    assert answer.endswith(b"\r\n\r\n")


def test_http_1_0_and_connection_close_are_heeded():
    """The connection ends after the answer when the peer cannot or will not go on."""
    assert exchange("200", version="1.0").startswith(b"HTTP/1.1 200 OK")
    assert exchange("200", headers="Connection: close\r\n").startswith(b"HTTP/1.1 200 OK")


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (post(b"x" * 2_000_000), "413"),
        (
            b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n7d0\r\n"
            + b"x" * 2_000
            + b"\r\n",
            "413",
        ),
        (b"CONNECT a:1 HTTP/1.1\r\nHost: a:1\r\n\r\n", "405"),
        (b"\x16\x03\x01 hello\r\n\r\n", "400"),
        (b"POST / HTTP/1.1\r\nHost: a\r\nX: " + b"x" * 200_000 + b"\r\n\r\n", "431"),
        (b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip\r\n\r\n", "501"),
    ],
)
def test_what_is_turned_away(sent, status):
    """A body over the limit, and what is not HTTP, get an answer that arrives, and are not kept."""

    async def main():
        async with LoopbackServer(body_limit=1_000) as server, peer_of(server) as (reader, writer):
            writer.write(sent)
            answer = await reader.read()
            writer.write_eof()
            await asyncio.wait(server._open, timeout=5)
            return answer, server.count

    answer, count = run(main())

    assert answer.split()[1].decode() == status
    assert b"Connection: close" in answer
    assert count == 0


def test_a_body_at_the_limit_is_taken():
    """The limit itself is allowed."""

    async def main():
        async with LoopbackServer("204", body_limit=1_000) as server, peer_of(server) as (reader, writer):
            writer.write(post(b"x" * 1_000))
            return (await reply_of(reader))[0]

    assert run(main()) == "HTTP/1.1 204 No Content"


@pytest.mark.parametrize("sent", [b"", b"POST / HT", post(b"body").removesuffix(b"y")])
def test_a_peer_that_leaves_is_no_request(sent):
    """Half a request is not kept, and does no harm to the next peer."""

    async def main():
        async with LoopbackServer("200") as server:
            async with peer_of(server) as (reader, writer):
                writer.write(sent)
                writer.write_eof()
                await reader.read()
            async with peer_of(server) as (reader, writer):
                writer.write(post())
                await reply_of(reader)
            return server.count

    assert run(main()) == 1


def test_wait_for_returns_when_enough_came():
    """Waiting ends with the last of the requests, or at once when they are there."""

    async def main():
        async with LoopbackServer() as server, httpx.AsyncClient(trust_env=False) as client:
            assert await server.wait_for(0, timeout=5) == ()
            waits = [asyncio.create_task(server.wait_for(count, timeout=5)) for count in (1, 2, 2)]
            await client.post(server.url + "/1")
            first = await waits[0]
            assert not waits[1].done()
            await client.post(server.url + "/2")
            return first, await waits[1], await waits[2], await server.wait_for(2, timeout=5)

    first, *others = run(main())

    assert [request.target for request in first] == ["/1"]
    assert all([request.target for request in requests] == ["/1", "/2"] for requests in others)


def test_wait_for_says_how_many_came():
    """Waiting in vain tells what was missing."""

    async def main():
        async with LoopbackServer() as server, httpx.AsyncClient(trust_env=False) as client:
            await client.post(server.url)
            await server.wait_for(2, timeout=0.01)

    with pytest.raises(TimeoutError, match=r"1 of 2 requests came in 0\.01 s"):
        run(main())


@pytest.mark.parametrize(
    "script", ["timeout", "huge", "informational:3600", "drip:3600", "delay:3600", "200"]
)
def test_stopping_ends_every_open_connection(script):
    """However a peer is being served, or not, the server stops at once and leaves nothing open."""

    async def main():
        async with (
            LoopbackServer(script) as server,
            peer_of(server) as (_, idle),
            peer_of(server) as (_, busy),
        ):
            busy.write(post())
            await server.wait_for(1, timeout=5)
            async with asyncio.timeout(2):
                await server.stop()
            return [idle, busy]

    run(main())
    gc.collect()


def test_a_server_can_stop_twice_and_start_again():
    """A receiver can go down and come back at the same address."""

    async def main():
        server = LoopbackServer("204")
        await server.stop()
        async with server:
            url = server.url
        await server.stop()
        async with httpx.AsyncClient(trust_env=False) as client:
            with pytest.raises(httpx.ConnectError):
                await client.post(url)
            async with server:
                return url == server.url, (await client.post(url)).status_code

    assert run(main()) == (True, 204)


def test_a_connection_accepted_while_stopping_is_aborted():
    """What the loop had already accepted when the server stopped is not served."""

    class Writer:
        def __init__(self):
            self.transport = self
            self.aborted = False

        def abort(self):
            self.aborted = True

    async def main():
        server, writer = LoopbackServer(), Writer()
        server._connected(asyncio.StreamReader(), writer)
        return writer.aborted

    assert run(main())


def test_a_taken_port_is_an_error():
    """The operating system's error is the caller's to see."""

    async def main():
        async with LoopbackServer() as server:
            await LoopbackServer(port=server.port).start()

    with pytest.raises(OSError, match="in use"):
        run(main())


def test_ipv6():
    """The other loopback address has its own form in a URL."""

    async def main():
        async with LoopbackServer("204", host="::1") as server, httpx.AsyncClient(trust_env=False) as client:
            return server.url, (await client.post(server.url)).status_code

    url, status = run(main())

    assert url.startswith("http://[::1]:")
    assert status == 204


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "10.0.0.1", "localhost", ""])
def test_others_cannot_reach_it(host):
    """The server binds to the loopback interface only."""
    with pytest.raises(InvalidFieldError, match=r"^LoopbackServer\.host: "):
        LoopbackServer(host=host)


@pytest.mark.parametrize(
    "options",
    [
        {"script": "refused"},
        {"script": Script("200", then="unreachable")},
        {"scripts": {"/a": "200,refused"}},
    ],
)
def test_a_server_that_listens_cannot_refuse(options):
    """Steps that exist in memory only are found before the server starts."""
    with pytest.raises(InvalidFieldError, match="cannot be played by a server that listens"):
        LoopbackServer(**options)


@pytest.fixture(scope="module")
def contexts():
    """A server's TLS context and a client's that trusts it."""
    trustme = pytest.importorskip("trustme")
    authority = trustme.CA()
    server, client = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), ssl.create_default_context()
    authority.issue_cert("127.0.0.1").configure_cert(server)
    authority.configure_trust(client)
    return server, client


def test_tls(contexts):
    """With a context the server speaks HTTPS, on a connection that is kept."""
    ours, theirs = contexts

    async def main():
        async with LoopbackServer("500,204", ssl_context=ours) as server:
            async with httpx.AsyncClient(verify=theirs, trust_env=False) as client:
                codes = [
                    (await client.post(server.url, content=b"x" * 1_000_000)).status_code for _ in range(2)
                ]
            return server.url, codes

    url, codes = run(main())

    assert url.startswith("https://127.0.0.1:")
    assert codes == [500, 204]


@pytest.mark.parametrize(
    ("step", "expected"),
    [("reset", httpx.ReadError), ("close", httpx.RemoteProtocolError), ("timeout", httpx.ReadTimeout)],
)
def test_faults_under_tls(contexts, step, expected):
    """A fault on a TLS connection is a fault of the connection, not of TLS."""
    ours, theirs = contexts

    async def main():
        async with (
            LoopbackServer(step, ssl_context=ours) as server,
            httpx.AsyncClient(verify=theirs, trust_env=False, timeout=httpx.Timeout(5, read=0.05)) as client,
        ):
            with pytest.raises(expected):
                await client.post(server.url)

    run(main())


def test_a_peer_turned_away_under_tls(contexts):
    """A TLS connection has no half-close; the answer arrives all the same."""
    ours, theirs = contexts

    async def main():
        async with (
            LoopbackServer(ssl_context=ours, body_limit=1) as server,
            httpx.AsyncClient(verify=theirs, trust_env=False) as client,
        ):
            return (await client.post(server.url, content=b"xx")).status_code

    assert run(main()) == 413


def test_stopping_in_the_middle_of_a_handshake(contexts):
    """A peer that connects and says nothing does not keep the server from stopping."""
    ours, _ = contexts

    async def main():
        async with LoopbackServer(ssl_context=ours) as server, peer_of(server) as (reader, _):
            async with LoopbackServer() as other, httpx.AsyncClient(trust_env=False) as client:
                # By the time that this is answered, the loop has accepted the silent peer, too.
                await client.post(other.url)
            async with asyncio.timeout(2):
                await server.stop()
            # An end or a reset: either tells the peer.
            with contextlib.suppress(ConnectionResetError):
                return await reader.read()

    assert not run(main())


def test_a_peer_that_speaks_no_tls_is_dropped(contexts):
    """Plain HTTP to an HTTPS server is an end of the connection, not of the server."""
    ours, _ = contexts

    async def main():
        async with LoopbackServer(ssl_context=ours) as server, peer_of(server) as (reader, writer):
            writer.write(post())
            return await reader.read(), server.count

    answer, count = run(main())

    assert not answer.startswith(b"HTTP")
    assert count == 0


def test_a_connection_that_comes_as_it_stops_is_closed_too():
    """Asyncio has accepted it, and nobody was told of it yet."""
    for _ in range(30):
        with LoopbackReceiver() as receiver:
            at = urlsplit(receiver.url)
            socket.create_connection((at.hostname, at.port)).close()
        gc.collect()  # an open connection without an owner is a warning, and that an error

"""What both HTTP transports do alike: connections, TLS, proxies, authentication, caps."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import ssl
import sys
import tracemalloc
from typing import Any

import pytest

from alarm_dispatch import Verdict
from alarm_dispatch.errors import InvalidFieldError, TransportError
from alarm_dispatch.exchange import Reply, Request
from alarm_dispatch.transports.auth import BasicAuth, BearerAuth

from .loopback import failure_of, free_port, send, serving


def test_nobody_listens(http, virtual_clock):
    """Nothing was sent, and the reason is in plain words."""
    error = failure_of(http(), f"http://127.0.0.1:{free_port()}/")

    assert error.verdict is Verdict.UNREACHABLE
    assert error.reason == "connection refused"


def test_a_name_that_does_not_resolve(http, monkeypatch):
    """The lookup is part of the attempt."""

    def no_such_name(*_arguments: object, **_options: object) -> object:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", no_such_name)

    error = failure_of(http(), "http://no-such-name.example/")

    assert error.verdict is Verdict.UNREACHABLE
    assert error.reason == "name lookup failed: Name or service not known"


def test_a_name_lookup_that_hangs_ends_at_the_deadline(http, monkeypatch):
    """The thread that looks up is left alone."""
    import threading

    release = threading.Event()

    def hang(*_arguments: object, **_options: object) -> object:
        release.wait(10)
        raise socket.gaierror(socket.EAI_NONAME, "released")

    monkeypatch.setattr(socket, "getaddrinfo", hang)

    async def main() -> TransportError:
        transport = http()
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


def test_a_silent_receiver_times_out_while_waiting(http, loopback_receiver):
    """By then the body was sent."""
    # Long enough for a machine that is busy to have connected by then.
    error = failure_of(http(), loopback_receiver("timeout").url, timeout=1.0)

    assert error.verdict is Verdict.UNKNOWN
    assert error.reason == "timed out while waiting for the reply"


def test_a_body_without_end_is_read_up_to_the_cap(http, loopback_receiver):
    """Memory stays bounded, and the attempt fails."""
    transport = http()
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
def test_the_cap_can_be_set(http, loopback_receiver, cap, fits):
    """A body of just that length is still read."""
    receiver = loopback_receiver('200:{"a":"bcde"}')
    transport = http(max_reply_bytes=cap)

    if fits:
        assert send(transport, receiver.url).content == b'{"a":"bcde"}'
    else:
        failure_of(transport, receiver.url)


@pytest.mark.parametrize("step", ["informational", "102"])
def test_interim_answers_are_no_reply(http, loopback_receiver, step):
    """Without a final answer the attempt fails."""
    transport = http()
    url = loopback_receiver(step).url

    assert failure_of(transport, url, timeout=0.3).verdict is Verdict.UNKNOWN


def test_connections_are_kept_and_lanes_share_none(http):
    """Two requests of a lane use one connection; another lane has its own."""
    connections: set[tuple[str, int]] = set()

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connections.add(writer.get_extra_info("peername"))
        while await reader.readuntil(b"\r\n\r\n"):
            await reader.readexactly(2)
            writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n")

    async def main() -> None:
        async with serving(answer) as port:
            transport = http()
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
def test_authentication_goes_with_every_request(http, loopback_receiver, auth, value):
    """And so do the transport's own headers."""
    receiver = loopback_receiver(200)

    send(http(auth=auth, headers={"X-Site": "gz"}), receiver.url)

    assert receiver.requests[0].header("authorization") == value
    assert receiver.requests[0].header("x-site") == "gz"


def test_a_header_and_authentication_are_not_both_sent(http):
    """Receivers differ in which of two they take."""
    with pytest.raises(InvalidFieldError, match=r"\.headers\['authorization'\]: is given beside auth"):
        http(auth=BearerAuth("t0ken"), headers={"authorization": "Basic YTpi"})


def test_a_requests_own_header_wins(http, loopback_receiver):
    """What the callback says counts more than what the transport says."""
    receiver = loopback_receiver(200)
    transport = http(auth=BearerAuth("general"))

    send(transport, receiver.url, headers=(("authorization", "Bearer special"),))

    assert [value for name, value in receiver.requests[0].headers if name.lower() == "authorization"] == [
        "Bearer special"
    ]


def test_requests_go_through_the_proxy(http, loopback_receiver):
    """The proxy gets the absolute URL, and its credentials in a header."""
    proxy = loopback_receiver(200)
    proxy_url = proxy.url.replace("http://", "http://user:pass@")

    reply = send(http(proxy=proxy_url), "http://receiver.invalid/alarms")

    assert reply.status_code == 200
    assert proxy.requests[0].target == "http://receiver.invalid/alarms"
    assert proxy.requests[0].header("proxy-authorization") == "Basic dXNlcjpwYXNz"


def test_a_proxy_that_refuses_means_unreachable(http, loopback_receiver):
    """The tunnel was not made, so nothing was sent."""
    error = failure_of(http(proxy=loopback_receiver(403).url), "https://receiver.invalid/")

    assert error.verdict is Verdict.UNREACHABLE


def test_https_with_an_authority_of_ones_own(http, loopback_receiver, authority):
    """Named by its file."""
    receiver = loopback_receiver(200, ssl_context=authority.server())

    assert send(http(ca_file=authority.ca_file), receiver.url).status_code == 200


def test_https_with_a_context_of_ones_own(http, loopback_receiver, authority):
    """A user's context is taken as it is."""
    receiver = loopback_receiver(200, ssl_context=authority.server())
    context = ssl.create_default_context(cafile=authority.ca_file)

    assert send(http(tls=context), receiver.url).status_code == 200


def test_a_client_certificate_is_shown(http, loopback_receiver, authority, tmp_path):
    """A receiver that asks for one gets it."""
    receiver = loopback_receiver(200, ssl_context=authority.server(ask_client=True))
    transport = http(ca_file=authority.ca_file, client_cert=authority.client_files(tmp_path))

    assert send(transport, receiver.url).status_code == 200


def test_a_certificate_of_nobody_known_is_not_accepted(http, loopback_receiver, authority):
    """Verification is on, and says what failed."""
    receiver = loopback_receiver(200, ssl_context=authority.server())

    error = failure_of(http(), receiver.url)

    assert error.verdict is Verdict.UNREACHABLE
    assert error.reason.startswith("TLS certificate not accepted: ")
    assert receiver.requests == ()


def test_a_certificate_for_another_host_is_not_accepted(http, loopback_receiver, authority):
    """The name is checked, too."""
    receiver = loopback_receiver(200, ssl_context=authority.server("other.example"))

    error = failure_of(http(ca_file=authority.ca_file), receiver.url)

    assert "certificate is not valid for '127.0.0.1'" in error.reason


def test_a_receiver_without_tls_behind_https(http, loopback_receiver, authority):
    """A handshake that fails is told as such."""
    url = loopback_receiver(200).url.replace("http:", "https:")

    error = failure_of(http(ca_file=authority.ca_file), url)

    assert error.verdict is Verdict.UNREACHABLE
    assert error.reason.startswith("TLS failed")


def test_a_handshake_that_stalls_leaves_no_connection_open(http, authority):
    """A deadline cancels, and a client library that closes only after errors would leak one each time."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError):
            while await reader.read(65_536):
                pass
        left.set()

    async def main() -> TransportError:
        transport = http(ca_file=authority.ca_file)
        async with serving(answer) as port:
            deadline = asyncio.get_running_loop().time() + 0.3
            with pytest.raises(TransportError) as failure:
                await transport.send(
                    Request(url=f"https://127.0.0.1:{port}/", content=b""), deadline=deadline
                )
            await asyncio.wait_for(left.wait(), 5)
            await transport.aclose()
        return failure.value

    left = asyncio.Event()
    error = asyncio.run(main())

    assert (error.verdict, error.reason) == (Verdict.UNREACHABLE, "timed out while connecting")


@pytest.mark.parametrize(
    ("settings", "field"),
    [
        ({"tls": ssl.create_default_context(), "ca_file": "ca.pem"}, "tls"),
        ({"ca_file": "/no/such/file.pem"}, "ca_file"),
        ({"client_cert": ("/no/such.pem", "/no/such.key")}, "client_cert"),
        ({"proxy": "ftp://proxy.example"}, "proxy"),
        ({"proxy": "http://[proxy"}, "proxy"),
        ({"max_reply_bytes": 0}, "max_reply_bytes"),
        ({"headers": {"X-Bad": "a\r\nb"}}, "headers"),
    ],
)
def test_wrong_settings_are_told_at_construction(http, settings, field):
    """Not at the first alarm."""
    with pytest.raises(InvalidFieldError, match=field):
        http(**settings)


def test_proxies_of_the_environment_are_not_taken(http, loopback_receiver, monkeypatch):
    """Where alarms go is configured in one place."""
    monkeypatch.setenv("HTTP_PROXY", f"http://127.0.0.1:{free_port()}/")
    receiver = loopback_receiver(200)

    assert send(http(), receiver.url).status_code == 200


@pytest.mark.parametrize(
    ("path", "target"),
    [
        ("", "/"),
        ("/", "/"),
        ("?token=a%2Bb%3D&x=1,2", "/?token=a%2Bb%3D&x=1,2"),
        ("/a/b//c%2Fd/~x;v=1?q=/?&e=%E5%90%8D#part", "/a/b//c%2Fd/~x;v=1?q=/?&e=%E5%90%8D"),
        ("/[a]^|?[b]={c}|^`'", "/[a]^|?[b]={c}|^`'"),
        ('/{a}"<b>`?"<c>', "/%7Ba%7D%22%3Cb%3E%60?%22%3Cc%3E"),
        ("/告警?名=磁盘", "/%E5%91%8A%E8%AD%A6?%E5%90%8D=%E7%A3%81%E7%9B%98"),
    ],
)
def test_the_target_is_asked_for_as_it_is_written(http, loopback_receiver, path, target):
    """Signed URLs and tokens break when an escape is written anew; only what ASCII lacks is."""
    receiver = loopback_receiver(200)

    send(http(), receiver.url + path)

    assert receiver.requests[0].target == target


def test_nothing_is_sent_that_was_not_given(http, loopback_receiver):
    """No user agent, no accepted encodings: what a format documents is all that goes out."""
    receiver = loopback_receiver(200)

    send(http(), receiver.url, headers=(("X-One", "1"), ("X-One", "2")))

    names = sorted(name.lower() for name, _ in receiver.requests[0].headers)
    assert names == ["content-length", "host", "x-one", "x-one"]


def test_a_request_without_a_body_has_no_length(http, loopback_receiver):
    """As a verification by GET has it."""
    receiver = loopback_receiver(200)
    transport = http()

    async def main() -> None:
        deadline = asyncio.get_running_loop().time() + 5
        await transport.send(Request(url=receiver.url, content=b"", method="GET"), deadline=deadline)
        await transport.aclose()

    asyncio.run(main())

    (arrived,) = receiver.requests
    assert (arrived.method, arrived.content, arrived.header("content-length")) == ("GET", b"", None)


def test_a_large_body_arrives_whole(http, loopback_receiver):
    """Larger than what the system takes at a time."""
    receiver = loopback_receiver(200)
    transport = http()
    content = b"0123456789" * 300_000

    async def main() -> None:
        deadline = asyncio.get_running_loop().time() + 10
        await transport.send(Request(url=receiver.url, content=content), deadline=deadline)
        await transport.aclose()

    asyncio.run(main())

    assert receiver.requests[0].content == content


_REPLIES = {
    "chunked": (
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n",
        b"abcde",
    ),
    "up to its end": (b"HTTP/1.1 200 OK\r\n\r\nabcde", b"abcde"),
    "HTTP/1.0": (b"HTTP/1.0 200 OK\r\nContent-Length: 5\r\n\r\nabcde", b"abcde"),
    "compressed": (
        b"HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: 3\r\n\r\n\x1f\x8bx",
        b"\x1f\x8bx",
    ),
    "after an interim one": (
        b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok",
        b"ok",
    ),
    "of several megabytes": (
        b"HTTP/1.1 200 OK\r\ncontent-length: 3000000\r\n\r\n" + b"x" * 3_000_000,
        b"x" * 3_000_000,
    ),
}


async def _answered(http: Any, answer: bytes, **settings: Any) -> Reply:
    """The reply when a receiver answers with these bytes and closes."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        await reader.readexactly(2)
        writer.write(answer)
        await writer.drain()

    transport = http(**settings)
    deadline = asyncio.get_running_loop().time() + 5
    async with serving(serve) as port:
        try:
            request = Request(url=f"http://127.0.0.1:{port}/", content=b"{}", lane="one")
            return await transport.send(request, deadline=deadline)
        finally:
            await transport.aclose()


@pytest.mark.parametrize("kind", _REPLIES)
def test_replies_of_every_framing(http, kind):
    """The body is what was framed, and is not decompressed."""
    answer, content = _REPLIES[kind]

    reply = asyncio.run(_answered(http, answer, max_reply_bytes=4_000_000))

    assert (reply.status_code, reply.content) == (200, content)


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 200 OK\r\ncontent-length: 50\r\n\r\nabc",
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nab",
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nx-long: " + b"x" * 200_000 + b"\r\n\r\n",
        b"HTTP/1.1 200",
        b"\x00\x01\x02\r\n\r\n",
        b"",
    ],
)
def test_half_a_reply_is_none(http, answer):
    """It may have arrived, and the reason does not repeat what came."""
    with pytest.raises(TransportError) as failure:
        asyncio.run(_answered(http, answer))

    assert failure.value.verdict is Verdict.UNKNOWN
    assert 0 < len(failure.value.reason) < 200


def test_no_cookie_is_kept(http):
    """A receiver cannot make one request know of another."""
    heads: list[bytes] = []

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while head := await reader.readuntil(b"\r\n\r\n"):
            heads.append(head)
            await reader.readexactly(2)
            writer.write(b"HTTP/1.1 200 OK\r\nset-cookie: a=b\r\ncontent-length: 0\r\n\r\n")

    async def main() -> None:
        async with serving(answer) as port:
            transport = http()
            deadline = asyncio.get_running_loop().time() + 5
            for _ in range(2):
                await transport.send(
                    Request(url=f"http://127.0.0.1:{port}/", content=b"{}"), deadline=deadline
                )
            await transport.aclose()

    asyncio.run(main())

    assert len(heads) == 2
    assert b"cookie" not in heads[1].lower()


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_https_goes_through_a_tunnel(http, loopback_receiver, authority, scheme):
    """The proxy sees where to, and its credentials, but neither the request nor the callback's headers.

    The settings of TLS hold for the proxy, too.
    """
    tls = authority.server() if scheme == "https" else None
    receiver = loopback_receiver(200, ssl_context=authority.server())
    heads: list[bytes] = []

    async def pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError):
            while data := await reader.read(65536):
                writer.write(data)
        writer.close()

    async def tunnel(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heads.append(await reader.readuntil(b"\r\n\r\n"))
        host, _, port = heads[0].split()[1].decode().rpartition(":")
        far_reader, far_writer = await asyncio.open_connection(host, int(port))
        writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
        await asyncio.gather(pump(reader, far_writer), pump(far_reader, writer))

    async def main() -> list[Reply]:
        async with serving(tunnel, ssl=tls) as port:
            transport = http(proxy=f"{scheme}://user:pass@127.0.0.1:{port}", ca_file=authority.ca_file)
            deadline = asyncio.get_running_loop().time() + 5
            request = Request(url=receiver.url, content=b"{}", headers=(("X-Secret", "1"),), lane="one")
            try:
                return [await transport.send(request, deadline=deadline) for _ in range(2)]
            finally:
                await transport.aclose()

    replies = asyncio.run(main())

    assert [reply.status_code for reply in replies] == [200, 200]
    (head,) = heads
    assert head.startswith(b"CONNECT 127.0.0.1:")
    assert b"proxy-authorization: basic dxnlcjpwyxnz" in head.lower()
    assert b"x-secret" not in head.lower()
    assert receiver.requests[0].header("proxy-authorization") is None


def test_a_proxy_that_nobody_runs_means_unreachable(http):
    """Nothing was sent to anybody."""
    error = failure_of(http(proxy=f"http://127.0.0.1:{free_port()}"), "http://receiver.invalid/")

    assert error.verdict is Verdict.UNREACHABLE
    assert error.reason == "connection refused"


def test_it_is_used_again_after_it_was_closed(http, loopback_receiver):
    """By the next dispatcher, on an event loop of its own, with the same settings."""
    receiver = loopback_receiver(200)
    transport = http()

    assert send(transport, receiver.url).status_code == 200
    assert send(transport, receiver.url).status_code == 200


_FORKING = """
import asyncio, importlib, os, sys
from alarm_dispatch.exchange import Request
module, name, url = sys.argv[1:]
transport = getattr(importlib.import_module(module), name)()

async def send(times):
    request = Request(url=url, content=b"{}", lane="one")
    deadline = asyncio.get_running_loop().time() + 5
    return [(await transport.send(request, deadline=deadline)).status_code for _ in range(times)]

async def main():
    await send(1)
    child = os.fork()
    if child == 0:
        asyncio.set_event_loop(None)
        loop = asyncio.new_event_loop()
        assert loop.run_until_complete(send(2)) == [200, 200]
        loop.run_until_complete(transport.aclose())
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 0
    await send(1)
    await transport.aclose()

asyncio.run(main())
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")
def test_a_child_process_has_connections_of_its_own(http):
    """The parent's are neither used nor closed there."""
    connections: list[tuple[str, int]] = []

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while await reader.readuntil(b"\r\n\r\n"):
            await reader.readexactly(2)
            connections.append(writer.get_extra_info("peername"))
            writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n")

    async def main() -> int:
        async with serving(answer) as port:
            arguments = ("-c", _FORKING, http.__module__, http.__name__, f"http://127.0.0.1:{port}/")
            process = await asyncio.create_subprocess_exec(sys.executable, *arguments)
            return await process.wait()

    assert asyncio.run(main()) == 0
    first, second, third, fourth = connections
    assert first == fourth
    assert second == third != first

"""The hostile receiver itself: what it sends, when it relents, and what its catalogue holds."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
import zlib

import pytest
import trustme

from alarm_dispatch.errors import InvalidFieldError
from alarm_dispatch.receiver.hostile import CATALOGUE, HostileServer
from alarm_dispatch.receiver.hostile.bodies import brotli_bomb, gzip_bomb, gzipped_gzip_bomb, zstd_bomb
from alarm_dispatch.testing import HostileReceiver

from .wire import run

_REQUEST = b"POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: 17\r\n\r\n" + b'{"sessionId": "1"'


@contextlib.asynccontextmanager
async def peer(server):
    """A connection to the server."""
    reader, writer = await asyncio.open_connection(server.host, server.port)
    try:
        yield reader, writer
    finally:
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()


@contextlib.asynccontextmanager
async def serving(kind, **options):
    """A server that listens."""
    server = HostileServer(kind, **options)
    await server.start()
    try:
        yield server
    finally:
        await server.stop()
        await server.stop()  # twice is allowed


async def asked(server, *, until=b"\r\n\r\n"):
    """What it says to a request, up to there."""
    async with peer(server) as (reader, writer):
        writer.write(_REQUEST)
        return await asyncio.wait_for(reader.readuntil(until) if until else reader.read(), 5)


def test_it_does_harm_as_often_as_it_is_told():
    """Then it confirms."""

    async def main():
        seen = []
        async with serving(
            "redirect-302", times=2, on_request=lambda request, hostile: seen.append((request.path, hostile))
        ) as server:
            heads = [await asked(server) for _ in range(3)]
            requests = await server.wait_for(3, 5)
        return heads, seen, requests, server

    heads, seen, requests, server = run(main())

    assert [head.split()[1] for head in heads] == [b"302", b"302", b"200"]
    assert f"Location: {server.url}/redirected".encode() in heads[0]
    assert seen == [("/a", True), ("/a", True), ("/a", False)]
    assert [request.number for request in requests] == [1, 2, 3]
    assert requests[0].content == b'{"sessionId": "1"'
    assert server.count == 3


def test_who_waits_for_more_than_comes():
    """Is told how many came."""

    async def main():
        async with serving("garbage") as server:
            with pytest.raises(TimeoutError, match=r"0 of 1 requests came in 0.01 s"):
                await server.wait_for(1, 0.01)

    run(main())


def test_a_drip_has_its_interval():
    """A byte at a time, here without a wait."""

    async def main():
        async with serving("drips-body", interval=0) as server:
            return await asked(server, until=b"")

    assert run(main()).endswith(b'\r\n\r\n{"ok":true}')


def test_a_request_that_is_not_whole_or_no_http_ends_its_connection():
    """It is not counted."""

    async def main():
        async with serving("garbage") as server:
            for bad in (b"POST", b"x\r\n\r\n", b"POST / HTTP/1.1\r\n" + b"x" * 100_000):
                async with peer(server) as (reader, writer):
                    writer.write(bad)
                    writer.write_eof()
                    with contextlib.suppress(ConnectionError):
                        assert await asyncio.wait_for(reader.read(), 5) == b""
            return server.count

    assert run(main()) == 0


def test_it_stops_in_the_middle_of_its_harm():
    """Whoever is still connected is cut off."""

    async def main():
        async with serving("endless-interim") as server, peer(server) as (reader, writer):
            writer.write(_REQUEST)
            await reader.readuntil(b"\r\n\r\n")
        return server

    assert run(main()).count == 1


def test_one_that_never_accepted_does_when_it_relents():
    """And who never did harm accepts from the start."""

    async def main():
        async with serving("never-accepts") as server:
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.1):
                    await asyncio.open_connection(server.host, server.port)
            await server.relent()
            await server.relent()  # twice is allowed
            return await asked(server)

    assert run(main()).startswith(b"HTTP/1.1 200 ")


def test_one_that_never_accepts_can_be_stopped():
    """Without having relented."""

    async def main():
        async with serving("never-accepts") as server:
            return server.url

    assert run(main()).startswith("http://127.0.0.1:")


def test_tls_that_was_spoiled_cannot_be_had_without_a_certificate():
    """The connection is closed then; with one, TLS is spoken."""
    authority = trustme.CA()
    server_side = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(server_side)
    client_side = ssl.create_default_context()
    authority.configure_trust(client_side)

    async def main():
        async with serving("tls-alert", times=1) as server:
            said = [await asked(server, until=b"")]
            with contextlib.suppress(ConnectionError):
                assert await asked(server, until=b"") == b""
        async with serving("garbage", times=0, ssl_context=server_side) as server:
            reader, writer = await asyncio.open_connection(server.host, server.port, ssl=client_side)
            writer.write(_REQUEST)
            said.append(await reader.readuntil(b"\r\n\r\n"))
            writer.close()
        return said, server.url

    (alert, confirmed), url = run(main())

    assert alert.startswith(b"\x15\x03")
    assert confirmed.startswith(b"HTTP/1.1 200 ")
    assert url.startswith("https://")


def test_a_connection_that_comes_as_it_stops_is_cut_off():
    """Nobody would close it later."""

    async def main():
        server = HostileServer("garbage")
        closed = []

        class Transport:
            def abort(self):
                closed.append(True)

        class Writer:
            transport = Transport()

        server._connected(None, Writer())
        return closed

    assert run(main()) == [True]


def test_a_kind_that_is_none():
    """The error names all that there are."""
    with pytest.raises(InvalidFieldError, match="'nonsense' is none of: never-accepts, "):
        HostileServer("nonsense")


def test_the_bombs_are_what_they_say():
    """Small, and large when they are unpacked."""
    gzip = 31

    def size(packed):
        unpacker, length = zlib.decompressobj(gzip), 0
        while packed:
            length += len(unpacker.decompress(packed, 1 << 20))
            packed = unpacker.unconsumed_tail
        return length

    inner = zlib.decompress(gzipped_gzip_bomb(), gzip)

    assert len(gzip_bomb()) < 65_536
    assert size(gzip_bomb()) == 50 << 20
    assert inner == gzip_bomb()
    assert len(gzipped_gzip_bomb()) < 1_000
    assert len(brotli_bomb()) == 93
    assert zstd_bomb().startswith(b"\x28\xb5\x2f\xfd")
    assert len(zstd_bomb()) == 6 + 800 * 4


@pytest.mark.parametrize("kind", CATALOGUE)
def test_every_kind_says_what_it_does_and_what_must_come_of_it(kind):
    """In words for people, and its bytes can be made again and again."""
    hostility = CATALOGUE[kind]

    assert hostility.name == kind
    assert hostility.what
    assert hostility.why
    assert hostility.verdicts
    assert hostility.play() == hostility.play()


def test_the_receiver_for_tests(hostile_receiver):
    """It has the server's URL, requests and behaviour, and relents."""
    receiver = hostile_receiver("bomb-brotli", times=0)

    assert receiver.hostility is CATALOGUE["bomb-brotli"]
    assert receiver.kinds == tuple(CATALOGUE)
    assert receiver.requests == ()
    receiver.relent()
    with pytest.raises(RuntimeError, match="does not listen"):
        HostileReceiver("garbage").relent()

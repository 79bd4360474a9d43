"""The connections of the default transport, over real sockets: nothing is lost, and nobody's memory fills."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from alarm_dispatch.errors import TransportError
from alarm_dispatch.exchange import Request, Verdict
from alarm_dispatch.transports import asyncio_stream
from alarm_dispatch.transports.asyncio_stream import Stream
from alarm_dispatch.transports.httpx import HttpxTransport

from .loopback import serving

_LARGE = bytes(range(256)) * 16_000
_Answer = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


def _with(answer: _Answer, ask: Callable[[Stream], Awaitable[Any]]) -> Any:
    """What comes of a connection to such a server."""

    async def main() -> Any:
        async with asyncio.timeout(10), serving(answer) as port:
            stream = await Stream.connect("127.0.0.1", port)
            try:
                return await ask(stream)
            finally:
                stream.abort()

    return asyncio.run(main())


async def _silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.read()


async def _whole(stream: Stream, most: int = 65_536) -> bytes:
    parts = bytearray()
    while part := await stream.read(most):
        assert len(part) <= most
        parts += part
    return bytes(parts)


def test_what_comes_is_read_in_order_and_whole():
    """In pieces of any size."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(_LARGE)
        await writer.drain()

    assert _with(answer, lambda stream: _whole(stream, 5_000)) == _LARGE


def test_who_sends_without_end_has_to_wait():
    """Until somebody reads."""
    written: list[int] = []

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            writer.write(_LARGE)
            await writer.drain()
            written.append(len(_LARGE))

    async def ask(stream: Stream) -> int:
        await stream.read(1)
        before = -1
        while before < len(written):
            before = len(written)
            await asyncio.sleep(0.05)
        return len(stream._unread)

    # What the event loop takes at a time, twice: once while it was being read.
    assert 0 < _with(answer, ask) <= 2 * 256 * 1024


def test_a_write_ends_when_all_has_left():
    """And not when it is in a buffer of our own."""
    received = bytearray()
    may_read = asyncio.Event()

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await may_read.wait()
        received.extend(await reader.readexactly(len(_LARGE) * 4))

    async def ask(stream: Stream) -> int:
        writing = asyncio.create_task(stream.write(_LARGE * 4))
        done, _ = await asyncio.wait([writing], timeout=0.1)
        assert not done
        may_read.set()
        await writing
        return int(stream._transport.get_write_buffer_size())

    assert _with(answer, ask) == 0
    assert bytes(received) == _LARGE * 4


def test_a_connection_that_is_lost_while_writing():
    """It is told at once, and to those who write and read afterwards."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        writer.transport.abort()

    async def ask(stream: Stream) -> bool:
        for _ in range(2):
            with pytest.raises(ConnectionError):
                await stream.write(_LARGE * 16)
        with pytest.raises(ConnectionError):
            await stream.read(1)
        return stream.readable

    assert _with(answer, ask) is True


def test_what_is_given_up_here_is_closed():
    """What is written then goes nowhere, and says so."""

    async def ask(stream: Stream) -> bytes:
        stream.abort()
        assert stream.readable
        with pytest.raises(ConnectionResetError, match="closed"):
            await stream.write(b"x")
        return await stream.read(1)

    assert _with(_silent, ask) == b""


def test_a_receiver_that_ends_its_side_may_still_be_written_to():
    """As one that answers before it has read all."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write_eof()
        assert await reader.read(1) == b"x"

    async def ask(stream: Stream) -> bytes:
        assert await stream.read(1) == b""
        await stream.write(b"x")
        return b"written"

    assert _with(answer, ask) == b"written"


@pytest.mark.parametrize("has_poll", [True, False])
def test_it_is_readable_when_something_came(monkeypatch, has_poll):
    """Also what the event loop has not seen, where the system can be asked."""
    if not has_poll:
        monkeypatch.setattr(asyncio_stream, "_new_poll", None)
    ours, theirs = socket.socketpair()

    async def main() -> list[bool]:
        loop = asyncio.get_running_loop()
        with theirs:
            _, stream = await loop.create_connection(Stream, sock=ours)
            seen = [stream.readable]
            theirs.send(b"ab")
            seen.append(stream.readable)
            assert await stream.read(1) == b"a"
            seen.append(stream.readable)
            stream.abort()
            return seen

    assert asyncio.run(main()) == [False, has_poll, True]


def test_what_comes_with_the_handshake_is_kept():
    """Before asyncio says which connection it is of."""

    async def main() -> bytes:
        stream = Stream()
        stream.data_received(_LARGE)
        stream.eof_received()
        return await _whole(stream)

    assert asyncio.run(main()) == _LARGE


@pytest.mark.parametrize("tls", [False, True])
def test_large_requests_and_replies(authority, tls):
    """With TLS, too, which has buffers of its own."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for _ in range(2):
            await reader.readuntil(b"\r\n\r\n")
            assert await reader.readexactly(len(_LARGE)) == _LARGE
            writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n" % len(_LARGE))
            writer.write(_LARGE)
            await writer.drain()
        await reader.read()

    async def main() -> list[bytes]:
        async with serving(answer, ssl=authority.server() if tls else None) as port:
            transport = HttpxTransport(ca_file=authority.ca_file, max_reply_bytes=len(_LARGE))
            url = f"{'https' if tls else 'http'}://127.0.0.1:{port}/"
            deadline = asyncio.get_running_loop().time() + 10
            try:
                request = Request(url=url, content=_LARGE, lane="one")
                return [(await transport.send(request, deadline=deadline)).content for _ in range(2)]
            finally:
                await transport.aclose()

    assert asyncio.run(main()) == [_LARGE, _LARGE]


def test_a_receiver_that_resets_a_request_in_the_middle():
    """Some of it may have arrived; what was read before the reset would have been its reply."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        writer.transport.abort()

    async def main() -> TransportError:
        async with serving(answer) as port:
            transport = HttpxTransport()
            request = Request(url=f"http://127.0.0.1:{port}/", content=_LARGE * 8)
            with pytest.raises(TransportError) as failure:
                await transport.send(request, deadline=asyncio.get_running_loop().time() + 10)
            await transport.aclose()
            return failure.value

    error = asyncio.run(main())

    assert error.verdict is Verdict.UNKNOWN
    assert error.reason in ("connection reset by peer", "broken pipe")


@pytest.mark.parametrize("status", [413, 200])
def test_what_a_receiver_answers_before_it_resets_counts(status):
    """A no does; a yes does not, to half a request."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readexactly(1)
        writer.write(b"HTTP/1.1 %d x\r\ncontent-length: 0\r\n\r\n" % status)
        await writer.drain()
        await asyncio.sleep(0.2)
        writer.transport.abort()

    async def main() -> int | str:
        async with serving(answer) as port:
            transport = HttpxTransport()
            request = Request(url=f"http://127.0.0.1:{port}/", content=_LARGE * 8)
            try:
                deadline = asyncio.get_running_loop().time() + 10
                return (await transport.send(request, deadline=deadline)).status_code
            except TransportError as error:
                return error.reason
            finally:
                await transport.aclose()

    whole = {413: 413, 200: "status 200 came before the request was sent whole"}
    assert asyncio.run(main()) == whole[status]

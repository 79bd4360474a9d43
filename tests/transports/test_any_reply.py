"""Any bytes as a reply: a verdict by the deadline, the same over both transports, and the next works."""

from __future__ import annotations

import asyncio
import itertools
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from alarm_dispatch.errors import TransportError
from alarm_dispatch.exchange import Reply, Verdict
from alarm_dispatch.testing import VirtualClock

pytest.importorskip("aiohttp", reason="the extra fast is not installed")

from .in_memory import IN_MEMORY, Line, closing, hung_up, said
from .loopback import serving

_SECONDS = 5.0
_LATE = 0.2
_GOOD = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"

_LINES = st.sampled_from(
    [
        *(
            b"HTTP/1.1 200 OK\r\n",
            b"HTTP/1.0 404\n",
            b"HTTP/1.1 100 \r\n",
            b"HTTP/1.1 204 No\r\n",
            b"HTTP/1.1 ",
        ),
        *(b"HTTP/1.1 101 Switch\r\n", b"HTTP/1.1 999 \xff\r\n", b"HTTP/1.1 600 \r\n", b"HTTP/1.1 304 x\r\n"),
        *(b"Content-Length: 3\r\n", b"content-length:0\r\n", b"Content-Length: 99999999999\r\n"),
        *(b"Transfer-Encoding: chunked\r\n", b"transfer-encoding:chunked\r\n", b"Connection: close\r\n"),
        *(
            b"Connection: upgrade\r\nUpgrade: websocket\r\n",
            b"Content-Encoding: gzip\r\n",
            b"connection: \r\n",
        ),
        *(
            b"Set-Cookie: a=b\r\n",
            b"Location: file:///\r\n",
            b"x: \xe4\xba\x91\r\n",
            b"x:\t y \t\r\n",
            b"X-y: z\r\n",
        ),
        *(
            b"Content-Type: a\r\nContent-Type: b\r\n",
            b"host: a\r\nhost: b\r\n",
            b"Trailer: x\r\n",
            b"TE: x\r\n",
        ),
        *(
            b"\r\n",
            b"\n",
            b"0\r\n",
            b"3\r\nabc\r\n",
            b"3 \r\nabc\r\n",
            b"3\nabc\n",
            b"abc",
            b"1;x=y\r\n",
            b"a\r\n",
        ),
        *(
            b" z\r\n",
            b"\r",
            b"x" * 70_000,
            b"x: " + b"y" * 9_000 + b"\r\n",
            b"a:b\r\n" * 99,
            b"1\r\nx\r\n" * 999,
        ),
    ]
)
_TAIL = st.lists(_LINES | st.binary(max_size=6), max_size=8).map(b"".join)
_HEADS = st.lists(_LINES, max_size=4).map(b"".join)
_CHUNKS = st.lists(st.sampled_from([b"3\r\nabc\r\n", b"1;x=y\r\na\r\n", b"A\r\n0123456789\r\n"]), max_size=3)
_WHOLE = st.binary(max_size=4).map(
    lambda body: b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body)
) | st.builds(
    lambda chunks, trailers: (
        b"HTTP/1.1 503 No\r\nTransfer-Encoding: chunked\r\n\r\n%b0\r\n%b\r\n" % (b"".join(chunks), trailers)
    ),
    _CHUNKS,
    st.sampled_from([b"", b"x: y\r\n"]),
)
_WIRE = (
    _WHOLE
    | st.builds(bytes.__add__, _WHOLE, _TAIL)
    | _TAIL
    | st.builds(lambda head, rest: b"HTTP/1.1 200 OK\r\n" + head + b"\r\n" + rest, _HEADS, _TAIL)
)


@st.composite
def pieces(draw: st.DrawFn) -> list[bytes]:
    """Any bytes in any pieces."""
    wire = draw(_WIRE)
    cuts = draw(st.lists(st.integers(0, 200), max_size=5))
    edges = sorted({0, len(wire), *(cut for cut in cuts if cut < len(wire))})
    return [wire[start:end] for start, end in itertools.pairwise(edges)]


def outcome(kind: str, said_by_receiver: list[bytes], *, hangs_up: bool) -> tuple[Any, ...]:
    """What a reply of these bytes comes to; afterwards a good one comes through."""

    async def main() -> tuple[Any, ...]:
        line = Line((said_by_receiver, hangs_up), ([_GOOD], False))
        async with closing(IN_MEMORY[kind](line)) as transport:
            found = await _outcome(transport, _SECONDS)
            await hung_up()
            following = await _outcome(transport, 5.0)
        assert following == (200, b"ok"), following
        return found

    return VirtualClock().run(main())


async def _outcome(transport: Any, seconds: float, **values: Any) -> tuple[Any, ...]:
    started = asyncio.get_running_loop().time()
    failure: TransportError | None = None
    try:
        reply: Reply = await said(transport, seconds, **values)
    except TransportError as error:
        failure = error
    assert asyncio.get_running_loop().time() - started <= seconds + _LATE
    if failure is None:
        return reply.status_code, reply.content
    assert failure.reason.isprintable()
    return (failure.verdict,)


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(pieces(), st.booleans())
@example([b""], True)
@example([_GOOD + _GOOD], False)
def test_any_bytes_come_to_the_same_end_over_both_parsers(said_by_receiver, hangs_up):
    """A whole reply is the same reply to both, and what is none is unknown to both."""
    parts = [part for part in said_by_receiver if part]

    one, other = (outcome(kind, parts, hangs_up=hangs_up) for kind in IN_MEMORY)

    assert one == other
    assert len(one) == 2 or one == (Verdict.UNKNOWN,)


@pytest.mark.parametrize("step", [1, 1_000_000])
@settings(deadline=None, max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(wire=_WIRE.filter(lambda wire: len(wire) < 20_000))
def test_any_bytes_over_sockets(http, step, wire):
    """A few of them as they come in life: a verdict by the deadline, and the next request works."""
    turns: list[bytes] = [wire, _GOOD]

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while await reader.readuntil(b"\r\n\r\n"):
            await reader.readexactly(2)
            said_now = turns.pop(0)
            for at in range(0, len(said_now), max(step, len(said_now) // 20)):
                writer.write(said_now[at : at + max(step, len(said_now) // 20)])
                await writer.drain()
            if not turns:
                return
            writer.write_eof()

    async def main() -> list[tuple[Any, ...]]:
        async with serving(answer) as port, closing(http()) as transport:
            url = f"http://127.0.0.1:{port}/"
            first = await _outcome(transport, 5.0, url=url)
            await asyncio.sleep(0.02)  # a request that crosses the receiver's hanging up is lost
            return [first, await _outcome(transport, 5.0, url=url)]

    first, following = asyncio.run(main())

    assert len(first) == 2 or first == (Verdict.UNKNOWN,)
    assert following == (200, b"ok")

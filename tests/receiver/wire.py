"""A plain TCP peer of the server: what it sends is on the wire, and so is what it gets."""

import asyncio
import contextlib

from alarm_dispatch.receiver import LoopbackServer

_GUARD = 10.0


def run(coroutine):
    """Run an asynchronous test; one that hangs fails."""
    return asyncio.run(asyncio.wait_for(coroutine, _GUARD))


def post(content=b"{}", *, target="/", headers="", version="1.1"):
    """The bytes of a request."""
    head = (
        f"POST {target} HTTP/{version}\r\nHost: receiver\r\n{headers}Content-Length: {len(content)}\r\n\r\n"
    )
    return head.encode() + content


@contextlib.asynccontextmanager
async def peer_of(server, **options):
    """A connection to the server: a reader and a writer."""
    reader, writer = await asyncio.open_connection(server.host, server.port, **options)
    try:
        yield reader, writer
    finally:
        writer.transport.abort()
        with contextlib.suppress(OSError):
            await writer.wait_closed()


async def reply_of(reader):
    """The head and the body of one whole reply."""
    head = (await reader.readuntil(b"\r\n\r\n")).decode()
    length = next(
        (
            int(line.partition(":")[2])
            for line in head.split("\r\n")
            if line.lower().startswith("content-length")
        ),
        0,
    )
    return head.split("\r\n")[0], await reader.readexactly(length)


def exchange(script, content=b"{}", **options):
    """All that the peer gets for one request, until the server closes."""

    async def main():
        async with LoopbackServer(script) as server, peer_of(server) as (reader, writer):
            writer.write(post(content, **options))
            return await reader.read()

    return run(main())

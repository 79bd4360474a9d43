"""The bare clients, used as well as they can be: ready bytes and headers, 32 requests in flight."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, cast

from .alarms import body
from .run import Stopwatch

__all__ = ["aiohttp_client", "httpx_client", "httpx_transport", "pipelining"]

_HEADERS = {"Content-Type": "application/json", "User-Agent": "benchmark/1"}
_POOL = 4
Burst = Callable[..., Awaitable[dict[str, Any]]]


async def _in_flight(count: int, limit: int, post: Callable[[int], Awaitable[int]]) -> dict[str, Any]:
    """Have ``limit`` workers make ``count`` requests; ``post`` is told which worker asks."""
    left = iter(range(count))
    statuses: list[int] = []

    async def work(worker: int) -> None:
        for _ in left:
            statuses.append(await post(worker))  # noqa: PERF401 - others append meanwhile

    with Stopwatch() as watch:
        await asyncio.gather(*(work(worker) for worker in range(limit)))
    assert statuses == [200] * count
    return watch.told(count=count)


@contextlib.asynccontextmanager
async def aiohttp_client(urls: list[str], limit: int = 32) -> AsyncIterator[Burst]:
    """One session; no cookies, no decompression, no timer for each request."""
    import aiohttp
    from yarl import URL

    url, content = URL(urls[0]), body()
    async with aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=limit),
        cookie_jar=aiohttp.DummyCookieJar(),
        auto_decompress=False,
        timeout=aiohttp.ClientTimeout(total=None),
        headers=_HEADERS,
    ) as session:

        async def post(_: int) -> int:
            async with session.post(url, data=content, allow_redirects=False) as response:
                await response.read()
                return response.status

        async def burst(count: int) -> dict[str, Any]:
            return await _in_flight(count, limit, post)

        yield burst


@contextlib.asynccontextmanager
async def httpx_client(urls: list[str], limit: int = 32) -> AsyncIterator[Burst]:
    """A client for each 4 requests in flight: httpcore scans a pool's connections for each request."""
    import httpx

    limits = httpx.Limits(max_connections=_POOL, max_keepalive_connections=_POOL)
    url, content = httpx.URL(urls[0]), body()
    async with contextlib.AsyncExitStack() as stack:
        clients = [
            await stack.enter_async_context(
                httpx.AsyncClient(limits=limits, timeout=None, trust_env=False, headers=_HEADERS)
            )
            for _ in range(limit // _POOL)
        ]

        async def post(worker: int) -> int:
            response = await clients[worker // _POOL].post(url, content=content)
            return response.status_code

        async def burst(count: int) -> dict[str, Any]:
            return await _in_flight(count, limit, post)

        yield burst


@contextlib.asynccontextmanager
async def httpx_transport(urls: list[str], limit: int = 32) -> AsyncIterator[Burst]:
    """The same without the client: what is below its cookies, redirects and hooks."""
    import httpx

    limits = httpx.Limits(max_connections=_POOL, max_keepalive_connections=_POOL)
    url, content = httpx.URL(urls[0]), body()
    async with contextlib.AsyncExitStack() as stack:
        pools = [
            await stack.enter_async_context(httpx.AsyncHTTPTransport(limits=limits, trust_env=False))
            for _ in range(limit // _POOL)
        ]

        async def post(worker: int) -> int:
            request = httpx.Request("POST", url, content=content, headers=_HEADERS)
            response = await pools[worker // _POOL].handle_async_request(request)
            await response.aread()
            await response.aclose()
            return response.status_code

        async def burst(count: int) -> dict[str, Any]:
            return await _in_flight(count, limit, post)

        yield burst


class _Pipeline(asyncio.Protocol):
    """Keeps ``depth`` requests on the way on one connection."""

    def __init__(self, message: bytes, depth: int, left: list[int], done: asyncio.Future[None]) -> None:
        self._message, self._depth, self._left, self._done = message, depth, left, done

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # uvloop's are no subclass
        self._transport.write(self._message * self._depth)

    def data_received(self, data: bytes) -> None:
        replies = data.count(b"HTTP/1.1 200")
        self._left[0] -= replies
        if self._left[0] > 0:
            self._transport.write(self._message * replies)
        elif not self._done.done():
            self._done.set_result(None)


@contextlib.asynccontextmanager
async def pipelining(urls: list[str], limit: int = 32, depth: int = 1) -> AsyncIterator[Burst]:
    """No client at all: a protocol that writes ready bytes and counts replies."""
    host, _, port = urls[0].removeprefix("http://").partition("/")[0].partition(":")
    content = body()
    head = f"POST /now HTTP/1.1\r\nHost: {host}\r\nContent-Length: {len(content)}\r\n\r\n"
    loop = asyncio.get_running_loop()

    async def burst(count: int) -> dict[str, Any]:
        left, done = [count], loop.create_future()
        with Stopwatch() as watch:
            connections = [
                await loop.create_connection(
                    lambda: _Pipeline(head.encode() + content, depth, left, done), host, int(port)
                )
                for _ in range(limit)
            ]
            await done
        for transport, _ in connections:
            transport.close()
        return watch.told(count=count)

    yield burst

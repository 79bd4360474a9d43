"""The HTTP transports over connections in memory: the libraries' own parsers, and no socket."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections.abc import Callable
from typing import Any

from alarm_dispatch.exchange import Reply, Request
from alarm_dispatch.transports.aiohttp import AiohttpTransport, _Protocol
from alarm_dispatch.transports.httpx import HttpxTransport
from alarm_dispatch.transports.streams import WatchedBackend

URL = "http://receiver.example/"
_TLS = ssl.create_default_context()  # never used; one for each would take most of the time


class Line:
    """What a receiver says to each request: pieces of bytes, and whether it hangs up then.

    ``greeting`` is what it says before it is asked, over httpx.
    """

    greeting = b""

    def __init__(self, *replies: tuple[list[bytes], bool]) -> None:
        self._replies = list(replies)

    def next(self) -> tuple[list[bytes], bool]:
        """To the next request."""
        pieces, hangs_up = self._replies.pop(0)
        return list(pieces), hangs_up


class _Stream:
    """A connection as httpcore has it."""

    def __init__(self, line: Line) -> None:
        self._line = line
        self._pieces = [line.greeting] if line.greeting else []
        self._hangs_up = False

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:  # noqa: ASYNC109 - httpcore's
        if self._pieces:
            piece = self._pieces.pop(0)
            if len(piece) > max_bytes:
                self._pieces.insert(0, piece[max_bytes:])
            return piece[:max_bytes]
        if not self._hangs_up:
            await asyncio.Event().wait()
        return b""

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:  # noqa: ASYNC109 - httpcore's
        if buffer.startswith(b"POST "):
            self._pieces, self._hangs_up = self._line.next()

    async def aclose(self) -> None:
        self._pieces, self._hangs_up = [], True

    def get_extra_info(self, info: str) -> Any:
        return bool(self._pieces or self._hangs_up) if info == "is_readable" else None


class _Backend:
    """Connections as httpcore makes them."""

    def __init__(self, line: Line) -> None:
        self._line = line

    async def connect_tcp(self, *_arguments: Any, **_options: Any) -> _Stream:
        return _Stream(self._line)


class HttpxInMemory(HttpxTransport):
    """With connections of a line."""

    def __init__(self, line: Line) -> None:
        super().__init__(tls=_TLS)
        self._line = line

    def _new_carrier(self, key: Any) -> Any:
        made: Any = super()._new_carrier(key)
        made._pool._network_backend = WatchedBackend(_Backend(self._line))
        return made


class _Transport(asyncio.Transport):
    """A connection as asyncio has it: speaks when it is written to."""

    def __init__(self, protocol: _Protocol, line: Line) -> None:
        super().__init__()
        self._protocol, self._line = protocol, line
        self._pieces: list[bytes] = []
        self._hangs_up = self._closed = self._paused = False
        protocol.connection_made(self)

    def write(self, data: Any) -> None:
        self._pieces, self._hangs_up = self._line.next()
        asyncio.get_running_loop().call_soon(self._speak)

    def _speak(self) -> None:
        if self._closed or self._paused:
            return
        if self._pieces:
            self._protocol.data_received(self._pieces.pop(0))
            asyncio.get_running_loop().call_soon(self._speak)
        elif self._hangs_up:
            self._protocol.eof_received()
            self.close()

    def pause_reading(self) -> None:
        self._paused = True

    def resume_reading(self) -> None:
        if self._paused:
            self._paused = False
            asyncio.get_running_loop().call_soon(self._speak)

    def get_write_buffer_size(self) -> int:
        return 0

    def is_closing(self) -> bool:
        return self._closed

    def close(self) -> None:
        if not self._closed:
            self._closed = True
            asyncio.get_running_loop().call_soon(self._protocol.connection_lost, None)

    abort = close


class AiohttpInMemory(AiohttpTransport):
    """With connections of a line."""

    def __init__(self, line: Line) -> None:
        super().__init__(tls=_TLS)
        self._line = line

    def _new_connections(self) -> Any:
        async def create(*_arguments: Any) -> _Protocol:
            protocol = _Protocol(asyncio.get_running_loop())
            _Transport(protocol, self._line)
            return protocol

        def connector(policy: Any) -> Any:
            made: Any = gated(policy)
            made._create_connection = create
            return made

        connections = super()._new_connections()
        gated, connections._new_connector = connections._new_connector, connector
        return connections


IN_MEMORY: dict[str, Callable[[Line], Any]] = {"httpx": HttpxInMemory, "aiohttp": AiohttpInMemory}


async def said(transport: Any, seconds: float, **values: Any) -> Reply:
    """The reply to one request."""
    loop = asyncio.get_running_loop()
    values = {"url": URL, "content": b"{}", "lane": "one", **values}
    return await transport.send(Request(**values), deadline=loop.time() + seconds)


async def hung_up() -> None:
    """Let a receiver that hangs up after its reply do so: a request that crosses that is lost."""
    for _ in range(5):
        await asyncio.sleep(0)


@contextlib.asynccontextmanager
async def closing(transport: Any) -> Any:
    """The transport, closed afterwards."""
    try:
        yield transport
    finally:
        await transport.aclose()

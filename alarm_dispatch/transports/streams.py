"""The connections of httpcore's pools, with an eye on what comes: one for each request's reply."""

from __future__ import annotations

import asyncio
from typing import Any

from alarm_dispatch.transports.framing import Framing
from alarm_dispatch.transports.reasons import spoke_unasked

__all__ = ["WatchedBackend"]

_BODILESS = (b"HEAD ", b"CONNECT ")

# Bytes of HTTP/2 that are taken at a time.  A frame may have 9, and h2 needs 0.1 ms for one: 64 KB of those
# that say nothing would hold up all other receivers for a second.
_FRAMES = 1024


class WatchedBackend:
    """A network backend of httpcore, whose connections are watched (``httpcore.AsyncNetworkBackend``)."""

    def __init__(self, backend: Any) -> None:
        self._backend = backend

    async def connect_tcp(self, *arguments: Any, **options: Any) -> Any:
        """A watched connection."""
        return _WatchedStream(await self._backend.connect_tcp(*arguments, **options), fresh=True)


class _WatchedStream:
    """A connection of httpcore (``httpcore.AsyncNetworkStream``) that speaks HTTP/1."""

    def __init__(self, stream: Any, *, fresh: bool = False) -> None:
        self._stream = stream
        self._framing = Framing()
        self._fresh = fresh
        # What httpcore writes of a request before its body: both leave in one packet.
        self._head = b""

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:  # noqa: ASYNC109 - httpcore's
        while data := await self._stream.read(max_bytes, timeout):
            if kept := self._framing.feed(data):
                return kept
        return b""

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:  # noqa: ASYNC109 - httpcore's
        if self._framing.over:
            # What a receiver said before it was asked must not be taken for its reply.  Later the pool looks
            # itself; and with TLS there is always something to read, which may be of TLS only.
            if self._fresh and self._stream.get_extra_info("is_readable"):
                raise spoke_unasked()
            self._fresh = False
            self._framing.begin(bodiless=buffer.startswith(_BODILESS))
            # At the latest when it is told that the request is whole, httpcore writes once more.
            self._head = buffer
            return
        if self._head:
            buffer, self._head = self._head + buffer, b""
        await self._stream.write(buffer, timeout)

    async def start_tls(self, *arguments: Any, **options: Any) -> Any:
        try:
            stream = await self._stream.start_tls(*arguments, **options)
        except BaseException:
            # httpcore closes what fails, and forgets what a deadline cancels.
            await self._stream.aclose()
            raise
        spoken = stream.get_extra_info("ssl_object").selected_alpn_protocol()
        return _Http2Stream(stream) if spoken == "h2" else _WatchedStream(stream)

    async def aclose(self) -> None:
        await self._stream.aclose()

    def get_extra_info(self, info: str) -> Any:
        if info == "is_readable" and self._framing.spoiled:
            return True  # for the pool: this connection has ended
        return self._stream.get_extra_info(info)


class _Http2Stream:
    """A connection of httpcore that speaks HTTP/2, whose frames have to leave others their turns.

    It bounds its heads by itself (RFC 9113, SETTINGS_MAX_HEADER_LIST_SIZE).
    """

    def __init__(self, stream: Any) -> None:
        self._stream = stream
        self.write = stream.write
        self.aclose = stream.aclose
        self.get_extra_info = stream.get_extra_info

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:  # noqa: ASYNC109 - httpcore's
        await asyncio.sleep(0)
        data: bytes = await self._stream.read(min(max_bytes, _FRAMES), timeout)
        return data

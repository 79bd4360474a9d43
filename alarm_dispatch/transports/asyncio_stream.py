"""One connection of asyncio's: what has come is read, and what is written has left when that returns."""

from __future__ import annotations

import asyncio
import select
import ssl
from typing import Any

__all__ = ["Stream"]

# Bytes of a write that may be left over when it returns: none.  0 itself would stop TLS for ever.
_LEAST_UNSENT = 1

_new_poll: Any = getattr(select, "poll", None)  # Windows has none


class Stream(asyncio.Protocol):
    """A connection; one may read while another one writes.

    Nothing is read from the system before the first ``read`` or ``write``: what comes earlier may be of TLS.
    """

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._transport: Any = None
        self._unread = b""
        self._ended = self._stopped = self._full = False
        self._error: Exception | None = None
        self._reader: asyncio.Future[None] | None = None
        self._writer: asyncio.Future[None] | None = None
        self._poll: Any = None

    @classmethod
    async def connect(cls, address: str, port: int) -> Stream:
        """A connection to an address; raises OSError."""
        _, stream = await asyncio.get_running_loop().create_connection(cls, address, port)
        return stream

    def connection_made(self, transport: Any) -> None:
        """Begin, with nothing read yet."""
        self._transport = transport
        transport.set_write_buffer_limits(_LEAST_UNSENT)
        transport.pause_reading()
        self._stopped = True

    async def start_tls(self, context: ssl.SSLContext, server_hostname: str | None) -> Stream:
        """The connection with TLS on it, which takes this one's place; raises OSError."""
        inner = Stream()
        transport: Any = await self._loop.start_tls(
            self._transport, inner, context, server_hostname=server_hostname
        )
        # asyncio leaves this to the caller; what came with the handshake is there already.
        inner._transport = transport
        transport.set_write_buffer_limits(_LEAST_UNSENT)
        return inner

    async def read(self, most: int) -> bytes:
        """At most so many bytes of what has come; b"" when the receiver has ended.  Raises OSError."""
        if not self._unread and not self._ended:
            self._go_on()
            self._reader = self._loop.create_future()
            try:
                await self._reader
            finally:
                self._reader = None
        unread = self._unread
        if unread:
            self._unread = unread[most:]
            return unread[:most]
        if self._error is not None:
            raise self._error
        return b""

    async def write(self, data: bytes) -> None:
        """Write all of it; raises OSError when the connection is lost before it has left."""
        self._check_open()
        # What the receiver says meanwhile is there when it then resets the connection.
        self._go_on()
        self._transport.write(data)
        if self._full:
            self._writer = self._loop.create_future()
            try:
                await self._writer
            finally:
                self._writer = None
            self._check_open()

    @property
    def readable(self) -> bool:
        """Whether something has come, or the end has; also what the event loop has not seen yet."""
        if self._unread or self._ended or self._transport.is_closing():
            return True
        if self._poll is None and _new_poll is not None:
            self._poll = _new_poll()
            self._poll.register(self._transport.get_extra_info("socket").fileno(), select.POLLIN)
        return self._poll is not None and bool(self._poll.poll(0))

    @property
    def ssl_object(self) -> Any:
        """The connection's TLS, None when there is none."""
        return self._transport.get_extra_info("ssl_object")

    def abort(self) -> None:
        """Close at once: what is unsent would otherwise wait for a receiver that may never read it."""
        self._transport.abort()

    def data_received(self, data: bytes) -> None:
        """Keep what has come; while nobody reads, the receiver has to wait with more."""
        self._unread = self._unread + data if self._unread else data
        if self._reader is None and not self._stopped and self._transport is not None:
            self._stopped = True
            self._transport.pause_reading()
        _wake(self._reader)

    def eof_received(self) -> bool:
        """The receiver says no more; what it reads may still be written, except with TLS."""
        self._ended = True
        _wake(self._reader)
        return self._transport is not None and self.ssl_object is None

    def connection_lost(self, error: Exception | None) -> None:
        """It is over."""
        self._ended, self._error = True, error
        _wake(self._reader)
        _wake(self._writer)

    def pause_writing(self) -> None:
        """Something is left over."""
        self._full = True

    def resume_writing(self) -> None:
        """All has left."""
        self._full = False
        _wake(self._writer)

    def _go_on(self) -> None:
        if self._stopped:
            self._stopped = False
            self._transport.resume_reading()

    def _check_open(self) -> None:
        if self._transport.is_closing():
            raise self._error or ConnectionResetError("the connection was closed")


def _wake(waiting: asyncio.Future[None] | None) -> None:
    if waiting is not None and not waiting.done():
        waiting.set_result(None)

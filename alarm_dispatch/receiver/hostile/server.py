"""A receiver on the loopback interface that does harm, until it relents."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
from collections import deque
from collections.abc import Callable
from datetime import UTC, datetime
from ssl import SSLContext

from alarm_dispatch.errors import InvalidFieldError
from alarm_dispatch.receiver.accepting import stop_accepting
from alarm_dispatch.receiver.answers import reply_to, wire_form
from alarm_dispatch.receiver.hostile.catalogue import CATALOGUE
from alarm_dispatch.receiver.hostile.play import End, Hostility, Play, Stage
from alarm_dispatch.receiver.received import ReceivedRequest
from alarm_dispatch.receiver.script import Step, StepKind

__all__ = ["HostileServer"]

_CONFIRM = Step(kind=StepKind.CONFIRM)
_KEPT = 1_000
_READ_SIZE = 65_536
_LONGEST_REQUEST = 64 * 1024 * 1024
# On with no time: the kernel drops what is unsent and answers with a reset.
_LINGER_NOT = struct.pack("ii", 1, 0)
_BACKLOG = 128
# How connections end whose peers leave, or speak no HTTP.
_ENDS = (OSError, ValueError, asyncio.IncompleteReadError, asyncio.LimitOverrunError)


class HostileServer:
    """A server at 127.0.0.1 with one behaviour of the catalogue, named by ``kind``.

    The first ``times`` connections or requests are met with it (None: all of them), the others with 200
    and, for a body with a ``sessionId``, the reply that confirms it; so are all after ``relent``.
    ``port`` 0 is any free one.  ``ssl_context`` is for ``https``; without one, a behaviour of TLS does its
    harm but cannot relent.  ``interval`` is the seconds between two bytes of a drip.  ``on_request`` is
    called with each whole request, and whether it is met with the behaviour.

    Raises :class:`~alarm_dispatch.errors.InvalidFieldError` for a kind that is not in the catalogue.
    """

    host = "127.0.0.1"

    def __init__(
        self,
        kind: str,
        *,
        times: int | None = None,
        port: int = 0,
        ssl_context: SSLContext | None = None,
        interval: float = 1.0,
        on_request: Callable[[ReceivedRequest, bool], object] | None = None,
    ) -> None:
        if kind not in CATALOGUE:
            raise InvalidFieldError("kind", f"{kind!r} is none of: {', '.join(CATALOGUE)}")
        self.hostility: Hostility = CATALOGUE[kind]
        self.port = port
        self.on_request = on_request
        self._left = float("inf") if times is None else times
        self._ssl_context = ssl_context
        self._interval = interval
        self._count = 0
        self._requests: deque[ReceivedRequest] = deque(maxlen=_KEPT)
        self._arrival = asyncio.Condition()
        self._listening: socket.socket | None = None
        self._server: asyncio.Server | None = None
        self._waiting: list[socket.socket] = []
        self._open: dict[asyncio.Task[None], asyncio.StreamWriter] = {}

    @property
    def url(self) -> str:
        """The server's URL, without a path; ``port`` in it is the one that was found."""
        scheme = "https" if self.hostility.tls or self._ssl_context else "http"
        return f"{scheme}://{self.host}:{self.port}"

    @property
    def requests(self) -> tuple[ReceivedRequest, ...]:
        """The whole requests so far, the oldest first."""
        return tuple(self._requests)

    @property
    def count(self) -> int:
        """How many whole requests there were."""
        return self._count

    async def start(self) -> None:
        """Listen; raises OSError when the port is taken."""
        never = self.hostility.stage is Stage.LISTEN and self._left
        self._listening = socket.create_server((self.host, self.port), backlog=0 if never else _BACKLOG)
        self.port = self._listening.getsockname()[1]
        if never:
            self._fill_up()
        else:
            await self._accept()

    async def relent(self) -> None:
        """Do no more harm; who waits to be accepted is."""
        self._left = 0
        for one in self._waiting:
            one.close()
        self._waiting.clear()
        if self._server is None and self._listening is not None:
            await self._accept()

    async def stop(self) -> None:
        """Listen no more and end every open connection at once; stopping twice is allowed."""
        server, self._server = self._server, None
        if server is not None:
            await stop_accepting(server)
        for one in (*self._waiting, *filter(None, [self._listening])):
            one.close()
        for writer in self._open.values():
            writer.transport.abort()
        tasks = list(self._open)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def wait_for(self, count: int, timeout: float) -> tuple[ReceivedRequest, ...]:  # noqa: ASYNC109
        """The requests, as soon as there were ``count``; TimeoutError after ``timeout`` seconds."""
        try:
            async with asyncio.timeout(timeout), self._arrival:
                await self._arrival.wait_for(lambda: self._count >= count)
        except TimeoutError:
            raise TimeoutError(f"{self._count} of {count} requests came in {timeout:g} s") from None
        return self.requests

    async def _accept(self) -> None:
        self._server = await asyncio.start_server(self._connected, sock=self._listening)

    def _fill_up(self) -> None:
        """Take the places of those who wait to be accepted, so that the system answers nobody else."""
        for _ in range(2):
            waiting = socket.socket()
            waiting.setblocking(False)
            with contextlib.suppress(BlockingIOError):
                waiting.connect((self.host, self.port))
            self._waiting.append(waiting)

    def _turn(self, stage: Stage) -> bool:
        """Whether to do harm now."""
        if self.hostility.stage is not stage or self._left <= 0:
            return False
        self._left -= 1
        return True

    def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._server is None:
            # It was accepted while the server stopped.
            writer.transport.abort()
            return
        if self._ssl_context is not None:
            # Nothing may be read before the TLS layer is in its place.
            writer.transport.pause_reading()  # type: ignore[attr-defined]
        task = asyncio.get_running_loop().create_task(self._serve(reader, writer))
        self._open[task] = writer
        task.add_done_callback(self._open.pop)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(*_ENDS):
            try:
                if self._turn(Stage.ACCEPT):
                    if self._ssl_context is not None:
                        writer.transport.resume_reading()  # type: ignore[attr-defined]
                    await self._play(self.hostility.play(), reader, writer)
                    return
                if self.hostility.tls and self._ssl_context is None:
                    return
                if self._ssl_context is not None:
                    await writer.start_tls(self._ssl_context)
                while await self._serve_one(reader, writer):
                    pass
            finally:
                writer.close()
                await writer.wait_closed()

    async def _serve_one(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        """Meet one request; whether another one may follow."""
        first = await reader.readexactly(1)
        if self._turn(Stage.FIRST_BYTE):
            return await self._play(self.hostility.play(), reader, writer)
        request = await self._read_request(first, reader)
        hostile = self._turn(Stage.REQUEST)
        self._requests.append(request)
        if self.on_request is not None:
            self.on_request(request, hostile)
        async with self._arrival:
            self._arrival.notify_all()
        if hostile:
            return await self._play(self.hostility.play(), reader, writer)
        writer.write(wire_form(reply_to(_CONFIRM, content=request.content, target=request.target)))
        await writer.drain()
        return True

    async def _read_request(self, first: bytes, reader: asyncio.StreamReader) -> ReceivedRequest:
        head = (first + await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        start, *lines = head.split("\r\n")[:-2]
        method, target, _ = start.split(" ", 2)
        headers = tuple((name, value.strip()) for name, _, value in (line.partition(":") for line in lines))
        length = next((int(value) for name, value in headers if name.lower() == "content-length"), 0)
        content = await reader.readexactly(min(length, _LONGEST_REQUEST))
        self._count += 1
        return ReceivedRequest(
            number=self._count,
            method=method,
            target=target,
            headers=headers,
            content=content,
            at=asyncio.get_running_loop().time(),
            received_at=datetime.now(UTC),
        )

    async def _play(self, play: Play, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        await self._write(play.first.replace(b"{url}", self.url.encode()), writer)
        for byte in play.drip:
            await asyncio.sleep(self._interval)
            await self._write(bytes([byte]), writer)
        done = 0
        while play.again and (play.times is None or done < play.times):
            await self._write(play.again, writer)
            await asyncio.sleep(play.every)
            done += 1
        if play.end is End.KEEP:
            return True
        if play.end is End.RESET:
            peer: socket.socket = writer.get_extra_info("socket")
            peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _LINGER_NOT)
            writer.transport.abort()
            return False
        if play.end is End.IGNORE:
            await asyncio.Event().wait()
        if play.end is End.CLOSE and writer.can_write_eof():
            writer.write_eof()
        # Closing with unread input would undo what was sent.
        while await reader.read(_READ_SIZE):
            pass
        return False

    async def _write(self, content: bytes, writer: asyncio.StreamWriter) -> None:
        writer.write(content)
        await writer.drain()

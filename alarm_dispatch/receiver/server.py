"""A scripted receiver on the loopback interface."""

from __future__ import annotations

import asyncio
import ipaddress
from collections import deque
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from ssl import SSLContext
from types import TracebackType
from typing import Self

from attrs import define, field

from alarm_dispatch.errors import InvalidFieldError
from alarm_dispatch.receiver.accepting import stop_accepting
from alarm_dispatch.receiver.connection import Connection, Headers
from alarm_dispatch.receiver.playback import Playback
from alarm_dispatch.receiver.received import ReceivedRequest
from alarm_dispatch.receiver.script import ScriptLike, Step, StepKind

__all__ = ["LoopbackServer"]

_BACKLOG = 1_024
_ONLY_IN_MEMORY = frozenset({StepKind.REFUSED, StepKind.UNREACHABLE})


def _utc_now() -> datetime:
    return datetime.now(UTC)


def _check_host(_server: object, _attribute: object, value: str) -> None:
    try:
        loopback = ipaddress.ip_address(value).is_loopback
    except ValueError:
        loopback = False
    if not loopback:
        raise InvalidFieldError("LoopbackServer.host", f"{value!r} is no loopback address such as 127.0.0.1")


@define(eq=False, repr=False)
class LoopbackServer:
    """An HTTP/1.1 server that answers by a script and keeps what it received.

    ``async with LoopbackServer("500,timeout,200") as server:`` listens at ``server.url``.  Each path is a
    receiver of its own and plays the script from its start; ``scripts`` gives single paths another.
    ``port`` 0 is any free one, ``keep`` is how many requests are remembered, ``body_limit`` the bytes of a
    request's body, beyond which the answer is 413.  ``on_request`` is called with each request and its
    step before the answer, ``on_answered`` when the step is over, whether or not the peer stayed for it;
    ``now`` is where aware times come from.

    Raises :class:`~alarm_dispatch.errors.InvalidFieldError` for a text that is no script, for a step that
    exists in memory only, and for an address that others could reach.
    """

    script: ScriptLike = "confirm"
    scripts: Mapping[str, ScriptLike] = field(factory=dict, kw_only=True)
    host: str = field(default="127.0.0.1", kw_only=True, validator=_check_host)
    port: int = field(default=0, kw_only=True)
    ssl_context: SSLContext | None = field(default=None, kw_only=True)
    keep: int = field(default=10_000, kw_only=True)
    body_limit: int = field(default=10_000_000, kw_only=True)
    on_request: Callable[[ReceivedRequest, Step], object] | None = field(default=None, kw_only=True)
    on_answered: Callable[[ReceivedRequest, Step], object] | None = field(default=None, kw_only=True)
    now: Callable[[], datetime] = field(default=_utc_now, kw_only=True)

    _playback: Playback = field(init=False)
    _requests: deque[ReceivedRequest] = field(init=False)
    _count: int = field(init=False, default=0)
    _server: asyncio.Server | None = field(init=False, default=None)
    _open: dict[asyncio.Task[None], Connection] = field(init=False, factory=dict)
    _waiting: list[tuple[int, asyncio.Future[None]]] = field(init=False, factory=list)

    def __attrs_post_init__(self) -> None:
        self._playback = Playback(self.script, self.scripts)
        self._requests = deque(maxlen=self.keep)
        for script in self._playback.scripts:
            for step in (*script.steps, *filter(None, [script.then])):
                if step.kind in _ONLY_IN_MEMORY:
                    raise InvalidFieldError("script", f"{step} cannot be played by a server that listens")

    @property
    def url(self) -> str:
        """The server's URL, without a path; ``port`` in it is the one that was found."""
        scheme = "http" if self.ssl_context is None else "https"
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{scheme}://{host}:{self.port}"

    @property
    def requests(self) -> tuple[ReceivedRequest, ...]:
        """The requests so far, the oldest first."""
        return tuple(self._requests)

    @property
    def count(self) -> int:
        """How many requests there were, also those no longer kept."""
        return self._count

    async def start(self) -> None:
        """Listen; raises OSError when the port is taken."""
        self._server = await asyncio.start_server(self._connected, self.host, self.port, backlog=_BACKLOG)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        """Listen no more and end every open connection at once; stopping twice is allowed."""
        server, self._server = self._server, None
        if server is None:
            return
        await stop_accepting(server)
        for connection in self._open.values():
            connection.abort()
        tasks = list(self._open)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await server.wait_closed()

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.stop()

    async def wait_for(self, count: int, timeout: float) -> tuple[ReceivedRequest, ...]:  # noqa: ASYNC109
        """The requests, as soon as there were ``count``; TimeoutError after ``timeout`` seconds."""
        if self._count < count:
            arrival: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._waiting.append((count, arrival))
            try:
                async with asyncio.timeout(timeout):
                    await arrival
            except TimeoutError:
                raise TimeoutError(f"{self._count} of {count} requests came in {timeout:g} s") from None
            finally:
                self._waiting.remove((count, arrival))
        return self.requests

    def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._server is None:
            # It was accepted while the server stopped.
            writer.transport.abort()
            return
        if self.ssl_context is not None:
            # Nothing may be read before the TLS layer is in its place.  It is put there by the connection,
            # not by the listener, so that stopping can also abort a peer in the middle of its handshake.
            writer.transport.pause_reading()  # type: ignore[attr-defined]
        connection = Connection(
            reader, writer, self._receive, answered=self._answered, body_limit=self.body_limit
        )
        task = asyncio.get_running_loop().create_task(connection.serve(self.ssl_context))
        self._open[task] = connection
        task.add_done_callback(self._open.pop)

    def _receive(
        self, method: str, target: str, headers: Headers, content: bytes
    ) -> tuple[ReceivedRequest, Step]:
        self._count += 1
        request = ReceivedRequest(
            number=self._count,
            method=method,
            target=target,
            headers=headers,
            content=content,
            at=asyncio.get_running_loop().time(),
            received_at=self.now(),
        )
        step = self._playback.next(request.path)
        self._requests.append(request)
        for count, arrival in self._waiting:
            if self._count >= count and not arrival.done():
                arrival.set_result(None)
        if self.on_request is not None:
            self.on_request(request, step)
        return request, step

    def _answered(self, request: ReceivedRequest, step: Step) -> None:
        if self.on_answered is not None:
            self.on_answered(request, step)

"""Receivers for tests that are not asynchronous themselves: one in memory, one on the loopback interface."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from ssl import SSLContext
from types import TracebackType
from typing import Protocol, Self
from urllib.parse import urlsplit

from alarm_dispatch.receiver.received import ReceivedRequest
from alarm_dispatch.receiver.script import ScriptLike
from alarm_dispatch.receiver.server import LoopbackServer
from alarm_dispatch.transports.memory import CarriedRequest, Handler, MemoryTransport

__all__ = ["LoopbackReceiver", "MemoryReceiver", "ScriptedReceiver", "ThreadedReceiver"]

_MICROSECOND = 6


class ScriptedReceiver(Protocol):
    """What both receivers have: a test that asks for this runs on either."""

    @property
    def url(self) -> str:
        """Where to send."""
        ...

    @property
    def requests(self) -> tuple[ReceivedRequest, ...]:
        """The requests so far, the oldest first."""
        ...

    @property
    def arrivals(self) -> tuple[float, ...]:
        """When each request came: seconds after the first one, to the microsecond."""
        ...

    def wait_for(self, count: int, timeout: float) -> tuple[ReceivedRequest, ...]:
        """Block until there were ``count`` requests; TimeoutError after ``timeout`` seconds."""
        ...

    def assert_arrivals(self, expected: Sequence[float], *, within: float = ...) -> None:
        """AssertionError unless the requests came at these seconds, give or take ``within``."""
        ...


def _arrivals(requests: Sequence[ReceivedRequest]) -> tuple[float, ...]:
    return tuple(round(request.at - requests[0].at, _MICROSECOND) for request in requests)


def _assert_arrivals(arrivals: Sequence[float], expected: Sequence[float], within: float) -> None:
    close = len(arrivals) == len(expected) and all(
        round(abs(came - due), _MICROSECOND) <= within for came, due in zip(arrivals, expected, strict=True)
    )
    if not close:
        raise AssertionError(f"requests came at {list(arrivals)} s, expected at {list(expected)} s")


def _utc_now() -> datetime:
    return datetime.now(UTC)


class MemoryReceiver:
    """A receiver without a socket: give its ``transport`` to a dispatcher and send to its ``url``.

    ``script`` and ``scripts`` are those of :class:`~alarm_dispatch.transports.memory.MemoryTransport`, whose
    script may be a function too; ``now`` is where the requests' aware times come from, such as
    ``virtual_clock.now``.
    """

    def __init__(
        self,
        script: ScriptLike | Handler = "confirm",
        *,
        scripts: Mapping[str, ScriptLike] | None = None,
        url: str = "https://receiver.example/alarms",
        now: Callable[[], datetime] = _utc_now,
    ) -> None:
        self.url = url
        self.transport = MemoryTransport(script, scripts=scripts, now=now, on_request=self._wake)
        self._arrival = threading.Condition()

    @property
    def requests(self) -> tuple[ReceivedRequest, ...]:
        """The requests so far, the oldest first."""
        return tuple(map(_as_received, self.transport.requests))

    @property
    def arrivals(self) -> tuple[float, ...]:
        """When each request came: seconds after the first one, to the microsecond."""
        return _arrivals(self.requests)

    def wait_for(self, count: int, timeout: float) -> tuple[ReceivedRequest, ...]:
        """Block until there were ``count`` requests; TimeoutError after ``timeout`` seconds of real time.

        For a thread beside the dispatcher's: in a coroutine it would keep the requests from being sent.
        """
        with self._arrival:
            if not self._arrival.wait_for(lambda: self.transport.count >= count, timeout):
                raise TimeoutError(f"{self.transport.count} of {count} requests came in {timeout:g} s")
        return self.requests

    def assert_arrivals(self, expected: Sequence[float], *, within: float = 0.0) -> None:
        """AssertionError unless the requests came at these seconds, to the microsecond."""
        _assert_arrivals(self.arrivals, expected, within)

    def _wake(self, _request: CarriedRequest) -> None:
        with self._arrival:
            self._arrival.notify_all()


def _as_received(carried: CarriedRequest) -> ReceivedRequest:
    parts = urlsplit(carried.request.url)
    return ReceivedRequest(
        number=carried.number,
        method=carried.request.method,
        target=(parts.path or "/") + (f"?{parts.query}" if parts.query else ""),
        headers=carried.request.headers,
        content=carried.request.content,
        at=carried.at,
        received_at=carried.started_at,
    )


class _Server(Protocol):
    """What a receiver needs of a server."""

    @property
    def url(self) -> str: ...
    @property
    def requests(self) -> tuple[ReceivedRequest, ...]: ...
    async def start(self) -> None: ...
    async def stop(self) -> None: ...
    async def wait_for(self, count: int, timeout: float) -> tuple[ReceivedRequest, ...]: ...  # noqa: ASYNC109


class ThreadedReceiver:
    """A server on the loopback interface, with an event loop in a thread of its own."""

    def __init__(self, server: _Server) -> None:
        self._server = server
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None

    @property
    def url(self) -> str:
        """The receiver's URL, without a path."""
        return self._server.url

    @property
    def requests(self) -> tuple[ReceivedRequest, ...]:
        """The requests so far, the oldest first."""
        return self._server.requests

    @property
    def arrivals(self) -> tuple[float, ...]:
        """When each request came: seconds after the first one, to the microsecond."""
        return _arrivals(self.requests)

    def start(self) -> None:
        """Listen; raises OSError when the port is taken."""
        self._loop = asyncio.new_event_loop()
        # A daemon: a receiver that nobody closed must not keep the interpreter from ending.
        self._thread = threading.Thread(target=self._loop.run_forever, name="loopback-receiver", daemon=True)
        self._thread.start()
        try:
            asyncio.run_coroutine_threadsafe(self._server.start(), self._loop).result()
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """End every connection at once and listen no more; closing twice is allowed."""
        loop, self._loop = self._loop, None
        if loop is None or self._thread is None:
            return
        asyncio.run_coroutine_threadsafe(self._server.stop(), loop).result()
        loop.call_soon_threadsafe(loop.stop)
        self._thread.join()
        loop.close()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def wait_for(self, count: int, timeout: float) -> tuple[ReceivedRequest, ...]:
        """Block until there were ``count`` requests; TimeoutError after ``timeout`` seconds."""
        loop = self._running()
        return asyncio.run_coroutine_threadsafe(self._server.wait_for(count, timeout), loop).result()

    def _running(self) -> asyncio.AbstractEventLoop:
        if self._loop is None:
            raise RuntimeError("the receiver does not listen")
        return self._loop

    def assert_arrivals(self, expected: Sequence[float], *, within: float = 0.5) -> None:
        """AssertionError unless the requests came at these seconds, give or take ``within``."""
        _assert_arrivals(self.arrivals, expected, within)


class LoopbackReceiver(ThreadedReceiver):
    """A receiver on the loopback interface, with an event loop in a thread of its own.

    ``with LoopbackReceiver("500,timeout,200") as receiver:`` listens at ``receiver.url``; what it received
    can still be read afterwards.  The arguments are those of
    :class:`~alarm_dispatch.receiver.LoopbackServer`.
    """

    def __init__(
        self,
        script: ScriptLike = "confirm",
        *,
        scripts: Mapping[str, ScriptLike] | None = None,
        host: str = "127.0.0.1",
        port: int = 0,
        ssl_context: SSLContext | None = None,
    ) -> None:
        super().__init__(
            LoopbackServer(script, scripts=scripts or {}, host=host, port=port, ssl_context=ssl_context)
        )

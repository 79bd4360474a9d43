"""One HTTP/1.1 connection of the scripted receiver: requests are read with h11, steps are played."""

from __future__ import annotations

import asyncio
import contextlib
import http
import socket
import struct
from collections.abc import Callable
from ssl import SSLContext
from typing import TypeAlias

import attrs
import h11

from alarm_dispatch.exchange import Reply
from alarm_dispatch.receiver.answers import reason_phrase, reply_to, wire_form
from alarm_dispatch.receiver.received import ReceivedRequest
from alarm_dispatch.receiver.script import Step, StepKind

__all__ = ["Answered", "Connection", "Headers", "Receive"]

Headers: TypeAlias = tuple[tuple[str, str], ...]

Receive: TypeAlias = Callable[[str, str, Headers, bytes], tuple[ReceivedRequest, Step]]
"""Keeps a request (method, target, headers, content) and says what to do with it."""

Answered: TypeAlias = Callable[[ReceivedRequest, Step], object]
"""Is told when the step for a request is over, however it ended."""

_READ_SIZE = 65_536
_FIRST_FINAL_STATUS = 200
_EARLY = b'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n\r\n{"retCode":'
_GARBAGE = b"\x16\x03 this is not HTTP \xff\xfe\r\n\r\n"
_HUGE_HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
_HUGE_CHUNK = b"10000\r\n" + b" " * 0x10000 + b"\r\n"
_INTERIM = b"HTTP/1.1 102 Processing\r\n\r\n"
# On with no time: the kernel drops what is unsent and answers with a reset.
_LINGER_NOT = struct.pack("ii", 1, 0)


class _BodyTooLongError(Exception):
    """The request's body is over the limit."""


class Connection:
    """Serves one peer until it leaves or a step ends the connection."""

    def __init__(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        receive: Receive,
        *,
        answered: Answered,
        body_limit: int,
    ) -> None:
        self._reader = reader
        self._writer = writer
        self._receive = receive
        self._answered = answered
        self._body_limit = body_limit
        self._protocol = h11.Connection(h11.SERVER)

    async def serve(self, ssl_context: SSLContext | None = None) -> None:
        """Answer requests until the connection ends."""
        # A peer that goes away, or never spoke TLS, is to a receiver an end like any other.
        with contextlib.suppress(OSError):
            if ssl_context is not None:
                # Not to be closed below when it fails: asyncio has closed the transport then, and would
                # never tell that the stream is closed, too.
                await self._writer.start_tls(ssl_context)
            try:
                while await self._serve_one():
                    self._protocol.start_next_cycle()
            finally:
                self._writer.close()
                await self._writer.wait_closed()

    def abort(self) -> None:
        """End the connection at once, whatever is still to be sent."""
        self._writer.transport.abort()

    async def _serve_one(self) -> bool:
        """Read and answer one request; whether another one may follow."""
        try:
            head = await self._next_event()
            if not isinstance(head, h11.Request):
                return False
            if head.method == b"CONNECT":
                await self._turn_away(http.HTTPStatus.METHOD_NOT_ALLOWED)
                return False
            content = await self._read_content()
        except h11.RemoteProtocolError as error:
            await self._turn_away(error.error_status_hint)
            return False
        except _BodyTooLongError:
            await self._turn_away(http.HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
            return False
        headers = tuple(
            (name.decode("latin-1"), value.decode("latin-1")) for name, value in head.headers.raw_items()
        )
        request, step = self._receive(head.method.decode(), head.target.decode("latin-1"), headers, content)
        try:
            if step.delay:
                await asyncio.sleep(step.delay)
            await self._play(step, request)
        finally:
            self._answered(request, step)
        # Both are done only after a whole answer on a connection that both sides want to keep.
        return self._protocol.our_state is h11.DONE and self._protocol.their_state is h11.DONE

    async def _next_event(self) -> h11.Event:
        while True:
            event = self._protocol.next_event()
            if isinstance(event, h11.Event):
                return event
            # There is nothing else but more to read: a cycle that is over has ended in _serve_one.
            if self._protocol.they_are_waiting_for_100_continue:
                await self._write(self._sent(h11.InformationalResponse(status_code=100, headers=[])))
            self._protocol.receive_data(await self._reader.read(_READ_SIZE))

    async def _read_content(self) -> bytes:
        content = bytearray()
        while isinstance(event := await self._next_event(), h11.Data):
            content += event.data
            if len(content) > self._body_limit:
                raise _BodyTooLongError
        return bytes(content)

    async def _turn_away(self, status_code: int) -> None:
        """Refuse what the peer is sending, and read on: closing with unread input would undo the answer."""
        refusal = Reply(status_code=status_code, headers=(("Content-Length", "0"), ("Connection", "close")))
        await self._write(self._sent_whole(refusal, ""))
        if self._writer.can_write_eof():
            self._writer.write_eof()
        await self._peer_leaves()

    async def _peer_leaves(self) -> None:
        while await self._reader.read(_READ_SIZE):
            pass

    async def _play(self, step: Step, request: ReceivedRequest) -> None:
        match step.kind:
            case StepKind.TIMEOUT:
                await self._peer_leaves()
            case StepKind.RESET:
                peer: socket.socket = self._writer.get_extra_info("socket")
                peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _LINGER_NOT)
                self.abort()
            case StepKind.CLOSE:
                pass
            case StepKind.EARLY:
                await self._write(_EARLY)
            case StepKind.GARBAGE:
                await self._write(_GARBAGE)
            case StepKind.HUGE:
                await self._write(_HUGE_HEAD)
                while True:
                    await self._write(_HUGE_CHUNK)
            case StepKind.INFORMATIONAL:
                while True:
                    await self._write(_INTERIM)
                    await asyncio.sleep(step.interval)
            case _:
                await self._answer(step, request)

    async def _answer(self, step: Step, request: ReceivedRequest) -> None:
        reply = reply_to(step, content=request.content, target=request.target)
        if reply.status_code < _FIRST_FINAL_STATUS:
            # Not through h11: it would not send a 101 that nobody asked for.
            await self._write(wire_form(attrs.evolve(reply, headers=())))
            return
        answer = self._sent_whole(reply, request.method)
        if step.kind is not StepKind.DRIP:
            await self._write(answer)
            return
        for index in range(len(answer)):
            if index:
                await asyncio.sleep(step.interval)
            await self._write(answer[index : index + 1])

    def _sent_whole(self, reply: Reply, method: str) -> bytes:
        head = h11.Response(
            status_code=reply.status_code,
            headers=list(reply.headers),
            reason=reason_phrase(reply.status_code),
        )
        content = b"" if method == "HEAD" else reply.content
        return self._sent(head) + self._sent(h11.Data(data=content)) + self._sent(h11.EndOfMessage())

    def _sent(self, event: h11.Event) -> bytes:
        return self._protocol.send(event) or b""

    async def _write(self, content: bytes) -> None:
        self._writer.write(content)
        await self._writer.drain()

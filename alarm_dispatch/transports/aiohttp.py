"""The fast transport: HTTP over aiohttp's connections and parser, without its client session."""

from __future__ import annotations

import asyncio
import functools
import os
import socket
import ssl
from collections.abc import Iterable, Mapping
from typing import Any

from alarm_dispatch.egress import EgressPolicy
from alarm_dispatch.errors import InvalidFieldError
from alarm_dispatch.exchange import Reply, Request
from alarm_dispatch.foreign_logs import Carrying
from alarm_dispatch.http_values import HeaderValue
from alarm_dispatch.secret import Secret
from alarm_dispatch.transports import settings
from alarm_dispatch.transports.auth import Auth
from alarm_dispatch.transports.connections import Connections
from alarm_dispatch.transports.framing import MAX_HEAD_BYTES, NO_REPLY, check_head
from alarm_dispatch.transports.gate import Gate, check_own_client, check_proxied, refuse
from alarm_dispatch.transports.pools import PerLoop
from alarm_dispatch.transports.reasons import (
    Progress,
    check_whole,
    in_plain_words,
    reply_too_long,
    spoke_unasked,
)
from alarm_dispatch.transports.settings import DEFAULT_MAX_REPLY_BYTES, Headers
from alarm_dispatch.transports.tls import ClientCert, make_tls
from alarm_dispatch.transports.watched import WatchedProtocol
from alarm_dispatch.transports.wire import RequestWriter

try:
    import aiohttp
    from aiohttp import ClientSession
    from aiohttp.abc import AbstractResolver, AbstractStreamWriter, ResolveResult
    from aiohttp.client_proto import ResponseHandler
    from aiohttp.client_reqrep import ConnectionKey
    from aiohttp.connector import Connection
    from aiohttp.http import HttpProcessingError
    from yarl import URL
except ImportError as error:
    raise ImportError("AiohttpTransport needs aiohttp: install alarm-dispatch[fast]") from error

__all__ = ["AiohttpTransport"]

# The deadline of the attempt covers everything; a timer of aiohttp's own would only cost.
_NO_TIMEOUT = aiohttp.ClientTimeout(total=None, connect=None, sock_connect=None, sock_read=None)
# Seconds after which an idle receiver's connections are closed; most servers keep them for 5 to 75 s.
_KEEPALIVE = 30.0
# Seconds that an address is kept.  Not 0: without it each request to a receiver whose name lookup hangs
# would take one more of the few threads that look names up, until no other receiver's name is found.
_ADDRESS_KEPT = 5
_MAX_TRIES = 3
_WORDS = {
    aiohttp.InvalidURL: "the URL cannot be requested",
    aiohttp.ServerDisconnectedError: "the connection was closed without a whole reply",
    aiohttp.ClientPayloadError: "the reply's body broke off",
    aiohttp.ClientResponseError: NO_REPLY,
    HttpProcessingError: NO_REPLY,
}
_FOREIGN = (aiohttp.ClientError, HttpProcessingError, OSError, ValueError)


class _Body(aiohttp.Payload):
    """A body that tells when it is written, for sessions of the user's own."""

    _value: bytes

    def __init__(self, content: bytes, progress: Progress) -> None:
        super().__init__(content)
        self._size = len(content)
        self._progress = progress

    def decode(self, encoding: str = "utf-8", errors: str = "strict") -> str:
        return self._value.decode(encoding, errors)

    async def write(self, writer: AbstractStreamWriter) -> None:
        self._progress.sent = True
        await writer.write(self._value)


class _GatedResolver(AbstractResolver):
    """Answers with the addresses that a gate lets through."""

    def __init__(self, gate: Gate) -> None:
        self._gate = gate

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        found = await self._gate.addresses(host, port)
        answer = ResolveResult(hostname=host, host="", port=port, family=family, proto=0, flags=0)
        return [{**answer, "host": address} for address in found]

    async def close(self) -> None:
        """Nothing is open."""


class _GatedConnector(aiohttp.TCPConnector):
    """Connects by one policy, whose connections and addresses it keeps; to a proxy it connects anywhere."""

    def __init__(self, policy: EgressPolicy, *, proxied: bool) -> None:
        gate = Gate(EgressPolicy.anything() if proxied else policy)
        super().__init__(
            limit=0,  # the dispatcher limits the requests in flight
            keepalive_timeout=_KEEPALIVE,
            ttl_dns_cache=_ADDRESS_KEPT,
            resolver=_GatedResolver(gate),
            # aiohttp asks no resolver for an address that stands in the URL.
            socket_factory=gate.socket,
        )
        made: Any = functools.partial(_Protocol, asyncio.get_running_loop())
        self._factory = made  # aiohttp has no public way
        self.in_flight = 0

    async def idle(self, receiver: _Receiver) -> tuple[Connection, _Protocol]:
        """A connection on which nothing is under way."""
        for _ in range(_MAX_TRIES):
            connection = await self.connect(receiver, [], _NO_TIMEOUT)
            protocol: Any = connection.protocol
            # What a receiver said before it was asked must not be taken for its reply.
            if protocol is not None and not protocol.should_close:
                protocol.watch()
                return connection, protocol
            connection.close()
        raise spoke_unasked()

    def disown(self) -> None:
        """Keep the finalizer from closing what belongs to a parent process."""
        self._closed = True


class _Protocol(WatchedProtocol, ResponseHandler):
    """aiohttp's half of a connection, behind ours."""


class _Receiver(aiohttp.ClientRequest):
    """What aiohttp connects by: one for all requests of a lane to a URL, where a session makes many."""

    def __init__(
        self, lane: str, writer: RequestWriter, url: URL, connector: _GatedConnector, **settings: Any
    ) -> None:
        super().__init__("POST", url, loop=asyncio.get_running_loop(), **settings)
        self.writer = writer
        self.connector = connector
        key = super().connection_key
        # aiohttp keeps connections by this key; with the lane in it, lanes share none.
        self._key = key._replace(proxy_headers_hash=hash((lane, key.proxy_headers_hash)))

    @property
    def connection_key(self) -> ConnectionKey:
        """What a connection must have in common with this to be used for it."""
        return self._key


_All = Connections[_GatedConnector, _Receiver]


class AiohttpTransport:
    """Carries requests with aiohttp, several times as fast as httpx does.

    Each lane (receiver) has connections of its own; a lane costs next to nothing beside them.  HTTP/1.1
    only.  uvloop, where the event loop is one of its, makes it faster still.

    ``proxy`` is the URL of an HTTP proxy (``http://…``).  ``tls`` is a context of your own; otherwise one is
    made that verifies against ``ca_file`` or the installed authorities, with ``client_cert`` as (certificate
    file, key file) or with the key's password as a third item.  ``auth`` and ``headers`` go with every
    request; a callback's own headers win.  ``max_reply_bytes`` caps what is read of a body; a longer one
    fails the attempt.

    ``session`` is an ``aiohttp.ClientSession`` of your own that carries everything instead (its proxy, its
    traces, its middlewares, at its speed); it is not closed, lanes share its connections, its timeouts hold
    beside the deadline, and it must belong to the event loop of the dispatcher.

    A connection goes to an address that the request's egress policy lets through, to a proxy anywhere.  The
    addresses that a session of your own finds nobody sees: where the policy needs them, it is not used.

    No redirect is followed, no cookie kept, nothing decompressed, no proxy taken from the environment.
    Raises :class:`~alarm_dispatch.errors.InvalidFieldError` for wrong settings.
    """

    keeps_deadline = True
    only_http = True

    def __init__(
        self,
        *,
        session: ClientSession | None = None,
        proxy: str | Secret | None = None,
        tls: ssl.SSLContext | None = None,
        ca_file: str | os.PathLike[str] | None = None,
        client_cert: ClientCert | None = None,
        insecure_tls: bool = False,
        auth: Auth | None = None,
        headers: Mapping[str, HeaderValue] | Iterable[tuple[str, HeaderValue]] = (),
        max_reply_bytes: int = DEFAULT_MAX_REPLY_BYTES,
    ) -> None:
        if session is not None and any((proxy, tls, ca_file, client_cert)):
            told = "brings its own connections; set proxy and TLS on it instead"
            raise InvalidFieldError("AiohttpTransport.session", told)
        if session is not None and not isinstance(session, ClientSession):
            told = f"must be an aiohttp.ClientSession, not {type(session).__name__}"
            raise InvalidFieldError("AiohttpTransport.session", told)
        theirs = getattr(session and session.connector, "_ssl", None)
        settings.check_foreign_tls("AiohttpTransport.session", [theirs], insecure=insecure_tls)
        self._session = session
        self._proxy: URL | None = None
        self._for_proxy: Headers = ()
        if proxy is not None:
            bare, self._for_proxy = settings.checked_proxy("AiohttpTransport", proxy)
            self._proxy = URL(bare)
        self._tls = settings.checked_tls("AiohttpTransport", tls, ca_file, client_cert, insecure=insecure_tls)
        self._headers = settings.general_headers("AiohttpTransport", headers, auth)
        self.secrets = settings.secret_texts(self._headers, proxy)
        self._max_reply_bytes = settings.checked_cap("AiohttpTransport", max_reply_bytes)
        self._connections = PerLoop(self._new_connections, Connections.disown)

    async def send(self, request: Request, *, deadline: float) -> Reply:
        """Carry one request; see :class:`~alarm_dispatch.exchange.Transport`."""
        progress = Progress()
        connections = self._connections.get()
        try:
            with Carrying(request, self), connections.deadlines.until(deadline):
                if self._session is not None:
                    return await self._exchange_by(self._session, request, progress)
                return await self._exchange(connections, request, progress)
        except TimeoutError:
            raise progress.timed_out() from None
        except _FOREIGN as error:
            refuse(request, error)
            raise progress.failed_by(error, _told(error), request, self.secrets)  # noqa: B904

    async def _exchange(self, connections: _All, request: Request, progress: Progress) -> Reply:
        if self._proxy is not None:
            check_proxied(request)
        receiver = connections.receiver(request.lane, request.url, request.egress)
        message = receiver.writer.write(request)
        receiver.connector.in_flight += 1
        try:
            connection, protocol = await receiver.connector.idle(receiver)
            try:
                protocol.set_response_params(
                    skip_payload=request.method == "HEAD",
                    read_until_eof=True,
                    auto_decompress=False,
                    # What counts is what all transports have in common.
                    max_line_size=MAX_HEAD_BYTES,
                    max_field_size=MAX_HEAD_BYTES,
                )
                connections.writes.soon(protocol, message, progress)
                reply, body = await protocol.read()
                unsent = protocol.unsent
                check_whole(reply.code, sent_whole=not unsent)
                content = await self._read(body, reply.code)
            except BaseException:
                protocol.hang_up()
                connection.close()
                raise
            if unsent and protocol.unsent:
                protocol.hang_up()
            connection.release()
        finally:
            receiver.connector.in_flight -= 1
        return Reply(status_code=reply.code, headers=tuple(reply.headers.items()), content=content)

    async def _exchange_by(self, session: ClientSession, request: Request, progress: Progress) -> Reply:
        check_own_client(request, "AiohttpTransport")
        async with session.request(
            request.method,
            request.url,
            data=_Body(request.content, progress),
            headers=settings.complete_for_client(request.headers, self._headers),
            skip_auto_headers=("Content-Type",),
            allow_redirects=False,
            auto_decompress=False,
        ) as response:
            check_head(tuple(response.headers.items()))
            content = await self._read(response.content, response.status)
        return Reply(status_code=response.status, headers=tuple(response.headers.items()), content=content)

    async def _read(self, body: aiohttp.StreamReader, status_code: int) -> bytes:
        if body.is_eof():
            content = body.read_nowait()
        else:
            parts = bytearray()
            while len(parts) <= self._max_reply_bytes and (part := await body.readany()):
                parts += part
            content = bytes(parts)
        if len(content) > self._max_reply_bytes:
            raise reply_too_long(status_code, self._max_reply_bytes)
        return content

    def _new_connections(self) -> _All:
        connector = functools.partial(_GatedConnector, proxied=self._proxy is not None)
        return Connections(connector, self._new_receiver)

    def _new_receiver(self, lane: str, url: str, connector: _GatedConnector) -> _Receiver:
        where, proxy = URL(url), self._proxy
        if self._tls is None and "https" in (where.scheme, proxy and proxy.scheme):
            # One context for all: each of its own would cost 0.8 MB and 20 ms.
            self._tls = make_tls()
        for_proxy = self._for_proxy if proxy and where.scheme == "http" else None
        writer = RequestWriter(url, where.host_port_subcomponent or "", self._headers, for_proxy)
        tls, proxy_headers = self._tls or True, dict(self._for_proxy)
        return _Receiver(lane, writer, where, connector, ssl=tls, proxy=proxy, proxy_headers=proxy_headers)

    async def aclose(self) -> None:
        """Close all connections that belong to the running loop."""
        connections = self._connections.pop()
        if connections is not None:
            await connections.close()


def _told(error: Exception) -> str:
    """The cause in plain words; aiohttp's own hold addresses, or pieces of what was received."""
    if isinstance(error, aiohttp.ClientHttpProxyError):
        return f"the proxy answered {error.status}"
    for kind, told in _WORDS.items():
        if isinstance(error, kind):
            return told
    return in_plain_words(error.__cause__ or error)

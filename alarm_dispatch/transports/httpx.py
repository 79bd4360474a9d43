"""The default transport: HTTP over httpx, with small connection pools for each receiver."""

from __future__ import annotations

import functools
import importlib.util
import os
import ssl
from collections.abc import AsyncIterator, Iterable, Mapping

import httpx

from alarm_dispatch.egress import EgressPolicy
from alarm_dispatch.errors import InvalidFieldError, TransportError
from alarm_dispatch.exchange import Reply, Request, Verdict
from alarm_dispatch.foreign_logs import Carrying
from alarm_dispatch.http_values import HeaderValue
from alarm_dispatch.secret import Secret
from alarm_dispatch.transports.auth import Auth
from alarm_dispatch.transports.deadline import Deadlines
from alarm_dispatch.transports.framing import check_head
from alarm_dispatch.transports.gate import Gate, check_own_client, check_proxied, refuse
from alarm_dispatch.transports.httpcore import Pool, new_pool
from alarm_dispatch.transports.pools import LanePools, PerLoop
from alarm_dispatch.transports.reasons import Progress, check_whole, in_plain_words, reply_too_long
from alarm_dispatch.transports.settings import (
    DEFAULT_MAX_REPLY_BYTES,
    Headers,
    check_foreign_tls,
    checked_cap,
    checked_proxy,
    checked_tls,
    complete,
    complete_for_client,
    general_headers,
    secret_texts,
)
from alarm_dispatch.transports.tls import ClientCert, make_tls

__all__ = ["DEFAULT_MAX_REPLY_BYTES", "HttpxTransport"]

# httpcore scans all connections of a pool for each request: 4 cost 0.65 ms a request, 32 cost 3 ms.
_CONNECTIONS_PER_POOL = 4
# One HTTP/2 connection carries many requests; servers allow at least 100 (RFC 9113, section 6.5.2).
_STREAMS_PER_POOL = 64
# Seconds after which an idle receiver's connections are closed; most servers keep them for 5 to 75 s.
_KEEPALIVE = 30.0

# Nothing of the body has left when one of these is raised.
_BEFORE_SENDING = (
    httpx.ConnectError,
    httpx.ConnectTimeout,
    httpx.PoolTimeout,
    httpx.ProxyError,
    httpx.UnsupportedProtocol,
    httpx.InvalidURL,
)
_FOREIGN = (httpx.HTTPError, httpx.InvalidURL, httpx.StreamError, OSError, UnicodeError)

# Reading a URL takes httpx a twentieth of a request's time; a receiver's is always the same.
_MAX_URLS = 4096
_url = functools.lru_cache(_MAX_URLS)(httpx.URL)


class _Body(httpx.AsyncByteStream):
    """A request's body that tells when it is handed to the connection."""

    def __init__(self, content: bytes, progress: Progress) -> None:
        self._content = content
        self._progress = progress

    async def __aiter__(self) -> AsyncIterator[bytes]:
        self._progress.sent = True
        yield self._content
        self._progress.whole = True


class _Carrier(httpx.AsyncHTTPTransport):
    """httpx's own transport, so that what mocks or watches it does so here, over a pool that is gated."""

    def __init__(self, pool: Pool) -> None:
        # Not super().__init__(): it would make a pool whose connections go anywhere.
        self._pool = pool


class HttpxTransport:
    """Carries requests with httpx.

    Each lane (receiver) has connection pools of its own of at most 4 connections each, since one pool for
    all makes every request pay for all connections.  Nothing is shared between lanes but the TLS context.

    ``http2`` needs the extra ``http2``.  ``proxy`` is the URL of an HTTP proxy (``http://…``).
    ``tls`` is a context of your own; otherwise one is made that verifies against ``ca_file`` or the
    installed authorities, with ``client_cert`` as (certificate file, key file) or with the key's password
    as a third item.  ``auth`` and ``headers`` go with every request; a callback's own headers win.
    ``max_reply_bytes`` caps what is read of a body; a longer one fails the attempt.

    ``client`` is an ``httpx.AsyncClient`` of your own that carries everything instead (its proxies, its
    event hooks); it is neither closed nor pooled for each lane, and its timeouts hold beside the deadline.
    Its cookies and the proxies that it takes from the environment are its own affair.

    A connection goes to an address that the request's egress policy lets through, to a proxy anywhere.  The
    addresses that a client of your own finds nobody sees: where the policy needs them, it is not used.

    No redirect is followed and nothing decompressed; without a client of your own no cookie is kept and no
    proxy taken from the environment.
    """

    keeps_deadline = True
    only_http = True

    def __init__(
        self,
        *,
        client: httpx.AsyncClient | None = None,
        http2: bool = False,
        proxy: str | Secret | None = None,
        tls: ssl.SSLContext | None = None,
        ca_file: str | os.PathLike[str] | None = None,
        client_cert: ClientCert | None = None,
        insecure_tls: bool = False,
        auth: Auth | None = None,
        headers: Mapping[str, HeaderValue] | Iterable[tuple[str, HeaderValue]] = (),
        max_reply_bytes: int = DEFAULT_MAX_REPLY_BYTES,
    ) -> None:
        own_connection = (http2, proxy, tls, ca_file, client_cert)
        if client is not None and any(own_connection):
            raise InvalidFieldError(
                "HttpxTransport.client", "brings its own connections; set http2, proxy and TLS on it instead"
            )
        if client is not None and not isinstance(client, httpx.AsyncClient):
            told = f"must be an httpx.AsyncClient, not {type(client).__name__}"
            raise InvalidFieldError("HttpxTransport.client", told)
        check_foreign_tls("HttpxTransport.client", _contexts_of(client), insecure=insecure_tls)
        if http2 and importlib.util.find_spec("h2") is None:
            raise InvalidFieldError("HttpxTransport.http2", "needs the extra: alarm-dispatch[http2]")
        self._client = client
        self._http2 = http2
        self._proxy: tuple[str, Headers] | None = None
        if proxy is not None:
            bare, for_proxy = checked_proxy("HttpxTransport", proxy)
            self._proxy = str(httpx.URL(bare)), for_proxy  # in ASCII
        self._tls = checked_tls("HttpxTransport", tls, ca_file, client_cert, insecure=insecure_tls)
        self._proxy_tls: ssl.SSLContext | None = None
        if http2 and tls is None and self._proxy is not None and self._proxy[0].startswith("https:"):
            # httpcore writes into a context what it offers: HTTP/2 to receivers, not to the proxy.  uvloop
            # reads that one turn later, when it may be what is meant for the other.
            self._proxy_tls = make_tls(ca_file, client_cert, insecure=insecure_tls)
        self._headers = general_headers("HttpxTransport", headers, auth)
        self.secrets = secret_texts(self._headers, proxy)
        self._max_reply_bytes = checked_cap("HttpxTransport", max_reply_bytes)
        self._pools: LanePools[tuple[str, EgressPolicy, bool], _Carrier] = LanePools(
            self._new_carrier,
            _Carrier.aclose,
            room=_STREAMS_PER_POOL if http2 else _CONNECTIONS_PER_POOL,
            idle_for=_KEEPALIVE,
        )
        self._deadlines = PerLoop(Deadlines)

    async def send(self, request: Request, *, deadline: float) -> Reply:
        """Carry one request; see :class:`~alarm_dispatch.exchange.Transport`."""
        progress = Progress()
        try:
            with Carrying(request, self), self._deadlines.get().until(deadline):
                return await self._exchange(request, _Body(request.content, progress), progress)
        except TimeoutError as error:
            if error.errno is not None:
                raise progress.failed_by(error, in_plain_words(error), request, self.secrets)  # noqa: B904
            raise progress.timed_out() from None
        except _FOREIGN as error:
            refuse(request, error)
            if isinstance(error, _BEFORE_SENDING):
                progress.sent = False
            raise progress.failed_by(error, in_plain_words(error), request, self.secrets)  # noqa: B904

    async def _exchange(self, request: Request, body: _Body, progress: Progress) -> Reply:
        if self._client is not None:
            check_own_client(request, "HttpxTransport")
            headers = list(complete_for_client(request.headers, self._headers))
            outgoing = self._client.build_request(
                request.method, request.url, content=request.content, headers=headers
            )
            outgoing.stream = body
            return await self._read(
                await self._client.send(outgoing, stream=True, follow_redirects=False), progress
            )
        if self._proxy is not None:
            check_proxied(request)
            _check_brackets(request)
        headers = list(complete(request.headers, self._headers))
        url = _url(request.url)
        async with self._pools.pool((request.lane, request.egress, url.scheme == "https")) as carrier:
            outgoing = httpx.Request(request.method, url, content=request.content, headers=headers)
            outgoing.stream = body
            return await self._read(await carrier.handle_async_request(outgoing), progress)

    async def _read(self, response: httpx.Response, progress: Progress) -> Reply:
        parts: list[bytes] = []
        length = 0
        try:
            check_whole(response.status_code, sent_whole=progress.whole or response.is_stream_consumed)
            check_head(response.headers.multi_items())
            async for part in _pieces(response):
                length += len(part)
                if length > self._max_reply_bytes:
                    raise reply_too_long(response.status_code, self._max_reply_bytes)
                parts.append(part)
        finally:
            await response.aclose()
        return _reply(response, b"".join(parts))

    def _new_carrier(self, key: tuple[str, EgressPolicy, bool]) -> _Carrier:
        _, policy, secure = key
        if self._tls is None and (secure or (self._proxy and self._proxy[0].startswith("https:"))):
            # One context for all pools: each of its own would cost 0.8 MB, and 20 ms for everybody.
            self._tls = make_tls()
        return _Carrier(
            new_pool(
                Gate(policy),
                tls=self._tls,
                proxy_tls=self._proxy_tls or self._tls,
                http2=self._http2,
                proxy=self._proxy,
                # A receiver that was asked for HTTP/2 may answer in HTTP/1.1, with a connection a request.
                connections=_STREAMS_PER_POOL if self._http2 else _CONNECTIONS_PER_POOL,
                kept=_CONNECTIONS_PER_POOL,
                kept_for=_KEEPALIVE,
            )
        )

    async def aclose(self) -> None:
        """Close all connections that belong to the running loop."""
        await self._pools.aclose()


async def _pieces(response: httpx.Response) -> AsyncIterator[bytes]:
    if response.is_stream_consumed:
        # httpx's own mock transport, and event hooks of a user's client, hand out what is read already.
        yield response.content
        return
    async for part in response.aiter_raw():
        yield part


def _reply(response: httpx.Response, content: bytes) -> Reply:
    headers = tuple(response.headers.multi_items())
    return Reply(status_code=response.status_code, headers=headers, content=content)


def _check_brackets(request: Request) -> None:
    """Raise TransportError for what httpcore asks a proxy for without its brackets, as another host."""
    if b":" in httpx.URL(request.url).raw_host:
        told = "httpx cannot ask a proxy for an IPv6 address; AiohttpTransport can"
        raise TransportError(Verdict.REFUSED, told)


def _contexts_of(client: httpx.AsyncClient | None) -> list[object]:
    """The TLS contexts of a user's client, where they can be found: httpx shows them nowhere."""
    transports = () if client is None else (client._transport, *client._mounts.values())
    return [getattr(getattr(one, "_pool", None), "_ssl_context", None) for one in transports]

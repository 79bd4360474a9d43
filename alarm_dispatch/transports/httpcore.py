"""The connections of httpx's transport: httpcore's pool, over a network that goes through the gate."""

from __future__ import annotations

import ssl
from collections.abc import Iterable
from typing import Any

import httpcore

from alarm_dispatch.egress import EgressPolicy
from alarm_dispatch.transports.asyncio_stream import Stream
from alarm_dispatch.transports.eyeballs import first_connected
from alarm_dispatch.transports.gate import Gate
from alarm_dispatch.transports.streams import WatchedBackend

__all__ = ["GatedNetwork", "Pool", "new_pool"]

Pool = httpcore.AsyncConnectionPool

_ANYWHERE = EgressPolicy.anything()


class _NetworkStream(httpcore.AsyncNetworkStream):
    """A connection in httpcore's words.

    httpcore's own goes through anyio, which takes a fifth of a request's time and forgets why TLS has failed.
    Its timeouts are not kept: an attempt has a deadline.
    """

    def __init__(self, stream: Stream) -> None:
        self._stream = stream

    async def read(self, max_bytes: int, *_: Any, **_timeout: Any) -> bytes:
        try:
            return await self._stream.read(max_bytes)
        except OSError as error:
            raise httpcore.ReadError(error) from error

    async def write(self, buffer: bytes, *_: Any, **_timeout: Any) -> None:
        if buffer:
            try:
                await self._stream.write(buffer)
            except OSError as error:
                # For httpcore, which goes on to read: the receiver may have said why it left.
                raise httpcore.WriteError(error) from error

    async def aclose(self) -> None:
        self._stream.abort()

    async def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, *_: Any, **_timeout: Any
    ) -> httpcore.AsyncNetworkStream:
        try:
            return _NetworkStream(await self._stream.start_tls(ssl_context, server_hostname))
        except OSError as error:
            raise httpcore.ConnectError(error) from error

    def get_extra_info(self, info: str) -> Any:
        if info == "is_readable":
            return self._stream.readable
        return self._stream.ssl_object if info == "ssl_object" else None


class GatedNetwork(httpcore.AsyncNetworkBackend):
    """Connects to addresses that the gate lets through; names get no further than here.

    httpcore takes the name for TLS and for the Host header from the URL, not from here.
    """

    def __init__(self, gate: Gate) -> None:
        self._gate = gate

    async def connect_tcp(
        self, host: str, port: int, *_: Any, **_options: Any
    ) -> httpcore.AsyncNetworkStream:
        """A connection to one of the host's addresses; the pools here set no options."""

        async def connect(address: str) -> httpcore.AsyncNetworkStream:
            try:
                return _NetworkStream(await Stream.connect(address, port))
            except OSError as error:
                raise httpcore.ConnectError(error) from error

        addresses = await self._gate.addresses(host, port)
        return await first_connected(connect, httpcore.AsyncNetworkStream.aclose, addresses)


def new_pool(
    gate: Gate,
    *,
    tls: ssl.SSLContext | None,
    proxy_tls: ssl.SSLContext | None,
    http2: bool,
    proxy: tuple[str, Iterable[tuple[str, str]]] | None,
    connections: int,
    kept: int,
    kept_for: float,
) -> Pool:
    """A pool of at most so many ``connections``, of which ``kept`` stay open for ``kept_for`` seconds.

    ``tls`` may be None for one that is for plain HTTP.  ``proxy`` is an HTTP proxy's URL and the headers for
    it, ``proxy_tls`` the context for connections to it.  They pass no gate: where it is, its operator said.
    """
    network: Any
    if proxy is None:
        network = WatchedBackend(GatedNetwork(gate))
        return httpcore.AsyncConnectionPool(
            ssl_context=tls,
            http2=http2,
            max_connections=connections,
            max_keepalive_connections=kept,
            keepalive_expiry=kept_for,
            network_backend=network,
        )
    url, headers = proxy
    network = WatchedBackend(GatedNetwork(Gate(_ANYWHERE)))
    return httpcore.AsyncHTTPProxy(
        url,
        proxy_headers=list(headers),
        ssl_context=tls,
        # Whom to believe goes for the proxy as well; httpcore would take the authorities that it comes with.
        proxy_ssl_context=proxy_tls if url.startswith("https:") else None,
        http2=http2,
        max_connections=connections,
        max_keepalive_connections=kept,
        keepalive_expiry=kept_for,
        network_backend=network,
    )

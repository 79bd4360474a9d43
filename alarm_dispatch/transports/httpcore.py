"""The connections of httpx's transport: httpcore's pool, over a network that goes through the gate."""

from __future__ import annotations

import ssl
from collections.abc import Iterable
from typing import Any

import httpcore

from alarm_dispatch.transports.eyeballs import first_connected
from alarm_dispatch.transports.gate import Gate
from alarm_dispatch.transports.streams import WatchedBackend

__all__ = ["GatedNetwork", "Pool", "new_pool"]

Pool = httpcore.AsyncConnectionPool


class GatedNetwork(httpcore.AsyncNetworkBackend):
    """Connects to addresses that the gate lets through; names get no further than here.

    httpcore takes the name for TLS and for the Host header from the URL, not from here.
    """

    def __init__(self, gate: Gate, network: httpcore.AsyncNetworkBackend | None = None) -> None:
        self._gate = gate
        self._network = network or httpcore.AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109 - the signature is httpcore's
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        """A connection to one of the host's addresses."""

        async def connect(address: str) -> httpcore.AsyncNetworkStream:
            return await self._network.connect_tcp(address, port, timeout, local_address, socket_options)

        addresses = await self._gate.addresses(host, port)
        return await first_connected(connect, httpcore.AsyncNetworkStream.aclose, addresses)


def new_pool(
    gate: Gate,
    *,
    tls: ssl.SSLContext,
    http2: bool,
    proxy: tuple[str, Iterable[tuple[str, str]]] | None,
    connections: int,
    kept: int,
    kept_for: float,
) -> Pool:
    """A pool of at most so many ``connections``, of which ``kept`` stay open for ``kept_for`` seconds.

    ``proxy`` is an HTTP proxy's URL and the headers for it.  Connections to that pass no gate: where it is,
    its operator said.
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
    network = WatchedBackend(httpcore.AnyIOBackend())
    return httpcore.AsyncHTTPProxy(
        url,
        proxy_headers=list(headers),
        ssl_context=tls,
        http2=http2,
        max_connections=connections,
        max_keepalive_connections=kept,
        keepalive_expiry=kept_for,
        network_backend=network,
    )

"""What the tests of HTTP transports stand on: requests, servers and certificates on loopback."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
from collections.abc import AsyncIterator
from typing import Any

import pytest
import trustme

from alarm_dispatch.errors import TransportError
from alarm_dispatch.exchange import Reply, Request


def send(transport: Any, url: str, *, timeout: float = 5.0, **values: Any) -> Reply:
    """One request over a transport, which is closed afterwards."""

    async def main() -> Reply:
        try:
            deadline = asyncio.get_running_loop().time() + timeout
            return await transport.send(Request(url=url, content=b"{}", **values), deadline=deadline)
        finally:
            await transport.aclose()

    return asyncio.run(main())


def failure_of(transport: Any, url: str, **values: Any) -> TransportError:
    """The error that a request ends with."""
    with pytest.raises(TransportError) as failure:
        send(transport, url, **values)
    return failure.value


@contextlib.asynccontextmanager
async def serving(answer: Any, **options: Any) -> AsyncIterator[int]:
    """A server on loopback by its port; ``answer`` gets (reader, writer) and may end by a lost peer."""
    connections: set[asyncio.Task[None]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connections.add(asyncio.current_task())  # type: ignore[arg-type]
        try:
            await answer(reader, writer)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0, **options)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        await asyncio.wait(connections, timeout=5)


def free_port() -> int:
    """A port that nobody listens at."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Authority:
    """A certificate authority of the test's own, with what it signed, as files."""

    def __init__(self, directory: Any) -> None:
        self.ca = trustme.CA()
        self.ca_file = directory / "ca.pem"
        self.ca.cert_pem.write_to_path(self.ca_file)

    def server(self, host: str = "127.0.0.1", *, ask_client: bool = False) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.ca.issue_cert(host).configure_cert(context)
        if ask_client:
            context.verify_mode = ssl.CERT_REQUIRED
            self.ca.configure_trust(context)
        return context

    def client_files(self, directory: Any) -> tuple[str, str]:
        issued = self.ca.issue_cert("monitor@example.org")
        certificate, key = directory / "client.pem", directory / "client.key"
        issued.cert_chain_pems[0].write_to_path(certificate)
        issued.private_key_pem.write_to_path(key)
        return str(certificate), str(key)

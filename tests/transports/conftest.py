"""The HTTP transports, each with what it needs."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from typing import Any

import pytest

from .loopback import Authority
from .network import NameServer, Wires


@pytest.fixture(params=["httpx", "aiohttp"])
def http(request: pytest.FixtureRequest) -> Any:
    """The class of each HTTP transport in turn."""
    if request.param == "httpx":
        from alarm_dispatch.transports.httpx import HttpxTransport

        return HttpxTransport
    pytest.importorskip("aiohttp", reason="the extra fast is not installed")
    from alarm_dispatch.transports.aiohttp import AiohttpTransport

    return AiohttpTransport


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """One authority for all tests here; keys take time."""
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture
def names(monkeypatch: pytest.MonkeyPatch) -> Iterator[NameServer]:
    """A name server that is asked instead of the system's."""
    server = NameServer()
    monkeypatch.setattr(socket, "getaddrinfo", server.getaddrinfo)
    yield server
    server.close()


@pytest.fixture
def wires(monkeypatch: pytest.MonkeyPatch) -> Wires:
    """Where this test's sockets were connected to."""
    wires = Wires()
    wires.watch(monkeypatch)
    return wires

"""The HTTP transports, each with what it needs."""

from __future__ import annotations

from typing import Any

import pytest

from .loopback import Authority


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

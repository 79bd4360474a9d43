"""Every behaviour of the hostile receiver, over every transport."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
import tracemalloc
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import pytest
import trustme

from alarm_dispatch import AsyncDispatcher, Attempt, RetrySchedule
from alarm_dispatch.receiver.hostile import CATALOGUE
from alarm_dispatch.testing import HostileReceiver, LoopbackReceiver
from alarm_dispatch.transports.httpx import HttpxTransport

from ..dispatch.alarms import METRIC_ALARM, group

_TIMEOUT = 0.4
_LATE = 0.2
_MEMORY = 1_000_000
_TRANSPORTS = ["httpx", "aiohttp", "aiohttp on uvloop"]


@contextlib.contextmanager
def grown() -> Iterator[list[int]]:
    """A list that holds, after the block, by how many bytes memory has grown in it at most."""
    growth: list[int] = []
    tracemalloc.start()
    try:
        before, _ = tracemalloc.get_traced_memory()
        yield growth
        growth.append(tracemalloc.get_traced_memory()[1] - before)
    finally:
        tracemalloc.stop()


class _Tls:
    """A certificate for the receivers, and who trusts it."""

    def __init__(self) -> None:
        authority = trustme.CA()
        self.server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        authority.issue_cert("127.0.0.1").configure_cert(self.server)
        self.client = ssl.create_default_context()
        authority.configure_trust(self.client)


@pytest.fixture(scope="module")
def tls() -> _Tls:
    """One for all tests here; keys take time."""
    return _Tls()


@pytest.fixture(params=_TRANSPORTS)
def carried(request: pytest.FixtureRequest, tls: _Tls) -> Callable[[Callable[..., Awaitable[Any]]], Any]:
    """Runs a coroutine function with a transport, on the loop that it is meant for."""

    def run(use: Callable[..., Awaitable[Any]], **settings: Any) -> Any:
        settings.setdefault("tls", tls.client)
        loop = None
        if request.param == "httpx":
            kind: Any = HttpxTransport
        else:
            kind = pytest.importorskip("alarm_dispatch.transports.aiohttp").AiohttpTransport
        if request.param == "aiohttp on uvloop":
            loop = pytest.importorskip("uvloop").new_event_loop

        async def main() -> Any:
            transport = kind(**settings)
            try:
                return await use(transport)
            finally:
                await transport.aclose()

        with asyncio.Runner(loop_factory=loop) as runner:
            return runner.run(main())

    return run


_ONCE = RetrySchedule(attempts=1)


async def _attempt(
    dispatcher: AsyncDispatcher, url: str, *, seconds: float = _TIMEOUT, **values: Any
) -> Attempt:
    report = await dispatcher.dispatch(METRIC_ALARM, group(url, timeout=seconds, schedule=_ONCE, **values))
    (attempt,) = report.deliveries[0].attempts
    return attempt


@pytest.mark.parametrize("kind", HostileReceiver.kinds)
def test_it_ends_in_time_and_in_little_memory_and_the_next_one_works(
    carried, tls, hostile_receiver, loopback_receiver, kind
):
    """The verdict is the catalogue's, for the reason that stands there."""
    hostility = CATALOGUE[kind]
    hostility.play()  # bombs are made before the memory is measured
    receiver: HostileReceiver = hostile_receiver(kind, ssl_context=tls.server if hostility.tls else None)
    usual: LoopbackReceiver = loopback_receiver(200, ssl_context=tls.server if hostility.tls else None)

    async def use(transport: Any) -> tuple[Attempt, int, Attempt]:
        async with AsyncDispatcher(transport=transport) as dispatcher:
            await _attempt(dispatcher, usual.url, seconds=5.0)  # what is made once is made now
            with grown() as growth:
                attempt = await _attempt(dispatcher, receiver.url)
            receiver.relent()
            return attempt, growth[0], await _attempt(dispatcher, receiver.url, seconds=5.0)

    attempt, peak, following = carried(use)

    assert attempt.verdict in hostility.verdicts, attempt.reason
    assert attempt.duration < _TIMEOUT + _LATE
    assert peak < _MEMORY
    assert attempt.reason.isprintable()
    assert following.confirmed, following.reason

"""Every behaviour of the hostile receiver, over every transport."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
import subprocess
import sys
import tracemalloc
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import pytest
import trustme

from alarm_dispatch import AsyncDispatcher, Attempt, DispatchReport, RetrySchedule, Verdict
from alarm_dispatch.errors import DispatchFailedError, TransportError
from alarm_dispatch.exchange import Judgement, Reply, Request
from alarm_dispatch.receiver.hostile import CATALOGUE
from alarm_dispatch.shown import is_safe
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


_REDIRECTS = [kind for kind in HostileReceiver.kinds if kind.startswith("redirect-")]


@pytest.mark.parametrize("kind", _REDIRECTS)
def test_no_redirect_is_followed(carried, hostile_receiver, kind):
    """The receiver is asked once for each attempt, and only for what the callback says."""
    receiver = hostile_receiver(kind)

    async def use(transport: Any) -> None:
        async with AsyncDispatcher(transport=transport) as dispatcher:
            for _ in range(2):
                await _attempt(dispatcher, f"{receiver.url}/alarms", seconds=5.0)

    carried(use)

    assert [request.target for request in receiver.requests] == ["/alarms"] * 2


def test_no_cookie_goes_back(carried, hostile_receiver):
    """Not on the connection that it came on, either."""
    receiver = hostile_receiver("sets-cookies")

    async def use(transport: Any) -> None:
        async with AsyncDispatcher(transport=transport) as dispatcher:
            for _ in range(2):
                assert (await _attempt(dispatcher, receiver.url, seconds=5.0)).confirmed

    carried(use)

    assert [request.header("cookie") for request in receiver.requests] == [None, None]


def test_a_second_reply_confirms_nothing(carried, hostile_receiver):
    """Each request gets its own reply, and the connection with more on it is not used again."""
    receiver = hostile_receiver("second-reply", times=3)

    async def use(transport: Any) -> list[Attempt]:
        async with AsyncDispatcher(transport=transport) as dispatcher:
            return [await _attempt(dispatcher, receiver.url, seconds=5.0) for _ in range(4)]

    attempts = carried(use)

    assert [attempt.verdict for attempt in attempts] == ["rejected"] * 3 + ["confirmed"]


@pytest.mark.parametrize(("kind", "expected"), [("early-yes", Verdict.UNKNOWN), ("early-no", 413)])
def test_a_yes_to_half_a_request_confirms_nothing(carried, hostile_receiver, kind, expected):
    """A no to it is a no."""
    receiver = hostile_receiver(kind)
    content = bytes(16_000_000)  # more than the system takes

    async def use(transport: Any) -> Any:
        deadline = asyncio.get_running_loop().time() + 1.0
        try:
            reply = await transport.send(Request(url=receiver.url, content=content), deadline=deadline)
        except TransportError as error:
            return error.verdict
        return reply.status_code

    assert carried(use) == expected


def test_what_a_body_says_is_told_escaped(carried, hostile_receiver, caplog):
    """In reasons, in outcomes, in exceptions and in logs; what a confirmation quotes, and what it raises."""
    receiver = hostile_receiver("escapes-in-body")

    def quoting(reply: Reply) -> Judgement:
        return Judgement(Verdict.UNCONFIRMED, reply.content.decode() * 100 + "\x1b[2J\u202e\r\n")

    def raising(reply: Reply) -> bool:
        raise ValueError(reply.content.decode("unicode_escape"))

    async def use(transport: Any) -> list[DispatchReport]:
        async with AsyncDispatcher(transport=transport) as dispatcher:
            return [
                await dispatcher.dispatch(METRIC_ALARM, group(receiver.url, schedule=_ONCE, **values))
                for values in (
                    {"format": "tencent_legacy"},
                    {"confirmation": quoting},
                    {"confirmation": raising},
                )
            ]

    for report in carried(use):
        (delivery,) = report.deliveries
        with pytest.raises(DispatchFailedError) as failure:
            report.raise_for_failure()
        for told in (delivery.attempts[0].reason, delivery.outcome, str(failure.value)):
            assert told
            assert all(map(is_safe, told)), ascii(told)
            assert len(told) < 5_000
        assert len(delivery.attempts[0].reason) <= 200
    assert all(is_safe(character) or character == "\n" for character in caplog.text)


_CHILD = """
import asyncio, resource, sys
from importlib import import_module
from alarm_dispatch.errors import TransportError
from alarm_dispatch.exchange import Request

async def main():
    module, name = sys.argv[1].split(":")
    transport = getattr(import_module(module), name)()
    async def attempt():
        deadline = asyncio.get_running_loop().time() + 5
        try:
            await transport.send(Request(url=sys.argv[2], content=b"{}"), deadline=deadline)
        except TransportError as error:
            assert "a body longer than" in error.reason, error
    for _ in range(20):
        await attempt()
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for _ in range(20):
        await attempt()
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
    await transport.aclose()

asyncio.run(main())
"""


@pytest.mark.parametrize("transport", ["httpx:HttpxTransport", "aiohttp:AiohttpTransport"])
@pytest.mark.parametrize("kind", ["gigabyte-length", "gigabyte-chunked", "gigabyte-close"])
def test_a_gigabyte_takes_no_memory_of_the_system_either(hostile_receiver, transport, kind):
    """In a process of its own, as the system counts it."""
    pytest.importorskip(transport.partition(":")[0])
    pytest.importorskip("resource", reason="only POSIX systems tell")
    words = [
        sys.executable,
        "-c",
        _CHILD,
        f"alarm_dispatch.transports.{transport}",
        hostile_receiver(kind).url,
    ]

    done = subprocess.run(words, capture_output=True, text=True, check=True, timeout=60)

    kilobytes = int(done.stdout)
    assert kilobytes < 1_000

"""What an HTTP transport tells of a request when it is used without a dispatcher."""

from __future__ import annotations

import asyncio
import logging
import traceback
from typing import Any

import httpx
import pytest

from alarm_dispatch import Request
from alarm_dispatch.errors import ForeignError
from alarm_dispatch.transports.httpx import HttpxTransport
from alarm_dispatch.transports.reasons import Progress

from .loopback import failure_of, send

MARK = "5ecret"


REQUEST = Request(url=f"https://h/?key={MARK}-value", content=b"", headers=(("X-Key", f"{MARK}-key"),))


@pytest.mark.parametrize("text", [f"no {MARK}-key", f"no {REQUEST.url}", f"no {MARK}-token"])
def test_a_librarys_error_that_tells_a_secret_is_told_without(text):
    """The reason is masked, and the cause is what may be told of it."""
    error = Progress().failed_by(ValueError(text), text, REQUEST, [f"{MARK}-token"])

    assert isinstance(error.__cause__, ForeignError)
    assert error.reason.startswith("no ")
    assert MARK not in "".join(traceback.format_exception(error))


def test_a_cause_that_tells_no_secret_is_kept(http):
    """Whoever looks for the fault has all of it."""
    cause = failure_of(http(), "http://127.0.0.1:1/").__cause__

    assert cause is not None
    assert not isinstance(cause, ForeignError)


def test_a_header_that_is_refused_is_not_repeated(http, loopback_receiver):
    """The library would say what it does not like."""
    receiver = loopback_receiver(200)

    error = failure_of(http(), receiver.url, headers=(("X-Key", f"{MARK}-key\nX: y"),))

    assert error.reason
    assert MARK not in error.reason
    assert receiver.requests == ()


def test_what_httpx_logs_is_masked(loopback_receiver, caplog):
    """It tells the whole URL of each request at INFO."""
    caplog.set_level(logging.DEBUG)
    receiver = loopback_receiver(200)
    client = httpx.AsyncClient(limits=httpx.Limits(max_keepalive_connections=0))

    send(HttpxTransport(client=client), f"{receiver.url}/?key={MARK}-value")

    assert f"{MARK}-value" in receiver.requests[0].target
    assert any(text.startswith("HTTP Request: POST") for text in caplog.messages)
    assert MARK not in caplog.text


def test_what_is_logged_by_aiohttps_loggers_is_masked(loopback_receiver, caplog):
    """Such as by a trace of a session of the user's own."""
    aiohttp = pytest.importorskip("aiohttp", reason="the extra fast is not installed")
    from alarm_dispatch.transports.aiohttp import AiohttpTransport

    caplog.set_level(logging.DEBUG)
    receiver = loopback_receiver(200)

    async def started(_session: Any, _context: Any, of: Any) -> None:
        logging.getLogger("aiohttp.client").info("to %s", of.url)

    async def main() -> None:
        trace = aiohttp.TraceConfig()
        trace.on_request_start.append(started)
        async with aiohttp.ClientSession(trace_configs=[trace]) as session:
            transport = AiohttpTransport(session=session)
            request = Request(url=f"{receiver.url}/?key={MARK}-value", content=b"")
            await transport.send(request, deadline=asyncio.get_running_loop().time() + 5)
            await transport.aclose()

    asyncio.run(main())

    assert f"to {receiver.url}/?key=***" in caplog.messages

"""What client libraries and asyncio log while they carry a request of ours."""

from __future__ import annotations

import asyncio
import contextvars
import importlib
import logging
import pkgutil
from collections.abc import Iterator
from typing import Any

import httpcore
import httpx
import pytest

from alarm_dispatch import Callback, Dispatcher, Reply, Request
from alarm_dispatch.foreign_logs import BINARY, LOGGERS, Carrying, secrets_of
from alarm_dispatch.transports.function import FunctionTransport
from alarm_dispatch.transports.httpx import HttpxTransport
from tests.dispatch.alarms import METRIC_ALARM, group
from tests.dispatch.test_faults import dispatch

MARK = "5ecret"
REQUEST = Request(
    url=f"https://h.example/a?key={MARK}-value", content=b"", headers=(("X-Key", f"{MARK}-key"),)
)


class _Transport:
    secrets = (f"{MARK}-proxy",)


@pytest.fixture(autouse=True)
def _every_record(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)


@pytest.mark.parametrize("name", LOGGERS)
def test_records_made_meanwhile_are_masked(name: str, caplog: pytest.LogCaptureFixture) -> None:
    """The URL, the headers and what the transport adds."""
    with Carrying(REQUEST, _Transport()):
        logging.getLogger(name).info("%s of %r to %s", f"{MARK}-key", f"{MARK}-proxy", REQUEST.url)

    assert caplog.messages == ["*** of '***' to https://h.example/a?key=***"]


@pytest.mark.parametrize("name", BINARY)
def test_records_in_a_compressed_form_are_dropped(name: str, caplog: pytest.LogCaptureFixture) -> None:
    """There is no telling what stands in them."""
    with Carrying(REQUEST, None):
        logging.getLogger(name).debug("Encoded %r", b"\x82\x86")

    assert caplog.records == []


@pytest.mark.parametrize("name", [*LOGGERS, *BINARY])
def test_the_applications_own_records_stay(name: str, caplog: pytest.LogCaptureFixture) -> None:
    """It uses the same library for requests of its own, before and after ours."""
    with Carrying(REQUEST, None):
        pass
    logging.getLogger(name).info("to %s", REQUEST.url)

    assert caplog.messages == [f"to {REQUEST.url}"]
    assert caplog.records[0].args == (REQUEST.url,)


def test_the_applications_own_requests_at_the_same_time_are_told(caplog: pytest.LogCaptureFixture) -> None:
    """Another task has a context of its own, and what we start has ours."""

    async def main() -> None:
        log = logging.getLogger("httpx")
        begun, done = asyncio.Event(), asyncio.Event()

        async def theirs() -> None:
            await begun.wait()
            log.info("theirs to %s", REQUEST.url)
            done.set()

        task = asyncio.create_task(theirs())
        with Carrying(REQUEST, None):
            begun.set()
            await done.wait()
            asyncio.get_running_loop().call_soon(log.info, f"ours to {REQUEST.url}")
            await asyncio.create_task(asyncio.sleep(0))
        await task

    asyncio.run(main())

    assert [text for text in caplog.messages if " to " in text] == [
        f"theirs to {REQUEST.url}",
        "ours to https://h.example/a?key=***",
    ]


def test_a_traceback_is_masked(caplog: pytest.LogCaptureFixture) -> None:
    """By an error that tells what may be told."""
    with Carrying(REQUEST, None):
        logging.getLogger("asyncio").error("failed", exc_info=ValueError(REQUEST.url))

    assert MARK not in caplog.text
    assert "ForeignError: ValueError: https://h.example/a?key=***" in caplog.text


def test_a_record_that_does_not_fit_its_arguments_shows_none(caplog: pytest.LogCaptureFixture) -> None:
    """Python itself would print them."""
    with Carrying(REQUEST, None):
        logging.getLogger("httpx").info("%d", REQUEST.url)

    assert caplog.messages == ["a record that cannot be formatted, made while sending"]


def test_a_transport_need_not_have_secrets() -> None:
    """Then there are none."""
    assert secrets_of(object()) == ()
    assert f"u:{MARK}-proxy" in secrets_of(HttpxTransport(proxy=f"http://u:{MARK}-proxy@h.example/"))


def _loggers_of(package: Any) -> Iterator[str]:
    """The loggers that a package makes when its modules are imported."""
    for found in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
        if found.name.rpartition(".")[2] in {"__main__", "pytest_plugin", "worker", "_main"}:
            continue
        try:
            importlib.import_module(found.name)
        except ImportError:
            continue
    yield from (
        name
        for name, known in logging.root.manager.loggerDict.items()
        if isinstance(known, logging.Logger) and name.partition(".")[0] == package.__name__
    )


@pytest.mark.parametrize("package", [httpx, httpcore])
def test_every_logger_of_the_default_library_is_known(package: Any) -> None:
    """A new one in a new version would tell what it likes."""
    assert set(_loggers_of(package)) <= {*LOGGERS, *BINARY}


@pytest.mark.parametrize("name", ["aiohttp", "hpack", "h2"])
def test_every_logger_of_an_optional_library_is_known(name: str) -> None:
    """As above."""
    assert set(_loggers_of(pytest.importorskip(name))) <= {*LOGGERS, *BINARY}


def test_the_engine_says_what_it_carries(virtual_clock: Any) -> None:
    """Also for a transport of the user's own, and in the thread of a function."""
    seen: list[bool] = []

    class Own:
        async def send(self, request: Request, *, deadline: float) -> Any:
            values = contextvars.copy_context().items()
            seen.extend(request.url in str(value) for variable, value in values if "carried" in variable.name)
            raise OSError

    dispatch(virtual_clock, Own(), METRIC_ALARM, group())

    assert seen
    assert all(seen)


def test_a_function_in_a_thread_is_masked_too(caplog: pytest.LogCaptureFixture) -> None:
    """Its thread has the context of the request."""

    def post(request: Request) -> Reply:
        logging.getLogger("urllib3.connectionpool").debug("POST %s", request.url)
        return Reply(status_code=200)

    with Dispatcher(transport=FunctionTransport(post)) as dispatcher:
        assert dispatcher.verify(Callback(REQUEST.url, format="tencent")).ok

    assert "POST https://h.example/a?key=***" in caplog.messages

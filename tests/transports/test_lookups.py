"""Name lookups that hang, over both transports: who asked for another name does not notice."""

from __future__ import annotations

import asyncio
import socket
import threading
import time
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import pytest

from alarm_dispatch.errors import TransportError
from alarm_dispatch.exchange import Reply, Request
from alarm_dispatch.transports import lookups

_getaddrinfo: Any = socket.getaddrinfo


class _Hanging:
    """Lookups of names below ``hangs.example`` hang until they are released; others lead to loopback."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.hangs, self.released = threading.Event(), threading.Event()

    def getaddrinfo(self, host: str, *arguments: Any, **options: Any) -> Any:
        self.asked.append(host)
        if host.endswith("hangs.example"):
            self.hangs.set()
            self.released.wait(10)
            raise socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")
        return _getaddrinfo("127.0.0.1", *arguments, **options)


@pytest.fixture
def hanging(monkeypatch: pytest.MonkeyPatch) -> Iterator[_Hanging]:
    """A name server that does not answer for some names."""
    made = _Hanging()
    monkeypatch.setattr(socket, "getaddrinfo", made.getaddrinfo)
    yield made
    made.released.set()


async def _end(transport: Any, url: str, seconds: float, lane: str = "") -> Reply | TransportError:
    deadline = asyncio.get_running_loop().time() + seconds
    try:
        return await transport.send(Request(url=url, content=b"{}", lane=lane or url), deadline=deadline)  # type: ignore[no-any-return]
    except TransportError as error:
        return error


@pytest.mark.parametrize("names", [1, 40])
def test_the_others_names_are_found_meanwhile(http, loopback_receiver, hanging, names):
    """However many attempts wait for one name, and however many names there are."""
    receiver = loopback_receiver(200)
    port = urlsplit(receiver.url).port
    urls = [f"http://{number % names}.hangs.example/" for number in range(40)]

    async def main() -> tuple[Reply | TransportError, list[Reply | TransportError]]:
        transport = http()
        try:
            waiting = [asyncio.create_task(_end(transport, url, 1.0, str(at))) for at, url in enumerate(urls)]
            await asyncio.sleep(0.1)
            good = await _end(transport, f"http://good.example:{port}/", 5.0)
            return good, await asyncio.gather(*waiting)
        finally:
            await transport.aclose()

    good, bad = asyncio.run(main())

    assert isinstance(good, Reply)
    assert {error.reason for error in bad} == {"timed out while connecting"}  # type: ignore[union-attr]
    assert len(hanging.asked) == names + 1


def test_nobody_waits_for_one_at_the_end(http, hanging):
    """Neither the event loop's end, nor the process's."""

    async def main() -> Reply | TransportError:
        transport = http()
        try:
            return await _end(transport, "http://hangs.example/", 0.05)
        finally:
            await transport.aclose()

    began = time.monotonic()
    asyncio.run(main())

    assert time.monotonic() - began < 5
    assert not hanging.released.is_set()
    left = [thread for thread in threading.enumerate() if thread.name == "alarm-dispatch-lookup"]
    assert left
    assert all(thread.daemon for thread in left)


def test_there_are_not_more_threads_than_some(monkeypatch, hanging):
    """Whoever comes then has to wait, and may give up before his turn."""
    monkeypatch.setattr(lookups, "_MOST", 1)

    async def main() -> list[Any]:
        ends = [asyncio.create_task(lookups.look_up(name, 80)) for name in ("hangs.example", "a", "b")]
        await asyncio.to_thread(hanging.hangs.wait, 10)
        assert hanging.asked == ["hangs.example"]
        threads = lookups._LOOKUPS.get()._threads
        threads._waiting[0][0].cancel()
        hanging.released.set()
        return await asyncio.gather(*ends, return_exceptions=True)

    hung, cancelled, found = asyncio.run(main())

    assert isinstance(hung, socket.gaierror)
    assert isinstance(cancelled, asyncio.CancelledError)
    assert found[0][-1][0] == "127.0.0.1"
    assert hanging.asked == ["hangs.example", "b"]

"""Our side: an AsyncDispatcher that is given alarms, and what it took until all were settled."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

from alarm_dispatch import AlarmGroup, AsyncDispatcher, Callback, Reply, Request

from .alarms import FORMAT, alarms
from .run import Stopwatch

__all__ = ["AnswersAtOnce", "dispatches", "storms", "transport"]

Burst = Callable[..., Awaitable[dict[str, Any]]]


class AnswersAtOnce:
    """A transport without a wire: what is left is the engine's own cost."""

    keeps_deadline = True

    def __init__(self, status_code: int = 200) -> None:
        self._reply = Reply(status_code=status_code)

    async def send(self, request: Request, *, deadline: float) -> Reply:
        await asyncio.sleep(0)
        return self._reply


def transport(name: str) -> Any:
    """The transport of that name."""
    if name == "aiohttp":
        from alarm_dispatch.transports.aiohttp import AiohttpTransport

        return AiohttpTransport()
    if name == "httpx":
        from alarm_dispatch.transports.httpx import HttpxTransport

        return HttpxTransport()
    return AnswersAtOnce()


def _group(urls: list[str], **settings: Any) -> AlarmGroup:
    return AlarmGroup("benchmark", callbacks=[Callback(url, format=FORMAT, **settings) for url in urls])


@contextlib.asynccontextmanager
async def storms(urls: list[str], transport_name: str = "aiohttp", **settings: Any) -> AsyncIterator[Burst]:
    """All alarms of a burst are submitted at once; the dispatcher keeps its limits in flight."""
    group, numbers = _group(urls, **settings), itertools.count(step=1_000_000)
    async with AsyncDispatcher(transport=transport(transport_name)) as dispatcher:

        async def burst(count: int, bursts: int = 1) -> dict[str, Any]:
            """So many alarms to the whole group, so many times one after the other."""
            seconds = cpu = 0.0
            for _ in range(bursts):
                storm = alarms(count, next(numbers))
                with Stopwatch() as watch:
                    handles = [await dispatcher.submit(alarm, group) for alarm in storm]
                    reports = [await handle.result() for handle in handles]
                assert all(report.ok for report in reports)
                seconds, cpu = seconds + watch.seconds, cpu + watch.cpu
            return {"seconds": seconds, "cpu": cpu, "count": count * len(urls) * bursts}

        yield burst


@contextlib.asynccontextmanager
async def dispatches(
    urls: list[str], transport_name: str = "aiohttp", limit: int = 32
) -> AsyncIterator[Burst]:
    """As many callers as may be in flight, each of which waits for its report."""
    group, numbers = _group(urls, limit=limit), itertools.count(step=1_000_000)
    async with AsyncDispatcher(transport=transport(transport_name)) as dispatcher:

        async def burst(count: int) -> dict[str, Any]:
            storm = iter(alarms(count, next(numbers)))

            async def call() -> None:
                for alarm in storm:
                    report = await dispatcher.dispatch(alarm, group)
                    assert report.ok

            with Stopwatch() as watch:
                await asyncio.gather(*(call() for _ in range(limit)))
            return watch.told(count=count * len(urls))

        yield burst

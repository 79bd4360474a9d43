"""Which of several addresses to talk to: the first that a connection is made to (RFC 8305)."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine, Iterable
from typing import Any, TypeVar

__all__ = ["STAGGER", "first_connected"]

_C = TypeVar("_C")

STAGGER = 0.25
"""Seconds that one address is given before the next is tried beside it (RFC 8305, section 8)."""


async def first_connected(
    connect: Callable[[str], Coroutine[Any, Any, _C]],
    close: Callable[[_C], Awaitable[object]],
    addresses: Iterable[str],
) -> _C:
    """The first connection that ``connect`` makes; a dead address holds up the others for ``STAGGER`` only.

    Connections that were made besides are closed.  Raises the first address's error when all fail.
    """
    waiting = deque(addresses)
    if len(waiting) == 1:
        return await connect(waiting[0])
    tried: list[asyncio.Task[_C]] = []
    won: asyncio.Task[_C] | None = None
    try:
        while won is None and (waiting or not all(task.done() for task in tried)):
            if waiting:
                tried.append(asyncio.create_task(connect(waiting.popleft())))
            won = await _first_of(tried, STAGGER if waiting else None)
        await _close_all([task for task in tried if task is not won], close)
    except BaseException:
        # The winner as well: nobody will get it.
        await _close_all(tried, close)
        raise
    return (won or tried[0]).result()


async def _first_of(tried: list[asyncio.Task[_C]], patience: float | None) -> asyncio.Task[_C] | None:
    """One that has connected; None when another address should be tried first, or there is nothing left."""
    running = [task for task in tried if not task.done()]
    done, _ = await asyncio.wait(running, timeout=patience, return_when=asyncio.FIRST_COMPLETED)
    return next((task for task in done if not task.cancelled() and task.exception() is None), None)


async def _close_all(tasks: list[asyncio.Task[_C]], close: Callable[[_C], Awaitable[object]]) -> None:
    for task in tasks:
        task.cancel()
    for ended in await asyncio.gather(*tasks, return_exceptions=True):
        if not isinstance(ended, BaseException):
            await close(ended)

"""How a server on an event loop stops without leaving a connection open that nobody knows."""

from __future__ import annotations

import asyncio

__all__ = ["stop_accepting"]

# Seconds that connections get to be made, when a server stops; it takes asyncio three turns of the loop.
_ACCEPTING = 1.0


async def stop_accepting(server: asyncio.Server) -> None:
    """Close the server when the connections that it has accepted are made."""
    loop = asyncio.get_running_loop()
    if isinstance(loop, asyncio.SelectorEventLoop):  # others make connections as they accept them
        for listening in server.sockets:
            loop.remove_reader(listening.fileno())
        if accepting := _accepting():
            await asyncio.wait(accepting, timeout=_ACCEPTING)
    server.close()


def _accepting() -> list[asyncio.Task[object]]:
    """What asyncio does between accepting a connection and telling of it.

    A server that is closed meanwhile leaves that connection open, and nobody knows it: its transport fails
    when it attaches itself to the server.
    """
    return [
        task
        for task in asyncio.all_tasks()
        if getattr(task.get_coro(), "__qualname__", "") == "BaseSelectorEventLoop._accept_connection2"
    ]

"""A receiver that does harm, for tests that are not asynchronous themselves."""

from __future__ import annotations

import asyncio
from ssl import SSLContext
from typing import ClassVar

from alarm_dispatch.receiver.hostile import CATALOGUE, HostileServer, Hostility
from alarm_dispatch.testing.receivers import ThreadedReceiver

__all__ = ["HostileReceiver"]


class HostileReceiver(ThreadedReceiver):
    """A receiver on the loopback interface that does harm, with an event loop in a thread of its own.

    ``with HostileReceiver("drips-head") as receiver:`` listens at ``receiver.url`` and meets connections or
    requests with that behaviour, until ``receiver.relent()``: from then on it confirms.  The arguments are
    those of :class:`~alarm_dispatch.receiver.hostile.HostileServer`.
    """

    kinds: ClassVar[tuple[str, ...]] = tuple(CATALOGUE)
    """The names of all that it can do, for a test's table."""

    _server: HostileServer

    def __init__(
        self,
        kind: str,
        *,
        times: int | None = None,
        port: int = 0,
        ssl_context: SSLContext | None = None,
        interval: float = 1.0,
    ) -> None:
        super().__init__(
            HostileServer(kind, times=times, port=port, ssl_context=ssl_context, interval=interval)
        )

    @property
    def hostility(self) -> Hostility:
        """What it does, and the verdicts that it must lead to."""
        return self._server.hostility

    def relent(self) -> None:
        """Do no more harm: meet all that comes with 200 and what confirms it."""
        loop = self._running()
        asyncio.run_coroutine_threadsafe(self._server.relent(), loop).result()

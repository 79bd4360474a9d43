"""When requests are written: soon, together with the others of the same round of the event loop."""

from __future__ import annotations

import asyncio
from typing import Protocol

from alarm_dispatch.transports.reasons import Progress

__all__ = ["Peer", "Writes"]


class Peer(Protocol):
    """A connection's protocol, as aiohttp has it."""

    @property
    def transport(self) -> asyncio.Transport | None:
        """What writes; None when the connection is lost."""
        ...

    @property
    def should_close(self) -> bool:
        """Whether no request may go out on it any more."""
        ...

    def close(self) -> object:
        """Close the connection."""
        ...

    def ask(self, transport: asyncio.Transport, message: bytes) -> None:
        """Write a request."""
        ...


class Writes:
    """The writes of one event loop.

    Receivers that are woken up for one request, and fall asleep before the next, cost the sender a tenth of
    all its time: the kernel wakes them in the sender's call.
    """

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._unwritten: list[tuple[Peer, bytes, Progress]] = []

    def soon(self, peer: Peer, message: bytes, progress: Progress) -> None:
        """Write the message with the next ones; ``progress`` is told when it is."""
        if not self._unwritten:
            self._loop.call_soon(self._write_all)
        self._unwritten.append((peer, message, progress))

    def _write_all(self) -> None:
        unwritten, self._unwritten = self._unwritten, []
        for peer, message, progress in unwritten:
            transport = peer.transport
            if peer.should_close or transport is None or transport.is_closing():
                peer.close()  # cut off meanwhile, or the receiver spoke before it was asked
            else:
                progress.sent = True
                peer.ask(transport, message)

"""The connections of aiohttp, with an eye on what comes: one for each request's reply."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from alarm_dispatch.errors import TransportError
from alarm_dispatch.transports.framing import Framing
from alarm_dispatch.transports.reasons import spoke_unasked

__all__ = ["WatchedProtocol"]

if TYPE_CHECKING:
    _Base: Any  # aiohttp is imported where it is used
else:
    _Base = object


class WatchedProtocol(_Base):  # type: ignore[misc]  # of aiohttp's, which the other base brings
    """Goes before a protocol of aiohttp's (its ``ResponseHandler``), and looks at what comes first."""

    _framing: Framing | None = None

    def watch(self) -> Framing:
        """What comes unasked ends the connection now; before this, aiohttp may ask a proxy for a tunnel."""
        self._framing = self._framing or Framing()
        return self._framing

    def ask(self, transport: asyncio.Transport, message: bytes) -> None:
        """Write a request; from now on what comes is its reply."""
        (self._framing or self.watch()).begin(bodiless=message.startswith(b"HEAD "))
        transport.write(message)

    @property
    def unsent(self) -> bool:
        """Whether some of what was written has not left."""
        return self.transport is not None and self.transport.get_write_buffer_size() > 0

    def data_received(self, data: bytes) -> None:
        """Hand on what belongs to the reply."""
        framing = self._framing
        # Nothing at all is how aiohttp goes on with what it has kept.
        if framing is None or not data:
            super().data_received(data)
        elif framing.over:
            self._give_up(spoke_unasked())
        else:
            try:
                kept = framing.feed(data)
            except TransportError as error:
                self._give_up(error)
                return
            if framing.spoiled:
                self.force_close()
            if kept:
                super().data_received(kept)

    def hang_up(self) -> None:
        """Close at once: what is unsent would otherwise wait for a receiver that may never read it."""
        if self.transport is not None:
            self.transport.abort()

    def _give_up(self, error: TransportError) -> None:
        payload = self._payload
        self.set_exception(error)
        if payload is not None and not payload.is_eof():
            payload.set_exception(error)
        self.hang_up()

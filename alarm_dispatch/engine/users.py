"""Who closes a transport: the last dispatcher of an event loop that used it."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import weakref

from alarm_dispatch.exchange import Transport
from alarm_dispatch.foreign_logs import secrets_of
from alarm_dispatch.redaction import shown_error
from alarm_dispatch.shown import kind_of

__all__ = ["TransportsInUse"]

_log = logging.getLogger("alarm_dispatch")

# How many engines of a loop use a transport.  A transport may be shared, and what it holds belongs to
# the loop it was used on.
_USERS: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, dict[int, int]] = weakref.WeakKeyDictionary()


class TransportsInUse:
    """The transports that one engine has used and that can be closed."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._users = _USERS.setdefault(loop, {})
        self._used: weakref.WeakValueDictionary[int, Transport] = weakref.WeakValueDictionary()
        self._latest: Transport | None = None

    def use(self, transport: Transport) -> None:
        """Note that the engine uses it."""
        if transport is self._latest:
            return
        self._latest = transport
        key = id(transport)
        if key not in self._used and hasattr(transport, "aclose"):
            with contextlib.suppress(TypeError):  # a transport that cannot be referred to weakly
                self._used[key] = transport
                self._users[key] = self._users.get(key, 0) + 1
                weakref.finalize(transport, self._users.pop, key, None)

    async def aclose(self, grace: float) -> None:
        """Let those that no other engine of this loop uses close what they hold on it.

        One that raises, or takes more than ``grace`` seconds, harms nobody.
        """
        self._latest = None
        while self._used:
            key, transport = self._used.popitem()
            self._users[key] -= 1
            if self._users[key]:
                continue
            del self._users[key]
            try:
                async with asyncio.timeout(grace):
                    await transport.aclose()  # type: ignore[attr-defined]  # only those that have it are kept
            except Exception as error:  # noqa: BLE001 - the deliveries are settled; this is only told
                shown = shown_error(error, secrets_of(transport))
                _log.error("transport %s could not be closed", kind_of(transport), exc_info=shown)

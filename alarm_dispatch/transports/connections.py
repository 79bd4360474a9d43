"""The connections of one event loop, apart by the egress policies that they were made under."""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Awaitable, Callable
from typing import Any, Generic, Protocol, TypeVar

from alarm_dispatch.egress import EgressPolicy
from alarm_dispatch.transports.deadline import Deadlines
from alarm_dispatch.transports.writes import Writes

__all__ = ["Connections", "Connector"]

_MAX_RECEIVERS = 4096
_MAX_POLICIES = 1024  # each has a connector of 3 KB


class Connector(Protocol):
    """What makes connections under one policy, and keeps them; ``in_flight`` counts requests on them."""

    in_flight: int

    def close(self) -> Awaitable[Any]:
        """Close them."""
        ...

    def disown(self) -> None:
        """Keep its finalizer from closing what belongs to a parent process."""
        ...


_C = TypeVar("_C", bound=Connector)
_R = TypeVar("_R")


class Connections(Generic[_C, _R]):
    """Connectors by policy, and receivers by lane, URL and policy.

    ``connector`` makes the one of a policy, ``receiver`` what a lane's requests to a URL have in common.
    """

    def __init__(
        self, connector: Callable[[EgressPolicy], _C], receiver: Callable[[str, str, _C], _R]
    ) -> None:
        self.connectors: dict[EgressPolicy, _C] = {}
        self.receiver = functools.lru_cache(_MAX_RECEIVERS)(self._new_receiver)
        self._new_connector = connector
        self._make = receiver
        self._closing: set[asyncio.Task[None]] = set()
        self.deadlines = Deadlines()
        self.writes = Writes()

    def _new_receiver(self, lane: str, url: str, policy: EgressPolicy) -> _R:
        connector = self.connectors.get(policy)
        if connector is None:
            if len(self.connectors) >= _MAX_POLICIES:
                self._close_idle()
            connector = self.connectors[policy] = self._new_connector(policy)
        return self._make(lane, url, connector)

    def _close_idle(self) -> None:
        """Let go of what policies leave behind that are made, and used for a while, again and again."""
        self.receiver.cache_clear()
        for policy, connector in list(self.connectors.items()):
            if not connector.in_flight:
                closing = asyncio.create_task(_closed(self.connectors.pop(policy)))
                self._closing.add(closing)
                closing.add_done_callback(self._closing.discard)

    async def close(self) -> None:
        """Close all connections."""
        await asyncio.gather(*self._closing, *(_closed(each) for each in self.connectors.values()))

    def disown(self) -> None:
        """Keep the connectors' finalizers from closing what belongs to a parent process."""
        for connector in self.connectors.values():
            connector.disown()


async def _closed(connector: Connector) -> None:
    await connector.close()

"""Which connections a request may use: those of its event loop, its process and its lane."""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections import OrderedDict
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, Generic, TypeVar
from weakref import WeakKeyDictionary, WeakSet

from attrs import define, field

__all__ = ["LanePools", "PerLoop"]

_K = TypeVar("_K")
_P = TypeVar("_P")

_MAX_LANES = 4096

# How many forks lie between this process and the one that imported this: os.getpid() is a system call.
_forks = 0
_HOLDERS: WeakSet[PerLoop[Any]] = WeakSet()


def _count_fork() -> None:
    global _forks  # noqa: PLW0603 - it is of the process, as what is counted
    _forks += 1
    for holder in list(_HOLDERS):
        # At once: what the child never uses it may still collect, and so close.
        holder.leave_parents()


if hasattr(os, "register_at_fork"):  # pragma: no branch - only Windows has no fork
    os.register_at_fork(after_in_child=_count_fork)

_ABANDONED: list[object] = []
"""A parent process's pools in its child: kept from the garbage collector, which would close them."""


@define
class _Shard(Generic[_P]):
    pool: _P
    in_flight: int = 0


@define
class _Lane(Generic[_P]):
    shards: list[_Shard[_P]] = field(factory=list)
    used_at: float = 0.0

    @property
    def idle(self) -> bool:
        return not any(shard.in_flight for shard in self.shards)


class LanePools(Generic[_K, _P]):
    """Pools of one transport, by event loop and lane.

    What names a lane here is all that its requests must have in common to share connections.

    A lane gets one pool more when all of its pools carry ``room`` requests.  A lane that carried nothing
    for ``idle_for`` seconds loses its pools when others send.
    """

    def __init__(
        self,
        make: Callable[[_K], _P],
        close: Callable[[_P], Awaitable[None]],
        *,
        room: int,
        idle_for: float,
        max_lanes: int = _MAX_LANES,
    ) -> None:
        self._make = make
        self._close = close
        self._room = room
        self._idle_for = idle_for
        self._max_lanes = max_lanes
        self._forks = _forks
        self._loops: WeakKeyDictionary[asyncio.AbstractEventLoop, OrderedDict[_K, _Lane[_P]]] = (
            WeakKeyDictionary()
        )

    @contextlib.asynccontextmanager
    async def pool(self, key: _K) -> AsyncIterator[_P]:
        """A pool of the lane ``key`` with room for one request, for as long as the block runs."""
        loop = asyncio.get_running_loop()
        if self._forks != _forks:
            # After a fork the connections are the parent's; closing them here would cut its requests.
            _ABANDONED.append(self._loops)
            self._loops, self._forks = WeakKeyDictionary(), _forks
        lanes = self._loops.setdefault(loop, OrderedDict())
        lane = lanes.setdefault(key, _Lane())
        lanes.move_to_end(key)
        lane.used_at = loop.time()
        shard = next((shard for shard in lane.shards if shard.in_flight < self._room), None)
        if shard is None:
            shard = _Shard(self._make(key))
            lane.shards.append(shard)
        shard.in_flight += 1
        try:
            yield shard.pool
        finally:
            shard.in_flight -= 1
            await self._close_longest_idle(lanes, loop.time())

    async def _close_longest_idle(self, lanes: OrderedDict[_K, _Lane[_P]], now: float) -> None:
        key, lane = next(iter(lanes.items()), (None, None))
        if key is None or lane is None or not lane.idle:
            return
        if now - lane.used_at > self._idle_for or len(lanes) > self._max_lanes:
            del lanes[key]
            await self._close_lane(lane)

    async def _close_lane(self, lane: _Lane[_P]) -> None:
        for shard in lane.shards:
            # A connection that fails to close is gone too, and another lane's request, which has its
            # reply, must not fail for it.
            with contextlib.suppress(Exception):
                await self._close(shard.pool)

    async def aclose(self) -> None:
        """Close the pools that belong to the running loop."""
        if self._forks == _forks:
            for lane in self._loops.pop(asyncio.get_running_loop(), OrderedDict()).values():
                await self._close_lane(lane)


class PerLoop(Generic[_P]):
    """What holds connections, one for each event loop.

    ``disown`` is called in a child process for those of its parent, which are kept from then on; it shall
    see to it that they are not closed when the child ends.
    """

    def __init__(self, make: Callable[[], _P], disown: Callable[[_P], object] = lambda _: None) -> None:
        self._make = make
        self._disown = disown
        self._forks = _forks
        _HOLDERS.add(self)
        self._loops: dict[asyncio.AbstractEventLoop, _P] = {}

    def get(self) -> _P:
        """The one of the running loop, made when it is the first time."""
        loop = asyncio.get_running_loop()
        if self._forks != _forks:
            self.leave_parents()
        found = self._loops.get(loop)
        if found is None:
            # What belongs to a loop that was closed without it is of no use to anybody.
            self._loops = {known: old for known, old in self._loops.items() if not known.is_closed()}
            found = self._loops[loop] = self._make()
        return found

    def pop(self) -> _P | None:
        """The one of the running loop, which is then no longer here; None when there is none."""
        if self._forks != _forks:
            self.leave_parents()
        return self._loops.pop(asyncio.get_running_loop(), None)

    def leave_parents(self) -> None:
        """In a child process: forget what its parent holds."""
        for theirs in self._loops.values():
            self._disown(theirs)
        _ABANDONED.append(self._loops)
        self._loops, self._forks = {}, _forks

"""Small pools for each lane: how many, for how long, and whose."""

from __future__ import annotations

import asyncio

import pytest

from alarm_dispatch.testing import VirtualClock
from alarm_dispatch.transports import pools as pools_module
from alarm_dispatch.transports.pools import LanePools


class _Pools:
    """Pools that are numbers, and which of them were closed."""

    def __init__(self, *, room: int = 2, idle_for: float = 30.0, max_lanes: int = 4096) -> None:
        self.made = 0
        self.closed: list[int] = []
        self.failing: set[int] = set()
        self.lanes: LanePools[str, int] = LanePools(
            self._make, self._close, room=room, idle_for=idle_for, max_lanes=max_lanes
        )

    def _make(self, _key: str) -> int:
        self.made += 1
        return self.made

    async def _close(self, pool: int) -> None:
        self.closed.append(pool)
        if pool in self.failing:
            raise OSError("the connection is broken")

    async def use(self, key: str) -> int:
        """The pool that one short request gets."""
        async with self.lanes.pool(key) as pool:
            return pool

    async def hold(self, key: str, seconds: float, used: list[int]) -> None:
        """A request that takes some time."""
        async with self.lanes.pool(key) as pool:
            used.append(pool)
            await asyncio.sleep(seconds)


def test_a_lane_keeps_its_pool_and_shares_it_with_no_other() -> None:
    """One receiver's connections are nobody else's."""

    async def scenario() -> None:
        pools = _Pools()
        assert [await pools.use(key) for key in ("a", "b", "a", "b")] == [1, 2, 1, 2]
        assert pools.closed == []

    VirtualClock().run(scenario())


def test_a_full_lane_gets_one_pool_more() -> None:
    """Each pool carries as many requests as it has room for, and room that is free again is used first."""

    async def scenario() -> None:
        pools = _Pools(room=2)
        used: list[int] = []
        async with asyncio.TaskGroup() as tasks:
            for seconds in (1, 9, 9, 9, 9):
                tasks.create_task(pools.hold("a", seconds, used))
            await asyncio.sleep(2)
            used.append(await pools.use("a"))
        assert used == [1, 1, 2, 2, 3, 1]
        assert pools.closed == []

    VirtualClock().run(scenario())


def test_a_failed_request_gives_its_room_back() -> None:
    """Whatever it ended with."""

    async def scenario() -> None:
        pools = _Pools(room=1)
        for error in (OSError("x"), asyncio.CancelledError()):
            with pytest.raises(type(error)):
                async with pools.lanes.pool("a"):
                    raise error
        assert await pools.use("a") == 1

    VirtualClock().run(scenario())


def test_an_idle_lane_loses_its_pools_when_others_send() -> None:
    """All of its pools are closed, and it gets a new one when it is needed again."""

    async def scenario() -> None:
        pools = _Pools(room=1, idle_for=30)
        await asyncio.gather(*(pools.hold("a", 1, []) for _ in range(2)))
        await asyncio.sleep(30)
        await pools.use("b")
        assert pools.closed == [1, 2]
        assert await pools.use("a") == 4

    VirtualClock().run(scenario())


@pytest.mark.parametrize(("pause", "closed"), [(29.0, []), (30.0, []), (30.5, [1])])
def test_a_lane_is_idle_after_a_time(pause: float, closed: list[int]) -> None:
    """It is counted from the beginning of its last request."""

    async def scenario() -> None:
        pools = _Pools(idle_for=30)
        await pools.use("a")
        await asyncio.sleep(pause)
        await pools.use("b")
        assert pools.closed == closed

    VirtualClock().run(scenario())


def test_a_lane_in_use_is_not_closed() -> None:
    """However long its request takes."""

    async def scenario() -> None:
        pools = _Pools(idle_for=30)
        used: list[int] = []
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(pools.hold("a", 100, used))
            await asyncio.sleep(60)
            await pools.use("b")
            assert pools.closed == []
        await pools.use("b")
        assert pools.closed == [1]

    VirtualClock().run(scenario())


def test_the_lane_that_was_used_longest_ago_goes_when_there_are_too_many() -> None:
    """The number of lanes that are kept has a bound."""

    async def scenario() -> None:
        pools = _Pools(max_lanes=2)
        for key in ("a", "b", "a", "c"):
            await pools.use(key)
        assert pools.closed == [2]
        assert await pools.use("a") == 1

    VirtualClock().run(scenario())


def test_a_lane_that_was_closed_meanwhile_is_no_mistake() -> None:
    """Closing everything does not wait for a request, which then ends as it would have."""

    async def scenario() -> None:
        pools = _Pools()
        async with pools.lanes.pool("a"):
            await pools.lanes.aclose()
            assert pools.closed == [1]
        assert await pools.use("a") == 2

    VirtualClock().run(scenario())


def test_a_pool_that_fails_to_close_harms_no_request() -> None:
    """The reply that another lane's request has is not lost for it, and the other pools are closed too."""

    async def scenario() -> None:
        pools = _Pools(room=1, idle_for=30)
        pools.failing = {1, 4}
        await asyncio.gather(*(pools.hold("a", 1, []) for _ in range(2)))
        await asyncio.sleep(31)
        assert await pools.use("b") == 3
        assert pools.closed == [1, 2]
        await pools.use("c")
        await pools.lanes.aclose()
        assert pools.closed == [1, 2, 3, 4]

    VirtualClock().run(scenario())


def test_each_loop_has_pools_of_its_own() -> None:
    """A connection belongs to the loop that opened it, and each loop closes its own."""
    pools = _Pools()
    clock = VirtualClock()
    one, other = clock.new_event_loop(), clock.new_event_loop()
    try:
        assert one.run_until_complete(pools.use("a")) == 1
        assert other.run_until_complete(pools.use("a")) == 2
        assert one.run_until_complete(pools.use("a")) == 1
        one.run_until_complete(pools.lanes.aclose())
        assert pools.closed == [1]
        assert other.run_until_complete(pools.use("a")) == 2
        other.run_until_complete(pools.lanes.aclose())
        assert pools.closed == [1, 2]
        other.run_until_complete(pools.lanes.aclose())
        assert pools.closed == [1, 2]
    finally:
        one.close()
        other.close()


def test_a_child_process_leaves_its_parents_pools_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """They are neither used nor closed nor collected, since they are the parent's connections."""
    abandoned: list[object] = []
    monkeypatch.setattr(pools_module, "_ABANDONED", abandoned)

    async def scenario() -> None:
        pools = _Pools()
        await pools.use("a")
        parents = pools.lanes._loops
        monkeypatch.setattr(pools_module, "_forks", 1)
        await pools.lanes.aclose()
        assert pools.closed == []
        assert await pools.use("a") == 2
        assert abandoned == [parents]
        assert await pools.use("a") == 2
        await pools.lanes.aclose()
        assert pools.closed == [2]

    VirtualClock().run(scenario())

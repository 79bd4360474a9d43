"""What holds connections for each event loop, seen from a child process."""

from __future__ import annotations

import asyncio
import itertools

from alarm_dispatch.transports import pools
from alarm_dispatch.transports.pools import PerLoop


def test_a_child_process_disowns_what_its_parent_holds(monkeypatch):
    """It gets one of its own, and does not take out its parent's either."""
    disowned: list[int] = []
    held = PerLoop(itertools.count(1).__next__, disowned.append)

    async def main() -> tuple[int, int, int | None]:
        parents = held.get()
        monkeypatch.setattr(pools, "_forks", 1)
        own = held.get()
        monkeypatch.setattr(pools, "_forks", 2)
        return parents, own, held.pop()

    assert asyncio.run(main()) == (1, 2, None)
    assert disowned == [1, 2]


def test_a_child_process_disowns_at_once(monkeypatch):
    """Also what it never uses, as its garbage collection would close that."""
    disowned: list[int] = []
    held = PerLoop(itertools.count(1).__next__, disowned.append)
    monkeypatch.setattr(pools, "_HOLDERS", {held})
    monkeypatch.setattr(pools, "_forks", pools._forks)

    async def main() -> None:
        held.get()
        pools._count_fork()

    asyncio.run(main())

    assert disowned == [1]

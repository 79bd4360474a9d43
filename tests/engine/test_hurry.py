"""Fatal alarms in a storm: the engine takes fewer requests at a time while they come."""

from __future__ import annotations

import asyncio

import attrs
import pytest

from alarm_dispatch import AsyncDispatcher
from alarm_dispatch.model import Level

from ..dispatch.alarms import group, numbered


def _storm(virtual_clock, memory_receiver, levels: list[Level], times: list[float]) -> list[bool]:
    """Whether the window is hurried at these times, when alarms of these levels come at the first second."""
    receiver = memory_receiver("delay:2.5:200")

    async def main() -> list[bool]:
        found = []
        async with AsyncDispatcher(transport=receiver.transport, clock=virtual_clock) as dispatcher:
            for number in range(12):
                await dispatcher.submit(numbered(number), group(f"https://r{number}.example/"))
            await asyncio.sleep(1)
            for number, level in enumerate(levels):
                alarm = attrs.evolve(numbered(100 + number), level=level)
                await dispatcher.submit(alarm, group("https://r1.example/", limit=1))
            for time in times:
                await asyncio.sleep(time - virtual_clock.elapsed)
                found.append(dispatcher._running()._queues.window._hurried)
        return found

    hurried: list[bool] = virtual_clock.run(main())
    return hurried


@pytest.mark.parametrize(
    ("level", "hurried"), [(Level.FATAL, [True, True, False]), (Level.WARNING, [False, False, False])]
)
def test_a_fatal_alarm_is_hurried_for_a_second(virtual_clock, memory_receiver, level, hurried):
    """From its submit on; then it is not reckoned with that there is another."""
    assert _storm(virtual_clock, memory_receiver, [level], [1.0, 1.9, 2.2]) == hurried


@pytest.mark.parametrize(("limit", "until"), [(512, [1.0, 1.0, 1.5]), (2, [1.0, 1.0, 1.0])])
def test_fatal_alarms_that_wait_for_each_other_do_not_prolong_it(
    virtual_clock, memory_receiver, limit, until
):
    """In a storm of nothing else there is nothing to hurry past."""
    receiver = memory_receiver("delay:1:200")

    async def main() -> list[float]:
        found = []
        async with AsyncDispatcher(
            transport=receiver.transport, clock=virtual_clock, limit=limit
        ) as dispatcher:
            for number, pause in enumerate((0, 0.5, 0)):
                alarm = attrs.evolve(numbered(number), level=Level.FATAL)
                await dispatcher.submit(alarm, group(f"https://r{number}.example/"))
                found.append(dispatcher._running()._pulse.hurried_until)
                await asyncio.sleep(pause)
        return found

    assert virtual_clock.run(main()) == until

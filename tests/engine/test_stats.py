"""What a dispatcher shows of itself."""

from __future__ import annotations

import asyncio
from typing import Any

import attrs
import pytest

from alarm_dispatch import AlarmGroup, AlarmState, AsyncDispatcher, Callback, Delivery, Dispatcher
from alarm_dispatch.engine import DispatcherStats
from alarm_dispatch.errors import DispatcherClosedError
from alarm_dispatch.limits import Circuit

from ..dispatch.alarms import URL, group, numbered
from ..dispatch.test_faults import _Broken


def figures(stats: DispatcherStats) -> tuple[int, int, int, int, int]:
    """Waiting, in flight, delivered, failed and superseded."""
    return stats.waiting, stats.in_flight, stats.delivered, stats.failed, stats.superseded


def test_a_new_dispatcher_has_done_nothing(virtual_clock, memory_receiver):
    """No lane, no count."""

    async def main() -> DispatcherStats:
        transport = memory_receiver(200).transport
        async with AsyncDispatcher(transport=transport, clock=virtual_clock) as dispatcher:
            return dispatcher.stats()

    assert virtual_clock.run(main()) == DispatcherStats(
        waiting=0, in_flight=0, delivered=0, failed=0, superseded=0, lanes=()
    )


@pytest.mark.parametrize(
    ("at", "whole", "lane"),
    [
        (0.0, (4, 2, 0, 0, 0), (4, 2, 0, 0, 0, None)),
        (0.5, (4, 2, 0, 0, 0), (4, 2, 0, 0, 0, 0.5)),
        (1.5, (3, 2, 1, 0, 0), (3, 2, 1, 0, 0, 1.5)),
        (3.5, (1, 0, 5, 0, 0), (1, 0, 5, 0, 0, 3.5)),
        (7.5, (0, 0, 6, 0, 0), (0, 0, 6, 0, 0, None)),
    ],
)
def test_the_figures_follow_the_deliveries(virtual_clock, memory_receiver, at, whole, lane):
    """Six alarms, two at a time, a second each; the first one fails once and waits 5 s."""
    receiver = memory_receiver("delay:1:500,delay:1:200")

    async def main() -> DispatcherStats:
        async with AsyncDispatcher(transport=receiver.transport, clock=virtual_clock) as dispatcher:
            for number in range(6):
                await dispatcher.submit(numbered(number), group(limit=2))
            await asyncio.sleep(at)
            return dispatcher.stats()

    stats = virtual_clock.run(main())

    (one,) = stats.lanes
    oldest = 0.0 if at == 0 else lane[5]
    assert figures(stats) == whole
    assert (one.waiting, one.in_flight, one.delivered, one.failed, one.superseded) == lane[:5]
    assert one.oldest_waiting == oldest
    assert (one.callback, one.limit, one.circuit) == (f"tencent {URL}", 2, "off")
    assert stats.submitted == 6


def test_all_ends_are_counted(virtual_clock, memory_receiver):
    """Delivered, failed, superseded, what could not be built, and a verification."""
    bad = "https://bad.example/"
    receiver = memory_receiver(200, scripts={bad: 500})

    async def main() -> DispatcherStats:
        async with AsyncDispatcher(transport=receiver.transport, clock=virtual_clock) as dispatcher:
            broken = Callback(URL, format=_Broken(ZeroDivisionError("broken")))
            await dispatcher.submit(numbered(1), AlarmGroup("oncall", callbacks=[broken]))
            await dispatcher.verify(group().callbacks[0])
            await dispatcher.submit(numbered(1), group())
            flapping = group(bad, supersede=True)
            await dispatcher.submit(numbered(2), flapping)
            await asyncio.sleep(1)
            await dispatcher.submit(numbered(2, AlarmState.RESOLVED), flapping)
            assert await dispatcher.drain()
            return dispatcher.stats()

    stats = virtual_clock.run(main())

    assert figures(stats) == (0, 0, 2, 2, 1)
    assert stats.submitted == 5
    assert [figures(lane) for lane in stats.lanes] == [(0, 0, 1, 0, 0), (0, 0, 0, 1, 1)]


def test_a_settled_delivery_is_in_no_other_count(virtual_clock, memory_receiver):
    """Neither for a hook nor for who waited for it; both are told when the engine is done with it."""
    seen: list[tuple[str, Any]] = []

    def look(event: Any) -> None:
        stats = dispatcher.stats()
        kind = "delivery" if isinstance(event, Delivery) else "attempt"
        seen.append((kind, (figures(stats), [figures(lane) for lane in stats.lanes])))

    dispatcher = AsyncDispatcher(
        transport=memory_receiver("500,200").transport, clock=virtual_clock, hooks=[look]
    )

    async def main() -> DispatcherStats:
        async with dispatcher:
            await dispatcher.dispatch(numbered(1), group())
            return dispatcher.stats()

    waiting, delivered = (1, 0, 0, 0, 0), (0, 0, 1, 0, 0)
    assert figures(virtual_clock.run(main())) == delivered
    assert [(kind, whole) for kind, (whole, _) in seen] == [
        ("attempt", waiting),
        ("attempt", delivered),
        ("delivery", delivered),
    ]
    assert seen[-1][1][1] == [delivered]


def test_the_circuit_of_a_lane_is_shown(virtual_clock, memory_receiver):
    """The third attempt at 15 s is the probe of the pause that ends at 14 s."""
    receiver = memory_receiver("500,500,500,200")
    circuit = Circuit(failures=2, pause=9)
    states: list[tuple[float, str]] = []

    async def main() -> None:
        async with AsyncDispatcher(transport=receiver.transport, clock=virtual_clock) as dispatcher:
            await dispatcher.submit(numbered(1), group(circuit=circuit))
            for at in (1, 6, 13.9, 14.0, 16, 100):
                await asyncio.sleep(at - virtual_clock.elapsed)
                states.append((at, str(dispatcher.stats().lanes[0].circuit)))

    virtual_clock.run(main())

    assert states == [
        (1, "closed"),
        (6, "open"),
        (13.9, "open"),
        (14.0, "half-open"),
        (16, "open"),
        (100, "half-open"),
    ]


def test_a_closed_dispatcher_shows_nothing(virtual_clock, memory_receiver):
    """It says that it is closed."""

    async def main() -> None:
        dispatcher = AsyncDispatcher(transport=memory_receiver(200).transport, clock=virtual_clock)
        await dispatcher.close()
        with pytest.raises(DispatcherClosedError):
            dispatcher.stats()

    virtual_clock.run(main())
    synchronous = Dispatcher(transport=memory_receiver(200).transport)
    synchronous.close()
    with pytest.raises(DispatcherClosedError):
        synchronous.stats()


def test_the_synchronous_dispatcher_shows_the_same(memory_receiver):
    """From any thread, also from a hook."""
    seen: list[DispatcherStats] = []

    with Dispatcher(
        transport=memory_receiver(200).transport, hooks=[lambda _event: seen.append(dispatcher.stats())]
    ) as dispatcher:
        assert dispatcher.dispatch(numbered(1), group()).ok
        assert figures(dispatcher.stats()) == (0, 0, 1, 0, 0)

    assert [figures(stats) for stats in seen] == [(0, 0, 1, 0, 0), (0, 0, 1, 0, 0)]


def test_the_figures_are_frozen(virtual_clock, memory_receiver):
    """They are of one moment."""

    async def main() -> None:
        transport = memory_receiver(200).transport
        async with AsyncDispatcher(transport=transport, clock=virtual_clock) as dispatcher:
            with pytest.raises(attrs.exceptions.FrozenInstanceError):
                dispatcher.stats().waiting = 3  # type: ignore[misc]

    virtual_clock.run(main())

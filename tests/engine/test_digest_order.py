"""What is gathered and what is sent by itself: in which order the same receiver has it."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from alarm_dispatch import AlarmGroup, AlarmState, AsyncDispatcher, Callback
from alarm_dispatch.testing import MemoryReceiver

from ..dispatch.alarms import numbered
from .digested import URL, Lines, gathering, told

TRIGGERED, RESOLVED = AlarmState.TRIGGERED, AlarmState.RESOLVED


@pytest.fixture
def dispatching(virtual_clock):
    """Runs a coroutine function with a dispatcher to a scripted receiver, on the virtual clock."""

    def run(main: Any, script: str = "200", **settings: Any) -> MemoryReceiver:
        receiver = MemoryReceiver(script, now=virtual_clock.now)

        async def with_dispatcher() -> None:
            async with AsyncDispatcher(
                transport=receiver.transport, clock=virtual_clock, **settings
            ) as dispatcher:
                await main(dispatcher)

        virtual_clock.run(with_dispatcher())
        return receiver

    return run


def test_a_message_waits_for_those_before_it(dispatching):
    """So that resolved never overtakes triggered, whatever they share their messages with."""

    async def main(dispatcher: AsyncDispatcher) -> None:
        for number in range(2):
            await dispatcher.submit(numbered(number), gathering())
        await asyncio.sleep(31)
        await dispatcher.submit(numbered(0, AlarmState.RESOLVED), gathering(window=1.0))
        await dispatcher.drain()

    receiver = dispatching(main, "500,500,200")

    assert told(receiver) == [["alarm-0:triggered", "alarm-1:triggered"]] * 3 + [["alarm-0:resolved"]]
    assert receiver.arrivals == (0.0, 5.0, 15.0, 15.0)


def test_several_states_of_an_alarm_are_told_in_their_order(dispatching):
    """Also where newer notifications supersede older ones: within a window nothing is left out."""

    async def main(dispatcher: AsyncDispatcher) -> None:
        group = gathering(supersede=True)
        for state in (AlarmState.TRIGGERED, AlarmState.RESOLVED):
            await dispatcher.submit(numbered(0, state), group)
        await dispatcher.drain()
        await dispatcher.submit(numbered(1), group)
        await dispatcher.drain()

    receiver = dispatching(main)

    assert told(receiver) == [["alarm-0:triggered", "alarm-0:resolved"], ["alarm-1:triggered"]]


@pytest.mark.parametrize(
    ("steps", "arrivals"),
    [
        # The windows of the groups to which it is told, and when; None is none.
        ([(0, "a", 30.0, TRIGGERED), (5, "a", None, RESOLVED)], (0.0, 0.0)),
        ([(0, "a", 30.0, TRIGGERED), (5, "b", 2.0, RESOLVED)], (0.0, 2.0)),
        ([(0, "a", 2.0, TRIGGERED), (3, "a", None, RESOLVED)], (0.0, 5.0)),
        ([(0, "a", None, TRIGGERED), (1, "a", 2.0, RESOLVED)], (0.0, 5.0)),
        ([(0, "a", 2.0, TRIGGERED), (3, "b", None, RESOLVED), (4, "a", 1.0, TRIGGERED)], (0.0, 5.0, 5.0)),
    ],
)
def test_resolved_overtakes_triggered_in_no_window(dispatching, steps, arrivals):
    """Nor past one: what is sent by itself waits for what was gathered, and the other way round."""
    callback = Callback(URL, format=Lines(), name="robot")
    failing = "200" if arrivals[1] < 5 else "500,200"

    async def main(dispatcher: AsyncDispatcher) -> None:
        now = 0.0
        for when, name, window, state in steps:
            await asyncio.sleep(when - now)
            now = when
            await dispatcher.submit(numbered(0, state), AlarmGroup(name, callbacks=callback, window=window))
        await dispatcher.drain()
        assert not dispatcher._backlog.count

    receiver = dispatching(main, failing)

    found = told(receiver)[len(failing) // 4 :]
    assert found == [[f"alarm-0:{state}"] for *_, state in steps]
    assert receiver.arrivals[: len(arrivals)] == arrivals


def test_a_window_holds_up_no_other_alarm(dispatching):
    """Without a window, to the same receiver."""

    async def main(dispatcher: AsyncDispatcher) -> None:
        await dispatcher.submit(numbered(0), gathering())
        await dispatcher.submit(numbered(1), gathering(window=None))
        await dispatcher.drain()

    receiver = dispatching(main)

    assert told(receiver) == [["alarm-1:triggered"], ["alarm-0:triggered"]]
    assert receiver.arrivals == (0.0, 30.0)


def test_figures_count_deliveries_and_not_messages(dispatching):
    """Those in flight, those behind them, and how long the oldest has waited."""
    seen = []

    async def main(dispatcher: AsyncDispatcher) -> None:
        for number in range(3):
            await dispatcher.submit(numbered(number), gathering(window=1.0))
        await asyncio.sleep(2)
        for number in (4, 5):
            await dispatcher.submit(numbered(number), gathering(window=1.0))
            await asyncio.sleep(0.75)
        seen.append(dispatcher.stats())
        await dispatcher.close(timeout=0)

    dispatching(main, "timeout")

    (stats,) = seen
    assert (stats.in_flight, stats.waiting) == (3, 2)
    assert (stats.lanes[0].in_flight, stats.lanes[0].waiting) == (3, 2)
    assert stats.lanes[0].oldest_waiting == 1.5

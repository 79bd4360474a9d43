"""Who waits for whom: the limit of a lane, and the order of one alarm's notifications."""

from __future__ import annotations

import asyncio

import attrs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alarm_dispatch import AlarmState, AsyncDispatcher
from alarm_dispatch.exchange import Reply, Request
from alarm_dispatch.testing import MemoryReceiver, VirtualClock

from .alarms import group, numbered


def test_resolved_never_overtakes_triggered(virtual_clock, memory_receiver):
    """Also when triggered waits for a retry; other alarms go on meanwhile."""
    receiver = memory_receiver("500,200")
    one_group = group()

    async def main() -> None:
        async with AsyncDispatcher(transport=receiver.transport, clock=virtual_clock) as dispatcher:
            handles = [
                await dispatcher.submit(alarm, one_group)
                for alarm in (numbered(1), numbered(1, AlarmState.RESOLVED), numbered(2))
            ]
            assert all([(await handle.result()).ok for handle in handles])

    virtual_clock.run(main())

    statuses = [(request.json()["alarmStatus"], request.at) for request in receiver.requests]
    assert statuses == [(1, 0.0), (1, 0.0), (1, 5.0), (0, 5.0)]


def test_a_failed_delivery_lets_the_next_of_its_alarm_go(virtual_clock, memory_receiver):
    """After the last attempt the resolution is sent all the same."""
    receiver = memory_receiver("500,500,500,200")

    async def main() -> list[bool]:
        async with AsyncDispatcher(transport=receiver.transport, clock=virtual_clock) as dispatcher:
            one_group = group()
            first = await dispatcher.submit(numbered(1), one_group)
            second = await dispatcher.submit(numbered(1, AlarmState.RESOLVED), one_group)
            return [(await handle.result()).ok for handle in (first, second)]

    assert virtual_clock.run(main()) == [False, True]


@pytest.mark.parametrize("limit", [1, 3, 8])
def test_a_lane_keeps_its_limit_of_requests_in_flight(virtual_clock, limit):
    """Never more than the limit at a time, and always that many while there is work."""
    now, most = 0, 0

    async def slow(_request: Request) -> Reply:
        nonlocal now, most
        now += 1
        most = max(most, now)
        await asyncio.sleep(1)
        now -= 1
        return Reply(status_code=200)

    async def main() -> None:
        transport = MemoryReceiver(slow).transport
        async with AsyncDispatcher(transport=transport, clock=virtual_clock) as dispatcher:
            one_group = group(limit=limit)
            handles = [await dispatcher.submit(numbered(number), one_group) for number in range(24)]
            for handle in handles:
                await handle.result()

    virtual_clock.run(main())

    assert most == limit
    assert virtual_clock.elapsed == 24 / limit


def test_a_waiting_delivery_holds_no_place_in_the_lane(virtual_clock, memory_receiver):
    """With a limit of one, a second alarm is sent while the first waits for its retry."""
    receiver = memory_receiver("500,200")

    async def main() -> None:
        async with AsyncDispatcher(transport=receiver.transport, clock=virtual_clock) as dispatcher:
            one_group = group(limit=1)
            first = await dispatcher.submit(numbered(1), one_group)
            second = await dispatcher.submit(numbered(2), one_group)
            assert (await second.result()).ok
            assert not first.done()
            assert (await first.result()).ok

    virtual_clock.run(main())

    receiver.assert_arrivals([0, 0, 5])


def test_the_same_receiver_is_one_lane_wherever_it_is_written(virtual_clock, memory_receiver):
    """Groups that are loaded anew keep the order, since the lane is the receiver's."""
    receiver = memory_receiver("500,200")

    async def main() -> None:
        async with AsyncDispatcher(transport=receiver.transport, clock=virtual_clock) as dispatcher:
            await dispatcher.submit(numbered(1), group())
            handle = await dispatcher.submit(numbered(1, AlarmState.RESOLVED), group())
            await handle.result()

    virtual_clock.run(main())

    assert [request.json()["alarmStatus"] for request in receiver.requests] == [1, 1, 0]


@settings(deadline=None)
@given(
    script=st.lists(st.sampled_from(["200", "500", "timeout", "reset"]), min_size=1, max_size=12),
    alarms=st.lists(st.integers(1, 3), min_size=1, max_size=10),
    limit=st.integers(1, 3),
)
def test_any_receiver_gets_each_alarm_in_the_order_of_submission(script, alarms, limit):
    """Whatever the answers, the last notification of an alarm is also the last that arrives."""
    clock = VirtualClock()
    receiver = MemoryReceiver(script)

    async def main() -> None:
        async with AsyncDispatcher(transport=receiver.transport, clock=clock) as dispatcher:
            one_group = group(limit=limit)
            handles = [
                await dispatcher.submit(attrs.evolve(numbered(number), duration=index), one_group)
                for index, number in enumerate(alarms)
            ]
            reports = [await handle.result() for handle in handles]
            assert all(len(report.deliveries) == 1 for report in reports)
            alarm_of.update({report.deliveries[0].id: report.alarm_id for report in reports})

    alarm_of: dict[str, str] = {}
    clock.run(main())

    arrived: dict[str, list[int]] = {}
    for request in receiver.requests:
        body = request.json()
        arrived.setdefault(alarm_of[body["sessionId"]], []).append(body["durationTime"])
    assert all(durations == sorted(durations) for durations in arrived.values())
    assert set(arrived) == {f"alarm-{number}" for number in alarms}

"""A storm through the whole engine: limits, levels, dead receivers, and what waiting costs."""

from __future__ import annotations

import asyncio

import attrs
import pytest

from alarm_dispatch import AsyncDispatcher, Dispatcher, RetrySchedule
from alarm_dispatch.exchange import Reply, Request
from alarm_dispatch.model import Level
from alarm_dispatch.testing import MemoryReceiver

from ..dispatch.alarms import group, numbered
from .made import LEVELS, Gauge, levelled


@pytest.mark.parametrize("limit", [1, 2, 3, 16, 100])
def test_the_process_has_its_limit(virtual_clock, limit):
    """Never more in flight over all callbacks, and while there is work never less than half of it."""
    gauge = Gauge()

    async def main() -> None:
        async with AsyncDispatcher(transport=gauge.transport, clock=virtual_clock, limit=limit) as dispatcher:
            for number in range(400):
                await dispatcher.submit(numbered(number), group(f"https://r{number % 40}.example/"))
            assert await dispatcher.drain()

    virtual_clock.run(main())

    assert gauge.most <= limit
    assert len(gauge.seen) == 400
    assert virtual_clock.elapsed <= 2 * 400 / limit + 10


def test_each_lane_has_its_limit_beside_the_others(virtual_clock):
    """Whatever limits the other callbacks have."""
    gauge = Gauge()
    limits = {f"https://r{limit}.example/": limit for limit in (1, 3, 8)}

    async def main() -> None:
        async with AsyncDispatcher(transport=gauge.transport, clock=virtual_clock) as dispatcher:
            for number in range(72):
                for url, limit in limits.items():
                    await dispatcher.submit(numbered(number), group(url, limit=limit))
            assert await dispatcher.drain()

    virtual_clock.run(main())

    assert gauge.most_of == limits


def test_fatal_goes_before_warning_and_warning_before_the_rest(virtual_clock, memory_receiver):
    """By 64, 16 and 5 of 85, so that the rest goes on too."""
    receiver = memory_receiver("delay:1:200")
    names = {level: f"level-{level}" for level in LEVELS}

    async def main() -> None:
        async with AsyncDispatcher(transport=receiver.transport, clock=virtual_clock) as dispatcher:
            for level in reversed(LEVELS):
                for number in range(100):
                    alarm = attrs.evolve(levelled(number, level), id=f"{names[level]}-{number}")
                    handle = await dispatcher.submit(alarm, group(limit=1))
                    ids.setdefault(names[level], []).append(handle)
            assert await dispatcher.drain()
            for name, handles in ids.items():
                for handle in handles:
                    level_of[(await handle.result()).deliveries[0].id] = name

    ids: dict[str, list[object]] = {}
    level_of: dict[str, str] = {}
    virtual_clock.run(main())

    sent = [level_of[request.json()["sessionId"]] for request in receiver.requests]
    first = sent[1:86]  # one of the rest was in flight before the others came
    counts = [first.count(names[level]) for level in LEVELS]
    assert counts == pytest.approx([64, 16, 5], abs=1)
    assert [sent.count(name) for name in names.values()] == [100] * 3


@pytest.mark.parametrize("level", [None, *LEVELS])
def test_an_alarm_without_a_level_goes_with_the_rest(virtual_clock, memory_receiver, level):
    """Any level is delivered."""

    async def main() -> bool:
        transport = memory_receiver(200).transport
        async with AsyncDispatcher(transport=transport, clock=virtual_clock) as dispatcher:
            return (await dispatcher.dispatch(levelled(1, level), group(format="aliyun"))).failed == ()

    virtual_clock.run(main())


@pytest.mark.parametrize("lanes", [1, 50])
def test_a_fatal_alarm_is_the_next_that_is_sent(virtual_clock, memory_receiver, lanes):
    """Whatever is queued, over all callbacks or for this one."""
    receiver = memory_receiver("delay:1:200")
    target = f"https://r{lanes - 1}.example/"

    async def main() -> float:
        async with AsyncDispatcher(transport=receiver.transport, clock=virtual_clock, limit=8) as dispatcher:
            for number in range(1_000):
                url = f"https://r{number % lanes}.example/"
                await dispatcher.submit(levelled(number, Level.INFO), group(url))
            await asyncio.sleep(60.5)
            assert (await dispatcher.dispatch(levelled(9_999, Level.FATAL), group(target))).ok
            took = virtual_clock.elapsed - 60.5
            await dispatcher.close(timeout=0)
            return took

    assert virtual_clock.run(main()) == 1.5


def test_dead_receivers_do_not_slow_the_others(virtual_clock):
    """A tenth of 1,000 callbacks accept and never answer; the others do not notice it."""
    urls = [f"https://r{number}.example/" for number in range(1_000)]
    gauge = Gauge(seconds=0.0, silent=urls[::10])
    healthy = [url for url in urls if url not in urls[::10]]

    async def main() -> None:
        async with AsyncDispatcher(transport=gauge.transport, clock=virtual_clock) as dispatcher:
            handles = {url: [] for url in urls}
            for number in range(20):
                for url in urls:
                    handles[url].append(await dispatcher.submit(numbered(number), group(url)))
            for url in healthy:
                for handle in handles[url]:
                    assert (await handle.result()).ok
            assert virtual_clock.elapsed == 0.0
            stats = dispatcher.stats()
            assert (stats.delivered, stats.waiting + stats.in_flight) == (18_000, 2_000)
            assert stats.in_flight <= 256
            await dispatcher.close(timeout=0)

    virtual_clock.run(main())

    assert {gauge.most_of[url] for url in urls[::10]} <= set(range(1, 9))


def test_one_dead_receiver_has_its_own_limit_only(virtual_clock, memory_receiver):
    """It holds its requests to the end of their timeouts, while another gets hundreds."""
    dead = "https://dead.example/"
    receiver = memory_receiver(200, scripts={dead: "timeout"})

    async def main() -> None:
        async with AsyncDispatcher(transport=receiver.transport, clock=virtual_clock) as dispatcher:
            for number in range(300):
                await dispatcher.submit(numbered(number), group(dead))
            handles = [await dispatcher.submit(numbered(number), group()) for number in range(300)]
            for handle in handles:
                assert (await handle.result()).ok
            assert virtual_clock.elapsed == 0.0
            assert dispatcher.stats().in_flight == 8
            await dispatcher.close(timeout=0)

    virtual_clock.run(main())


def test_a_receiver_that_comes_back_is_served_at_once(virtual_clock):
    """Its share of the places is that of those that answer, from its first answer on."""
    alive = asyncio.Event()

    async def answer(_request: Request) -> Reply:
        await alive.wait()
        return Reply(status_code=200)

    async def main() -> float:
        transport = MemoryReceiver(answer).transport
        async with AsyncDispatcher(transport=transport, clock=virtual_clock, timeout=3) as dispatcher:
            for number in range(500):
                await dispatcher.submit(numbered(number), group())
            await asyncio.sleep(2)
            alive.set()
            assert await dispatcher.drain()
            assert dispatcher.stats().delivered == 500
            return virtual_clock.elapsed

    assert virtual_clock.run(main()) == 2.0


def test_what_waits_for_a_retry_holds_no_task_and_no_place(virtual_clock, memory_receiver):
    """Two thousand of them are entries in a heap."""
    receiver = memory_receiver("500,200")

    async def main() -> None:
        async with AsyncDispatcher(transport=receiver.transport, clock=virtual_clock, limit=4) as dispatcher:
            for number in range(2_000):
                await dispatcher.submit(numbered(number), group(f"https://r{number}.example/"))
            await asyncio.sleep(1)
            stats = dispatcher.stats()
            assert (stats.waiting, stats.in_flight) == (2_000, 0)
            assert asyncio.all_tasks() == {asyncio.current_task()}
            assert all(lane.in_flight == 0 for lane in stats.lanes)
            loop = asyncio.get_running_loop()
            timers = loop._scheduled  # type: ignore[attr-defined]  # cancelled ones too, until it tidies up
            assert sum(not timer.cancelled() for timer in timers) <= 3
            assert await dispatcher.drain()
            assert dispatcher.stats().delivered == 2_000

    virtual_clock.run(main())


def test_tasks_are_no_more_than_requests_in_flight(virtual_clock):
    """However much is queued."""
    gauge, most = Gauge(), 0

    async def main() -> None:
        nonlocal most
        async with AsyncDispatcher(transport=gauge.transport, clock=virtual_clock) as dispatcher:
            for number in range(500):
                await dispatcher.submit(numbered(number), group(limit=5))
            while dispatcher.stats().submitted != dispatcher.stats().delivered:
                most = max(most, len(asyncio.all_tasks()))
                await asyncio.sleep(0.25)

    virtual_clock.run(main())

    assert most <= 1 + 5
    assert virtual_clock.elapsed == pytest.approx(100, abs=0.25)


@pytest.mark.parametrize("limit", [1, 8])
def test_the_order_of_an_alarm_holds_under_retries(virtual_clock, memory_receiver, limit):
    """Five notifications of each of three alarms; every receiver's first answers are failures."""
    receiver = memory_receiver("500,timeout,reset,500,200,500,200")
    schedule = RetrySchedule(attempts=10, delays=(1, 2))

    async def main() -> None:
        async with AsyncDispatcher(transport=receiver.transport, clock=virtual_clock) as dispatcher:
            one_group = group(limit=limit, schedule=schedule)
            for step in range(5):
                for number in range(3):
                    alarm = attrs.evolve(numbered(number), duration=10 * number + step)
                    await dispatcher.submit(alarm, one_group)
            assert await dispatcher.drain()
            assert dispatcher.stats().delivered == 15

    virtual_clock.run(main())

    durations = [request.json()["durationTime"] for request in receiver.requests]
    for number in range(3):
        of_alarm = [duration for duration in durations if duration // 10 == number]
        assert of_alarm == sorted(of_alarm)
        assert len(set(of_alarm)) == 5


def test_a_verification_waits_for_nobody(virtual_clock, memory_receiver):
    """Neither for its lane's limit, nor its rate, nor its circuit, nor the limit of the process."""
    dead = memory_receiver("timeout")
    alive = MemoryReceiver(200)

    async def main() -> None:
        async with AsyncDispatcher(transport=dead.transport, clock=virtual_clock, limit=1) as dispatcher:
            for number in range(3):
                await dispatcher.submit(numbered(number), group(limit=1, rate="1/60", circuit=True))
            callback = attrs.evolve(group().callbacks[0], transport=alive.transport)
            assert (await dispatcher.verify(callback)).ok
            assert virtual_clock.elapsed == 0.0
            assert dispatcher.stats().in_flight == 1
            await dispatcher.close(timeout=0)

    virtual_clock.run(main())


def test_a_hook_may_submit(virtual_clock, memory_receiver):
    """The one of a synchronous dispatcher at once, that of an asynchronous one in a task."""
    sent: list[object] = []

    def again(event: object) -> None:
        if hasattr(event, "attempts") and len(sent) < 5:
            sent.append(dispatcher.submit(numbered(100 + len(sent)), group()))

    with Dispatcher(
        transport=memory_receiver(200).transport, clock=virtual_clock, hooks=[again]
    ) as dispatcher:
        assert dispatcher.dispatch(numbered(1), group()).ok
        while len(sent) < 5:
            assert dispatcher.drain()
        assert dispatcher.drain()
        assert dispatcher.stats().delivered == 6

    tasks: list[asyncio.Task[object]] = []

    def later(event: object) -> None:
        if hasattr(event, "attempts") and len(tasks) < 5:
            tasks.append(asyncio.ensure_future(asynchronous.submit(numbered(len(tasks)), group())))

    asynchronous = AsyncDispatcher(
        transport=memory_receiver(200).transport, clock=virtual_clock, hooks=[later]
    )

    async def main() -> None:
        async with asynchronous:
            await asynchronous.dispatch(numbered(100), group())
            await asyncio.sleep(1)
            assert asynchronous.stats().delivered == 6

    virtual_clock.run(main())


def test_a_hook_may_step_a_submit_by_hand(virtual_clock, memory_receiver):
    """From inside a call of the engine: it is taken in, and the engine goes on where it was."""
    started: list[object] = []

    def again(event: object) -> None:
        if hasattr(event, "attempts") and len(started) < 3:
            call = dispatcher.submit(numbered(100 + len(started)), group())
            started.append(call)
            with pytest.raises(StopIteration):
                call.send(None)

    dispatcher = AsyncDispatcher(transport=memory_receiver(200).transport, clock=virtual_clock, hooks=[again])

    async def main() -> None:
        async with dispatcher:
            for number in range(3):
                await dispatcher.submit(numbered(number), group(max_age=5))
            assert await dispatcher.drain()
            assert dispatcher.stats().delivered == 6

    virtual_clock.run(main())

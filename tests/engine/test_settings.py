"""What a callback may ask for: superseding, a largest age, a rate, a circuit; and what a receiver may."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from email.utils import format_datetime
from typing import Any

import attrs
import pytest

from alarm_dispatch import AlarmState, AsyncDispatcher, Delivery, DispatchReport, RetrySchedule
from alarm_dispatch.errors import DeliveryExpiredError, DispatcherClosedError
from alarm_dispatch.exchange import Reply, Request
from alarm_dispatch.limits import Circuit
from alarm_dispatch.testing import MemoryReceiver, VirtualClock

from ..dispatch.alarms import URL, group, numbered
from .made import ends_of

# -- supersede


def flapping(
    clock: VirtualClock, script: str, times: list[float], **settings: Any
) -> tuple[list[DispatchReport], list[int], list[Any]]:
    """Notifications of one alarm at these times; the reports, what arrived, and what hooks were told."""
    receiver, told = MemoryReceiver(script), list[Any]()

    async def main() -> list[DispatchReport]:
        async with AsyncDispatcher(
            transport=receiver.transport, clock=clock, hooks=[told.append]
        ) as dispatcher:
            handles = []
            for index, at in enumerate(times):
                await asyncio.sleep(at - clock.elapsed)
                alarm = attrs.evolve(numbered(1), duration=index)
                handles.append(await dispatcher.submit(alarm, group(**settings)))
            return [await handle.result() for handle in handles]

    reports = clock.run(main())
    return reports, [request.json()["durationTime"] for request in receiver.requests], told


def test_a_newer_notification_takes_the_place_of_one_that_waits(virtual_clock):
    """The older one is neither delivered nor failed, and its report and the hooks say so."""
    (older, newer), arrived, told = flapping(virtual_clock, "500,200", [0, 1], supersede=True)

    (superseded,) = older.deliveries
    assert (superseded.status, superseded.outcome, superseded.error) == ("superseded", "superseded", None)
    assert [attempt.status_code for attempt in superseded.attempts] == [500]
    assert not older.ok
    assert older.failed == ()
    older.raise_for_failure()
    assert newer.ok
    assert arrived == [0, 1]
    assert ends_of(told) == [superseded, newer.deliveries[0]]
    assert virtual_clock.elapsed == 1.0


def test_what_is_in_flight_is_not_superseded(virtual_clock):
    """It may have arrived; those between it and the newest are dropped."""
    reports, arrived, _ = flapping(virtual_clock, "delay:4:200", [0, 1, 2, 3], supersede=True)

    assert [report.deliveries[0].status for report in reports] == [
        "delivered",
        "superseded",
        "superseded",
        "delivered",
    ]
    assert arrived == [0, 3]


def test_without_supersede_all_are_delivered(virtual_clock):
    """In their order."""
    reports, arrived, _ = flapping(virtual_clock, "500,200", [0, 1, 2])

    assert [report.ok for report in reports] == [True] * 3
    assert arrived == [0, 0, 1, 2]


def test_other_alarms_and_other_callbacks_are_not_superseded(virtual_clock, memory_receiver):
    """A notification takes the place of its own alarm's only, for its own callback only."""
    other = "https://other.example/"
    receiver = memory_receiver("500,200")

    async def main() -> list[str]:
        async with AsyncDispatcher(transport=receiver.transport, clock=virtual_clock) as dispatcher:
            handles = [
                await dispatcher.submit(numbered(1), group(supersede=True)),
                await dispatcher.submit(numbered(2), group(supersede=True)),
                await dispatcher.submit(numbered(1), group(other, supersede=True)),
            ]
            await asyncio.sleep(1)
            handles.append(await dispatcher.submit(numbered(1, AlarmState.RESOLVED), group(supersede=True)))
            return [(await handle.result()).deliveries[0].status for handle in handles]

    assert virtual_clock.run(main()) == ["superseded", "delivered", "delivered", "delivered"]


def test_what_was_superseded_keeps_no_memory(virtual_clock, memory_receiver):
    """An alarm that flaps while its receiver is left alone does not fill the queue or the heap."""

    async def main() -> None:
        transport = memory_receiver("500").transport
        async with AsyncDispatcher(transport=transport, clock=virtual_clock) as dispatcher:
            schedule = RetrySchedule(attempts=9, delays=(3600,))
            parked = group(supersede=True, rate="1/86400", schedule=schedule)
            retried = group("https://other.example/", supersede=True, schedule=schedule)
            for _ in range(5_000):
                await dispatcher.submit(numbered(1), parked)
                await dispatcher.submit(numbered(1), retried)
                await asyncio.sleep(0.001)
            engine = dispatcher._engine
            assert engine is not None
            assert dispatcher.stats().superseded >= 9_990
            assert sum(len(queue) for lane in engine._queues.lanes for queue in lane.ready) < 1_000
            assert len(engine._timers) < 1_000
            await dispatcher.close(timeout=0)

    virtual_clock.run(main())


# -- the largest age


def expired(report: DispatchReport) -> Delivery:
    """The one delivery, which was given up for its age."""
    (delivery,) = report.deliveries
    assert delivery.status == "failed"
    assert isinstance(delivery.error, DeliveryExpiredError)
    return delivery


@pytest.mark.parametrize(
    ("max_age", "attempts", "ends_at"), [(4.9, 1, 0.0), (5.0, 2, 5.0), (14.9, 2, 5.0), (15, 3, 15.0)]
)
def test_a_retry_that_would_come_too_late_is_not_waited_for(
    virtual_clock, memory_receiver, max_age, attempts, ends_at
):
    """The schedule has attempts at 0, 5 and 15 s."""

    async def main() -> DispatchReport:
        transport = memory_receiver(500).transport
        async with AsyncDispatcher(transport=transport, clock=virtual_clock) as dispatcher:
            return await dispatcher.dispatch(numbered(1), group(max_age=max_age))

    report = virtual_clock.run(main())

    delivery = report.deliveries[0]
    assert len(delivery.attempts) == attempts
    assert delivery.attempts[-1].retry_in is None
    assert virtual_clock.elapsed == ends_at
    if attempts < 3:
        assert str(expired(report).error) == f"not delivered within its max_age of {max_age:g} s"
    else:
        assert delivery.error is None


def test_what_is_too_old_when_its_turn_comes_is_not_sent(virtual_clock, memory_receiver):
    """Queued behind others, or behind its alarm's own; what comes after it still goes."""
    receiver = memory_receiver("delay:2:200")

    async def main() -> list[DispatchReport]:
        async with AsyncDispatcher(transport=receiver.transport, clock=virtual_clock) as dispatcher:
            one_group = group(limit=1, max_age=3)
            handles = [await dispatcher.submit(numbered(number // 2), one_group) for number in range(6)]
            await asyncio.sleep(1)
            handles.append(await dispatcher.submit(numbered(9), group(limit=1)))
            assert await dispatcher.drain()
            assert dispatcher._backlog.count == 0
            return [await handle.result() for handle in handles]

    reports = virtual_clock.run(main())

    assert [report.ok for report in reports] == [True, False, True, False, False, False, True]
    assert all(expired(report).attempts == () for report in reports if not report.ok)
    assert len(receiver.requests) == 3


# -- the rate


def test_a_rate_is_kept_with_its_order_and_its_retries(virtual_clock, memory_receiver):
    """Two in any 10 s, the second attempt of the first one among them."""
    receiver = memory_receiver("500,200")

    async def main() -> None:
        async with AsyncDispatcher(transport=receiver.transport, clock=virtual_clock) as dispatcher:
            for number in range(5):
                alarm = attrs.evolve(numbered(number), duration=number)
                await dispatcher.submit(alarm, group(rate="2/10"))
            assert await dispatcher.drain()

    virtual_clock.run(main())

    receiver.assert_arrivals([0, 0, 10, 10, 20, 20])
    assert [request.json()["durationTime"] for request in receiver.requests] == [0, 1, 2, 3, 4, 0]


def test_a_number_is_kept_evenly(virtual_clock, memory_receiver):
    """Two a second is one in any half."""
    receiver = memory_receiver(200)

    async def main() -> None:
        async with AsyncDispatcher(transport=receiver.transport, clock=virtual_clock) as dispatcher:
            for number in range(4):
                await dispatcher.submit(numbered(number), group(rate=2))
            assert await dispatcher.drain()

    virtual_clock.run(main())

    receiver.assert_arrivals([0, 0.5, 1, 1.5])


def test_a_lane_that_waits_for_its_rate_holds_up_no_other(virtual_clock, memory_receiver):
    """And closing ends it at once."""
    receiver = memory_receiver(200)

    async def main() -> list[DispatchReport]:
        async with AsyncDispatcher(transport=receiver.transport, clock=virtual_clock, limit=1) as dispatcher:
            slow = [await dispatcher.submit(numbered(number), group(rate="1/60")) for number in range(3)]
            for number in range(50):
                assert (await dispatcher.dispatch(numbered(number), group("https://other.example/"))).ok
        return [await handle.result(timeout=1) for handle in slow]

    first, *parked = virtual_clock.run(main())

    assert first.ok
    assert all(isinstance(report.deliveries[0].error, DispatcherClosedError) for report in parked)
    assert virtual_clock.elapsed == 0.0


# -- the circuit


def requests_of(receiver: MemoryReceiver) -> list[float]:
    """When the requests came, in virtual seconds."""
    return [carried.at for carried in receiver.transport.requests]


ONCE = RetrySchedule(attempts=1)


def test_after_its_failures_a_receiver_is_left_alone_and_probed(virtual_clock, memory_receiver):
    """One probe after each pause, and all that waited when one of them is confirmed."""
    receiver = memory_receiver("500,500,500,500,200")

    async def main() -> list[str]:
        async with AsyncDispatcher(transport=receiver.transport, clock=virtual_clock) as dispatcher:
            settings = group(limit=1, schedule=ONCE, circuit=Circuit(failures=3, pause=30))
            handles = [await dispatcher.submit(numbered(number), settings) for number in range(8)]
            await asyncio.sleep(10)
            assert dispatcher.stats().lanes[0].circuit == "open"
            await asyncio.sleep(40)
            assert dispatcher.stats().lanes[0].circuit == "open"
            assert await dispatcher.drain()
            assert dispatcher.stats().lanes[0].circuit == "closed"
            return [(await handle.result()).deliveries[0].status for handle in handles]

    statuses = virtual_clock.run(main())

    assert statuses == ["failed"] * 4 + ["delivered"] * 4
    assert requests_of(receiver) == [0, 0, 0, 30, 60, 60, 60, 60]


def test_only_one_request_goes_as_a_probe(virtual_clock, memory_receiver):
    """However many places the lane has, and however long the probe takes."""
    receiver = memory_receiver("500,500,timeout,200")

    async def main() -> None:
        async with AsyncDispatcher(
            transport=receiver.transport, clock=virtual_clock, timeout=20
        ) as dispatcher:
            settings = group(schedule=ONCE, circuit=Circuit(failures=2, pause=10))
            for number in range(2):
                await dispatcher.submit(numbered(number), settings)
            await asyncio.sleep(1)
            for number in range(2, 12):
                await dispatcher.submit(numbered(number), settings)
            assert await dispatcher.drain()

    virtual_clock.run(main())

    assert requests_of(receiver) == [0, 0, 10, 40, *[40] * 8]


def test_attempts_that_the_pause_prevents_are_not_charged(virtual_clock, memory_receiver):
    """A delivery that waits for the pause has all its attempts afterwards."""
    receiver = memory_receiver("500,500,500,200")

    async def main() -> DispatchReport:
        async with AsyncDispatcher(transport=receiver.transport, clock=virtual_clock) as dispatcher:
            settings = group(circuit=Circuit(failures=1, pause=100))
            return await dispatcher.dispatch(numbered(1), settings)

    report = virtual_clock.run(main())

    assert [attempt.number for attempt in report.deliveries[0].attempts] == [1, 2, 3]
    assert requests_of(receiver) == [0, 100, 200]


def test_closing_ends_what_waits_for_a_pause_at_once(virtual_clock, memory_receiver):
    """The pause may be long."""

    async def main() -> list[DispatchReport]:
        transport = memory_receiver(500).transport
        async with AsyncDispatcher(transport=transport, clock=virtual_clock) as dispatcher:
            settings = group(limit=1, schedule=ONCE, circuit=Circuit(failures=1, pause=3600))
            handles = [await dispatcher.submit(numbered(number), settings) for number in range(5)]
            await asyncio.sleep(1)
        return [await handle.result(timeout=1) for handle in handles]

    reports = virtual_clock.run(main())

    assert [len(report.deliveries[0].attempts) for report in reports] == [1, 0, 0, 0, 0]
    assert virtual_clock.elapsed == 1.0


@pytest.mark.parametrize(
    ("dispatchers", "own", "requests"),
    [(None, None, 12), (True, None, 5), (True, False, 12), (False, True, 5), (Circuit(failures=2), None, 2)],
)
def test_the_circuit_is_the_callbacks_or_else_the_dispatchers(
    virtual_clock, memory_receiver, dispatchers, own, requests
):
    """Off by default; True is five failures, and False is none."""
    receiver = memory_receiver(500)

    async def main() -> None:
        async with AsyncDispatcher(
            transport=receiver.transport, clock=virtual_clock, circuit=dispatchers
        ) as dispatcher:
            for number in range(12):
                await dispatcher.submit(numbered(number), group(limit=1, schedule=ONCE, circuit=own))
            await asyncio.sleep(29)

    virtual_clock.run(main())

    assert len(receiver.requests) == requests


def test_an_open_circuit_holds_up_no_other_receiver(virtual_clock, memory_receiver):
    """With one place for all of them."""
    dead = "https://dead.example/"
    receiver = memory_receiver(200, scripts={dead: 500})

    async def main() -> None:
        async with AsyncDispatcher(transport=receiver.transport, clock=virtual_clock, limit=1) as dispatcher:
            for number in range(20):
                await dispatcher.submit(numbered(number), group(dead, circuit=Circuit(failures=1)))
                assert (await dispatcher.dispatch(numbered(number), group())).ok
            assert virtual_clock.elapsed == 0.0

    virtual_clock.run(main())


# -- Retry-After


def asked_to_wait(
    clock: VirtualClock, status: int, value: str | None, **settings: Any
) -> tuple[DispatchReport, list[float]]:
    """What becomes of a delivery whose receiver answers so, always; and when its requests came."""

    def answer(_request: Request) -> Reply:
        headers = () if value is None else (("retry-AFTER", value),)
        return Reply(status_code=status, headers=headers)

    receiver = MemoryReceiver(answer)

    async def main() -> DispatchReport:
        async with AsyncDispatcher(transport=receiver.transport, clock=clock, **settings) as dispatcher:
            return await dispatcher.dispatch(numbered(1), group())

    return clock.run(main()), requests_of(receiver)


@pytest.mark.parametrize(
    ("status", "value", "arrivals", "note"),
    [
        (429, "20", [0, 20, 40], "; Retry-After 20 s"),
        (503, "20", [0, 20, 40], "; Retry-After 20 s"),
        (503, "7", [0, 7, 17], "; Retry-After 7 s"),
        (503, "1", [0, 5, 15], "; Retry-After 1 s"),
        (503, "0", [0, 5, 15], "; Retry-After 0 s"),
        (429, "31536000", [0, 60, 120], "; Retry-After '31536000' capped at 60 s"),
        (429, "soon", [0, 5, 15], "; Retry-After 'soon' ignored"),
        (429, "-5", [0, 5, 15], "; Retry-After '-5' ignored"),
        (429, "", [0, 5, 15], "; Retry-After '' ignored"),
        (429, None, [0, 5, 15], ""),
        (500, "20", [0, 5, 15], ""),
        (502, "20", [0, 5, 15], ""),
        (301, "20", [0, 5, 15], ""),
        (202, "20", [0, 5, 15], ""),
    ],
)
def test_a_busy_receiver_is_given_its_time(virtual_clock, status, value, arrivals, note):
    """On 429 and 503 only; it makes no wait shorter and no attempt more, and is told in the reason."""
    report, times = asked_to_wait(virtual_clock, status, value)

    assert times == arrivals
    first, _second, last = report.deliveries[0].attempts
    assert first.reason == f"status {status}, not 200{note}"
    assert last.reason == f"status {status}, not 200"
    assert last.retry_in is None


def test_a_date_counts_from_now(virtual_clock):
    """By the dispatcher's own clock."""
    value = format_datetime(virtual_clock.now() + timedelta(seconds=30), usegmt=True)

    report, times = asked_to_wait(virtual_clock, 503, value)

    assert times == [0, 30, 40]
    assert report.deliveries[0].attempts[0].reason.endswith("; Retry-After 30 s")
    assert "ignored" not in report.deliveries[0].attempts[1].reason


@pytest.mark.parametrize(("cap", "arrivals"), [(0, [0, 5, 15]), (8.5, [0, 8.5, 18.5]), (100, [0, 90, 180])])
def test_the_cap_is_the_dispatchers(virtual_clock, cap, arrivals):
    """Zero leaves the schedule as it is."""
    _, times = asked_to_wait(virtual_clock, 429, "90", max_retry_after=cap)

    assert times == arrivals


def test_the_wait_of_a_busy_receiver_is_its_own_deliverys(virtual_clock, memory_receiver):
    """Another alarm goes at once, and this one's next waits for it."""

    def answer(request: Request) -> Reply:
        busy = request.attempt == 1 and request.delivery_id.endswith("0")
        return Reply(status_code=429 if busy else 200, headers=(("Retry-After", "30"),))

    receiver = MemoryReceiver(answer)
    ids = iter(f"delivery-{number}" for number in range(10))

    async def main() -> None:
        async with AsyncDispatcher(
            transport=receiver.transport, clock=virtual_clock, new_id=lambda: next(ids)
        ) as dispatcher:
            for number in (1, 1, 2):
                await dispatcher.submit(numbered(number), group(URL))
            assert await dispatcher.drain()

    virtual_clock.run(main())

    sent = [(carried.request.delivery_id, carried.at) for carried in receiver.transport.requests]
    assert sent == [("delivery-0", 0), ("delivery-2", 0), ("delivery-0", 30), ("delivery-1", 30)]


@pytest.mark.parametrize("settings", [{"rate": "1/3600"}, {"circuit": Circuit(failures=1, pause=600)}])
def test_what_is_too_old_ends_while_its_lane_may_not_send(virtual_clock, memory_receiver, settings):
    """It holds no place in the backlog for longer than its age allows."""

    async def main() -> list[float]:
        ended: list[float] = []
        dispatcher = AsyncDispatcher(
            transport=memory_receiver("500").transport,
            clock=virtual_clock,
            hooks=[lambda event: isinstance(event, Delivery) and ended.append(virtual_clock.elapsed)],
        )
        async with dispatcher:
            to = group(max_age=12, schedule=RetrySchedule(attempts=1), **settings)
            for number in (0, 1, 2, 2):
                await dispatcher.submit(numbered(number), to)
                await asyncio.sleep(1)
            assert await dispatcher.drain()
        return ended

    ended = virtual_clock.run(main())

    assert ended[0] == 0.0
    assert ended[1:] == [pytest.approx(13), pytest.approx(14), pytest.approx(15)]


def test_many_that_are_too_old_are_looked_through_now_and_then(virtual_clock, memory_receiver):
    """Not once for each; none is told later than by a sixteenth of its age."""
    ended: list[float] = []

    def note(event: object) -> None:
        if isinstance(event, Delivery) and not event.ok:
            ended.append(virtual_clock.elapsed)

    async def main() -> None:
        dispatcher = AsyncDispatcher(
            transport=memory_receiver("200").transport, clock=virtual_clock, hooks=[note]
        )
        async with dispatcher:
            for number in range(600):
                await dispatcher.submit(numbered(number), group(max_age=16, rate="1/3600"))
                await asyncio.sleep(0.01)
            assert await dispatcher.drain()

    virtual_clock.run(main())

    late = [at - 16 - 0.01 * number for number, at in enumerate(ended, start=1)]
    assert len(late) == 599
    assert min(late) > -0.001
    assert max(late) < 1.001
    assert len(set(ended)) < 300

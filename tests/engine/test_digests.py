"""Alarms of one group within a window: one message, and each delivery has its own end."""

from __future__ import annotations

import asyncio
from typing import Any

import attrs
import pytest

from alarm_dispatch import AlarmGroup, AsyncDispatcher, Callback, Dispatcher
from alarm_dispatch.errors import DeliveryExpiredError, DispatcherClosedError, InvalidFieldError
from alarm_dispatch.exchange import Judgement, Verdict
from alarm_dispatch.model import Level
from alarm_dispatch.testing import MemoryReceiver

from ..dispatch.alarms import numbered
from .digested import URL, Lines, gathering, ids, told
from .made import ends_of


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


def test_alarms_within_the_window_are_one_message(dispatching):
    """It goes when the window ends that the first of them opened; the next window is another message."""
    reports = []

    async def main(dispatcher: AsyncDispatcher) -> None:
        handles = [await dispatcher.submit(numbered(0), gathering())]
        for number in (1, 2, 3):
            await asyncio.sleep(14)
            handles.append(await dispatcher.submit(numbered(number), gathering()))
        reports.extend([await handle.result() for handle in handles])

    receiver = dispatching(main)

    assert told(receiver) == [
        ["alarm-0:triggered", "alarm-1:triggered", "alarm-2:triggered"],
        ["alarm-3:triggered"],
    ]
    assert receiver.arrivals == (0.0, 42.0)  # at 30 s, and 30 s after the one at 42 s
    assert [report.alarm_id for report in reports] == [f"alarm-{number}" for number in range(4)]
    assert all(report.ok for report in reports)


def test_each_delivery_has_its_own_id_and_the_attempts_of_the_message(dispatching):
    """Hooks are told of each, and the message has an id that no delivery has."""
    events: list[Any] = []
    reports = []

    async def main(dispatcher: AsyncDispatcher) -> None:
        handles = [await dispatcher.submit(numbered(number), gathering()) for number in range(2)]
        reports.extend([await handle.result() for handle in handles])

    receiver = dispatching(main, "500,200", hooks=[events.append])

    deliveries = [report.deliveries[0] for report in reports]
    assert [[(one.number, one.verdict.value) for one in each.attempts] for each in deliveries] == [
        [(1, "rejected"), (2, "confirmed")]
    ] * 2
    assert [attempt.delivery_id for each in deliveries for attempt in each.attempts] == [
        each.id for each in deliveries for _ in range(2)
    ]
    assert [event.id for event in ends_of(events)] == [each.id for each in deliveries]
    assert len(ids(receiver)) == 2
    assert len(set(ids(receiver))) == 1
    assert not {*ids(receiver)} & {each.id for each in deliveries}
    assert [request.header("Alarm-Dispatch-Attempt") for request in receiver.requests] == ["1", "2"]


def test_a_message_of_one_alarm_is_that_alarms_delivery(dispatching):
    """It has its id, and is built as it would be without a window."""
    reports = []

    async def main(dispatcher: AsyncDispatcher) -> None:
        reports.append(await dispatcher.dispatch(numbered(1), gathering()))

    receiver = dispatching(main)

    assert ids(receiver) == [reports[0].deliveries[0].id]


def test_what_passes_the_limit_is_several_messages(dispatching):
    """One after the other, and each with its own end."""
    reports = []

    async def main(dispatcher: AsyncDispatcher) -> None:
        group = gathering(format=Lines(most=2))
        handles = [await dispatcher.submit(numbered(number), group) for number in range(5)]
        reports.extend([await handle.result() for handle in handles])

    receiver = dispatching(main, "200,500,500,500,200")

    assert [len(request) for request in told(receiver)] == [2, 2, 2, 2, 1]
    assert [report.ok for report in reports] == [True, True, False, False, True]


def test_an_alarm_that_takes_several_messages_has_them_to_itself(dispatching):
    """Between those of the others, in order; only the message that failed is sent again."""
    reports = []

    async def main(dispatcher: AsyncDispatcher) -> None:
        alarms = [numbered(number) for number in range(3)]
        alarms[1] = attrs.evolve(alarms[1], level=Level.FATAL)
        handles = [await dispatcher.submit(alarm, gathering()) for alarm in alarms]
        reports.extend([await handle.result() for handle in handles])

    receiver = dispatching(main, "200,200,500,200")

    assert told(receiver) == [
        ["alarm-0:triggered"],
        ["alarm-1/1"],
        ["alarm-1/2"],
        ["alarm-1/2"],
        ["alarm-2:triggered"],
    ]
    assert all(report.ok for report in reports)
    assert [attempt.number for attempt in reports[1].deliveries[0].attempts] == [1, 2, 3]


def test_a_format_with_one_alarm_in_a_message_does_not_wait(dispatching):
    """Nor do the callbacks of a group without a window."""
    bare = Callback("https://a.example/", format="tencent", confirmation=lambda _: True)

    async def main(dispatcher: AsyncDispatcher) -> None:
        both = gathering(bare, Callback(URL, format=Lines(), name="robot"))
        await dispatcher.submit(numbered(1), both)
        await dispatcher.submit(numbered(2), gathering(window=None))
        await dispatcher.drain()

    receiver = dispatching(main)

    assert receiver.arrivals == (0.0, 0.0, 30.0)


def test_a_window_ends_early_with_a_hundred_alarms(dispatching):
    """In a storm they would take seconds to be made into messages, in which nothing else is sent."""

    async def main(dispatcher: AsyncDispatcher) -> None:
        for number in range(250):
            await dispatcher.submit(numbered(number), gathering(format=Lines(most=1000)))
        await dispatcher.drain()

    receiver = dispatching(main)

    assert [len(request) for request in told(receiver)] == [100, 100, 50]
    assert receiver.arrivals == (0.0, 0.0, 30.0)


def test_groups_do_not_share_messages(dispatching):
    """Though they tell the same receiver."""
    callback = Callback(URL, format=Lines(), name="robot")

    async def main(dispatcher: AsyncDispatcher) -> None:
        for name in ("a", "b"):
            group = AlarmGroup(name, callbacks=callback, window=10.0)
            for number in range(2):
                await dispatcher.submit(numbered(number), group)
        await dispatcher.drain()

    assert [len(request) for request in told(dispatching(main))] == [2, 2]


def test_what_cannot_be_told_together_is_told_one_by_one(dispatching, caplog):
    """Each could be built by itself, so none is lost."""

    async def main(dispatcher: AsyncDispatcher) -> None:
        for number in range(2):
            await dispatcher.submit(numbered(number), gathering(format=Lines(together=False)))
        await dispatcher.drain()

    assert told(dispatching(main)) == [["alarm-0:triggered"], ["alarm-1:triggered"]]
    assert "sent one by one, as the format raised BuildError" in caplog.text


def test_a_receiver_that_wants_to_be_left_alone_is(dispatching):
    """By all that is for it, not only by what it answered."""

    def judge(reply: Any) -> Judgement | Verdict:
        busy = reply.status_code == 500
        return Judgement(Verdict.REJECTED, "too much", retry_after=600.0) if busy else Verdict.CONFIRMED

    async def main(dispatcher: AsyncDispatcher) -> None:
        group = gathering(window=None, confirmation=judge)
        for number in range(3):
            await dispatcher.submit(numbered(number), group)
            await asyncio.sleep(1)
        await dispatcher.drain()

    receiver = dispatching(main, "500,200")

    assert receiver.arrivals == (0.0, 600.0, 600.0, 600.0)


def test_closing_ends_the_windows(dispatching):
    """What is gathered is due then."""

    async def main(dispatcher: AsyncDispatcher) -> None:
        for number in range(2):
            await dispatcher.submit(numbered(number), gathering(window=1000.0))
        await dispatcher.close(timeout=5)

    assert [len(request) for request in told(dispatching(main))] == [2]


def test_closing_at_once_ends_what_is_gathered(dispatching):
    """Nothing is sent, and each handle has its end."""
    reports = []

    async def main(dispatcher: AsyncDispatcher) -> None:
        handles = [await dispatcher.submit(numbered(number), gathering()) for number in range(2)]
        await dispatcher.close(timeout=0)
        reports.extend([await handle.result() for handle in handles])
        assert dispatcher.stats().failed == 2

    assert told(dispatching(main)) == []
    assert all(isinstance(report.deliveries[0].error, DispatcherClosedError) for report in reports)


def test_the_end_of_the_loop_ends_what_is_gathered(virtual_clock):
    """As a program's end does, which cancels all tasks: no handle waits for ever."""
    receiver = MemoryReceiver("timeout", now=virtual_clock.now)
    seen: list[Any] = []

    async def main() -> None:
        dispatcher = AsyncDispatcher(
            transport=receiver.transport, clock=virtual_clock, hooks=[seen.append], timeout=1000.0
        )
        await dispatcher.submit(numbered(0), gathering(window=1.0))
        await asyncio.sleep(2)
        await dispatcher.submit(numbered(1), gathering())

    virtual_clock.run(main())

    ends = ends_of(seen)
    assert sorted(one.alarm_id for one in ends) == ["alarm-0", "alarm-1"]
    assert all(isinstance(one.error, DispatcherClosedError) for one in ends)


def test_a_message_is_too_old_when_its_youngest_is(dispatching):
    """What is new is not given up for what is old."""
    reports = []

    async def main(dispatcher: AsyncDispatcher) -> None:
        group = gathering(max_age=40.0)
        handles = [await dispatcher.submit(numbered(0), group)]
        await asyncio.sleep(29)
        handles.append(await dispatcher.submit(numbered(1), group))
        reports.extend([await handle.result() for handle in handles])

    receiver = dispatching(main, "500,500,500")

    assert receiver.arrivals == (0.0, 5.0, 15.0)  # the last one 45 s after the first alarm
    assert [len(report.deliveries[0].attempts) for report in reports] == [3, 3]


def test_what_is_gathered_counts_as_waiting(dispatching):
    """Until it has its end; a lane counts deliveries, however many there are in a message."""
    seen = []

    async def main(dispatcher: AsyncDispatcher) -> None:
        for number in range(3):
            await dispatcher.submit(numbered(number), gathering())
        seen.append(dispatcher.stats())
        await dispatcher.drain()
        seen.append(dispatcher.stats())

    dispatching(main)

    assert [(one.waiting, one.delivered, one.submitted) for one in seen] == [(3, 0, 3), (0, 3, 3)]
    assert seen[1].lanes[0].delivered == 3


def test_blocking_code_gathers_too(virtual_clock):
    """Through the same engine."""
    receiver = MemoryReceiver("200")
    with Dispatcher(transport=receiver.transport) as dispatcher:
        handles = [dispatcher.submit(numbered(number), gathering(window=0.05)) for number in range(3)]
        assert all(handle.result(timeout=30).ok for handle in handles)
    assert sum(len(request) for request in told(receiver)) == 3


@pytest.mark.parametrize("window", [0, -1, "30", True])
def test_a_window_is_seconds(window):
    """More than none."""
    with pytest.raises(InvalidFieldError, match=r"^AlarmGroup\.window"):
        gathering(window=window)


def test_a_window_is_shorter_than_what_it_gathers_may_be_old():
    """Else all of it would be too old when the window ends; where nothing is gathered that is no matter."""
    with pytest.raises(InvalidFieldError, match=r"^AlarmGroup\.window.*max_age of callback 'robot', 30 s"):
        gathering(window=30.0, max_age=30.0)
    assert gathering(window=29.0, max_age=30.0).window == 29.0
    assert gathering(window=30.0, max_age=30.0, format="tencent").window == 30.0


def test_an_expired_digest_tells_each_of_its_deliveries(dispatching):
    """That it is too old, while the receiver's rate holds it up."""
    reports = []

    async def main(dispatcher: AsyncDispatcher) -> None:
        group = gathering(window=1.0, rate="1/1000", max_age=50.0)
        await dispatcher.submit(numbered(0), group)
        await asyncio.sleep(2)
        handles = [await dispatcher.submit(numbered(number), group) for number in (1, 2)]
        reports.extend([await handle.result() for handle in handles])
        assert dispatcher.stats().failed == 2

    dispatching(main)

    assert all(isinstance(report.deliveries[0].error, DeliveryExpiredError) for report in reports)

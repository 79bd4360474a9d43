"""A delivery of several messages: one after the other, each confirmed on its own, on disk and off."""

from __future__ import annotations

import asyncio
from typing import Any

import attrs
import pytest

from alarm_dispatch import AsyncDispatcher, Callback, RetrySchedule
from alarm_dispatch.confirmation import Confirmation, any_2xx
from alarm_dispatch.exchange import Judgement, Reply, Request, Verdict
from alarm_dispatch.formats import Bundle, DeliveryRules, Payload, Verification
from alarm_dispatch.testing import MemoryOutbox, MemoryReceiver

from ..dispatch.alarms import numbered
from .kept import SCHEDULE, URL, Disk, crash, numbers, states, stored, to


@attrs.frozen(kw_only=True)
class InParts:
    """A format that tells every alarm in so many messages, which say their number."""

    count: int = 3
    headers: tuple[tuple[str, str], ...] = ()

    name = "in_parts"
    rules = DeliveryRules(timeout=5.0, schedule=SCHEDULE, confirmation=any_2xx())

    def build(self, alarm: Any, context: Any) -> Payload:
        return self.bundles([alarm], context)[0].messages[0]

    def bundles(self, alarms: Any, context: Any) -> list[Bundle]:
        return [
            Bundle(
                alarms=[place],
                messages=[
                    Payload(
                        content=f"{alarm.id} {number}/{self.count}".encode(),
                        content_type="text/plain",
                        headers=(*self.headers, ("X-Part", str(number))),
                    )
                    for number in range(1, self.count + 1)
                ],
            )
            for place, alarm in enumerate(alarms)
        ]

    def parse(self, content: bytes, content_type: str) -> bytes:
        return content

    def verification(self, context: Any) -> Verification:
        return Verification(payload=Payload(content=b"", content_type="text/plain"))


def parts_to(count: int = 3, **settings: Any) -> Any:
    """A group of one callback that is told in parts."""
    settings.setdefault("schedule", SCHEDULE)
    return to(Callback(URL, format=InParts(count=count), name="parts", **settings))


def header(request: Any, name: str) -> str:
    """The value of a request's header."""
    return {key.lower(): value for key, value in request.headers}[name]


def bodies(receiver: MemoryReceiver) -> list[str]:
    """What a receiver was sent."""
    return [request.content.decode() for request in receiver.requests]


def sent(receiver: MemoryReceiver) -> list[tuple[str, str, str]]:
    """The ids' endings, the attempts and the parts that a receiver was told."""
    return [
        (
            header(request, "alarm-dispatch-id").rpartition("~")[2],
            header(request, "alarm-dispatch-attempt"),
            header(request, "x-part"),
        )
        for request in receiver.requests
    ]


def run(clock: Any, receiver: MemoryReceiver, group: Any, *alarms: Any, **settings: Any) -> list[Any]:
    """The deliveries of the alarms, dispatched at once."""

    async def main() -> list[Any]:
        async with AsyncDispatcher(transport=receiver.transport, clock=clock, **settings) as dispatcher:
            handles = [await dispatcher.submit(alarm, group) for alarm in alarms]
            return [(await handle.result()).deliveries[0] for handle in handles]

    return clock.run(main())


@pytest.mark.parametrize("outbox", [None, MemoryOutbox()], ids=["memory", "outbox"])
def test_they_are_sent_in_their_order(virtual_clock, memory_receiver, outbox):
    """Each when the one before is confirmed, with an id, attempts and headers of its own."""
    receiver = memory_receiver(200, now=virtual_clock.now)

    (delivery,) = run(virtual_clock, receiver, parts_to(), numbered(1), outbox=outbox)

    assert delivery.status == "delivered"
    assert bodies(receiver) == ["alarm-1 1/3", "alarm-1 2/3", "alarm-1 3/3"]
    assert sent(receiver) == [("1", "1", "1"), ("2", "1", "2"), ("3", "1", "3")]
    ids = {header(request, "alarm-dispatch-id").rpartition("~")[0] for request in receiver.requests}
    assert ids == {delivery.id}
    assert numbers(delivery.attempts) == [1, 2, 3]
    assert [attempt.retry_in for attempt in delivery.attempts] == [0.0, 0.0, None]


def test_each_has_all_attempts_of_the_schedule(virtual_clock, memory_receiver):
    """A message's failures are not counted against the next; waits begin anew."""
    receiver = memory_receiver("500,500,200,500,500,200", now=virtual_clock.now)

    (delivery,) = run(virtual_clock, receiver, parts_to(2), numbered(1))

    assert delivery.status == "delivered"
    assert sent(receiver) == [(part, attempt, part) for part in "12" for attempt in "123"]
    receiver.assert_arrivals([0, 5, 15, 15, 20, 30])


def test_the_rest_is_not_sent_behind_one_that_failed(virtual_clock, memory_receiver):
    """A reader would have a beginning and an end without a middle."""
    receiver = memory_receiver("200,500,500,500", now=virtual_clock.now)

    (delivery,) = run(virtual_clock, receiver, parts_to(), numbered(1))

    assert delivery.status == "failed"
    assert delivery.error is None
    assert [part for _, _, part in sent(receiver)] == ["1", "2", "2", "2"]
    assert delivery.outcome.startswith("rejected after 4 attempts")


def test_the_next_notification_of_the_alarm_waits_for_all_of_them(virtual_clock, memory_receiver):
    """The order within an alarm holds for messages, too."""
    receiver = memory_receiver("200,500,200", now=virtual_clock.now)

    deliveries = run(virtual_clock, receiver, parts_to(2), numbered(1), numbered(1), numbered(2))

    assert [delivery.status for delivery in deliveries] == ["delivered"] * 3
    assert [body for body in bodies(receiver) if body.startswith("alarm-1")] == [
        "alarm-1 1/2",
        "alarm-1 2/2",
        "alarm-1 2/2",
        "alarm-1 1/2",
        "alarm-1 2/2",
    ]


def test_a_message_on_its_way_ends_when_the_dispatcher_is_closed(virtual_clock):
    """What is confirmed is not all; closing lets the next message go as long as it waits for the due."""

    async def slow(request: Request) -> Reply:
        await asyncio.sleep(1)
        return Reply(status_code=200)

    async def main(seconds: float) -> Any:
        receiver = MemoryReceiver(slow, now=virtual_clock.now)
        dispatcher = AsyncDispatcher(transport=receiver.transport, clock=virtual_clock)
        handle = await dispatcher.submit(numbered(1), parts_to())
        await asyncio.sleep(1.5)
        await dispatcher.close(timeout=seconds)
        (delivery,) = (await handle.result()).deliveries
        return delivery.status, len(receiver.requests)

    assert virtual_clock.run(main(0)) == ("failed", 2)
    assert virtual_clock.run(main(60)) == ("delivered", 3)


@pytest.mark.parametrize("ends", ["closed", "crashed"])
def test_a_restart_between_two_messages_sends_none_twice(virtual_clock, ends):
    """What was confirmed is on disk, and so is how often the next was tried."""
    outbox = MemoryOutbox()
    receiver = MemoryReceiver("200,500,200", now=virtual_clock.now)
    group = parts_to(3, schedule=RetrySchedule(attempts=2, delays=(100,)))

    async def main() -> None:
        disk = Disk(outbox)
        first = AsyncDispatcher(transport=receiver.transport, clock=virtual_clock, outbox=disk)
        await first.submit(numbered(1), group)
        await asyncio.sleep(7)
        assert [part for _, _, part in sent(receiver)] == ["1", "2"]
        if ends == "closed":
            await first.close()
        else:
            await crash(first, disk)
        await asyncio.sleep(33)
        async with AsyncDispatcher(
            transport=receiver.transport, clock=virtual_clock, outbox=outbox, groups=[group]
        ) as second:
            assert await second.drain()

    virtual_clock.run(main())

    assert sent(receiver) == [("1", "1", "1"), ("2", "1", "2"), ("2", "2", "2"), ("3", "1", "3")]
    receiver.assert_arrivals([0, 0, 100, 100])
    (one,) = stored(outbox)
    assert one.status == "delivered"
    assert numbers(one.attempts) == [1, 2, 3, 4]


def test_a_restart_right_behind_a_confirmed_message_goes_on_with_the_next(virtual_clock):
    """Also when nothing had been tried of that one."""
    outbox = MemoryOutbox()
    seen: list[str] = []

    async def answer(request: Request) -> Reply:
        seen.append(request.content.decode())
        if len(seen) == 2:
            await asyncio.sleep(4)  # the process ends meanwhile
        return Reply(status_code=200)

    receiver = MemoryReceiver(answer, now=virtual_clock.now)

    async def main() -> None:
        disk = Disk(outbox)
        first = AsyncDispatcher(transport=receiver.transport, clock=virtual_clock, outbox=disk)
        await first.submit(numbered(1), parts_to(2))
        await asyncio.sleep(1)
        await crash(first, disk)
        await asyncio.sleep(100)
        async with AsyncDispatcher(
            transport=receiver.transport, clock=virtual_clock, outbox=outbox, groups=[parts_to(2)]
        ) as second:
            assert await second.drain()

    virtual_clock.run(main())

    assert seen == ["alarm-1 1/2", "alarm-1 2/2", "alarm-1 2/2"]
    assert states(outbox) == ["delivered"]


def test_a_replayed_delivery_is_sent_from_its_beginning(virtual_clock):
    """Its earlier attempts count no more, and so do the messages that had been confirmed."""
    outbox = MemoryOutbox()
    receiver = MemoryReceiver("200,500,500,500,200", now=virtual_clock.now)

    async def main() -> None:
        async with AsyncDispatcher(
            transport=receiver.transport, clock=virtual_clock, outbox=outbox, groups=[parts_to(2)]
        ) as first:
            handle = await first.submit(numbered(1), parts_to(2))
            await handle.result()
        assert states(outbox) == ["dead"]
        outbox.replay([stored(outbox)[0].entry.id], now=virtual_clock.now())
        async with AsyncDispatcher(
            transport=receiver.transport, clock=virtual_clock, outbox=outbox, groups=[parts_to(2)]
        ) as second:
            assert await second.drain()

    virtual_clock.run(main())

    assert [part for _, _, part in sent(receiver)] == ["1", "2", "2", "2", "1", "2"]
    assert states(outbox) == ["delivered"]


def test_where_the_format_makes_fewer_messages_than_before_all_are_sent(virtual_clock):
    """What those that were confirmed had told is not known."""
    outbox = MemoryOutbox()
    receiver = MemoryReceiver("200,200,500,200", now=virtual_clock.now)

    async def main() -> None:
        first = AsyncDispatcher(transport=receiver.transport, clock=virtual_clock, outbox=outbox)
        await first.submit(numbered(1), parts_to(3))
        await asyncio.sleep(1)
        await first.close()
        async with AsyncDispatcher(
            transport=receiver.transport, clock=virtual_clock, outbox=outbox, groups=[parts_to(2)]
        ) as second:
            assert await second.drain()

    virtual_clock.run(main())

    assert bodies(receiver) == [
        "alarm-1 1/3",
        "alarm-1 2/3",
        "alarm-1 3/3",
        "alarm-1 1/2",
        "alarm-1 2/2",
    ]
    assert states(outbox) == ["delivered"]


def _judging(judgement: Judgement) -> Confirmation:
    """It confirms a 200, and says this of any other status."""
    confirmed = Judgement(Verdict.CONFIRMED)
    return Confirmation(lambda reply: confirmed if reply.status_code == 200 else judgement, "test")


@pytest.mark.parametrize(
    ("judgement", "arrivals"),
    [
        (Judgement(Verdict.REJECTED, "no", final=True), [0]),
        (Judgement(Verdict.REJECTED, "no", final=True, retry_after=60.0), [0]),
        (Judgement(Verdict.REJECTED, "later", retry_after=60.0), [0, 60]),
        (Judgement(Verdict.UNCONFIRMED, "soon", retry_after=1.0), [0, 5]),
        (Judgement(Verdict.UNCONFIRMED, "later", retry_after=0.0), [0, 5]),
    ],
)
def test_a_judgement_says_what_follows(virtual_clock, memory_receiver, judgement, arrivals):
    """Final: nothing; else the longer of the schedule's wait and the one that was asked for."""
    receiver = memory_receiver("500,200", now=virtual_clock.now)

    (delivery,) = run(
        virtual_clock, receiver, to(schedule=SCHEDULE, confirmation=_judging(judgement)), numbered(1)
    )

    receiver.assert_arrivals(arrivals)
    assert delivery.status == ("failed" if judgement.final else "delivered")
    assert delivery.attempts[0].reason == judgement.reason


def test_the_longer_of_two_pauses_holds(virtual_clock):
    """A Retry-After, and what the body says."""
    replies = iter([(503, "10"), (503, "30"), (200, None)])

    def answer(request: Request) -> Reply:
        status, after = next(replies)
        headers = () if after is None else (("Retry-After", after),)
        return Reply(status_code=status, headers=headers)

    receiver = MemoryReceiver(answer, now=virtual_clock.now)
    later = _judging(Judgement(Verdict.REJECTED, "later", retry_after=20.0))

    run(virtual_clock, receiver, to(schedule=SCHEDULE, confirmation=later), numbered(1))

    receiver.assert_arrivals([0, 20, 50])


def test_an_expiry_during_the_pause_is_told_at_once(virtual_clock, memory_receiver):
    """What would be too old by then is not waited for."""
    receiver = memory_receiver("500", now=virtual_clock.now)
    later = _judging(Judgement(Verdict.REJECTED, "later", retry_after=600.0))

    (delivery,) = run(
        virtual_clock, receiver, to(schedule=SCHEDULE, confirmation=later, max_age=300.0), numbered(1)
    )

    receiver.assert_arrivals([0])
    assert type(delivery.error).__name__ == "DeliveryExpiredError"

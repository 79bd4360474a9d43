"""What cannot be sent or failed for good: dead letters, fallbacks, and whom they do not harm."""

from __future__ import annotations

import asyncio
from typing import Any

import attrs
import pytest

from alarm_dispatch import AlarmGroup, AsyncDispatcher, Callback, Dispatcher, RetrySchedule
from alarm_dispatch.errors import InvalidFieldError, OutboxError
from alarm_dispatch.exchange import Request
from alarm_dispatch.formats import tencent
from alarm_dispatch.outbox import Claim, Entry, LaneKey
from alarm_dispatch.testing import MemoryOutbox, MemoryReceiver

from ..dispatch.alarms import event_alarm, numbered
from .kept import SCHEDULE, URL, Disk, states, step, stored, to

ONCE = RetrySchedule(attempts=1)


def callback(name: str, **settings: Any) -> Callback:
    """A callback of that name."""
    settings.setdefault("schedule", ONCE)
    return Callback(f"https://{name}.example/", format="tencent", name=name, **settings)


def left_behind(clock: Any, outbox: MemoryOutbox, group: AlarmGroup, *alarms: Any) -> None:
    """Have a dispatcher put these and end before it has sent any."""

    async def main() -> None:
        transport = MemoryReceiver("timeout").transport
        dispatcher = AsyncDispatcher(transport=transport, clock=clock, outbox=outbox)
        for alarm in alarms:
            await dispatcher.submit(alarm, group)
        await dispatcher.close(timeout=0)

    clock.run(main())


# -- dead letters


def test_a_callback_that_is_gone_makes_dead_letters(virtual_clock, memory_receiver):
    """That say so; the group's others are delivered."""
    outbox, receiver = MemoryOutbox(), memory_receiver(200)
    left_behind(
        virtual_clock,
        outbox,
        to(callback("old"), callback("new")),
        *(numbered(number) for number in range(80)),
    )

    async def main() -> None:
        async with AsyncDispatcher(
            transport=receiver.transport,
            clock=virtual_clock,
            outbox=outbox,
            groups=[to(callback("new"))],
        ) as dispatcher:
            await asyncio.sleep(5)
            assert await dispatcher.drain()
            stats = dispatcher.stats()
            assert (stats.delivered, stats.failed, stats.submitted) == (80, 80, 160)

    virtual_clock.run(main())

    dead = list(outbox.list(status="dead"))
    assert {one.entry.lane.callback for one in dead} == {"old"}
    assert {one.error for one in dead} == {"group 'oncall' has no callback of the name 'old' any more"}
    assert states(outbox).count("delivered") == 80


def test_a_group_that_is_not_here_stays(virtual_clock, memory_receiver):
    """Another dispatcher may have it."""
    outbox, receiver = MemoryOutbox(), memory_receiver(200)
    left_behind(virtual_clock, outbox, to(callback("a")), numbered(1))

    async def main() -> None:
        async with AsyncDispatcher(
            transport=receiver.transport,
            clock=virtual_clock,
            outbox=outbox,
            groups=[to(callback("a"), name="another")],
        ):
            await asyncio.sleep(60)

    virtual_clock.run(main())

    assert states(outbox) == ["pending"]


def test_a_callback_stays_known_when_its_group_is_given_without_it(virtual_clock, memory_receiver):
    """Groups that a program makes for each alarm may differ."""
    outbox, receiver = MemoryOutbox(), memory_receiver(scripts={"https://a.example/": "500,200"})

    async def main() -> None:
        settings = {"transport": receiver.transport, "clock": virtual_clock, "outbox": outbox}
        first, second = to(callback("a", schedule=SCHEDULE)), to(callback("b"))
        async with AsyncDispatcher(**settings) as dispatcher:
            await dispatcher.submit(numbered(1), first)
            await asyncio.sleep(1)
            await dispatcher.close()
        async with AsyncDispatcher(**settings, groups=[first]) as dispatcher:
            await dispatcher.submit(numbered(2), second)
            await asyncio.sleep(20)

    virtual_clock.run(main())

    assert states(outbox) == ["delivered"] * 2


@attrs.define
class Damaged(MemoryOutbox):
    """Some of its rows cannot be read."""

    names: tuple[str, ...] = ()

    def __attrs_pre_init__(self) -> None:
        super().__init__()

    def claim(self, *arguments: Any, **options: Any) -> Claim:
        claim = super().claim(*arguments, **options)
        held = (
            attrs.evolve(one, unreadable="its content is damaged", attempts=())
            if one.entry.alarm_id in self.names
            else one
            for one in claim.held
        )
        return claim._replace(held=tuple(held))


def test_a_damaged_row_blocks_nobody(virtual_clock, memory_receiver):
    """It is a dead letter with the reason, whose alarm goes on."""
    outbox, receiver = Damaged(), memory_receiver(200)
    left_behind(virtual_clock, outbox, to(), numbered(1), step(2, 0), step(2, 1), numbered(3))
    outbox.names = ("alarm-1",)

    async def main() -> None:
        async with AsyncDispatcher(
            transport=receiver.transport, clock=virtual_clock, outbox=outbox, groups=[to()]
        ) as dispatcher:
            await asyncio.sleep(5)
            assert (dispatcher.stats().delivered, dispatcher.stats().failed) == (3, 1)

    virtual_clock.run(main())

    assert states(outbox) == ["dead", "delivered", "delivered", "delivered"]
    assert stored(outbox)[0].error == "its content is damaged"


def test_the_handle_of_a_damaged_one_is_told(virtual_clock):
    """It was put here and is behind another dispatcher's, so that it comes out of the outbox."""
    outbox = Damaged(names=("alarm-1",))
    receiver = MemoryReceiver("delay:1:200")

    async def main() -> None:
        settings = {"transport": receiver.transport, "clock": virtual_clock, "outbox": outbox}
        async with AsyncDispatcher(**settings) as one, AsyncDispatcher(**settings) as other:
            await one.submit(step(1, 0), to())
            handle = await other.submit(step(1, 1), to(callback("b")))
            handle = await other.submit(step(1, 1), to())
            await one.drain()
            await one.close()
            (delivery,) = (await handle.result(timeout=5)).deliveries
            assert isinstance(delivery.error, OutboxError)
            assert "its content is damaged" in delivery.outcome
            assert await other.drain(timeout=5)
            assert other._backlog.count == 0

    virtual_clock.run(main())


def test_what_cannot_be_built_any_more_is_dead(virtual_clock, memory_receiver):
    """A format that was changed, or content that is no alarm; with the fallback of its callback."""
    outbox, receiver = MemoryOutbox(), memory_receiver(200)

    class Changed(tencent.Format):
        def build(self, alarm: Any, context: Any) -> Any:
            raise RuntimeError(f"this format is no more for {context.url}")

    entry = Entry(
        id="5f",
        lane=LaneKey("oncall", "a"),
        alarm_id="alarm",
        level=2,
        content=b'{"no": "alarm"}',
        created_at=virtual_clock.now(),
    )
    outbox.enqueue([entry], worker=None, now=virtual_clock.now())
    left_behind(virtual_clock, outbox, to(callback("b")), numbered(1))
    changed = Callback("https://b.example/?key=hush-hush-hush", format=Changed(), name="b", fallback="others")
    groups = [to(callback("a"), changed), to(callback("c"), name="others")]

    async def main() -> None:
        async with AsyncDispatcher(
            transport=receiver.transport, clock=virtual_clock, outbox=outbox, groups=groups
        ) as dispatcher:
            await asyncio.sleep(5)
            assert (dispatcher.stats().delivered, dispatcher.stats().failed) == (1, 2)

    virtual_clock.run(main())

    assert states(outbox) == ["dead", "dead", "delivered"]
    assert "this format is no more" in stored(outbox)[1].error
    assert "hush" not in repr(stored(outbox))


def test_what_no_format_can_build_is_a_dead_letter(virtual_clock, memory_receiver):
    """Its delivery fails at once, as without an outbox, and its fallback is told."""
    outbox, receiver = MemoryOutbox(), memory_receiver(200)
    unfit = Callback(f"{URL}?key=hush-hush", format="blueking", fallback="others")
    both = to(unfit, callback("a"))
    groups = [to(callback("b"), name="others"), to(unfit, name="alone"), both]

    async def main() -> None:
        async with AsyncDispatcher(
            transport=receiver.transport, clock=virtual_clock, outbox=outbox, groups=groups
        ) as dispatcher:
            alone = await dispatcher.dispatch(event_alarm(), groups[1])
            report = await dispatcher.dispatch(event_alarm(), both)
            assert [one.deliveries[0].status for one in (alone, report)] == ["failed", "failed"]
            assert report.deliveries[1].ok
            assert await dispatcher.drain()
            assert dispatcher._backlog.count == 0
            assert (dispatcher.stats().failed, dispatcher.stats().delivered) == (2, 3)

    virtual_clock.run(main())

    assert sorted(states(outbox)) == ["dead", "dead", "delivered", "delivered", "delivered"]
    dead = [one for one in stored(outbox) if one.status == "dead"]
    assert all("blueking has no payload" in one.error and not one.attempts for one in dead)
    assert {one.entry.origin for one in stored(outbox)} - {""} == {one.entry.id for one in dead}


def test_what_cannot_be_built_behind_anothers_is_left_to_it(virtual_clock):
    """Whoever holds the alarm finds the same, when it is its turn."""
    outbox = MemoryOutbox()
    receiver = MemoryReceiver("delay:2:200", now=virtual_clock.now)

    class Unfit(tencent.Format):
        def build(self, alarm: Any, context: Any) -> Any:
            if alarm.duration:
                raise RuntimeError("only the first")
            return super().build(alarm, context)

    group = to(attrs.evolve(callback("a"), format=Unfit()))

    async def main() -> None:
        settings = {"transport": receiver.transport, "clock": virtual_clock, "outbox": outbox}
        async with AsyncDispatcher(**settings) as one, AsyncDispatcher(**settings) as other:
            await one.submit(step(1, 0), group)
            report = await other.dispatch(step(1, 1), group)
            assert not report.ok
            assert states(outbox) == ["pending", "pending"]
            assert await one.drain()

    virtual_clock.run(main())

    assert states(outbox) == ["delivered", "dead"]


def test_what_cannot_be_built_on_a_full_disk(virtual_clock):
    """Each is told why it failed."""
    disk = Disk(MemoryOutbox())
    receiver = MemoryReceiver()

    async def main() -> None:
        async with AsyncDispatcher(
            transport=receiver.transport, clock=virtual_clock, outbox=disk, hooks=[told.append]
        ) as dispatcher:
            disk.fill()
            with pytest.raises(OutboxError, match="the disk is full"):
                await dispatcher.submit(event_alarm(), to(Callback(URL, format="blueking"), callback("a")))
            disk.free()

    told: list[Any] = []
    virtual_clock.run(main())

    assert ["UnsupportedAlarmError" in told[0].outcome, "disk is full" in told[1].outcome] == [True, True]
    assert states(disk.outbox) == []


def test_draining_waits_for_what_is_in_the_outbox(virtual_clock):
    """Deliveries that others put, and fallbacks; with a timeout it tells that they are not settled."""
    outbox = MemoryOutbox()
    scripts = {"https://a.example/": "delay:5:500"}
    receiver = MemoryReceiver("200", scripts=scripts, now=virtual_clock.now)
    groups = [to(callback("a", fallback="others")), to(callback("b"), name="others")]
    left_behind(virtual_clock, outbox, to(callback("a")), numbered(1))

    async def main() -> None:
        async with AsyncDispatcher(
            transport=receiver.transport, clock=virtual_clock, outbox=outbox, groups=groups
        ) as dispatcher:
            assert not await dispatcher.drain(timeout=0)
            assert not await dispatcher.drain(timeout=1)
            assert await dispatcher.drain(timeout=20)
            assert states(outbox) == ["dead", "delivered"]

    virtual_clock.run(main())


def test_draining_waits_for_what_others_send(virtual_clock):
    """Whoever holds it: what is not settled is not settled."""
    outbox, group = MemoryOutbox(), to(callback("a"))
    receiver = MemoryReceiver("delay:3:200", now=virtual_clock.now)

    async def main() -> None:
        settings = {"transport": receiver.transport, "clock": virtual_clock, "outbox": outbox}
        async with AsyncDispatcher(**settings) as one, AsyncDispatcher(**settings, groups=[group]) as other:
            await one.submit(numbered(1), group)
            assert not await other.drain(timeout=0)
            assert not await other.drain(timeout=1)
            assert await other.drain()
            assert states(outbox) == ["delivered"]

    virtual_clock.run(main())


def test_no_secret_of_an_error_is_written(virtual_clock):
    """A transport's exception may quote the URL."""
    outbox = MemoryOutbox()

    def broken(request: Request) -> Any:
        raise RuntimeError(f"cannot send to {request.url}")

    async def main() -> None:
        async with AsyncDispatcher(
            transport=MemoryReceiver(broken).transport, clock=virtual_clock, outbox=outbox
        ) as dispatcher:
            secret = Callback("https://a.example/?key=hush-hush-hush", format="tencent", schedule=ONCE)
            await dispatcher.dispatch(numbered(1), to(secret))

    virtual_clock.run(main())

    (one,) = stored(outbox)
    assert one.error.startswith("RuntimeError: cannot send")
    assert "hush" not in repr(one)


# -- fallbacks


def test_a_dead_delivery_goes_to_its_fallback(virtual_clock, memory_receiver):
    """And from there to the next one, and round in no circle; each tells where it came from."""
    outbox, receiver = MemoryOutbox(), memory_receiver(500)
    names = {"first": "second", "second": "third", "third": "first"}
    groups = {name: to(callback(name, fallback=next_one), name=name) for name, next_one in names.items()}

    async def main() -> None:
        async with AsyncDispatcher(
            transport=receiver.transport, clock=virtual_clock, outbox=outbox, groups=groups.values()
        ) as dispatcher:
            report = await dispatcher.dispatch(numbered(1), groups["first"])
            assert not report.ok
            await asyncio.sleep(5)
            assert dispatcher.stats().failed == 3
            assert await dispatcher.drain(timeout=1)

    virtual_clock.run(main())

    found = stored(outbox)
    assert [one.entry.lane.group for one in found] == ["first", "second", "third"]
    assert [one.entry.origin for one in found] == ["", found[0].entry.id, found[1].entry.id]
    assert [one.entry.passed for one in found] == [(), ("first",), ("first", "second")]
    assert len({one.entry.content for one in found}) == 1
    assert states(outbox) == ["dead"] * 3
    assert [request.json()["sessionId"] for request in receiver.requests] == [one.entry.id for one in found]


def test_what_was_too_old_goes_to_the_fallback_too(virtual_clock, memory_receiver):
    """Also when it was not sent once."""
    outbox = MemoryOutbox()
    receiver = memory_receiver("delay:3:200")
    group = to(callback("a", limit=1, max_age=2.0, fallback="others"))

    async def main() -> None:
        async with AsyncDispatcher(
            transport=receiver.transport,
            clock=virtual_clock,
            outbox=outbox,
            groups=[group, to(callback("b"), name="others")],
        ) as dispatcher:
            for number in range(2):
                await dispatcher.submit(numbered(number), group)
            assert await dispatcher.drain()
            await asyncio.sleep(5)
            assert (dispatcher.stats().delivered, dispatcher.stats().failed) == (2, 1)

    virtual_clock.run(main())

    assert states(outbox) == ["delivered", "dead", "delivered"]
    assert stored(outbox)[2].entry.origin == stored(outbox)[1].entry.id


# -- what is refused


def test_groups_that_cannot_be_kept_are_refused():
    """When the dispatcher is made."""
    outbox = MemoryOutbox()
    cases: list[tuple[dict[str, Any], str]] = [
        ({"groups": [to()]}, "groups: picks up what an outbox holds, so give an outbox too"),
        ({"outbox": "alarms.db"}, "outbox: must be an outbox; a str is none"),
        ({"outbox": MemoryOutbox}, "outbox: is the class MemoryOutbox; give an object of it"),
        ({"outbox": outbox, "groups": ["oncall"]}, r"groups\[0\]: must be an AlarmGroup, not str"),
        ({"outbox": outbox, "groups": to()}, "groups: must be a list of alarm groups, not AlarmGroup"),
        ({"outbox": outbox, "groups": [to(), to()]}, "groups: has two groups of the name 'oncall'"),
        (
            {"outbox": outbox, "groups": [to(callback("a", fallback="b"))]},
            r"groups\['oncall'\]\.callbacks\['a'\]: names the fallback 'b', which is none of: 'oncall'",
        ),
        (
            {"outbox": outbox, "groups": [to(callback("a"), callback("a"))]},
            r"groups\['oncall'\]\.callbacks\['a'\]: has callbacks of one name",
        ),
        ({"outbox": outbox, "lease": 0}, "lease: must be more than 0 seconds"),
        ({"outbox": outbox, "lease": "30"}, "lease: must be an int or a float, not str"),
    ]
    for settings, told in cases:
        for kind in (AsyncDispatcher, Dispatcher):
            with pytest.raises(InvalidFieldError, match=told):
                kind(**settings)


def test_groups_that_cannot_be_kept_are_refused_by_submit(virtual_clock, memory_receiver):
    """Nothing is written then."""
    outbox, receiver = MemoryOutbox(), memory_receiver(200)

    async def main() -> None:
        async with AsyncDispatcher(
            transport=receiver.transport, clock=virtual_clock, outbox=outbox, groups=[to()]
        ) as dispatcher:
            with pytest.raises(InvalidFieldError, match="names the fallback 'b', which is none of"):
                await dispatcher.submit(numbered(1), to(callback("a", fallback="b")))
            with pytest.raises(InvalidFieldError, match="has callbacks of one name"):
                await dispatcher.submit(numbered(1), to(callback("a"), callback("a")))
            assert dispatcher._backlog.count == 0
        async with AsyncDispatcher(transport=receiver.transport, clock=virtual_clock) as dispatcher:
            with pytest.raises(InvalidFieldError, match="takes a dispatcher with an outbox"):
                await dispatcher.submit(numbered(1), to(callback("a", fallback="b")))

    virtual_clock.run(main())

    assert states(outbox) == []

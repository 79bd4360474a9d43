"""Observing: an evaluation becomes a notification when it is time to, and else nothing."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import attrs
import pytest

from alarm_dispatch import Alarm, AlarmGroup, AsyncDispatcher, Callback, Dispatcher, Repeat
from alarm_dispatch.errors import (
    BacklogFullError,
    DispatcherClosedError,
    InvalidFieldError,
    OutboxUnavailableError,
    UnsupportedAlarmError,
    WrongThreadError,
)
from alarm_dispatch.formats import aliyun
from alarm_dispatch.outbox import SqliteOutbox
from alarm_dispatch.repeats import RepeatDecision
from alarm_dispatch.testing import MemoryOutbox, MemoryReceiver, VirtualClock

from ..engine.kept import Disk, stored, to
from ..outbox.children import in_child, needs_fork
from ..repeats.made import SIGNS, STATES
from .alarms import METRIC_ALARM, group

START = datetime(2026, 1, 1, tzinfo=UTC)
EVERY_3_MINUTES = Repeat("continuous", 180)
DAY = 86_400


def found(state: str = "F", repeat: Repeat | None = None, **fields: Any) -> Alarm:
    """An evaluation of an alarm, its state by its letter."""
    condition = attrs.evolve(METRIC_ALARM.condition, repeat=repeat or Repeat())
    told = {"started_at": START, "duration": None, "condition": condition, **fields}
    return attrs.evolve(METRIC_ALARM, state=STATES[state], **told)


def sign(handle: Any) -> str:
    """The sign of what an evaluation came to."""
    return "." if handle is None else SIGNS[handle.decision]


class Immediate(SqliteOutbox):
    """A file that is written on the event loop itself, so that the virtual time stands still meanwhile."""

    immediate = True


def outboxes(kind: str, folder: Any) -> Callable[[], Any]:
    """What opens the outbox of a kind: none at all, one in memory, or a file."""
    memory = MemoryOutbox()
    return {"none": lambda: None, "memory": lambda: memory, "file": lambda: Immediate(folder / "alarms.db")}[
        kind
    ]


@pytest.mark.parametrize("kind", ["none", "memory", "file"])
def test_what_is_sent(virtual_clock, tmp_path, kind):
    """One evaluation a minute; each that is told is a delivery of its own, with its duration."""
    receiver = MemoryReceiver(now=virtual_clock.now)
    opened = outboxes(kind, tmp_path)()

    async def main() -> str:
        signs = ""
        async with AsyncDispatcher(
            transport=receiver.transport, clock=virtual_clock, outbox=opened
        ) as dispatcher:
            for state in "FFFFFRRF":
                signs += sign(await dispatcher.observe(found(state, EVERY_3_MINUTES), group()))
                await asyncio.sleep(60)
        return signs

    assert virtual_clock.run(main()) == "1..+.r.1"
    receiver.assert_arrivals([0, 180, 300, 420])
    bodies = [request.json() for request in receiver.requests]
    assert [body["alarmStatus"] for body in bodies] == [1, 1, 0, 1]
    assert [body["durationTime"] for body in bodies] == [0, 180, 300, 420]
    assert len({body["sessionId"] for body in bodies}) == 4


def test_the_synchronous_dispatcher_observes(memory_receiver):
    """With a handle like that of submit, whose decision is told; submit's has none."""
    receiver = memory_receiver()

    with Dispatcher(transport=receiver.transport) as dispatcher:
        first = dispatcher.observe(found(), group())
        again = dispatcher.observe(found(), group())
        over = dispatcher.observe(found("C"), group())
        submitted = dispatcher.submit(found(), group())

    assert first is not None
    assert over is not None
    assert first.result(timeout=30).ok
    assert (first.decision, again, over.decision) == ("first", None, RepeatDecision.RESOLVED)
    assert submitted.decision is None
    assert len(receiver.requests) == 3


def test_the_times_of_a_week(virtual_clock):
    """Of each mode, on the virtual clock, as a receiver sees them."""
    modes = {
        "once": Repeat("singleAlarm"),
        "continuous": Repeat("continuousAlarm", 7_200, daily_after=DAY),
        "exponential": Repeat("exponentialAlarm"),
    }
    receivers = {name: MemoryReceiver(now=virtual_clock.now) for name in modes}
    groups = {
        name: AlarmGroup(
            name, callbacks=[Callback(f"https://{name}.example/", format="tencent", transport=one.transport)]
        )
        for name, one in receivers.items()
    }

    async def main() -> None:
        async with AsyncDispatcher(clock=virtual_clock) as dispatcher:
            for _ in range(7 * DAY // 600 + 1):
                for name, repeat in modes.items():
                    await dispatcher.observe(found("F", repeat), groups[name])
                await asyncio.sleep(600)

    virtual_clock.run(main())

    assert {name: list(one.arrivals) for name, one in receivers.items()} == {
        "once": [0],
        "continuous": [*range(0, DAY, 7_200), *range(DAY, 7 * DAY + 1, DAY)],
        "exponential": [600 * (2**power - 1) for power in range(10)],
    }
    lasted = [request.json()["durationTime"] for request in receivers["continuous"].requests]
    assert lasted == list(receivers["continuous"].arrivals)


@pytest.mark.parametrize("kind", ["memory", "file"])
@pytest.mark.parametrize("min_hold", [0, 120])
@pytest.mark.parametrize("repeat", [Repeat(), EVERY_3_MINUTES, Repeat("exponential")])
def test_a_restart_at_every_step_changes_nothing_that_is_sent(tmp_path, kind, min_hold, repeat):
    """A dispatcher for each evaluation, on the same outbox, sends what one does that lives on."""

    def sent(script: str, opened: Callable[[], Any], *, restarts: bool) -> tuple[str, list[Any]]:
        clock = VirtualClock(START)
        receiver = MemoryReceiver(now=clock.now)
        to_all = to(Callback("https://r.example/", format=aliyun.Format(dialect="observed"), name="ops"))

        def dispatcher(outbox: Any) -> AsyncDispatcher:
            return AsyncDispatcher(
                transport=receiver.transport,
                clock=clock,
                outbox=outbox,
                groups=[to_all] if outbox else (),
                min_hold=min_hold,
            )

        async def main() -> str:
            signs = ""
            async with contextlib.AsyncExitStack() as stack:
                running = await stack.enter_async_context(dispatcher(opened()))
                for state in script:
                    signs += sign(await running.observe(found(state, repeat), to_all))
                    await asyncio.sleep(1)
                    if restarts:
                        await running.close()
                        running = await stack.enter_async_context(dispatcher(opened()))
                    await asyncio.sleep(59)
            return signs

        signs = clock.run(main())
        return signs, [
            (request.content, at) for request, at in zip(receiver.requests, receiver.arrivals, strict=True)
        ]

    script = "FFFFRFRRRRFNNFFRRRNRRRCFC"
    lived = sent(script, lambda: None, restarts=False)
    died = sent(script, outboxes(kind, tmp_path), restarts=True)

    assert died == lived
    assert {"1", "r", "n"} <= set(lived[0])


@pytest.mark.parametrize("kind", ["none", "memory"])
def test_a_full_backlog(virtual_clock, memory_receiver, kind, tmp_path):
    """It is told, and the next evaluation tells what this one would have."""
    receiver = memory_receiver("delay:1:200")

    async def main() -> None:
        async with AsyncDispatcher(
            transport=receiver.transport,
            clock=virtual_clock,
            backlog=1,
            outbox=outboxes(kind, tmp_path)(),
        ) as dispatcher:
            assert sign(await dispatcher.observe(found(id="a"), group())) == "1"
            with pytest.raises(BacklogFullError):
                await dispatcher.observe(found(id="b"), group())
            await dispatcher.drain()
            assert sign(await dispatcher.observe(found(id="b"), group())) == "1"
            await dispatcher.drain()
            # What is not needed is given back.
            for _ in range(3):
                assert await dispatcher.observe(found(id="b"), group()) is None
            assert sign(await dispatcher.observe(found("R", id="b"), group())) == "r"

    virtual_clock.run(main())


def test_a_full_backlog_of_the_synchronous_dispatcher(memory_receiver):
    """The same; what sends nothing needs no room."""
    receiver = memory_receiver("delay:0.2:200,200")

    with Dispatcher(transport=receiver.transport, backlog=1) as dispatcher:
        assert sign(dispatcher.observe(found(id="a"), group())) == "1"
        with pytest.raises(BacklogFullError):
            dispatcher.observe(found(id="b"), group())
        assert sign(dispatcher.observe(found(id="a"), group())) == "."
        dispatcher.drain()
        assert sign(dispatcher.observe(found(id="b"), group())) == "1"


def test_what_cannot_be_written_is_told_by_the_next_one(virtual_clock, memory_receiver):
    """Nothing is sent, counted, or told to a hook; the room is given back."""
    outbox, receiver, told = MemoryOutbox(), memory_receiver(), []
    disk = Disk(outbox)

    async def main() -> None:
        async with AsyncDispatcher(
            transport=receiver.transport, clock=virtual_clock, outbox=disk, backlog=1, hooks=[told.append]
        ) as dispatcher:
            for state, expected in (("F", "1"), ("R", "r")):
                disk.fill()
                for _ in range(2):
                    with pytest.raises(OutboxUnavailableError):
                        await dispatcher.observe(found(state), to())
                disk.free()
                assert sign(await dispatcher.observe(found(state), to())) == expected
                await dispatcher.drain()
            assert dispatcher.stats().submitted == 2

    virtual_clock.run(main())

    assert [request.json()["alarmStatus"] for request in receiver.requests] == [1, 0]
    assert len(told) == 4


@pytest.mark.parametrize("kind", ["none", "memory"])
def test_what_a_format_cannot_tell_fails(virtual_clock, memory_receiver, kind, tmp_path):
    """Tencent has nothing for a lack of data: that is a failed delivery, once, and the rest goes on."""
    outbox = outboxes(kind, tmp_path)()

    async def main() -> str:
        async with AsyncDispatcher(
            transport=memory_receiver().transport, clock=virtual_clock, outbox=outbox
        ) as dispatcher:
            handle = await dispatcher.observe(found("N"), to())
            assert handle is not None
            (delivery,) = (await handle.result(timeout=10)).deliveries
            assert isinstance(delivery.error, UnsupportedAlarmError)
            handles = [await dispatcher.observe(found(state), to()) for state in "NFR"]
            assert await dispatcher.drain()
            counts = dispatcher.stats()
            assert (counts.failed, counts.delivered) == (1, 2)
            return "".join(map(sign, [handle, *handles]))

    assert virtual_clock.run(main()) == "n.1r"
    if outbox is not None:
        assert [str(one.status) for one in stored(outbox)] == ["dead", "delivered", "delivered"]


@pytest.mark.parametrize("kind", ["none", "threaded"])
def test_threads_that_observe_the_same(tmp_path, memory_receiver, kind):
    """One of them tells it, and the end comes after the beginning."""
    outbox = SqliteOutbox(tmp_path / "alarms.db") if kind == "threaded" else None
    receiver, signs = memory_receiver(), []

    with Dispatcher(transport=receiver.transport, outbox=outbox) as dispatcher:

        def observe() -> None:
            signs.extend([sign(dispatcher.observe(found(id=str(number)), to())) for number in range(10)])

        threads = [threading.Thread(target=observe) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
        assert sign(dispatcher.observe(found("R", id="7"), to())) == "r"
        assert dispatcher.drain(timeout=30)

    assert sorted(signs) == ["."] * 30 + ["1"] * 10
    assert len(receiver.requests) == 11


def test_dispatchers_on_one_file_that_observe_the_same(tmp_path, memory_receiver):
    """As two processes of a pair do: one of them tells it."""
    receiver = memory_receiver()
    first, second = (SqliteOutbox(tmp_path / "alarms.db") for _ in range(2))
    with (
        Dispatcher(transport=receiver.transport, outbox=first) as one,
        Dispatcher(transport=receiver.transport, outbox=second) as other,
    ):
        signs = [sign(each.observe(found(state), to())) for state in "FFRR" for each in (one, other)]
        for each in (one, other):
            assert each.drain(timeout=30)

    assert signs == list("1...r...")
    assert [request.json()["alarmStatus"] for request in receiver.requests] == [1, 0]


def test_drain_waits_for_what_was_observed(tmp_path, memory_receiver):
    """Also when the loop has not heard of it yet."""
    outbox = SqliteOutbox(tmp_path / "alarms.db")
    with Dispatcher(transport=memory_receiver().transport, outbox=outbox) as dispatcher:
        for number in range(20):
            handle = dispatcher.observe(found(id=f"alarm-{number}"), to())
            assert dispatcher.drain(timeout=30)
            assert handle is not None
            assert handle.done()
        last = dispatcher.observe(found(id="last"), to())
    assert last is not None
    assert last.result(timeout=0).ok


def test_states_stay_when_the_loop_changes(memory_receiver):
    """An AsyncDispatcher that goes on in another loop knows what it told."""
    dispatcher = AsyncDispatcher(transport=memory_receiver().transport)

    signs = [sign(asyncio.run(dispatcher.observe(found(), group()))) for _ in range(2)]

    assert signs == ["1", "."]


@needs_fork
def test_a_child_of_a_fork_starts_afresh(memory_receiver):
    """What the parent follows, and a lock that one of its threads holds, stay the parent's."""
    with Dispatcher(transport=memory_receiver().transport) as dispatcher:
        assert sign(dispatcher.observe(found(), group())) == "1"
        assert dispatcher._tracker is not None
        holding, enough = threading.Event(), threading.Event()

        def hold() -> None:
            with dispatcher._tracker.store.transaction():
                holding.set()
                enough.wait(30)

        thread = threading.Thread(target=hold)
        thread.start()
        holding.wait(30)
        told = in_child(lambda: sign(dispatcher.observe(found(), group())))
        enough.set()
        thread.join()

        assert (told, sign(dispatcher.observe(found(), group()))) == ("1", ".")


def test_not_in_a_hook(virtual_clock, memory_receiver):
    """There it would wait for itself."""
    raised: list[BaseException] = []

    def hook(_event: object) -> None:
        try:
            dispatcher.observe(found(id="other"), group())
        except WrongThreadError as error:
            raised.append(error)

    with Dispatcher(transport=memory_receiver().transport, clock=virtual_clock, hooks=[hook]) as dispatcher:
        dispatcher.dispatch(found(), group())

    assert len(raised) == 2


@pytest.mark.parametrize("state", ["F", "R"])
def test_not_after_the_end(virtual_clock, memory_receiver, state):
    """Whether there would have been something to tell or not."""
    transport = memory_receiver().transport
    closed = Dispatcher(transport=transport, clock=virtual_clock)
    closed.close()

    async def main() -> None:
        dispatcher = AsyncDispatcher(transport=transport, clock=virtual_clock)
        await dispatcher.close()
        with pytest.raises(DispatcherClosedError):
            await dispatcher.observe(found(state), group())

    with pytest.raises(DispatcherClosedError):
        closed.observe(found(state), group())
    virtual_clock.run(main())


class Plain:
    """An outbox of somebody else's, which keeps no repeats."""

    def __init__(self) -> None:
        self._outbox = MemoryOutbox()

    def __getattr__(self, name: str) -> Any:
        if name == "repeats":
            raise AttributeError(name)
        return getattr(self._outbox, name)


# They are looked for on the class when something is asked whether it is an outbox.
for _name in ("transaction", "join", "extend", "leave", "enqueue", "claim", "retry_at", "settle", "lanes"):
    setattr(Plain, _name, property(lambda self, name=_name: self.__getattr__(name)))
for _name in ("list", "has_pending", "replay", "purge", "trim", "close"):
    setattr(Plain, _name, property(lambda self, name=_name: self.__getattr__(name)))


@pytest.mark.parametrize(
    ("settings", "alarm", "group", "told"),
    [
        ({}, "alarm-1", group(), r"observe\.alarm: must be an Alarm, not str"),
        ({}, found(), "oncall", r"observe\.group: must be an AlarmGroup, not str"),
        ({}, found(), group(fallback="other"), r"Callback\.fallback: takes a dispatcher with an outbox"),
        ({"outbox": Plain()}, found(), group(), r"outbox: keeps no repeats"),
    ],
)
def test_what_cannot_be_observed(memory_receiver, settings, alarm, group, told):
    """It is told by its name."""
    with Dispatcher(transport=memory_receiver().transport, **settings) as dispatcher:
        with pytest.raises(InvalidFieldError, match=told):
            dispatcher.observe(alarm, group)
        assert dispatcher.dispatch(METRIC_ALARM, to()).ok


@pytest.mark.parametrize("min_hold", [-1, "long", None])
def test_a_hold_that_is_none(min_hold):
    """It is told by its name."""
    with pytest.raises(InvalidFieldError, match="min_hold"):
        Dispatcher(min_hold=min_hold)


def test_the_end_is_told_when_it_has_held(virtual_clock, memory_receiver):
    """And says when it was first found so."""
    receiver = memory_receiver()

    async def main() -> str:
        signs = ""
        async with AsyncDispatcher(
            transport=receiver.transport, clock=virtual_clock, min_hold=120
        ) as dispatcher:
            for state in "FRFRRRR":
                signs += sign(await dispatcher.observe(found(state), group()))
                await asyncio.sleep(60)
        return signs

    assert virtual_clock.run(main()) == "1....r."
    assert receiver.requests[-1].json()["recoverTime"] == "180"


def test_the_time_is_that_of_the_transaction(virtual_clock, memory_receiver):
    """What was held up by the disk is reckoned from when it was written."""
    receiver = memory_receiver()

    class Slow(MemoryOutbox):
        def transaction(self) -> Any:
            virtual_clock.advance(7)
            return super().transaction()

    outbox = Slow()

    async def main() -> None:
        async with AsyncDispatcher(
            transport=receiver.transport, clock=virtual_clock, outbox=outbox, lease=1e6
        ) as dispatcher:
            await dispatcher.observe(found(), to())
            await dispatcher.drain()

    began = virtual_clock.now()
    virtual_clock.run(main())

    assert receiver.requests[0].json()["durationTime"] >= 7
    assert began - START == timedelta(0)

"""Drills and heartbeats: a test alarm that everybody knows for one, and a path that has fallen silent."""

from __future__ import annotations

import asyncio
import gc
import json
from typing import Any
from urllib.parse import parse_qs

import pytest

from alarm_dispatch import AlarmGroup, AsyncDispatcher, Callback, Dispatcher, RetrySchedule, formats
from alarm_dispatch.drills import MARK, drill_alarm, heartbeat_alarm
from alarm_dispatch.errors import DispatcherClosedError, InvalidFieldError, WrongThreadError
from alarm_dispatch.formats import BuildContext, Dialect
from alarm_dispatch.outbox import SqliteOutbox
from alarm_dispatch.testing import MemoryOutbox, MemoryReceiver

from ..engine.kept import Disk, states, to
from ..formats.open_formats import OPEN_FORMATS
from ..outbox.children import in_child, needs_fork
from ..unit.made import NOW
from .alarms import group, numbered

# Where a person reads what it is about.
SHOWN = {
    "blueking": [("strategy", "name"), ("bk_biz_name",), ("strategy", "item_list", 0, "metric_field_name")],
    "tencent": [("alarmPolicyInfo", "policyName"), ("alarmPolicyInfo", "conditions", "metricShowName")],
    "tencent_legacy": [
        ("alarmPolicyInfo", "policyName"),
        ("alarmPolicyInfo", "conditions", "metricShowName"),
    ],
    "aliyun": [("alertName", 0), ("instanceName", 0), ("expression", 0)],
    "wecom": [("markdown", "content")],
    "dingtalk": [("markdown", "title"), ("markdown", "text")],
    "feishu": [("card", "header", "title", "content"), ("card", "elements", 0, "content")],
    "apprise": [("title",), ("body",)],
    "alertmanager": [("alerts", 0, "annotations", "summary")],
    "cloudevents": [("data", "policy", "name")],
    "slack": [("text",), ("blocks", 0, "text", "text")],
    "pagerduty": [("payload", "summary")],
    "template": [("told",)],
}
NEEDED = {
    **OPEN_FORMATS,
    "template": {"text": '{"told": {{ headline()|tojson }}, "why": {{ alarm.description|tojson }}}'},
}
VENDORS = ("aliyun", "blueking", "tencent", "tencent_legacy")
MADE = [
    *((name, {"dialect": dialect}) for name in VENDORS for dialect in Dialect),
    *((name, NEEDED.get(name, {})) for name in formats.names() if name not in VENDORS),
]
ONE_ATTEMPT = RetrySchedule(attempts=1)


@pytest.mark.parametrize("made", [drill_alarm, heartbeat_alarm])
@pytest.mark.parametrize(("name", "options"), MADE)
def test_every_format_can_tell_it(name, options, made):
    """A person sees in each that it is none, and each reads back."""
    made_by = formats.get(name, **options)
    alarm = made("drill-1", NOW)

    payload = made_by.build(alarm, BuildContext(session_id="s-1", now=NOW, url="https://h.example/"))

    text = payload.content.decode()
    body: Any = json.loads(text) if text.startswith("{") else parse_qs(text)
    for path in SHOWN[name]:
        shown = body
        for step in path:
            shown = shown[step]
        assert MARK in shown, path
    assert "nothing is wrong" in str(body)
    assert made_by.parse(payload.content, payload.content_type)


def test_every_format_is_known_here():
    """Of a new one it has to be said where a person reads the mark."""
    assert set(SHOWN) == set(formats.names())


def test_a_drill(virtual_clock):
    """To each callback in its own format, by its own rules; the report tells who did not confirm."""
    receiver = MemoryReceiver(now=virtual_clock.now, scripts={"https://down.example/": "500"})
    urls = {name: f"https://{name}.example/" for name in ("blueking", "tencent", "aliyun", "down")}
    callbacks = [
        Callback(url, format=name if name != "down" else "tencent", name=name) for name, url in urls.items()
    ]
    oncall = AlarmGroup("oncall", callbacks=callbacks)

    async def main() -> Any:
        async with AsyncDispatcher(transport=receiver.transport, clock=virtual_clock) as dispatcher:
            return await dispatcher.drill(oncall)

    report = virtual_clock.run(main())

    assert [one.status for one in report.deliveries] == ["delivered", "delivered", "delivered", "failed"]
    assert [len(one.attempts) for one in report.deliveries] == [1, 1, 1, 3]
    assert report.alarm_id.startswith("drill-")
    assert all(MARK in request.content.decode() for request in receiver.requests)


def test_a_drill_of_the_synchronous_dispatcher(memory_receiver):
    """Each is an alarm of its own, which waits behind none."""
    receiver = memory_receiver()

    with Dispatcher(transport=receiver.transport) as dispatcher:
        reports = [dispatcher.drill(group()) for _ in range(2)]

    assert all(report.ok for report in reports)
    assert len({report.alarm_id for report in reports}) == 2
    assert len(receiver.requests) == 2


def test_a_drill_goes_through_the_outbox(virtual_clock, memory_receiver):
    """It tries the whole path."""
    outbox = MemoryOutbox()

    async def main() -> None:
        async with AsyncDispatcher(
            transport=memory_receiver().transport, clock=virtual_clock, outbox=outbox
        ) as dispatcher:
            assert (await dispatcher.drill(to())).ok

    virtual_clock.run(main())

    assert states(outbox) == ["delivered"]


@pytest.mark.parametrize("kept", [False, True])
def test_a_heartbeat(virtual_clock, kept):
    """Now and every so many seconds, until it is stopped."""
    receiver = MemoryReceiver(now=virtual_clock.now)

    async def main() -> Any:
        async with AsyncDispatcher(
            transport=receiver.transport, clock=virtual_clock, outbox=MemoryOutbox() if kept else None
        ) as dispatcher:
            heartbeat = dispatcher.heartbeat(to(), 60)
            await asyncio.sleep(150)
            assert not heartbeat.stopped
            heartbeat.stop()
            heartbeat.stop()
            await asyncio.sleep(600)
            return heartbeat

    heartbeat = virtual_clock.run(main())

    receiver.assert_arrivals([0, 60, 120])
    assert (heartbeat.sent, heartbeat.failed, heartbeat.stopped) == (3, 0, True)
    assert heartbeat.last.ok
    assert repr(heartbeat) == "Heartbeat('oncall', every=60)"
    assert all("heartbeat" in request.content.decode() for request in receiver.requests)


def test_a_heartbeat_that_is_stopped_before_it_began(virtual_clock, memory_receiver):
    """It sends nothing."""
    receiver = memory_receiver()

    async def main() -> None:
        async with AsyncDispatcher(transport=receiver.transport, clock=virtual_clock) as dispatcher:
            dispatcher.heartbeat(group(), 60).stop()
            await asyncio.sleep(600)

    virtual_clock.run(main())

    assert receiver.requests == ()


def test_a_heartbeat_that_fails_goes_on(virtual_clock, caplog):
    """It is told to the hooks, in the log and by its figures, without the URL's secrets."""
    receiver = MemoryReceiver("500,200,500", now=virtual_clock.now)
    told: list[Any] = []
    secret = to(
        Callback("https://r.example/?key=open-sesame", format="tencent", schedule=ONE_ATTEMPT, name="ops")
    )

    async def main() -> None:
        async with AsyncDispatcher(
            transport=receiver.transport, clock=virtual_clock, hooks=[told.append]
        ) as dispatcher:
            heartbeat = dispatcher.heartbeat(secret, 60)
            await asyncio.sleep(1)
            assert (heartbeat.sent, heartbeat.failed) == (1, 1)
            assert not heartbeat.last.ok
            await asyncio.sleep(60)
            assert (heartbeat.sent, heartbeat.failed) == (2, 1)
            assert heartbeat.last.ok
            await asyncio.sleep(60)
            assert (heartbeat.sent, heartbeat.failed) == (3, 2)

    virtual_clock.run(main())

    assert [record.getMessage() for record in caplog.records] == [
        "heartbeat of group 'oncall' failed: ops: rejected after 1 attempt: status 500, not 200"
    ] * 2
    assert len(told) == 6
    assert "sesame" not in caplog.text


def test_what_cannot_be_sent_is_told(virtual_clock, memory_receiver, caplog):
    """A full backlog, a fault of an id's source: the next one is sent all the same."""
    receiver = memory_receiver("delay:90:200,200")
    names = iter("abcdefghij")

    def new_id() -> str:
        if (name := next(names)) == "c":
            raise ZeroDivisionError("no ids")
        return f"id-{name}"

    async def main() -> Any:
        async with AsyncDispatcher(
            transport=receiver.transport, clock=virtual_clock, backlog=1, timeout=100, new_id=new_id
        ) as dispatcher:
            heartbeat = dispatcher.heartbeat(group(), 40)
            await asyncio.sleep(130)
            heartbeat.stop()
            await dispatcher.drain()
            return heartbeat

    heartbeat = virtual_clock.run(main())

    assert (heartbeat.sent, heartbeat.failed) == (2, 2)
    kinds = [record.getMessage().split("failed: ")[1].partition(":")[0] for record in caplog.records]
    assert kinds == ["ZeroDivisionError", "BacklogFullError"]


def test_a_heartbeat_that_cannot_be_written(virtual_clock, memory_receiver, caplog):
    """A full disk is a failure of the path, too."""
    disk = Disk(MemoryOutbox())

    async def main() -> Any:
        async with AsyncDispatcher(
            transport=memory_receiver().transport, clock=virtual_clock, outbox=disk
        ) as dispatcher:
            heartbeat = dispatcher.heartbeat(to(), 60)
            await asyncio.sleep(1)
            disk.fill()
            await asyncio.sleep(60)
            disk.free()
            await asyncio.sleep(60)
            return heartbeat

    heartbeat = virtual_clock.run(main())

    assert (heartbeat.sent, heartbeat.failed) == (3, 1)
    assert heartbeat.last.ok
    assert "the disk is full" in caplog.text


def test_to_a_receiver_that_is_silent_they_do_not_pile_up(virtual_clock, memory_receiver, caplog):
    """Ten are under way at most; those that are not sent are told as failed."""
    receiver = memory_receiver("timeout")

    async def main() -> Any:
        async with AsyncDispatcher(
            transport=receiver.transport, clock=virtual_clock, timeout=10_000
        ) as dispatcher:
            heartbeat = dispatcher.heartbeat(group(), 60)
            await asyncio.sleep(901)
            await dispatcher.close(timeout=0)
            return heartbeat

    heartbeat = virtual_clock.run(main())

    # Those that ended with the dispatcher say nothing about the path.
    assert (heartbeat.sent, heartbeat.failed) == (10, 6)
    assert {record.getMessage().split("failed: ")[1] for record in caplog.records} == {
        "10 before it are not settled yet"
    }


def test_a_loop_that_was_held_up(virtual_clock, memory_receiver):
    """What was missed is not made up for, and the rest keeps its times."""
    receiver = MemoryReceiver(now=virtual_clock.now)

    async def main() -> None:
        async with AsyncDispatcher(transport=receiver.transport, clock=virtual_clock) as dispatcher:
            dispatcher.heartbeat(group(), 60)
            await asyncio.sleep(70)
            virtual_clock.advance(200)
            await asyncio.sleep(100)

    virtual_clock.run(main())

    receiver.assert_arrivals([0, 60, 270, 300, 360])


@pytest.mark.parametrize("ended", ["stopped", "closed"])
def test_a_heartbeat_of_the_synchronous_dispatcher(tmp_path, memory_receiver, ended):
    """It may be stopped from any thread, and ends with its dispatcher."""
    receiver = memory_receiver()

    outbox = SqliteOutbox(tmp_path / "alarms.db")
    with Dispatcher(transport=receiver.transport, outbox=outbox) as dispatcher:
        heartbeat = dispatcher.heartbeat(to(), 0.05)
        other = dispatcher.heartbeat(to(), 1_000)
        receiver.wait_for(4, timeout=30)
        if ended == "stopped":
            heartbeat.stop()
            dispatcher.heartbeat(to(), 1_000)
            assert dispatcher.drain(timeout=30)

    assert heartbeat.stopped
    assert other.stopped
    heartbeat.stop()
    assert heartbeat.sent >= 3
    assert heartbeat.failed == 0
    gc.collect()


def test_a_heartbeat_that_a_hook_stops_while_it_begins(virtual_clock):
    """A first one that cannot be built is told at once."""
    heartbeats: list[Any] = []

    def hook(_event: object) -> None:
        for one in dispatcher._heartbeats:
            one.stop()

    class Broken:
        name, rules = "broken", formats.get("tencent").rules

        def build(self, alarm: Any, context: Any) -> Any:
            raise ZeroDivisionError

        def parse(self, content: Any, content_type: Any) -> Any: ...

        def verification(self, context: Any) -> Any: ...

    dispatcher = AsyncDispatcher(clock=virtual_clock, hooks=[hook], transport=MemoryReceiver().transport)

    async def main() -> None:
        async with dispatcher:
            heartbeats.append(dispatcher.heartbeat(group(format=Broken()), 60))
            await asyncio.sleep(600)

    virtual_clock.run(main())

    assert (heartbeats[0].sent, heartbeats[0].failed) == (1, 1)


@needs_fork
def test_a_child_of_a_fork_has_no_heartbeats(memory_receiver):
    """Those of the parent stay the parent's."""
    with Dispatcher(transport=memory_receiver().transport) as dispatcher:
        heartbeat = dispatcher.heartbeat(group(), 1_000)

        told = in_child(lambda: (dispatcher.close(), heartbeat.stopped))

        assert told == "(None, False)"


@pytest.mark.parametrize(
    ("to_whom", "every", "told"),
    [
        ("oncall", 60, r"heartbeat\.group: must be an AlarmGroup, not str"),
        (group(), 0, r"heartbeat\.every: must be more than 0 seconds, not 0"),
        (group(), -1, r"heartbeat\.every: must be more than 0 seconds, not -1"),
        (group(), "often", r"heartbeat\.every: must be an int or a float"),
        (group(fallback="other"), 60, r"Callback\.fallback: takes a dispatcher with an outbox"),
    ],
)
def test_a_heartbeat_that_is_none(memory_receiver, to_whom, every, told):
    """It is told by its name."""
    with (
        Dispatcher(transport=memory_receiver().transport) as dispatcher,
        pytest.raises(InvalidFieldError, match=told),
    ):
        dispatcher.heartbeat(to_whom, every)


def test_no_heartbeat_after_the_end(virtual_clock, memory_receiver):
    """Of either dispatcher."""
    transport = memory_receiver().transport
    closed = Dispatcher(transport=transport, clock=virtual_clock)
    closed.close()

    async def main() -> None:
        dispatcher = AsyncDispatcher(transport=transport, clock=virtual_clock)
        await dispatcher.close()
        with pytest.raises(DispatcherClosedError):
            dispatcher.heartbeat(group(), 60)

    with pytest.raises(DispatcherClosedError):
        closed.heartbeat(group(), 60)
    virtual_clock.run(main())


def test_no_heartbeat_from_a_hook(virtual_clock, memory_receiver):
    """There it would wait for itself."""
    raised: list[BaseException] = []

    def hook(_event: object) -> None:
        try:
            dispatcher.heartbeat(group(), 60)
        except WrongThreadError as error:
            raised.append(error)

    with Dispatcher(transport=memory_receiver().transport, clock=virtual_clock, hooks=[hook]) as dispatcher:
        dispatcher.dispatch(numbered(1), group())

    assert len(raised) == 2

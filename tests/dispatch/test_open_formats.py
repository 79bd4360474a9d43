"""Deliveries in the open formats: what confirms, ends and puts them off, and what is signed."""

from __future__ import annotations

import asyncio
import base64
import pickle
from typing import Any

import attrs
import pytest
from standardwebhooks import Webhook

from alarm_dispatch import (
    AlarmGroup,
    AsyncDispatcher,
    Callback,
    Delivery,
    Dispatcher,
    DispatchReport,
    RetrySchedule,
    formats,
)
from alarm_dispatch.errors import BuildError, InvalidFieldError
from alarm_dispatch.exchange import Reply, Request
from alarm_dispatch.formats import cloudevents, pagerduty, slack, template
from alarm_dispatch.formats.cloudevents import read_event
from alarm_dispatch.signing import StandardWebhooks
from alarm_dispatch.testing import MemoryReceiver, VirtualClock

from ..formats.open_formats import OPEN_FORMATS
from .alarms import METRIC_ALARM, URL, event_alarm

ALARM = attrs.evolve(METRIC_ALARM, level="warning")
_ONCE = RetrySchedule(attempts=1)
_AT_ONCE = RetrySchedule(attempts=2, delays=(0,))
KEY = OPEN_FORMATS["pagerduty"]["routing_key"]


def spec(name: str) -> Any:
    """The format as a configuration has it."""
    return formats.get(name, **OPEN_FORMATS[name])


class Answers:
    """A receiver that gives these replies, the last one for ever, and keeps what it was asked and when."""

    def __init__(self, *replies: Reply) -> None:
        self._replies = list(replies)
        self.requests: list[Request] = []
        self.at: list[float] = []

    async def __call__(self, request: Request) -> Reply:
        self.requests.append(request)
        self.at.append(asyncio.get_running_loop().time())
        return self._replies.pop(0) if len(self._replies) > 1 else self._replies[0]

    @property
    def waits(self) -> list[float]:
        """The seconds from its first request to each."""
        return [when - self.at[0] for when in self.at]


def answer(status: int, content: bytes = b"", **headers: str) -> Reply:
    """A reply; in names of headers ``_`` stands for ``-``."""
    pairs = tuple((name.replace("_", "-"), value) for name, value in headers.items())
    return Reply(status_code=status, content=content, headers=pairs)


def dispatch(clock: VirtualClock, receiver: Answers, group: AlarmGroup, *alarms: Any) -> list[DispatchReport]:
    """Each alarm dispatched when the one before is settled, in virtual time."""

    async def main() -> list[DispatchReport]:
        transport = MemoryReceiver(receiver).transport
        async with AsyncDispatcher(transport=transport, clock=clock) as dispatcher:
            return [await dispatcher.dispatch(alarm, group) for alarm in alarms or (ALARM,)]

    return clock.run(main())


def verify(clock: VirtualClock, receiver: Answers, callback: Callback) -> Delivery:
    """The verification of a callback's URL."""

    async def main() -> Delivery:
        transport = MemoryReceiver(receiver).transport
        async with AsyncDispatcher(transport=transport, clock=clock) as dispatcher:
            return await dispatcher.verify(callback)

    return clock.run(main())


def to(made: Any, **settings: Any) -> AlarmGroup:
    """A group of one callback."""
    return AlarmGroup("oncall", callbacks=[Callback(URL, format=made, **settings)])


@pytest.mark.parametrize(
    ("name", "replies", "verdicts", "waits"),
    [
        ("alertmanager", [answer(204)], ["confirmed"], [0]),
        ("alertmanager", [answer(404)], ["rejected"], [0]),
        ("alertmanager", [answer(302)], ["rejected"], [0]),
        (
            "alertmanager",
            [answer(500), answer(429), answer(200)],
            ["rejected", "rejected", "confirmed"],
            [0, 5, 15],
        ),
        ("alertmanager", [answer(429, Retry_After="30"), answer(200)], ["rejected", "confirmed"], [0, 30]),
        ("cloudevents", [answer(202)], ["confirmed"], [0]),
        ("cloudevents", [answer(410)], ["rejected"], [0]),
        ("cloudevents", [answer(415)], ["rejected"], [0]),
        ("cloudevents", [answer(400), answer(201)], ["rejected", "confirmed"], [0, 5]),
        ("cloudevents", [answer(429, Retry_After="7"), answer(200)], ["rejected", "confirmed"], [0, 7]),
        ("slack", [answer(200, b"ok")], ["confirmed"], [0]),
        ("slack", [answer(200, b"OK"), answer(200, b"ok")], ["unconfirmed", "confirmed"], [0, 5]),
        ("slack", [answer(404, b"no_service")], ["rejected"], [0]),
        ("slack", [answer(410, b"channel_is_archived")], ["rejected"], [0]),
        ("slack", [answer(403, b"invalid_token")], ["rejected"], [0]),
        ("slack", [answer(500, b"rollup_error"), answer(200, b"ok")], ["rejected", "confirmed"], [0, 5]),
        ("slack", [answer(429, Retry_After="12"), answer(200, b"ok")], ["rejected", "confirmed"], [0, 12]),
        ("pagerduty", [answer(202)], ["confirmed"], [0]),
        ("pagerduty", [answer(200)], ["unconfirmed"], [0]),
        ("pagerduty", [answer(400)], ["rejected"], [0]),
        (
            "pagerduty",
            [answer(503), answer(429), answer(202)],
            ["rejected", "rejected", "confirmed"],
            [0, 5, 15],
        ),
        ("pagerduty", [answer(429, Retry_After="40"), answer(202)], ["rejected", "confirmed"], [0, 40]),
        ("template", [answer(204)], ["confirmed"], [0]),
        ("template", [answer(404), answer(200)], ["rejected", "confirmed"], [0, 5]),
    ],
)
def test_what_confirms_and_what_follows_what_does_not(virtual_clock, name, replies, verdicts, waits):
    """To the second; what is final is told once."""
    receiver = Answers(*replies)

    (report,) = dispatch(virtual_clock, receiver, to(spec(name)))

    assert [attempt.verdict for attempt in report.deliveries[0].attempts] == verdicts
    assert receiver.waits == waits
    assert report.ok == (verdicts[-1] == "confirmed")


@pytest.mark.parametrize("name", OPEN_FORMATS)
def test_after_four_attempts_there_is_no_fifth(virtual_clock, name):
    """5, 10 and 20 seconds between them."""
    receiver = Answers(answer(503))

    (report,) = dispatch(virtual_clock, receiver, to(spec(name)))

    assert receiver.waits == [0, 5, 15, 35]
    assert not report.ok


@pytest.mark.parametrize("name", OPEN_FORMATS)
def test_what_is_signed_holds(name, loopback_receiver):
    """As the reference package verifies it, over a real socket."""
    key = base64.b64encode(b"k" * 32).decode()
    receiver = loopback_receiver([202 if name == "pagerduty" else 200])

    with Dispatcher() as dispatcher:
        callback = Callback(receiver.url, format=spec(name), signer=StandardWebhooks(f"whsec_{key}"))
        dispatcher.dispatch(ALARM, AlarmGroup("oncall", callbacks=[callback], schedule=_ONCE))

    (request,) = receiver.requests
    headers = {header.lower(): value for header, value in request.headers}
    Webhook(key).verify(request.content.decode(), headers, json_parse=False)


@pytest.mark.parametrize("mode", ["structured", "binary"])
def test_an_event_arrives(mode, loopback_receiver):
    """Its id is the delivery's, in each of its attempts."""
    receiver = loopback_receiver("500,204")
    made = cloudevents.Format(mode=mode, origin="alarms.example.com", extensions={"team": "基础"})

    with Dispatcher() as dispatcher:
        group = AlarmGroup("oncall", callbacks=[Callback(receiver.url, format=made)], schedule=_AT_ONCE)
        (delivery,) = dispatcher.dispatch(ALARM, group).deliveries

    events = [read_event(request.content, request.headers) for request in receiver.requests]
    assert delivery.ok
    assert len(events) == 2
    assert {event.id for event in events} == {delivery.id}
    assert events[0].subject == ALARM.id
    assert events[0].extensions == {"team": "基础"}
    assert {request.header("WebHook-Request-Origin") for request in receiver.requests} == {
        "alarms.example.com"
    }


def test_the_handshake_is_the_verification(virtual_clock):
    """OPTIONS, and the rate that was granted is told."""
    receiver = Answers(answer(204, WebHook_Allowed_Origin="*", WebHook_Allowed_Rate="100"))
    callback = Callback(URL, format=cloudevents.Format(origin="a.example", per_minute=120))

    delivery = verify(virtual_clock, receiver, callback)

    (request,) = receiver.requests
    headers = dict(request.headers)
    assert delivery.ok
    assert delivery.attempts[0].reason == "allowed, 100 requests a minute"
    assert (request.method, request.content) == ("OPTIONS", b"")
    assert headers["WebHook-Request-Origin"] == "a.example"
    assert headers["WebHook-Request-Rate"] == "120"


def test_a_receiver_that_allows_nothing_is_not_verified(virtual_clock):
    """However friendly its status is."""
    receiver = Answers(answer(200, Allow="OPTIONS, POST"))

    delivery = verify(virtual_clock, receiver, Callback(URL, format=cloudevents.Format(origin="a.example")))

    assert not delivery.ok
    assert "the receiver allows no events" in delivery.attempts[0].reason


def test_without_an_origin_a_url_cannot_be_verified(virtual_clock):
    """Which the delivery tells; nothing is sent."""
    receiver = Answers(answer(200))

    delivery = verify(virtual_clock, receiver, Callback(URL, format="cloudevents"))

    assert isinstance(delivery.error, InvalidFieldError)
    assert "Format.origin" in str(delivery.error)
    assert receiver.requests == []


@pytest.mark.parametrize(
    ("name", "reply"),
    [
        ("alertmanager", answer(204)),
        ("pagerduty", answer(202)),
        ("slack", answer(400, b"no_text")),
        ("template", answer(200)),
    ],
)
def test_the_other_urls_are_verified_too(virtual_clock, name, reply):
    """Without telling anybody of an alarm."""
    receiver = Answers(reply)

    delivery = verify(virtual_clock, receiver, Callback(URL, format=spec(name)))

    assert delivery.ok
    assert len(receiver.requests) == 1


def test_events_keep_the_rate_that_was_asked_for(virtual_clock):
    """Two a minute."""
    receiver = Answers(answer(200))

    dispatch(
        virtual_clock,
        receiver,
        to(cloudevents.Format(per_minute=2)),
        *(attrs.evolve(ALARM, id=f"{n}") for n in range(4)),
    )

    assert receiver.waits == [0, 0, 60, 60]


def test_slack_gets_a_message_a_second(virtual_clock):
    """The parts of a long alarm in their order, each when the one before was taken."""
    receiver = Answers(answer(200, b"ok"))
    long = attrs.evolve(ALARM, description="x" * 30_000)

    (report,) = dispatch(virtual_clock, receiver, to(slack.Format()), long)

    told = [slack.Format().parse(request.content, "application/json").text for request in receiver.requests]
    assert [text[-5:] for text in told] == ["(1/3)", "(2/3)", "(3/3)"]
    assert receiver.waits == [0, 1, 2]
    assert report.ok


def test_what_fails_a_template_fails_no_other_callback(virtual_clock):
    """The group's others are told; the error names the line and the cause."""
    made = template.Format(text='{\n"metric": {{ alarm.condition.metric.name|tojson }}}')
    receiver = Answers(answer(200))
    group = AlarmGroup(
        "oncall",
        callbacks=[Callback(URL, format=made), Callback("https://b.example/", format="alertmanager")],
    )

    first, second = dispatch(virtual_clock, receiver, group, ALARM, event_alarm())

    assert first.ok
    failed, told = second.deliveries
    assert isinstance(failed.error, BuildError)
    assert "line 2: " in str(failed.error)
    assert told.ok
    assert len(receiver.requests) == 3


def test_a_refusal_that_echoes_the_routing_key_does_not_tell_it(virtual_clock):
    """Nor does a pickle of the report."""
    receiver = Answers(answer(400, KEY.encode(), Retry_After=KEY))
    made = pagerduty.Format(routing_key=KEY)

    def echo(reply: Reply) -> bool:
        raise ValueError(reply.content.decode())

    for settings in ({}, {"confirmation": echo}):
        (report,) = dispatch(virtual_clock, receiver, to(made, **settings))
        assert KEY.encode() in receiver.requests[-1].content
        assert KEY not in f"{report!r} {[attempt.reason for attempt in report.deliveries[0].attempts]}"
        assert KEY not in str(report.deliveries[0].error)
        assert KEY.encode() not in pickle.dumps(report)


def test_a_callbacks_headers_win_over_the_formats(virtual_clock):
    """So that somebody can send another type, or another header."""
    receiver = Answers(answer(200))
    made = template.Format(text="{}", headers={"X-Team": "a", "X-Rank": "1"})

    dispatch(virtual_clock, receiver, to(made, headers={"x-team": "b", "Content-Type": "application/x+json"}))

    headers = {name.lower(): value for name, value in receiver.requests[0].headers}
    assert (headers["x-team"], headers["x-rank"]) == ("b", "1")
    assert headers["content-type"] == "application/x+json"

"""CloudEvents: both modes, as the specification's own package reads them, and the handshake."""

from __future__ import annotations

import json
from typing import Any

import attrs
import pytest
from cloudevents.core.bindings.http import HTTPMessage, from_binary_event, from_structured_event
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from alarm_dispatch import load_alarm
from alarm_dispatch.errors import InvalidFieldError, ParseError, UnsuitableFieldError, UnsupportedAlarmError
from alarm_dispatch.exchange import Reply
from alarm_dispatch.formats import Payload
from alarm_dispatch.formats.cloudevents import Event, Format, Mode, read_event
from alarm_dispatch.formats.cloudevents.headers import from_header, to_header
from alarm_dispatch.formats.cloudevents.wire import has_only_allowed_characters
from alarm_dispatch.formats.tencent import Format as Tencent
from alarm_dispatch.limits import Rate
from alarm_dispatch.model import Alarm
from tests.formats.alarms import ENDED, METRIC_ALARM, STARTED, resolved
from tests.formats.samples import body, context
from tests.formats.strategies import alarms
from tests.unit.made import PlainFormat

_ATTRIBUTES = {
    "specversion": "1.0",
    "id": "xxxxxxxx",
    "source": "/alarm-dispatch",
    "type": "alarm_dispatch.alarm.triggered",
    "subject": "alarm-7",
    "time": "2026-01-31T11:50:01.500000Z",
}
every_mode = pytest.mark.parametrize("mode", list(Mode))


def headers_of(payload: Payload) -> dict[str, str]:
    """All headers that tell something."""
    return {"content-type": payload.content_type, **dict(payload.headers)}


def their_event(payload: Payload) -> Any:
    """The event as the package ``cloudevents`` reads it."""
    message = HTTPMessage(headers_of(payload), payload.content)
    structured = payload.content_type == "application/cloudevents+json"
    return from_structured_event(message) if structured else from_binary_event(message)


def test_all_of_an_event_is_in_the_body():
    """In structured mode, with the alarm as its data."""
    payload = Format().build(METRIC_ALARM, context())

    event = body(payload)
    data = event.pop("data")
    assert payload.content_type == "application/cloudevents+json"
    assert payload.headers == ()
    assert event == {**_ATTRIBUTES, "datacontenttype": "application/json"}
    assert load_alarm(data) == METRIC_ALARM


def test_attributes_are_in_headers():
    """In binary mode, where the body is the alarm alone."""
    payload = Format(mode="binary").build(METRIC_ALARM, context())

    assert payload.content_type == "application/json"
    assert dict(payload.headers) == {f"ce-{name}": value for name, value in _ATTRIBUTES.items()}
    assert load_alarm(json.loads(payload.content)) == METRIC_ALARM
    assert Format(mode="binary").parse(payload.content, payload.content_type) == METRIC_ALARM


@every_mode
def test_the_package_cloudevents_reads_it(mode):
    """Attributes, extensions and data."""
    made = Format(
        mode=mode, source="https://a.example/é".replace("é", "%C3%A9"), extensions={"team": '基 "%'}
    )
    alarm = attrs.evolve(METRIC_ALARM, id='内存 "95%"')

    event = their_event(made.build(alarm, context()))

    assert event.get_id() == "xxxxxxxx"
    assert event.get_source() == "https://a.example/%C3%A9"
    assert event.get_type() == "alarm_dispatch.alarm.triggered"
    assert event.get_subject() == '内存 "95%"'
    assert event.get_specversion() == "1.0"
    assert event.get_time() == METRIC_ALARM.evaluated_at
    assert event.get_datacontenttype() == "application/json"
    assert event.get_extension("team") == '基 "%'
    assert load_alarm(event.get_data()) == alarm


@every_mode
@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(alarm=alarms())
def test_the_package_cloudevents_reads_any_alarm(mode: Mode, alarm: Alarm) -> None:
    """And so do we, alike."""
    try:
        payload = Format(mode=mode).build(alarm, context())
    except UnsuitableFieldError:
        assert not has_only_allowed_characters(alarm.id)
        return

    theirs, ours = their_event(payload), read_event(payload.content, headers_of(payload))

    assert theirs.get_subject() == ours.subject == alarm.id
    assert json.dumps(theirs.get_data()) == json.dumps(ours.data)
    assert load_alarm(ours.data) == alarm


@every_mode
@pytest.mark.parametrize(
    ("state", "at", "kind"),
    [
        ("triggered", STARTED, "triggered"),
        ("no_data", STARTED, "no_data"),
        ("resolved", ENDED, "resolved"),
        ("closed", ENDED, "closed"),
    ],
)
def test_the_type_says_the_state_and_the_time_when(mode, state, at, kind):
    """When it was evaluated, else when it ended or started."""
    alarm = attrs.evolve(METRIC_ALARM, state=state, ended_at=ENDED, evaluated_at=None)

    event = their_event(Format(mode=mode, type_prefix="com.example").build(alarm, context()))

    assert event.get_type() == f"com.example.alarm.{kind}"
    assert event.get_time() == at


def test_an_end_that_is_not_known_is_not_made_up():
    """The time is when the alarm started."""
    alarm = attrs.evolve(METRIC_ALARM, state="resolved", evaluated_at=None)

    assert body(Format().build(alarm, context()))["time"] == "2026-01-31T11:50:00Z"


@every_mode
def test_an_event_carries_another_formats_payload(mode):
    """JSON as it is, and its content type; by its name or as a format."""
    made = Format(mode=mode, data="tencent")
    payload = made.build(METRIC_ALARM, context())

    event = read_event(payload.content, headers_of(payload))

    assert made == Format(mode=mode, data=Tencent()) == Format(mode=mode, data={"name": "tencent"})
    assert event.data == body(Tencent().build(METRIC_ALARM, context()))
    assert their_event(payload).get_data() == event.data
    assert event.datacontenttype == "application/json"


@every_mode
def test_an_event_carries_a_form(mode):
    """As the text that it is."""
    made = Format(mode=mode, data={"name": "aliyun", "dialect": "observed"})
    payload = made.build(METRIC_ALARM, context())

    event = read_event(payload.content, headers_of(payload))

    assert event.data.startswith("expression=%24Average")
    assert event.datacontenttype == "application/x-www-form-urlencoded; charset=UTF-8"
    if mode is Mode.BINARY:
        assert made.parse(payload.content, payload.content_type).metricName == "usage"


class _Bytes(PlainFormat):
    """A format of bytes, with a header, a secret and a limit."""

    secrets = ("sesame",)
    limits = ("8 bytes",)

    def build(self, alarm, context):
        return Payload(content=b"\xff\x00", content_type="application/octet-stream", headers=(("x-a", "b"),))


@every_mode
def test_an_event_carries_bytes(mode):
    """In base64 where it must, with the payload's own headers and secrets."""
    made = Format(mode=mode, data=_Bytes(Tencent().rules))
    payload = made.build(METRIC_ALARM, context())

    event = read_event(payload.content, headers_of(payload))

    assert (event.data, event.data_base64) == (None, "/wA=")
    assert their_event(payload).get_data() == b"\xff\x00"
    assert ("x-a", "b") in payload.headers
    assert made.secrets == ("sesame",)
    assert "8 bytes" in made.limits


def test_the_alarm_alone_has_no_secrets():
    """Nor a rate, until one is asked for."""
    assert (Format().secrets, Format().rate) == ((), None)
    assert Format(per_minute=30).rate == Rate(30, 60)


class _Several(PlainFormat):
    """A format whose alarm takes two messages."""

    def bundles(self, alarms, context):
        from alarm_dispatch.formats import Bundle

        one = Payload(content=b"{}", content_type="application/json")
        return [Bundle(alarms=[0], messages=[one, one])]


def test_what_takes_several_messages_is_no_event():
    """Rather than losing all but the first."""
    with pytest.raises(UnsupportedAlarmError, match="carries one message, and plain makes 2"):
        Format(data=_Several(Tencent().rules)).build(METRIC_ALARM, context())


class _Finished(PlainFormat):
    """A format that signs its requests."""

    def finish(self, request):
        return request


@every_mode
def test_an_extension_is_an_attribute(mode):
    """Text, a bool, an integer: in headers by their string forms."""
    payload = Format(mode=mode, extensions={"a": "x y", "b": True, "c": -5}).build(METRIC_ALARM, context())

    event = read_event(payload.content, headers_of(payload))

    wanted = {"a": "x y", "b": True, "c": -5}
    assert event.extensions == (wanted if mode is Mode.STRUCTURED else {"a": "x y", "b": "true", "c": "-5"})


@every_mode
def test_the_origin_is_in_every_request(mode):
    """As the receiver gave its permission for it."""
    made = Format(mode=mode, origin="alarms.example.com")

    assert ("WebHook-Request-Origin", "alarms.example.com") in made.build(METRIC_ALARM, context()).headers


@pytest.mark.parametrize("wrong", ["\x00", "a\x85", "\ufdd0", "\uffff", "\U0010fffe", "line\nbreak"])
def test_what_no_attribute_can_hold_is_refused(wrong):
    """By the specification's type system."""
    with pytest.raises(UnsuitableFieldError, match=r"alarm\.id as 'subject'"):
        Format().build(attrs.evolve(METRIC_ALARM, id=wrong), context())


def test_a_delivery_without_an_id_is_no_event():
    """As its id must not be empty."""
    with pytest.raises(UnsuitableFieldError, match="the delivery's id as 'id'"):
        Format().build(METRIC_ALARM, context(""))


@pytest.mark.parametrize(
    ("value", "header"),
    [
        ("Euro € 😀", "Euro%20%E2%82%AC%20%F0%9F%98%80"),
        ('a"b%c', "a%22b%25c"),
        ("!#$&'()*+,-./:;<=>?@[\\]^_`{|}~", "!#$&'()*+,-./:;<=>?@[\\]^_`{|}~"),
        ("\t\x7f", "%09%7F"),
    ],
)
def test_a_header_is_percent_encoded(value, header):
    """The specification's example, and its bounds."""
    assert to_header(value) == header
    assert from_header(header) == value


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_any_text_comes_back_out_of_a_header(value):
    """In printable ASCII without blanks."""
    header = to_header(value)

    assert header.isascii()
    assert not any(character.isspace() or character == '"' for character in header)
    assert from_header(header) == value


def test_older_senders_quote():
    """Which is taken off before the percent-encoding."""
    assert from_header(r'"a \"b\" \\ %41"') == 'a "b" \\ A'


def _binary(**changes: str) -> dict[str, str]:
    wanted = {"specversion": "1.0", "id": "a", "source": "/b", "type": "c"}
    headers = {f"CE-{name}": value for name, value in {**wanted, **changes}.items()}
    return {"Content-Type": "application/json", **headers}


def test_a_request_is_read_by_its_headers():
    """In any case, with JSON data of any kind."""
    event = read_event(b"[1]", list(_binary(subject="a%20b", team="x").items()))

    assert event == Event(
        specversion="1.0",
        id="a",
        source="/b",
        type="c",
        subject="a b",
        datacontenttype="application/json",
        extensions={"team": "x"},
        data=[1],
    )


@pytest.mark.parametrize(
    ("content", "headers", "problem"),
    [
        (b"{}", {"Content-Type": "application/json"}, r"\$\.id: is missing"),
        (b"{}", {}, r"\$\.id: is missing"),
        (b"{", _binary(), "the data is not JSON"),
        (b"[" * 100_000, _binary(), "nested too deeply"),
        (b"{}", _binary(id="%C0%A0"), "the header CE-id is not percent-encoded UTF-8"),
        (b"{}", _binary(specversion="0.3"), "specversion is '0.3', not '1.0'"),
        (b'{"id": 5}', {"Content-Type": "application/cloudevents+json"}, r"\$\.id: must be text"),
        (b"[]", {"Content-Type": "application/cloudevents+json; charset=utf-8"}, "must be a JSON object"),
    ],
)
def test_what_is_no_event_is_told(content, headers, problem):
    """In either mode."""
    with pytest.raises(ParseError, match=problem):
        read_event(content, headers)


@pytest.mark.parametrize("content", [b"{}", b"[]", b"5", b"{", b"[" * 100_000, b'{"policy": 5}'])
def test_a_body_that_is_no_alarm_is_told(content):
    """In binary mode, where it is the alarm alone."""
    with pytest.raises(ParseError, match="is no alarm"):
        Format(mode="binary").parse(content, "application/json")


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ({"mode": "batched"}, "Format.mode: is 'batched'; allowed are: structured, binary"),
        ({"source": ""}, "Format.source: '' is none; allowed is a URI reference"),
        ({"source": "a b"}, "Format.source: 'a b' is none"),
        ({"source": 5}, "Format.source: must be text"),
        ({"type_prefix": "a b"}, "Format.type_prefix: 'a b' is none"),
        ({"origin": "https://a.example/"}, "Format.origin: .* a DNS name"),
        ({"origin": "a\r\nb"}, "Format.origin: .* a DNS name"),
        ({"per_minute": 0}, "Format.per_minute: must be at least 1"),
        ({"data": Format()}, "Format.data: is an event already"),
        ({"data": "nagios"}, "unknown format 'nagios'"),
        ({"data": {"dialect": "observed"}}, r"Format.data.name: must be text"),
        ({"data": 5}, "must be a format or its name"),
        ({"data": _Finished(Tencent().rules)}, "Format.data: cannot be plain: its messages are signed"),
        ({"extensions": ["a"]}, "Format.extensions: must be a mapping"),
        ({"extensions": {"Team": "a"}}, "Format.extensions: 'Team' is no name of an extension"),
        ({"extensions": {"subject": "a"}}, "Format.extensions: 'subject' is no name"),
        ({"extensions": {"a" * 21: "a"}}, "is no name of an extension"),
        ({"extensions": {5: "a"}}, "Format.extensions: must be text"),
        ({"extensions": {"a": 1.5}}, r"Format.extensions\['a'\]: must be text"),
        ({"extensions": {"a": 2**31}}, "an integer of 32 bits"),
        ({"extensions": {"a": "\n"}}, "must be text without control characters"),
    ],
)
def test_wrong_options_are_refused(options, problem):
    """With what is allowed."""
    with pytest.raises((InvalidFieldError, ValueError), match=problem):
        Format(**options)


def test_a_url_is_verified_by_the_handshake():
    """OPTIONS, with the origin and the rate that is wanted."""
    verification = Format(origin="alarms.example.com", per_minute=120).verification(context())

    assert verification.method == "OPTIONS"
    assert verification.payload.content == b""
    assert verification.payload.headers == (
        ("WebHook-Request-Origin", "alarms.example.com"),
        ("WebHook-Request-Rate", "120"),
    )
    assert len(Format(origin="a").verification(context()).payload.headers) == 1


def test_without_an_origin_nothing_is_asked():
    """As there is nobody to allow."""
    with pytest.raises(InvalidFieldError, match=r"Format\.origin: is not set"):
        Format().verification(context())


@pytest.mark.parametrize(
    ("status", "headers", "verdict", "reason"),
    [
        (200, {}, "rejected", "status 200 without WebHook-Allowed-Origin: the receiver allows no events"),
        (405, {}, "rejected", "status 405 without WebHook-Allowed-Origin: the receiver allows no events"),
        (200, {"origin": "a.example"}, "confirmed", "allowed, without WebHook-Allowed-Rate"),
        (204, {"origin": "A.Example", "rate": "*"}, "confirmed", "allowed, at any rate"),
        (405, {"origin": "*", "rate": "120"}, "confirmed", "allowed, 120 requests a minute"),
        (
            200,
            {"origin": "*", "rate": "many"},
            "confirmed",
            "allowed, WebHook-Allowed-Rate is 'many', which is no rate",
        ),
        (200, {"origin": "b.example"}, "rejected", "WebHook-Allowed-Origin is 'b.example', not a.example"),
        (
            200,
            {"origin": "a.example, b"},
            "rejected",
            "WebHook-Allowed-Origin is 'a.example, b', not a.example",
        ),
    ],
)
def test_the_receiver_allows_it_by_a_header(status, headers, verdict, reason):
    """Whatever its status is, as many answer OPTIONS."""
    confirmation = Format(origin="a.example").verification(context()).confirmation
    reply = Reply(
        status_code=status,
        headers=tuple((f"WebHook-Allowed-{name.title()}", value) for name, value in headers.items()),
    )

    judgement = confirmation(reply)

    assert (judgement.verdict, judgement.reason) == (verdict, reason)


def test_a_long_answer_is_cut():
    """It is the receiver's."""
    confirmation = Format(origin="a").verification(context()).confirmation
    reply = Reply(status_code=200, headers=(("webhook-allowed-origin", "x" * 5000),))

    assert len(confirmation(reply).reason) < 120


def test_a_resolution_is_an_event_of_its_own():
    """Under the same subject."""
    first, second = (
        body(Format().build(alarm, context(delivery)))
        for alarm, delivery in ((METRIC_ALARM, "d-1"), (resolved(METRIC_ALARM), "d-2"))
    )

    assert (first["id"], second["id"]) == ("d-1", "d-2")
    assert first["subject"] == second["subject"]
    assert second["type"] == "alarm_dispatch.alarm.resolved"

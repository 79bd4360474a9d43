"""PagerDuty's events: their fields, the key that joins them, and the routing key that nothing shows."""

from __future__ import annotations

import hashlib
import json
import pickle
from typing import Any

import attrs
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from alarm_dispatch import Callback
from alarm_dispatch.errors import (
    BuildError,
    InvalidFieldError,
    MissingFieldError,
    ParseError,
    UnsupportedAlarmError,
)
from alarm_dispatch.exchange import Reply
from alarm_dispatch.formats.pagerduty import Event, EventPayload, Format
from alarm_dispatch.model import Alarm, Level
from alarm_dispatch.secret import Secret
from tests.formats.alarms import EVENT_ALARM, METRIC_ALARM, changed, resolved
from tests.formats.samples import body, context
from tests.formats.strategies import alarms

KEY = "e93facc04764012d7bfb002500d5d1a6"


def event(alarm: Alarm, **options: Any) -> dict[str, Any]:
    """What is sent for an alarm."""
    return body(Format(**{"routing_key": KEY, **options}).build(alarm, context()))


def test_an_alarm_triggers_an_event():
    """With every field that the alarm has something for."""
    assert event(METRIC_ALARM, client="watch", client_url="https://watch.example/") == {
        "routing_key": KEY,
        "event_action": "trigger",
        "dedup_key": "alarm-7",
        "payload": {
            "summary": "[Fatal] Triggered: 内存使用率 — web-1",
            "source": "web-1",
            "severity": "critical",
            "timestamp": "2026-01-31T11:50:01.500000Z",
            "component": "qce/cvm",
            "group": "web",
            "class": "usage",
            "custom_details": {
                "Level": "Fatal",
                "Policy": "内存使用率",
                "Metric": "使用率, 总量",
                "Value": "97.39%",
                "Threshold": "Average >= 95 percent (3 × 1 minute)",
                "Target": "web-1",
                "Dimensions": "目标IP=10.0.0.1, nodes=module|6, port=443",
                "Region": "广州",
                "Started": "2026-01-31 11:50:00 UTC",
                "Lasted": "10 minutes",
                "Description": "内存快满了",
                "Link": "https://console.example.com/policy/144",
                "alarm_id": "alarm-7",
                "state": "triggered",
                "related_info": "cluster 3",
                "dimensions": {"ip": "10.0.0.1", "nodes": ["module|6"], "port": 443},
                "labels": {"team": "infra", "rank": 2},
                "tags": ["prod", "db"],
                "details": {"cause": "leak", "pages": 12},
            },
        },
        "client": "watch",
        "client_url": "https://watch.example/",
        "links": [{"href": "https://console.example.com/policy/144", "text": "内存使用率"}],
    }


def test_an_event_is_of_its_own_class():
    """The name of what happened."""
    assert event(EVENT_ALARM)["payload"]["class"] == "ping_unreachable"


@pytest.mark.parametrize(
    ("state", "action"),
    [("triggered", "trigger"), ("no_data", "trigger"), ("resolved", "resolve"), ("closed", "resolve")],
)
def test_a_state_is_an_action_under_one_key(state, action):
    """Without data nobody knows that it is over."""
    sent = event(attrs.evolve(METRIC_ALARM, state=state))

    assert (sent["event_action"], sent["dedup_key"]) == (action, "alarm-7")


def test_a_resolution_needs_nothing_but_its_key():
    """So that nothing that an alarm lacks keeps an incident open."""
    poor = attrs.evolve(
        METRIC_ALARM, state="resolved", level=None, target=attrs.evolve(METRIC_ALARM.target, name=None)
    )

    assert event(poor) == {"routing_key": KEY, "event_action": "resolve", "dedup_key": "alarm-7"}


@pytest.mark.parametrize(
    ("level", "severity"), [("fatal", "critical"), ("warning", "warning"), ("info", "info")]
)
def test_a_level_is_a_severity(level, severity):
    """Of PagerDuty's four words."""
    assert event(attrs.evolve(METRIC_ALARM, level=Level(level)))["payload"]["severity"] == severity


def test_a_level_is_never_made_up():
    """As it decides who is paged."""
    with pytest.raises(MissingFieldError) as caught:
        event(attrs.evolve(METRIC_ALARM, level=None))

    assert (caught.value.wire_field, caught.value.model_field) == ("payload.severity", "alarm.level")


@pytest.mark.parametrize(
    ("changes", "source"),
    [
        ({}, "web-1"),
        ({"name": None}, 'ip=10.0.0.1, nodes=["module|6"], port=443'),
        ({"name": "", "dimensions": {"a": True, "b": None, "c": 1.0}}, "a=true, b=, c=1"),
        ({"name": None, "dimensions": {}}, "qce/cvm"),
    ],
)
def test_the_source_is_the_least_that_says_where(changes, source):
    """The name, else the dimensions, else the namespace."""
    alarm = attrs.evolve(METRIC_ALARM, target=attrs.evolve(METRIC_ALARM.target, **changes))

    assert event(alarm)["payload"]["source"] == source


def test_an_alarm_that_is_nowhere_is_refused():
    """PagerDuty requires a source."""
    target = attrs.evolve(METRIC_ALARM.target, name=None, dimensions={}, namespace=None)

    with pytest.raises(MissingFieldError, match=r"payload\.source.*alarm\.target\.name"):
        event(attrs.evolve(METRIC_ALARM, target=target))


def test_what_an_alarm_lacks_is_left_out():
    """Never null."""
    alarm = attrs.evolve(
        METRIC_ALARM,
        policy=attrs.evolve(METRIC_ALARM.policy, url="not a URL", tags=(), labels={}),
        target=attrs.evolve(METRIC_ALARM.target, namespace=None, group_name=None, dimensions={}),
        evaluated_at=None,
        details={},
        related_info=None,
    )

    sent = event(alarm)

    assert "links" not in sent
    assert "client" not in sent
    assert not {"component", "group"} & sent["payload"].keys()
    assert sent["payload"]["timestamp"] == "2026-01-31T11:50:00Z"
    assert (
        not {"related_info", "labels", "tags", "details", "summary"}
        & sent["payload"]["custom_details"].keys()
    )


def test_a_link_needs_no_text():
    """Where the policy has no name."""
    assert event(changed(METRIC_ALARM, "policy.name", ""))["links"] == [
        {"href": "https://console.example.com/policy/144"}
    ]


@pytest.mark.parametrize(("more", "shortened"), [(0, False), (1, True)])
def test_a_long_summary_is_marked_and_stands_whole_in_the_details(more, shortened):
    """1,024 characters are PagerDuty's limit."""
    room = 1024 - len("[Fatal] Triggered:  — web-1")
    name = "长" * (room + more)

    payload = event(changed(METRIC_ALARM, "policy.name", name))["payload"]

    assert len(payload["summary"]) == 1024
    assert payload["summary"].endswith("…") is shortened
    whole = f"[Fatal] Triggered: {name} — web-1"
    assert payload["custom_details"].get("summary") == (whole if shortened else None)
    assert shortened or payload["summary"] == whole


def test_an_event_is_no_larger_than_pagerduty_takes():
    """It refuses a larger one for good, and nobody would be paged: the largest details give way."""
    details = {"dump": ["x" * 90_000] * 7, "host": "web-1"}
    alarm = attrs.evolve(METRIC_ALARM, description="磁盘" * 150_000, details=details)

    content = Format(routing_key=KEY).build(alarm, context()).content
    details = json.loads(content)["payload"]["custom_details"]

    assert len(content) <= 512_000
    assert (
        details["Description"]
        == "磁盘" * 500 + "… (shortened: it has 900,002 bytes, and an event at most 512,000)"
    )
    assert details["details"] == "(shortened: it has 630,046 bytes, and an event at most 512,000)"
    assert details["Policy"] == alarm.policy.name
    assert details["dimensions"] == alarm.target.dimensions.thaw()


def test_only_what_must_be_is_shortened():
    """Of two long details the larger one makes room for the other."""
    alarm = attrs.evolve(METRIC_ALARM, description="x" * 300_000, related_info="y" * 299_000)

    details = event(alarm)["payload"]["custom_details"]

    assert details["Description"].endswith(
        "… (shortened: it has 300,002 bytes, and an event at most 512,000)"
    )
    assert details["related_info"] == "y" * 299_000


def test_what_is_too_large_without_details_is_refused():
    """Its source cannot be shortened: the place would be another one."""
    alarm = changed(METRIC_ALARM, "target.name", "x" * 600_000)

    with pytest.raises(
        UnsupportedAlarmError, match="cannot tell this alarm within 512,000 bytes of an event"
    ):
        Format(routing_key=KEY).build(alarm, context())


def test_people_read_it_in_their_language_and_zone():
    """Chinese, at +08:00."""
    payload = event(METRIC_ALARM, language="zh", zone="+08:00")["payload"]

    assert payload["summary"] == "[致命] 告警触发：内存使用率 — web-1"
    assert payload["custom_details"]["开始时间"] == "2026-01-31 19:50:00 UTC+08:00"


@pytest.mark.parametrize("length", [1, 254, 255])
def test_an_id_is_the_key(length):
    """While PagerDuty takes it."""
    assert event(attrs.evolve(METRIC_ALARM, id="x" * length))["dedup_key"] == "x" * length


def test_a_long_id_is_shortened_to_a_key_of_its_own():
    """Its beginning, and its SHA-256: the same for a trigger and its resolution, another for another id."""
    alarm = attrs.evolve(METRIC_ALARM, id="x" * 256)
    other = attrs.evolve(METRIC_ALARM, id="x" * 257)

    key = event(alarm)["dedup_key"]

    assert key == f"{'x' * 190}~{hashlib.sha256(b'x' * 256).hexdigest()}"
    assert len(key) == 255
    assert event(resolved(alarm))["dedup_key"] == key
    assert event(other)["dedup_key"] != key


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(alarm=alarms(), other=st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=600))
def test_keys_and_summaries_keep_their_limits(alarm: Alarm, other: str) -> None:
    """For any alarm that can be told."""
    try:
        sent = event(attrs.evolve(alarm, id=other))
    except MissingFieldError:
        return

    assert 1 <= len(sent["dedup_key"]) <= 255
    assert sent["event_action"] == "resolve" or 1 <= len(sent["payload"]["summary"]) <= 1024


def test_the_routing_key_is_shown_nowhere():
    """Not in a repr, a dict, an error or a pickle."""
    made = Format(routing_key=KEY)
    callback = Callback("https://events.pagerduty.com/v2/enqueue", format=made)

    assert KEY not in f"{made!r} {made} {attrs.asdict(made)} {callback!r} {attrs.asdict(callback)}"
    assert KEY.encode() not in pickle.dumps(made) + pickle.dumps(callback)
    assert KEY in callback.secrets
    with pytest.raises(TypeError):
        json.dumps(attrs.asdict(made))


def test_a_format_out_of_a_pickle_has_no_key_and_says_so():
    """Rather than sending without one; nothing is masked for it either."""
    read = pickle.loads(pickle.dumps(Format(routing_key=KEY)))

    assert read.secrets == ()
    for ask in (lambda: read.build(METRIC_ALARM, context()), lambda: read.verification(context())):
        with pytest.raises(BuildError, match="format pagerduty came out of a pickle"):
            ask()
    assert pickle.loads(pickle.dumps(read)) == read


def test_a_key_that_is_kept_elsewhere_is_read_again(monkeypatch, tmp_path):
    """From the environment or a file, whose name is all that a pickle holds."""
    file = tmp_path / "key"
    file.write_text(f"{KEY}\n")
    monkeypatch.setenv("PAGERDUTY_KEY", KEY)

    for key in ("env:PAGERDUTY_KEY", f"file:{file}", Secret.from_env("PAGERDUTY_KEY"), Secret(KEY)):
        assert event(METRIC_ALARM, routing_key=key)["routing_key"] == KEY
    made = Format(routing_key="env:PAGERDUTY_KEY")
    assert pickle.loads(pickle.dumps(made)) == made


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ({"routing_key": ""}, "Format.routing_key: must not be empty"),
        ({"routing_key": 5}, "Format.routing_key: must be text or a Secret, not int"),
        ({"routing_key": "a b\n"}, "Format.routing_key: must be printable ASCII"),
        ({"routing_key": "密"}, "Format.routing_key: must be printable ASCII"),
        (
            {"routing_key": "env:NOT_THERE"},
            "Format.routing_key: the environment variable NOT_THERE is not set",
        ),
        ({"client": ""}, "Format.client: must not be empty"),
        ({"client_url": 5}, "Format.client_url: must be text"),
        ({"language": "fr"}, "Format.language"),
        ({"zone": "Mars"}, "Format.zone"),
    ],
)
def test_wrong_options_are_refused(options, problem):
    """By their names, and never with the key."""
    with pytest.raises(InvalidFieldError, match=problem):
        Format(**{"routing_key": KEY, **options})


def test_a_url_is_verified_without_paging_anybody():
    """By a resolution of what was never opened; 202 means that the key is known."""
    verification = Format(routing_key=KEY).verification(context("d-1"))

    assert body(verification.payload) == {
        "routing_key": KEY,
        "event_action": "resolve",
        "dedup_key": "verification d-1",
    }
    assert verification.confirmation(Reply(status_code=202)).verdict == "confirmed"
    assert verification.confirmation(Reply(status_code=400)).verdict == "rejected"


def test_an_event_is_read():
    """With the keyword that Python keeps for itself; what is wrong is told with its path."""
    payload = b'{"summary":"b","source":"c","severity":"info","class":"d"}'
    content = b'{"routing_key":"a","event_action":"trigger","payload":' + payload + b"}"

    assert Format(routing_key=KEY).parse(content, "application/json") == Event(
        routing_key="a",
        event_action="trigger",
        payload=EventPayload(summary="b", source="c", severity="info", class_="d"),
    )
    with pytest.raises(ParseError, match=r"\$\.payload: must be a mapping"):
        Format(routing_key=KEY).parse(
            b'{"routing_key":"a","event_action":"trigger","payload":5}', "application/json"
        )

"""The Alertmanager's webhook: its fields and types, names of labels, groups, and many alarms in a message."""

from __future__ import annotations

import re
import time
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from alarm_dispatch.errors import InvalidFieldError, MissingFieldError, ParseError, UnsuitableFieldError
from alarm_dispatch.formats.abilities import bundles_of
from alarm_dispatch.formats.alertmanager import Format, Message, label_name
from alarm_dispatch.formats.alertmanager.build import OWN_LABELS
from alarm_dispatch.formats.alertmanager.labels import NamedTexts
from alarm_dispatch.model import Alarm, Level, Tenant
from tests.formats.alarms import ENDED, EVENT_ALARM, METRIC_ALARM, STARTED, changed, resolved
from tests.formats.samples import body, context
from tests.formats.strategies import texts

# "webhook_config" in the Alertmanager's documentation of its configuration: every key, and its type.
_MESSAGE = {
    "version": str,
    "groupKey": str,
    "truncatedAlerts": int,
    "status": str,
    "receiver": str,
    "groupLabels": dict,
    "commonLabels": dict,
    "commonAnnotations": dict,
    "externalURL": str,
    "alerts": list,
}
_ALERT = {
    "status": str,
    "labels": dict,
    "annotations": dict,
    "startsAt": str,
    "endsAt": str,
    "generatorURL": str,
    "fingerprint": str,
}
_RFC3339 = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?(Z|[+-]\d\d:\d\d)")
_LABEL = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*")


def check_documented(message: dict[str, Any]) -> None:
    """Every documented field is there, of its type, and no other one."""
    assert {key: type(value) for key, value in message.items()} == _MESSAGE
    assert message["version"] == "4"
    assert message["status"] in {"firing", "resolved"}
    for alert in message["alerts"]:
        assert {key: type(value) for key, value in alert.items()} == _ALERT
        assert alert["status"] in {"firing", "resolved"}
        assert _RFC3339.fullmatch(alert["startsAt"])
        assert _RFC3339.fullmatch(alert["endsAt"])
        assert re.fullmatch("[0-9a-f]{16}", alert["fingerprint"])
        for texts_by_name in (alert["labels"], alert["annotations"]):
            assert all(
                _LABEL.fullmatch(name) and isinstance(text, str) for name, text in texts_by_name.items()
            )


def told(alarms: list[Alarm], **options: Any) -> list[dict[str, Any]]:
    """The messages of these alarms."""
    bundles = bundles_of(Format(**options), alarms, context())
    return [body(bundle.messages[0]) for bundle in bundles]


def numbered(number: int, **changes: Any) -> Alarm:
    """One of many alarms."""
    return attrs.evolve(METRIC_ALARM, id=f"alarm-{number}", **changes)


def test_one_alarm_has_every_documented_field():
    """With what the alarm knows."""
    made = Format(receiver="oncall", external_url="https://alarms.example.com", labels={"cluster": "a"})

    message = body(made.build(METRIC_ALARM, context()))

    check_documented(message)
    (alert,) = message.pop("alerts")
    assert message == {
        "version": "4",
        "groupKey": '{}:{alertname="内存使用率"}',
        "truncatedAlerts": 0,
        "status": "firing",
        "receiver": "oncall",
        "groupLabels": {"alertname": "内存使用率"},
        "commonLabels": alert["labels"],
        "commonAnnotations": alert["annotations"],
        "externalURL": "https://alarms.example.com",
    }
    assert alert == {
        "status": "firing",
        "labels": {
            "alertname": "内存使用率",
            "severity": "critical",
            "alarm_id": "alarm-7",
            "policy_id": "144",
            "metric": "usage",
            "namespace": "qce/cvm",
            "region": "gz",
            "instance": "web-1",
            "tenant": "2",
            "cluster": "a",
            "team": "infra",
            "rank": "2",
            "ip": "10.0.0.1",
            "nodes": '["module|6"]',
            "port": "443",
        },
        "annotations": {
            "summary": "[Fatal] Triggered: 内存使用率 — web-1",
            "description": "内存快满了",
            "state": "triggered",
            "value": "97.39",
            "unit": "%",
            "threshold": "Average>=95",
            "related_info": "cluster 3",
            "tags": '["prod","db"]',
            "cause": "leak",
            "pages": "12",
        },
        "startsAt": "2026-01-31T11:50:00Z",
        "endsAt": "0001-01-01T00:00:00Z",
        "generatorURL": "https://console.example.com/policy/144",
        "fingerprint": alert["fingerprint"],
    }


def test_an_event_has_no_metric():
    """Nor a threshold."""
    (alert,) = body(Format().build(EVENT_ALARM, context()))["alerts"]

    assert alert["labels"]["event"] == "ping_unreachable"
    assert not {"metric"} & alert["labels"].keys()
    assert not {"threshold", "unit"} & alert["annotations"].keys()


def test_a_poor_alarm_leaves_out_what_it_has_not():
    """An empty label would be none."""
    alarm = Alarm(
        id="a",
        policy=attrs.evolve(METRIC_ALARM.policy, labels={"empty": "", "none": None}, tags=(), url=None),
        condition=attrs.evolve(EVENT_ALARM.condition),
        target=attrs.evolve(METRIC_ALARM.target, dimensions={}, namespace=None, region=None, name=None),
        started_at=STARTED,
    )

    (alert,) = body(Format().build(alarm, context()))["alerts"]

    assert alert["labels"] == {
        "alertname": "内存使用率",
        "alarm_id": "a",
        "policy_id": "144",
        "event": "ping_unreachable",
    }
    assert alert["annotations"] == {"summary": "Triggered: 内存使用率", "state": "triggered"}
    assert alert["generatorURL"] == ""


@pytest.mark.parametrize(
    ("level", "severity"), [("fatal", "critical"), ("warning", "warning"), ("info", "info")]
)
def test_the_severity_is_a_word_of_prometheus(level, severity):
    """As its rules have it."""
    alarm = attrs.evolve(METRIC_ALARM, level=Level(level))

    (alert,) = body(Format().build(alarm, context()))["alerts"]

    assert alert["labels"]["severity"] == severity


@pytest.mark.parametrize(
    ("state", "status", "ends"),
    [
        ("triggered", "firing", "0001-01-01T00:00:00Z"),
        ("no_data", "firing", "0001-01-01T00:00:00Z"),
        ("resolved", "resolved", "2026-01-31T11:51:30Z"),
        ("closed", "resolved", "2026-01-31T11:51:30Z"),
    ],
)
def test_a_state_has_its_status_and_its_end(state, status, ends):
    """What goes on ends at Go's zero time, whatever end the alarm has."""
    alarm = attrs.evolve(METRIC_ALARM, state=state, ended_at=ENDED)

    message = body(Format().build(alarm, context()))

    assert (message["status"], message["alerts"][0]["status"]) == (status, status)
    assert message["alerts"][0]["endsAt"] == ends
    assert message["alerts"][0]["annotations"]["state"] == state


def test_times_are_told_in_utc_with_their_fractions():
    """Whatever zone they are in, also one with seconds."""
    odd = timezone(timedelta(hours=8, minutes=5, seconds=43))
    alarm = attrs.evolve(METRIC_ALARM, started_at=datetime(2026, 1, 31, 20, 0, 0, 250_000, odd))

    (alert,) = body(Format().build(alarm, context()))["alerts"]

    assert alert["startsAt"] == "2026-01-31T11:54:17.250000Z"


@pytest.mark.parametrize(
    ("alarm", "field"),
    [
        (attrs.evolve(METRIC_ALARM, state="resolved"), "alarm.ended_at"),
        (changed(METRIC_ALARM, "policy.name", ""), "alarm.policy.name"),
    ],
)
def test_what_must_be_sent_is_asked_for(alarm, field):
    """An end and a name are never made up."""
    with pytest.raises(MissingFieldError) as caught:
        Format().build(alarm, context())

    assert caught.value.model_field == field


def test_the_fingerprint_is_the_alarms():
    """The same for its trigger, its repeats and its resolution, whatever else changes."""
    (first,) = body(Format().build(METRIC_ALARM, context()))["alerts"]
    changed_alarm = attrs.evolve(resolved(METRIC_ALARM), level="info", tenant=Tenant(id=9), details={})
    (last,) = body(Format(labels={"a": "b"}).build(changed_alarm, context()))["alerts"]
    (other,) = body(Format().build(numbered(1), context()))["alerts"]

    assert first["fingerprint"] == last["fingerprint"] != other["fingerprint"]


@pytest.mark.parametrize(
    ("key", "name"),
    [
        ("ip", "ip"),
        ("unInstanceId", "unInstanceId"),
        ("k8s.io/name", "k8s_io_name"),
        ("9lives", "_9lives"),
        ("__region__", "_region__"),
        ("主机", "_"),
        ("", "_"),
        ("a b", "a_b"),
    ],
)
def test_a_label_name_is_valid(key, name):
    """What is not allowed becomes an underscore."""
    assert label_name(key) == name


@given(st.text())
def test_any_text_has_a_valid_label_name(key):
    """And a name stays itself."""
    name = label_name(key)

    assert _LABEL.fullmatch(name)
    assert not name.startswith("__")
    assert label_name(name) == name


def test_no_two_values_share_a_name():
    """A dimension that is called like another label is told apart, and so are two of one name."""
    alarm = attrs.evolve(
        METRIC_ALARM,
        policy=attrs.evolve(METRIC_ALARM.policy, labels={"region": "of the policy", "team": "infra"}),
        target=attrs.evolve(
            METRIC_ALARM.target,
            dimensions={"region": "of the target", "a.b": "dot", "a-b": "dash", "a_b": "itself", "team": "x"},
        ),
    )

    (alert,) = body(Format().build(alarm, context()))["alerts"]
    labels = alert["labels"]

    assert labels["region"] == "gz"
    assert labels["policy_region"] == "of the policy"
    assert labels["dimension_region"] == "of the target"
    assert labels["team"] == "infra"
    assert labels["dimension_team"] == "x"
    assert labels["a_b"] == "itself"
    assert labels["dimension_a_b_2e7336dc"] == "dot"
    assert labels["dimension_a_b_d44362d6"] == "dash"


def test_a_stand_in_does_not_take_anothers_name():
    """What a dimension itself is called comes first."""
    names = NamedTexts("labels")
    names.add({"x": "1"}, "alarm", "alarm")
    names.add({"x": "2", "dimension_x": "3"}, "dimension", "alarm.target.dimensions")

    assert names.texts["dimension_x"] == "3"
    assert len(names.texts) == 3


def test_thousands_of_labels_are_soon_named():
    """Each name is looked up among the others, not compared with them."""
    texts_of_all = NamedTexts("alerts[].labels")
    started = time.process_time()

    texts_of_all.add(
        {f"key-{number}": "v" for number in range(20_000)}, "dimension", "alarm.target.dimensions"
    )

    assert time.process_time() - started < 5
    assert len(texts_of_all.present()) == 20_000


def test_what_cannot_be_told_apart_is_refused():
    """By its key, rather than lost."""
    names = NamedTexts("labels")
    names.add({"x": "1", "dimension_x": "2"}, "alarm", "alarm")
    digest = "2d711642"
    names.add({f"dimension_x_{digest}": "3"}, "alarm", "alarm")

    with pytest.raises(UnsuitableFieldError, match=r"alarm\.target\.dimensions.*'x'"):
        names.add({"x": "4"}, "dimension", "alarm.target.dimensions")


@given(st.dictionaries(texts, texts, max_size=6), st.dictionaries(texts, texts, max_size=6), st.randoms())
def test_every_value_is_kept_whatever_the_order(first, second, random):
    """A key's name does not depend on where it stands."""
    shuffled = list(second.items())
    random.shuffle(shuffled)
    one, other = NamedTexts("labels"), NamedTexts("labels")
    for names, then in ((one, second), (other, dict(shuffled))):
        names.add(first, "a", "a")
        names.add(then, "b", "b")

    assert one.texts == other.texts
    assert sorted(one.texts.values()) == sorted([*first.values(), *second.values()])


def test_many_alarms_share_a_message():
    """With what they have alike, and each of them whole."""
    alarms = [
        numbered(1),
        numbered(2, level="info", description="another"),
        numbered(3, state="resolved", ended_at=ENDED),
    ]

    (message,) = told(alarms)

    check_documented(message)
    assert [alert["labels"]["alarm_id"] for alert in message["alerts"]] == ["alarm-1", "alarm-2", "alarm-3"]
    assert message["status"] == "firing"
    assert not {"alarm_id", "severity"} & message["commonLabels"].keys()
    assert message["commonLabels"]["metric"] == "usage"
    assert not {"description", "summary", "state"} & message["commonAnnotations"].keys()
    assert message["commonAnnotations"]["unit"] == "%"


def test_a_message_of_ended_alarms_is_resolved():
    """Only when none goes on."""
    (message,) = told([numbered(n, state="closed", ended_at=ENDED) for n in (1, 2)])

    assert message["status"] == "resolved"


def test_alarms_are_grouped_by_labels():
    """Those with the same values; a label that is not there is in no group's key."""
    alarms = [
        numbered(1),
        numbered(2, target=attrs.evolve(METRIC_ALARM.target, region="sh")),
        numbered(3),
        numbered(4, target=attrs.evolve(METRIC_ALARM.target, region=None)),
    ]

    messages = told(alarms, group_by=["region", "alertname"])

    assert [len(message["alerts"]) for message in messages] == [2, 1, 1]
    assert messages[0]["groupLabels"] == {"region": "gz", "alertname": "内存使用率"}
    assert messages[0]["groupKey"] == '{}:{alertname="内存使用率", region="gz"}'
    assert messages[2]["groupKey"] == '{}:{alertname="内存使用率"}'
    assert len(told(alarms, group_by=[])) == 1
    assert told(alarms, group_by=[])[0]["groupKey"] == "{}:{}"


def test_an_alarm_is_told_once_in_its_latest_state():
    """Its earlier states are told with it, in the bundle of its latest."""
    alarms = [numbered(1), numbered(2), resolved(numbered(1))]

    (bundle,) = bundles_of(Format(), alarms, context())

    (first, second) = body(bundle.messages[0])["alerts"]
    assert (first["labels"]["alarm_id"], first["status"]) == ("alarm-1", "resolved")
    assert second["labels"]["alarm_id"] == "alarm-2"
    assert bundle.alarms == (0, 2, 1)


def test_what_is_too_much_comes_in_the_next_message():
    """Nothing is truncated."""
    messages = told([numbered(n) for n in range(7)], max_alerts=3)

    assert [len(message["alerts"]) for message in messages] == [3, 3, 1]
    assert {message["truncatedAlerts"] for message in messages} == {0}
    assert len({alert["fingerprint"] for message in messages for alert in message["alerts"]}) == 7


def test_no_alarms_are_no_messages():
    """As there is nothing to tell."""
    assert bundles_of(Format(), [], context()) == ()


@pytest.mark.parametrize(
    ("options", "field"),
    [
        ({"labels": [1]}, "Format.labels: must be a mapping"),
        ({"labels": {"a-b": "x"}}, "Format.labels: 'a-b' is no label name"),
        ({"labels": {"__a": "x"}}, "Format.labels: '__a' is no label name"),
        ({"labels": {"a": 1}}, r"Format.labels\['a'\]: must be text"),
        ({"labels": {"severity": "page"}}, r"Format.labels\['severity'\]: cannot be set"),
        ({"labels": {1: "a"}}, "Format.labels: must be text"),
        ({"group_by": "alertname"}, "Format.group_by: must be a list of label names, not str"),
        ({"group_by": 5}, "Format.group_by: must be a list of label names, not int"),
        ({"group_by": ["a", "a b"]}, r"Format.group_by\[1\]: 'a b' is no label name"),
        ({"max_alerts": 0}, "Format.max_alerts: must be at least 1"),
        ({"receiver": None}, "Format.receiver: must be text"),
        ({"external_url": 1}, "Format.external_url: must be text"),
        ({"language": "fr"}, "Format.language: .*allowed are"),
    ],
)
def test_wrong_options_are_refused(options, field):
    """By their names."""
    with pytest.raises(InvalidFieldError, match=field):
        Format(**options)


def test_the_summary_is_in_the_language_asked_for():
    """Chinese."""
    message = body(Format(language="zh").build(METRIC_ALARM, context()))

    assert message["commonAnnotations"]["summary"] == "[致命] 告警触发：内存使用率 — web-1"


def test_the_formats_own_labels_are_all_told():
    """So that no option is quietly called something else."""
    told = {
        name
        for alarm in (METRIC_ALARM, EVENT_ALARM)
        for name in Format()
        .parse(Format().build(alarm, context()).content, "application/json")
        .alerts[0]
        .labels
    }

    assert told - {"team", "rank", "ip", "nodes", "port"} == OWN_LABELS


def test_a_real_message_is_read():
    """One with keys that we never send, as later versions of the Alertmanager do."""
    made = Format()
    content = made.build(METRIC_ALARM, context()).content.replace(b'"version"', b'"orgId":1,"version"', 1)

    read = made.parse(content, "application/json")

    assert isinstance(read, Message)
    assert read.alerts[0].labels["metric"] == "usage"


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        (b'"version":"4"', b'"version":"3"', "version is '3', not '4'"),
        (b'"version":"4",', b"", r"\$\.version: is missing"),
        (b'"policy_id":"144"', b'"policy_id":144', r"\$.*labels.*policy_id.*must be text"),
        (b'"truncatedAlerts":0', b'"truncatedAlerts":"0"', r"\$\.truncatedAlerts: must be an integer"),
    ],
)
def test_what_is_no_message_of_version_4_is_told(old, new, problem):
    """With its path."""
    content = Format().build(METRIC_ALARM, context()).content.replace(old, new)

    with pytest.raises(ParseError, match=problem):
        Format().parse(content, "application/json")


def test_a_list_is_no_message():
    """Nor is anything else."""
    with pytest.raises(ParseError, match="must be a JSON object"):
        Format().parse(b"[]", "application/json")


def test_a_url_is_verified_by_a_message_without_alarms():
    """Nobody is told of anything; any 2xx will do."""
    verification = Format().verification(context())

    message = body(verification.payload)
    check_documented(message)
    assert message["alerts"] == []
    assert message["status"] == "resolved"
    assert (message["groupKey"], message["commonLabels"]) == ("{}:{}", {})
    assert verification.method == "POST"


def test_a_time_in_utc_stays_it():
    """For the year one too."""
    alarm = attrs.evolve(METRIC_ALARM, started_at=datetime(1, 1, 3, tzinfo=UTC))

    assert body(Format().build(alarm, context()))["alerts"][0]["startsAt"] == "0001-01-03T00:00:00Z"

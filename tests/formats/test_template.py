# ruff: noqa: E501 - a case of these tables is one template, whatever its length
"""A body from the user's own template: what it sees, when it is refused, and how it is told."""

from __future__ import annotations

import json
import pickle
import subprocess
import sys
from datetime import datetime, timedelta, timezone
from typing import Any

import attrs
import pytest

from alarm_dispatch.errors import BuildError, InvalidFieldError, ParseError
from alarm_dispatch.formats.template import Format
from alarm_dispatch.formats.template.seen import known_parts
from alarm_dispatch.model import Alarm
from tests.formats.alarms import EVENT_ALARM, METRIC_ALARM, STARTED, resolved
from tests.formats.samples import body, context


def rendered(text: str, alarm: Alarm = METRIC_ALARM, **options: Any) -> str:
    """What a text template makes of an alarm."""
    made = Format(**{"text": text, "content_type": "text/plain", **options})
    return made.build(alarm, context()).content.decode()


def refused(text: str, **options: Any) -> str:
    """Why a template is refused."""
    with pytest.raises(InvalidFieldError) as caught:
        Format(text=text, **options)
    assert caught.value.field == "Format.text"
    return caught.value.problem


def test_a_template_makes_json():
    """With tojson every value is safe in it."""
    made = Format(
        text="""{
  "id": {{ alarm.id|tojson }},
  "title": {{ headline()|tojson }},
  "firing": {{ (not alarm.state.ended)|tojson }},
  "value": {{ alarm.current_value }},
  "facts": [
{% for fact in facts("zh") %}
    {"name": {{ fact.label|tojson }}, "value": {{ fact.value|tojson }}}{% if not loop.last %},{% endif %}

{% endfor %}
  ]
}"""
    )

    payload = made.build(METRIC_ALARM, context())
    told = body(payload)

    assert payload.content_type == "application/json"
    assert (told["id"], told["firing"], told["value"]) == ("alarm-7", True, 97.39)
    assert told["title"] == "[Fatal] Triggered: 内存使用率 — web-1"
    assert told["facts"][0] == {"name": "级别", "value": "致命"}


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("{{ alarm.policy.name }}", "内存使用率"),
        ("{{ alarm.target.dimensions.ip }}", "10.0.0.1"),
        ("{{ alarm.target.dimensions['ip'] }}", "10.0.0.1"),
        ("{{ alarm.target.dimensions.get('none', 'x') }}", "x"),
        ("{{ alarm.state }} {{ alarm.state.ended }} {{ alarm.state.upper() }}", "triggered false TRIGGERED"),
        ("{{ alarm.condition.threshold }}", "95"),
        ("{{ alarm.latest_anomaly_record.value }}", "97.39"),
        ("{{ alarm.latest_anomaly_record.fields.usage }}", "97.39"),
        ("{{ session_id }}", "xxxxxxxx"),
        ("{{ now }}", "2026-01-31T12:00:00+00:00"),
        ("{{ lasted }}", "600"),
        ("{{ alarm.started_at.year }}", "2026"),
        ("{{ alarm.started_at|rfc3339 }}", "2026-01-31T11:50:00Z"),
        ("{{ alarm.started_at|epoch }}", "1769860200"),
        ("{{ alarm.started_at|epoch_ms }}", "1769860200000"),
        ("{{ local_time(alarm.started_at) }}", "2026-01-31 19:50:00"),
        ("{{ headline('zh') }}", "[致命] 告警触发：内存使用率 — web-1"),
        ("{{ facts()|map(attribute='label')|first }}", "Level"),
        ("{{ alarm.description|default('none', true) }}", "内存快满了"),
        ("{{ alarm.ended_at }}", ""),
        ("{{ 1.0 ~ 'a' ~ none ~ true }}", "1atrue"),
        ("{{ 7 * 2 + 3 }} {{ 7 % 4 }} {{ 'a' + 'b' }} {{ 7 // 2 }} {{ -1 }}", "17 3 ab 3 -1"),
        ("{{ 97.386|round(1) }}", "97.4"),
        ("{{ '5.5'|float + 1 }} {{ 'x'|float }} {{ 'inf'|float(2) }}", "6.5 0 2"),
        ("{{ 5|string ~ '6' }}", "56"),
        ("{{ alarm.policy.tags|join(', ') }}", "prod, db"),
        ("{{ 'a-b-c'|replace('-', '+') }}", "a+b+c"),
        ("{{ '<b>'|escape }}", "&lt;b&gt;"),
        ("{{ ('<'|escape) ~ '<' }}", "&lt;<"),
        ("{{ alarm.policy.labels|tojson }}", '{"team":"infra","rank":2}'),
        ("{{ alarm.target.dimensions.nodes|tojson }}", '["module|6"]'),
        ("{{ [1, none, 'é', now, alarm.condition.repeat]|tojson }}",
         '[1,null,"é","2026-01-31T12:00:00+00:00",{"mode":"continuous","period":300}]'),
        ("{% for x in [1] %}{{ [alarm.policy.labels.items(), range(2)]|tojson }}{% endfor %}", '[[["team","infra"],["rank",2]],[0,1]]'),
        ("{{ {'a': alarm.policy.labels}|tojson }}", '{"a":{"team":"infra","rank":2}}'),
        ("{{ alarm.policy.tags|map('upper')|tojson }}", '["PROD","DB"]'),
        ("{{ 1 < 2 <= 2 }} {{ 1 == 2 }} {{ 3 > 2 >= 3 }} {{ 1 != 2 }}", "true false false true"),
        ("{{ 'a' in 'abc' }} {{ 'x' not in ['a'] }}", "true true"),
        ("{% if alarm.level == 'fatal' %}bad{% else %}fine{% endif %}", "bad"),
        ("{{ 'yes' if alarm.muted is none else 'no' }}", "no"),
        ("{% for key, value in alarm.policy.labels.items() %}{{ key }}={{ value }};{% endfor %}", "team=infra;rank=2;"),
        ("{% for tag in alarm.policy.tags if tag != 'prod' %}{{ loop.index }}{{ tag }}{% endfor %}", "1db"),
        ("a{{ 'b' if false }}c{{ 'd' if true }}{{ ('b' if false)|tojson }}", 'acd""'),
        ("{% for x in [] %}{% else %}none{% endfor %}", "none"),
        ("{% for i in range(3) %}{{ i }}{% endfor %}", "012"),
        ("{% set x = 'a' %}{% set y %}b{{ x }}{% endset %}{{ y }}", "ba"),
        ("{% set alarm = {'x': 1} %}{{ alarm.x }}", "1"),
        ("{% with x = 5 %}{{ x }}{% endwith %}", "5"),
        ("{% filter upper %}a{{ 'b' }}{% endfilter %}", "AB"),
        ("{% raw %}{{ }}{% endraw %}", "{{ }}"),
        ("{{ 'abc'[1:] }}", "bc"),
        ("{{ alarm.tenant.name is defined }}", "true"),
        ("{{ alarm.policy.labels.team is defined }} {{ 5 is odd }}", "true true"),
    ],
)  # fmt: skip
def test_what_a_template_sees_and_can_do(text, wanted):
    """The alarm by the model's names, helpers, operators, filters and statements."""
    assert rendered(text, zone="+08:00") == wanted


def test_a_part_of_the_alarm_is_json_too():
    """Without what is not known; all of it reads back as the alarm's own JSON."""
    told = json.loads(rendered("{{ alarm|tojson }}", attrs.evolve(METRIC_ALARM, description=None)))

    assert told["condition"]["metric"]["name"] == "usage"
    assert "description" not in told
    assert told["started_at"] == "2026-01-31T11:50:00+00:00"


def test_an_offset_with_seconds_is_told_in_utc():
    """As RFC 3339 has none."""
    odd = timezone(timedelta(hours=8, seconds=1))
    alarm = attrs.evolve(METRIC_ALARM, started_at=STARTED.astimezone(odd))

    assert rendered("{{ alarm.started_at }} {{ [alarm.started_at]|tojson }}", alarm) == (
        '2026-01-31T11:50:00Z ["2026-01-31T11:50:00Z"]'
    )


def test_people_are_told_in_the_formats_language():
    """Unless the template asks for another."""
    assert rendered("{{ headline() }}|{{ headline('en') }}", language="zh") == (
        "[致命] 告警触发：内存使用率 — web-1|[Fatal] Triggered: 内存使用率 — web-1"
    )


def test_a_template_may_stand_in_a_file(tmp_path, monkeypatch):
    """It is read once; the format is the same as one with the text, and goes into a pickle without the file."""
    file = tmp_path / "alarm.json.j2"
    file.write_text('{"名": {{ alarm.id|tojson }}}', encoding="utf-8")

    made = Format(file=file)
    file.unlink()

    assert body(made.build(METRIC_ALARM, context())) == {"名": "alarm-7"}
    read = pickle.loads(pickle.dumps(made))
    assert read.build(METRIC_ALARM, context()) == made.build(METRIC_ALARM, context())
    assert str(file) in repr(made)


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (None, "cannot be read: No such file"),
        (b"\xff", "is not UTF-8 at byte 0"),
        (b"x" * 300_000, "is larger than 262,144 bytes"),
        (b"", "is empty; give the template as text or as a file"),
        (b"\n{{ foo }}", "line 2: 'foo' is unknown"),
        (b"nothing", "makes a body that is not JSON"),
    ],
)
def test_a_file_that_is_no_template_is_named(tmp_path, content, problem):
    """With what is wrong."""
    file = tmp_path / "alarm.j2"
    if content is not None:
        file.write_bytes(content)

    with pytest.raises(InvalidFieldError, match=problem) as caught:
        Format(file=str(file))

    assert str(file) in str(caught.value)


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ({}, "Format.text: is empty; give the template as text or as a file"),
        ({"text": "{}", "file": "x"}, "Format.file: cannot be given together with text"),
        ({"file": "\0"}, "Format.file: .* cannot be read"),
        ({"file": ""}, "Format.file: must not be empty"),
        ({"text": 5}, "Format.text: must be text"),
        ({"text": "{}", "content_type": "a\nb"}, "Payload.content_type"),
        ({"text": "{}", "headers": {"a b": "c"}}, "Format.headers: 'a b' is no header name"),
        ({"text": "{}", "headers": "a"}, "Format.headers: must be a mapping or pairs"),
        ({"text": "{}", "headers": {"Host": "c"}}, r"Format.headers\['Host'\]: cannot be set"),
        ({"text": "{}", "max_bytes": 0}, "Format.max_bytes: must be at least 1"),
        ({"text": "{}", "language": "fr"}, "Format.language"),
        ({"text": "{}", "zone": "Mars"}, "Format.zone"),
    ],
)
def test_wrong_options_are_refused(options, problem):
    """By their names."""
    with pytest.raises(InvalidFieldError, match=problem):
        Format(**options)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("{\n{{ alarm.id }", "line 2: unexpected '}'"),
        ("{% if %}", "line 1: Expected an expression, got 'end of statement block'"),
        ("\n\n{{ alarm.id|tojsn }}", "line 3: No filter named 'tojsn'."),
        ("{{ alarm.id is tojsn }}", "line 1: No test named 'tojsn'."),
        ("\n{{ alrm.id }}", "line 2: 'alrm' is unknown; known are: alarm, facts, headline, lasted, local_time, now, range, session_id"),
        ("\n{% if false %}\n{{ alrm }}{% endif %}", "line 3: 'alrm' is unknown"),
        ("\n{{ alarm.polcy.name }}", "line 2: alarm.polcy is unknown; there is: anomaly_records, condition, "),
        ("{% if false %}{{ alarm.policy.nme }}{% endif %}", "line 1: alarm.policy.nme is unknown; there is: id, labels, name, "),
        ("{{ alarm.condition.metric.nme }}", "line 1: alarm.condition.metric.nme is unknown"),
        ("{{ alarm.latest_anomaly_record.fild }}", "line 1: alarm.latest_anomaly_record.fild is unknown"),
        ("\n{% for record in alarm.anomaly_records %}\n{{ record.fild }}{% endfor %}",
         "cannot render the alarm: line 3: the AnomalyRecord has no 'fild'; for what only some alarms have: default, is defined"),
        ("\n{{ 1 / 0 }}", "cannot render the alarm: line 2: ZeroDivisionError: division by zero (tried with a sample alarm, triggered)"),
        ("{% if alarm.state.ended %}{{ 1 / 0 }}{% endif %}", "division by zero (tried with a sample alarm, resolved)"),
        ("{{ alarm }}", "a value of the type Alarm is no text; use the filter tojson or join"),
        ("{{ [1] }}", "a value of the type list is no text"),
        ("{{ alarm.details }}", "a mapping is no text; use the filter tojson or join"),
        ("{{ headline|tojson }}", "a value of the type function is no JSON"),
        ("{{ 'x'|epoch }}", "a value of the type str is no time"),
        ("{{ 'x'|replace('', 'y') }}", "replace needs a text to look for"),
        ("{{ 1|round(99) }}", "round takes from 0 to 15 decimals"),
        ("{{ headline('fr') }}", "Format.language: is 'fr'; allowed are"),
        ("x" * 65_537, "has 65,537 characters; at most 65,536 are allowed"),
        ("{{ " + "(" * 5000 + "1" + ")" * 5000 + " }}", "is nested too deeply"),
        ("{{ '\\ud800' }}", "makes a body that UTF-8 cannot carry, at character 0"),
    ],
)  # fmt: skip
def test_a_template_is_checked_when_it_is_made(text, problem):
    """With the line, and what there is instead."""
    assert problem in refused(text, content_type="text/plain")


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (
            "{{ alarm.id }}",
            "makes a body that is not JSON: Expecting value at line 1 column 1, near 'sample'",
        ),
        ('{"a": 1,}', "is not JSON: "),
        ('{"a":\n "{{ alarm.id }}" 5}', "is not JSON: Expecting ',' delimiter at line 2 column 11, near "),
        ("NaN", "is not JSON: NaN is no JSON number"),
        ("[" * 20_000, "makes a body that is nested too deeply for JSON"),
    ],
)
@pytest.mark.parametrize("content_type", ["application/json", "application/vnd.x+json; charset=utf-8"])
def test_json_is_checked_when_it_is_made(text, problem, content_type):
    """By what the sample alarms become."""
    assert problem in refused(text, content_type=content_type)


@pytest.mark.parametrize(
    "text",
    [
        "{{ alarm.condition.metric.name|tojson }}",
        "{{ alarm.condition.product|tojson }}",
        "{{ alarm.details.pages * 2 }}",
        "{{ alarm.details.pages }}",
        "{{ alarm.details.cause|upper|tojson }}",
        "{{ alarm.target.dimensions.anything.upper()|tojson }}",
    ],
)
def test_what_some_alarms_have_is_not_refused(text):
    """Only metrics have a metric, and nobody knows what is in details before."""
    Format(text=text)


def test_what_an_alarm_lacks_is_told_when_it_comes():
    """By line and cause; nothing is sent for it."""
    made = Format(text='{\n"metric": {{ alarm.condition.metric.name|tojson }}}')

    assert body(made.build(METRIC_ALARM, context())) == {"metric": "usage"}
    with pytest.raises(
        BuildError,
        match=r"^format template cannot render the alarm: line 2: the EventCondition has no 'metric'",
    ):
        made.build(EVENT_ALARM, context())


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("{{ alarm.target.dimensions.vip }}", "line 1: the mapping has no 'vip'; for what only some alarms have: default, is defined"),
        ("{{ alarm.tenant.name }}", "line 1: 'None' has no attribute 'name'"),
        ("{{ alarm.details.vip ~ 1 }}", "the mapping has no 'vip'"),
        ("{{ alarm.details.vip + 1 }}", "the mapping has no 'vip'"),
        ("{{ alarm.details.vip == 1 }}", "the mapping has no 'vip'"),
        ("{{ alarm.details.vip|tojson }}", "the mapping has no 'vip'"),
        ("{{ alarm.details.vip|upper }}", "the mapping has no 'vip'"),
    ],
)  # fmt: skip
def test_what_is_undefined_is_never_nothing(text, problem):
    """A body with a hole in it is not sent."""
    made = Format(text=text, content_type="text/plain")

    with pytest.raises(BuildError, match=problem):
        made.build(attrs.evolve(METRIC_ALARM, tenant=None), context())


def test_an_alarm_whose_text_breaks_the_json_is_told():
    """By its place in the body."""
    made = Format(text='{\n"id": "{{ alarm.id }}"}')

    with pytest.raises(BuildError, match=r"not JSON: .* at line 2 column \d+, near .*say"):
        made.build(attrs.evolve(METRIC_ALARM, id='say "hello"'), context())


def test_a_body_has_a_largest_size():
    """In bytes."""
    made = Format(text="{{ alarm.id }}", content_type="text/plain", max_bytes=9)

    assert made.build(attrs.evolve(METRIC_ALARM, id="内" * 3), context()).content == "内内内".encode()
    for too_long in ("内" * 4, "x" * 10):
        with pytest.raises(BuildError, match="makes a body of more than 9 bytes"):
            made.build(attrs.evolve(METRIC_ALARM, id=too_long), context())


def test_headers_are_sent_with_the_body():
    """Of the format; those of the callback come on top."""
    made = Format(text="x", content_type="text/plain", headers=iter([("X-Team", "a")]))

    assert made.build(METRIC_ALARM, context()).headers == (("X-Team", "a"),)
    assert made.verification(context()).payload.headers == (("X-Team", "a"),)
    assert Format(text="x", content_type="text/plain", headers={"X-Team": "a"}) == made


def test_blocks_leave_no_lines():
    """So that what is between them looks as it is sent."""
    assert rendered("a\n  {% if true %}\nb\n  {% endif %}\nc") == "a\nb\nc"


@pytest.mark.parametrize(
    ("content_type", "content"), [("application/json", b"{}"), ("text/plain; charset=utf-8", b"")]
)
def test_a_url_is_verified_by_an_empty_body(content_type, content):
    """As nobody knows what would be no alarm."""
    made = Format(text='"x"', content_type=content_type)

    payload = made.verification(context()).payload

    assert (payload.content, payload.content_type) == (content, content_type)


def test_a_body_is_read():
    """As JSON, or as the text that it is."""
    json_format, text_format = Format(text="{}"), Format(text="x", content_type="text/plain")

    assert json_format.parse(b"[1]", "application/problem+json") == [1]
    assert text_format.parse("内".encode(), "text/plain") == "内"
    with pytest.raises(ParseError, match="is not UTF-8: byte 0"):
        text_format.parse(b"\xff", "text/plain")
    with pytest.raises(ParseError, match="content type: must be one such as text/plain"):
        text_format.parse(b"{}", "application/json")


def test_formats_are_equal_by_their_templates():
    """And not by what they are compiled to."""
    assert Format(text="{}") == Format(text="{}") != Format(text="[]")
    assert "{}" not in repr(Format(text="{}"))


def test_a_path_ends_where_the_model_does():
    """What is in dimensions, lists and texts nobody knows before."""
    assert known_parts(["target", "dimensions", "anything"]) is None
    assert known_parts(["anomaly_records", "x"]) is None
    assert known_parts(["id", "upper"]) is None
    assert known_parts(["policy"]) is None
    assert known_parts(["policy", "x"]) == (
        1,
        "id, labels, name, scenario, tags, type, type_english_name, type_name, url",
    )


def test_without_jinja_the_extra_is_named(monkeypatch):
    """When a format is made, and not before."""
    monkeypatch.setitem(sys.modules, "jinja2", None)
    monkeypatch.delitem(sys.modules, "alarm_dispatch.formats.template.sandbox")

    with pytest.raises(InvalidFieldError) as caught:
        Format(text="{}")

    assert str(caught.value) == "Format: templates need Jinja2: install alarm-dispatch[template]"


def test_the_template_is_all_that_jinja_is_imported_for():
    """Nobody else pays for it."""
    program = "import sys, alarm_dispatch.formats.template; print('jinja2' in sys.modules)"

    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)

    assert done.stdout == "False\n"


def test_a_resolved_alarm_has_its_end():
    """And what lasted until then."""
    told = rendered("{{ alarm.ended_at }} {{ lasted }}", resolved(METRIC_ALARM))

    assert datetime.fromisoformat(told.split()[0]) == STARTED + timedelta(seconds=90)
    assert told.split()[1] == "90"

"""The message for the services of Apprise."""

from __future__ import annotations

import copy
import pickle
from datetime import UTC, timedelta, timezone
from typing import Any

import attrs
import pytest

from alarm_dispatch import AlarmState, Level, formats
from alarm_dispatch.errors import InvalidFieldError, ParseError
from alarm_dispatch.exchange import Reply, Verdict
from alarm_dispatch.formats import Format
from alarm_dispatch.formats import apprise as made
from alarm_dispatch.schedule import RetrySchedule
from tests.formats.alarms import EVENT_ALARM, METRIC_ALARM, resolved
from tests.formats.samples import body, context


def _built(alarm: Any, **options: Any) -> dict[str, Any]:
    told: dict[str, Any] = body(made.Format(**options).build(alarm, context()))
    return told


def test_a_message_in_english() -> None:
    """A headline, and a line for each fact."""
    told = _built(METRIC_ALARM)

    assert list(told) == ["title", "body", "type", "format"]
    assert told["title"] == "[Fatal] Triggered: 内存使用率 — web-1"
    lines = told["body"].split("\n")
    assert lines[0] == "Level: Fatal"
    assert "Started: 2026-01-31 11:50:00 UTC" in lines
    assert "Link: https://console.example.com/policy/144" in lines
    assert told["format"] == "text"


def test_a_message_in_chinese_and_in_another_zone() -> None:
    """Each label with the colon of its language."""
    lines = _built(METRIC_ALARM, language="zh", zone="+08:00")["body"].split("\n")

    assert lines[0] == "级别：致命"
    assert "开始时间：2026-01-31 19:50:00 UTC+08:00" in lines


def test_any_alarm_can_be_told() -> None:
    """Events, too."""
    assert _built(EVENT_ALARM)["title"]


@pytest.mark.parametrize(
    ("state", "level", "expected"),
    [
        ("triggered", "fatal", "failure"),
        ("triggered", "warning", "warning"),
        ("triggered", "info", "info"),
        ("triggered", None, "warning"),
        ("resolved", "fatal", "success"),
        ("no_data", "fatal", "warning"),
        ("closed", "fatal", "info"),
    ],
)
def test_the_type(state: str, level: str | None, expected: str) -> None:
    """By the state, and while it goes on by the level."""
    of_level = attrs.evolve(METRIC_ALARM, level=None if level is None else Level(level))
    alarm = (
        attrs.evolve(resolved(of_level), state=AlarmState(state))
        if AlarmState(state).ended
        else attrs.evolve(of_level, state=AlarmState(state))
    )

    assert _built(alarm)["type"] == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("plain - text (1.5)", "plain - text (1.5)"),
        ("a*b_c`d[e]f\\g", "a\\*b\\_c\\`d\\[e\\]f\\\\g"),
        ("<b>&amp;</b>", "&lt;b>&amp;amp;&lt;/b>"),
        ("one\ntwo", "one  \n  two"),
        ("one\n- two\n1. three\n > four\nfive", "one  \n  \\- two  \n  1\\. three  \n   \\> four  \n  five"),
    ],
)
def test_markdown(text: str, expected: str) -> None:
    """Values are escaped, so that nothing of an alarm becomes markup."""
    alarm = attrs.evolve(METRIC_ALARM, description=text)

    told = _built(alarm, text_format="markdown")

    assert told["format"] == "markdown"
    assert told["body"].startswith("- **Level**: Fatal\n- **Policy**: ")
    assert f"- **Description**: {expected}\n" in told["body"]


def test_what_escaped_markdown_looks_like() -> None:
    """As the library has it that Apprise turns Markdown into HTML with."""
    import markdown

    alarm = attrs.evolve(METRIC_ALARM, description="<script>*a* [x](http://y) `b`\n- c & d")

    shown = markdown.markdown(_built(alarm, text_format="markdown")["body"])

    assert "&lt;script&gt;*a* [x](http://y) `b`<br />" in shown
    assert "- c &amp; d</li>" in shown


def test_what_is_sent_can_be_read_back() -> None:
    """Every value, and nothing else."""
    one = made.Format(text_format="markdown")
    payload = one.build(METRIC_ALARM, context())

    parsed = one.parse(payload.content, payload.content_type)

    assert attrs.asdict(parsed) == body(payload)
    assert payload.content_type == "application/json"


@pytest.mark.parametrize(
    "content", [b"[]", b"{}", b'{"title": "a", "body": "b", "type": "loud", "format": "text"}']
)
def test_what_is_no_message(content: bytes) -> None:
    """Another format's body is not taken for one."""
    with pytest.raises(ParseError):
        made.Format().parse(content, "application/json")


@pytest.mark.parametrize(("language", "title"), [("en", "Test message"), ("zh", "测试消息")])
def test_a_url_is_verified_by_a_message_that_says_what_it_is(language: str, title: str) -> None:
    """There is no other way to find out."""
    verification = made.Format(language=language).verification(context())

    told = body(verification.payload)
    assert told["title"] == title
    assert "alarm-dispatch" in told["body"]
    assert (told["type"], told["format"]) == ("info", "text")
    assert verification.timeout == 15.0
    assert verification.confirmation(Reply(status_code=200)).verdict is Verdict.CONFIRMED


@pytest.mark.parametrize(
    ("reply", "verdict", "reason"),
    [
        (Reply(status_code=200), "confirmed", ""),
        (Reply(status_code=204), "unconfirmed", "status 204, not 200"),
        (Reply(status_code=500, content=b"<html>"), "rejected", "status 500, not 200"),
        (
            Reply(status_code=401, headers=(("Content-Type", "text/plain"),), content=b"Apprise: no"),
            "rejected",
            "Apprise: no",
        ),
    ],
)
def test_the_confirmation(reply: Reply, verdict: str, reason: str) -> None:
    """Status 200; the transport's own words tell why not."""
    judgement = made.Format().rules.confirmation(reply)

    assert (judgement.verdict, judgement.reason) == (Verdict(verdict), reason)


def test_the_rules() -> None:
    """Our own, as no vendor states any."""
    rules = formats.get("apprise").rules

    assert rules.timeout == 15.0
    assert rules.schedule == RetrySchedule(attempts=3, delays=(10, 60))


def test_a_format_is_a_frozen_value() -> None:
    """Found by name, compared, hashed, copied and pickled."""
    one: Any = formats.get("apprise", language="zh", zone="+08:00", text_format="markdown")

    assert isinstance(one, Format)
    assert one == made.Format(
        language="zh", zone=timezone(timedelta(hours=8)), text_format=made.TextFormat.MARKDOWN
    )
    assert {one: 1}[copy.deepcopy(one)] == 1
    assert pickle.loads(pickle.dumps(one)) == one
    assert one.name == "apprise"
    assert made.Format().zone is UTC


@pytest.mark.parametrize(
    ("options", "field"),
    [({"language": "fr"}, "language"), ({"zone": "Mars"}, "zone"), ({"text_format": "html"}, "text_format")],
)
def test_wrong_options(options: dict[str, str], field: str) -> None:
    """Each is named, with what is allowed."""
    with pytest.raises(InvalidFieldError, match=rf"^Format\.{field}: "):
        formats.get("apprise", **options)

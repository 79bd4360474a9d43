"""Slack's incoming webhook: blocks within Slack's limits, escaping, and what its replies mean."""

from __future__ import annotations

import itertools
import re
from datetime import timedelta, timezone
from typing import Any

import attrs
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from alarm_dispatch.errors import InvalidFieldError, ParseError
from alarm_dispatch.exchange import Reply
from alarm_dispatch.formats.abilities import bundles_of, messages_of
from alarm_dispatch.formats.slack import Format, Message
from alarm_dispatch.formats.slack.mrkdwn import escaped, packed, split
from alarm_dispatch.formats.wording import Language, facts
from alarm_dispatch.model import Alarm
from tests.formats.alarms import EVENT_ALARM, METRIC_ALARM, changed, resolved
from tests.formats.samples import NOW, body, context
from tests.formats.strategies import alarms

_ENTITIES = re.compile(r"&(?!amp;|lt;|gt;)|[<>]")


def messages(alarm: Alarm, **options: Any) -> list[dict[str, Any]]:
    """The messages that tell an alarm."""
    return [body(payload) for payload in messages_of(Format(**options), alarm, context())]


def texts_of(message: dict[str, Any]) -> list[str]:
    """The texts of its blocks."""
    return [block["text"]["text"] for block in message["blocks"] if "text" in block]


def check_limits(message: dict[str, Any]) -> None:
    """Slack's: blocks, characters, and no text that it would read as a mention or refuse."""
    assert 1 <= len(message["blocks"]) <= 50
    for block in message["blocks"]:
        if block["type"] == "divider":
            assert set(block) == {"type"}
            continue
        text = block["text"]
        if block["type"] == "header":
            assert text.keys() == {"type", "text", "emoji"}
            assert (text["type"], text["emoji"]) == ("plain_text", False)
            assert 1 <= len(text["text"]) <= 150
        else:
            assert block["type"] == "section"
            assert text.keys() == {"type", "text", "verbatim"}
            assert (text["type"], text["verbatim"]) == ("mrkdwn", True)
            assert 1 <= len(text["text"]) <= 3000
        assert not _ENTITIES.search(text["text"])
    assert sum(map(len, texts_of(message))) <= 12_000
    assert not _ENTITIES.search(message["text"])


def unescaped(text: str) -> str:
    """What a reader sees."""
    return text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")


def test_an_alarm_has_a_header_and_its_facts():
    """And a text for notifications."""
    (message,) = messages(METRIC_ALARM)

    check_limits(message)
    assert message["text"] == "[Fatal] Triggered: 内存使用率 — web-1"
    header, section = message["blocks"]
    assert header["text"]["text"] == message["text"]
    assert section["text"]["text"].split("\n")[:5] == [
        "*Level:* Fatal",
        "*Policy:* 内存使用率",
        "*Metric:* 使用率, 总量",
        "*Value:* 97.39%",
        "*Threshold:* Average &gt;= 95 percent (3 × 1 minute)",
    ]


def test_people_are_told_in_their_language_and_zone():
    """Chinese, at +08:00."""
    (message,) = messages(EVENT_ALARM, language="zh", zone="+08:00")

    assert message["text"] == "[致命] 告警触发：内存使用率 — web-1"
    assert "*开始时间:* 2026-01-31 19:50:00 UTC+08:00" in texts_of(message)[1]
    assert messages(EVENT_ALARM, language="zh", zone=timezone(timedelta(hours=8))) == [message]


@pytest.mark.parametrize(
    "attack",
    ["<!channel>", "<!here|x>", "<@U024BE7LH>", "<#C024BE7LR>", "<https://evil.example|bank>", "&lt;"],
)
def test_nobody_is_called_by_an_alarms_text(attack):
    """Wherever it stands: it is shown as it is."""
    alarm = attrs.evolve(changed(METRIC_ALARM, "policy.name", attack), description=attack)

    (message,) = messages(alarm)

    check_limits(message)
    assert attack not in message["text"]
    assert unescaped(texts_of(message)[0]).count(attack) == 1
    assert unescaped(texts_of(message)[1]).count(attack) == 2


def test_a_long_headline_stands_in_sections():
    """A header holds 150 characters; the notification has its beginning."""
    alarm = changed(METRIC_ALARM, "policy.name", "<" * 4000)

    told = messages(alarm)

    for message in told:
        check_limits(message)
        assert len(message["text"]) <= 3000 + len(" (1/3)")
    assert told[0]["blocks"][0]["type"] == "section"
    whole = "".join(text for message in told for text in texts_of(message))
    assert unescaped(whole).count("<") == 8000
    assert [message["text"][-7:] for message in told] == ["… (1/3)", "… (2/3)", "… (3/3)"]


def test_a_headline_of_150_characters_is_a_header():
    """One more is none."""
    room = 150 - len("[Fatal] Triggered:  — web-1")
    at_most, over = (changed(METRIC_ALARM, "policy.name", "x" * (room + more)) for more in (0, 1))

    assert messages(at_most)[0]["blocks"][0]["type"] == "header"
    assert messages(over)[0]["blocks"][0]["type"] == "section"


def test_what_is_too_long_takes_several_messages():
    """In order, each within the limits, with every character."""
    text = "".join(f"{number:06}&" for number in range(6000))
    told = messages(attrs.evolve(METRIC_ALARM, description=text))

    for message in told:
        check_limits(message)
    assert len(told) > 1
    assert [message["text"].rsplit(" ", 1)[1] for message in told] == [
        f"({number}/{len(told)})" for number in range(1, len(told) + 1)
    ]
    assert text in unescaped("".join(text for message in told for text in texts_of(message)))


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(alarm=alarms())
def test_any_alarm_is_told_whole(alarm: Alarm) -> None:
    """Within the limits; every fact stands in it."""
    told = messages(alarm)

    for message in told:
        check_limits(message)
    whole = unescaped("\n".join(text for message in told for text in texts_of(message)))
    for fact in facts(alarm, NOW, Language.ENGLISH, NOW.tzinfo):
        assert f"*{fact.label}:* {fact.value}" in whole


def test_alarms_share_a_message_while_they_fit():
    """With a line between them, and how many more there are in the notification."""
    alarms_given = [METRIC_ALARM, resolved(METRIC_ALARM), EVENT_ALARM]

    (bundle,) = bundles_of(Format(), alarms_given, context())
    message = body(bundle.messages[0])

    check_limits(message)
    assert bundle.alarms == (0, 1, 2)
    assert message["text"] == "[Fatal] Triggered: 内存使用率 — web-1 (+2)"
    assert [block["type"] for block in message["blocks"]] == [
        *("header", "section", "divider", "header", "section", "divider", "header", "section")
    ]


def test_many_alarms_take_as_many_messages_as_they_must():
    """In order; one that is long has its own."""
    long = attrs.evolve(METRIC_ALARM, description="x" * 20_000)
    given_alarms = [*[METRIC_ALARM] * 40, long, METRIC_ALARM]

    bundles = bundles_of(Format(), given_alarms, context())

    for bundle in bundles:
        for payload in bundle.messages:
            check_limits(body(payload))
    assert [place for bundle in bundles for place in bundle.alarms] == list(range(42))
    assert [len(bundle.messages) for bundle in bundles if 40 in bundle.alarms] == [2]
    assert [bundle.alarms for bundle in bundles][-2:] == [(40,), (41,)]
    assert bundles_of(Format(), [], context()) == ()


def test_one_message_is_the_first_of_several():
    """For those who can send only one."""
    long = attrs.evolve(METRIC_ALARM, description="x" * 20_000)

    built = Format().build(long, context())

    assert built == messages_of(Format(), long, context())[0]


@given(st.text(st.sampled_from("&<>ab\n")), st.integers(5, 20))
def test_text_is_split_between_entities(text, most):
    """Nothing is lost, and no entity is cut."""
    parts = list(split(escaped(text), most))

    assert "".join(parts) == escaped(text)
    assert all(1 <= len(part) <= most for part in parts)
    assert not any(_ENTITIES.search(part) for part in parts)


@given(st.lists(st.text(st.sampled_from("&<>ab"), min_size=1)), st.integers(5, 20))
def test_lines_are_packed_in_order(lines, most):
    """As few texts as that takes."""
    given_lines = [escaped(line) for line in lines]

    texts = list(packed(given_lines, most))

    assert all(1 <= len(text) <= most for text in texts)
    assert "".join(texts).replace("\n", "") == "".join(given_lines)
    assert all(
        len(one) + 1 + len(next(split(other, most)).partition("\n")[0]) > most
        for one, other in itertools.pairwise(texts)
    )


_DOCUMENTED = [
    (400, "invalid_payload"),
    (400, "no_text"),
    (400, "too_many_attachments"),
    (400, "invalid_blocks"),
    (400, "user_not_found"),
    (403, "action_prohibited"),
    (403, "invalid_token"),
    (403, "posting_to_general_channel_denied"),
    (403, "team_disabled"),
    (404, "channel_not_found"),
    (404, "no_active_hooks"),
    (404, "no_service"),
    (404, "no_service_id"),
    (404, "no_team"),
    (410, "channel_is_archived"),
]


@pytest.mark.parametrize(
    ("status", "content", "verdict", "final", "reason"),
    [
        (200, b"ok", "confirmed", False, ""),
        (200, b"ok\n", "unconfirmed", False, "status 200: 'ok', not ok"),
        (200, b"OK", "unconfirmed", False, "status 200: 'OK', not ok"),
        (200, b"", "unconfirmed", False, "status 200, an empty body, not ok"),
        (201, b"ok", "unconfirmed", False, "status 201: 'ok', not ok"),
        (200, b'{"ok":true}', "unconfirmed", False, "status 200: '{\"ok\":true}', not ok"),
        (200, b"\xff", "unconfirmed", False, "status 200: '\\ufffd', not ok"),
        (429, b'{"retry_after":1}', "rejected", False, "status 429: '{\"retry_after\":1}', not ok"),
        (500, b"rollup_error", "rejected", False, "status 500: 'rollup_error', not ok"),
        (503, b"x" * 100, "rejected", False, f"status 503: '{'x' * 60}\\u2026', not ok"),
        (404, b"<html>", "rejected", False, "status 404: '<html>', not ok"),
        *(
            (status, word.encode(), "rejected", True, f"status {status}: {word}, not ok")
            for status, word in _DOCUMENTED
        ),
    ],
)
def test_only_ok_confirms_and_documented_errors_are_final(status, content, verdict, final, reason):
    """The body says it."""
    judgement = Format().rules.confirmation(Reply(status_code=status, content=content))

    assert (judgement.verdict, judgement.final, judgement.reason) == (verdict, final, reason)


@pytest.mark.parametrize(
    ("status", "content", "verdict"),
    [
        (400, b"no_text", "confirmed"),
        (400, b"missing_text_or_fallback_or_attachments", "confirmed"),
        (200, b"ok", "confirmed"),
        (404, b"no_service", "rejected"),
        (403, b"invalid_token", "rejected"),
        (200, b"", "unconfirmed"),
    ],
)
def test_a_url_is_verified_by_a_message_without_text(status, content, verdict):
    """Slack says that it misses the text, and posts nothing."""
    verification = Format().verification(context())

    assert body(verification.payload) == {"text": ""}
    assert verification.confirmation(Reply(status_code=status, content=content)).verdict == verdict


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ({"language": "fr"}, "Format.language"),
        ({"zone": "Mars"}, "Format.zone"),
        ({"zone": 8}, "Format.zone"),
    ],
)
def test_wrong_options_are_refused(options, problem):
    """By their names."""
    with pytest.raises(InvalidFieldError, match=problem):
        Format(**options)


def test_a_message_is_read():
    """And what is none is told with its path."""
    assert Format().parse(b'{"text":"a"}', "application/json") == Message(text="a")
    with pytest.raises(ParseError, match=r"\$\.blocks\[0\]\.text: must be a mapping"):
        Format().parse(b'{"text":"a","blocks":[{"type":"section","text":5}]}', "application/json")

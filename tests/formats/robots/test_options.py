"""What a robot's format can be told: whom it mentions, its text, its secret."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import attrs
import pytest

from alarm_dispatch import formats
from alarm_dispatch.errors import BuildError, InvalidFieldError, SigningError
from alarm_dispatch.formats.robots import Mentions
from alarm_dispatch.secret import Secret
from tests.formats.alarms import EVENT_ALARM, METRIC_ALARM, changed
from tests.formats.samples import body, context

every_robot = pytest.mark.parametrize("name", ["dingtalk", "feishu", "wecom"])
signing_robots = pytest.mark.parametrize("name", ["dingtalk", "feishu"])


def text_of(name: str, template: Any, alarm: Any = METRIC_ALARM, **options: Any) -> str:
    """The text of a text message by this template."""
    made = formats.get(name, kind="text", template=template, language="en", **options)
    found = body(made.build(alarm, context()))
    content: dict[str, str] = found.get("content") or found["text"]
    return content.get("text") or content["content"]


def markdown_of(template: Any, alarm: Any = METRIC_ALARM) -> str:
    """The text of a WeCom markdown message by this template."""
    made = formats.get("wecom", template=template, language="en")
    text: str = body(made.build(alarm, context()))["markdown"]["content"]
    return text


@pytest.mark.parametrize(
    ("name", "options", "wanted"),
    [
        ("wecom", {"mentions": ["a", "b@c.d"]}, {"line": "<@a> <@b@c.d>"}),
        ("wecom", {"kind": "text", "mentions": ["a"]}, {"text.mentioned_list": ["a"]}),
        (
            "wecom",
            {"kind": "text", "mentions": {"users": ["a"], "mobiles": ["138"], "everybody": True}},
            {"text.mentioned_list": ["a", "@all"], "text.mentioned_mobile_list": ["138"]},
        ),
        (
            "wecom",
            {"kind": "text", "mentions": {"mobiles": ["138"]}},
            {"text.mentioned_mobile_list": ["138"]},
        ),
        (
            "dingtalk",
            {"mentions": {"users": ["a"], "mobiles": ["+86-138"]}},
            {"line": "@+86-138 @a", "at": {"atMobiles": ["+86-138"], "atUserIds": ["a"]}},
        ),
        ("dingtalk", {"mentions": {"everybody": True}}, {"at": {"isAtAll": True}}),
        ("feishu", {"mentions": ["ou_1"]}, {"line": "<at id=ou_1></at>"}),
        ("feishu", {"mentions": {"everybody": True}}, {"line": "<at id=all></at>"}),
        (
            "feishu",
            {"kind": "text", "mentions": {"users": ["ou_1"], "everybody": True}},
            {"line": '<at user_id="ou_1"></at> <at user_id="all"></at>'},
        ),
    ],
)
def test_people_are_mentioned_as_the_vendor_has_it(
    name: str, options: dict[str, Any], wanted: dict[str, Any]
) -> None:
    """In the text's last line, in a field of the body, or in both."""
    found = body(formats.get(name, **options).build(METRIC_ALARM, context()))

    for path, value in wanted.items():
        part: Any = found
        if path == "line":
            assert f'\\n{value}"' in formats.get(name, **options).build(
                METRIC_ALARM, context()
            ).content.decode().replace('\\"', '"')
            continue
        for step in path.split("."):
            part = part[step]
        assert part == value


@every_robot
@pytest.mark.parametrize("kind", [None, "text"])
def test_nobody_is_mentioned_without_a_word(name: str, kind: str | None) -> None:
    """Neither in the text nor in the body."""
    made = formats.get(name, **({} if kind is None else {"kind": kind}))

    content = made.build(METRIC_ALARM, context()).content.decode()

    assert "@" not in content
    assert "<at" not in content
    assert '"at"' not in content
    assert "mentioned" not in content


@pytest.mark.parametrize(
    ("name", "mentions", "told"),
    [
        ("wecom", "wang", r"mentions\.users: must be a list of texts, not str"),
        ("wecom", 5, r"mentions\.users: must be a list of texts, not int"),
        ("wecom", ["a", "b>"], r"mentions\.users\[1\]: must be a user id .*, not 'b>'"),
        ("wecom", ["a b"], r"mentions\.users\[0\]: "),
        ("wecom", [5], r"mentions\.users\[0\]: must be text, not int"),
        ("dingtalk", {"mobiles": ["call me"]}, r"mentions\.mobiles\[0\]: must be a number"),
        ("dingtalk", {"mobiles": "138"}, r"mentions\.mobiles: must be a list of texts, not str"),
        ("dingtalk", {"everybody": 1}, r"mentions\.everybody: must be a bool"),
        ("dingtalk", {"all": True}, r"mentions\.all: unknown key; allowed are: users, mobiles, everybody"),
        ("wecom", {"mobiles": ["138"]}, "kind='text' also takes mobiles and everybody"),
        ("wecom", {"everybody": True}, "kind='text' also takes mobiles and everybody"),
        ("feishu", {"mobiles": ["138"]}, r"mentions\.mobiles: cannot be used"),
    ],
)
def test_whom_a_robot_cannot_mention_is_told(name: str, mentions: Any, told: str) -> None:
    """The error names the place and what is allowed."""
    with pytest.raises(InvalidFieldError, match=told):
        formats.get(name, mentions=mentions)


def test_mentions_stay_themselves() -> None:
    """A value that was made before will do."""
    mentions = Mentions(users=["a"])

    assert formats.get("wecom", mentions=mentions).mentions is mentions  # type: ignore[attr-defined]
    assert not Mentions()


@pytest.mark.parametrize(
    ("template", "wanted"),
    [
        ("{headline}", "[Fatal] Triggered: 内存使用率 — web-1"),
        ("{state} / {level} / {policy}", "Triggered / Fatal / 内存使用率"),
        ("{id}: {value} ({threshold})", "alarm-7: 97.39% (Average >= 95 percent (3 × 1 minute))"),
        ("a\n{event}\nb", "a\nb"),
        ("a\nof {event}: {policy}\nb", "a\nof : 内存使用率\nb"),
        ("a\n\nb", "a\n\nb"),
        ("{{x}} {link}", "{x} https://console.example.com/policy/144"),
        ("{description}!", "内存快满了!"),
    ],
)
def test_a_template_is_filled_in(template: str, wanted: str) -> None:
    """Names in braces stand for the alarm's values; a line of which the alarm has nothing is left out."""
    assert text_of("wecom", template) == wanted


@every_robot
def test_all_facts_have_a_placeholder_of_their_own(name: str) -> None:
    """It stands for the lines that there are without a template."""
    text = text_of(name, "before\n{facts}\nafter")

    lines = text.split("\n")
    assert lines[:2] == ["before", "Level: Fatal"]
    assert lines[-2:] == ["Link: https://console.example.com/policy/144", "after"]


def test_a_templates_values_are_no_markup() -> None:
    """Its own text is, as it is written; a link's target is encoded, and only a URL is one."""
    evil = changed(METRIC_ALARM, "policy.name", "**x** <@all>\r\n# y")
    evil = changed(evil, "policy.url", "https://example.com/(a)")

    assert markdown_of("**{policy}**\n[more]({link})", evil) == (
        "**＊＊x＊＊ ＜@all>\n＃ y**\n[more](https://example.com/%28a%29)"
    )
    assert (
        markdown_of("{event} {policy}\nin: {policy}", changed(evil, "policy.name", "# y")) == " ＃ y\nin: # y"
    )
    assert markdown_of("{link}", changed(evil, "policy.url", "<@all>")) == "＜@all>"
    assert text_of("wecom", "{policy}", evil) == "**x** ＜@all>\n# y"


def test_a_template_may_be_a_function() -> None:
    """What it returns is sent as it is."""
    assert text_of("dingtalk", lambda alarm: f"*{alarm.id}*\nsecond <@a>") == "*alarm-7*\nsecond <@a>"


@pytest.mark.parametrize(
    ("returned", "told"),
    [(None, "returned NoneType"), ("", "returned no text"), (b"x", "returned bytes")],
)
def test_what_a_function_returns_has_to_be_a_text(returned: Any, told: str) -> None:
    """Else the alarm cannot be told."""
    with pytest.raises(BuildError, match=told):
        text_of("feishu", lambda alarm: returned)


@pytest.mark.parametrize(
    ("template", "told"),
    [
        ("", "must not be empty"),
        ("{name}", r"has the placeholder \{name\}; allowed are: headline, state, id, facts, level, policy,"),
        ("{policy.name}", r"\{policy\.name\}"),
        ("{policy[0]}", r"\{policy\[0\]\}"),
        ("{policy!r}", r"\{policy!r\}"),
        ("{value:>10}", r"\{value:>10\}"),
        ("{}", r"\{\}"),
        ("{policy", "cannot be read: .*is written twice"),
        ("a {facts}", "alone in its own"),
        ("{facts} a", "alone in its own"),
        (5, "must be a text such as '{headline}', or a function from an alarm, not 5"),
        (str, "or a function from an alarm, not <class 'str'>"),
    ],
)
def test_what_is_no_template_is_told(template: Any, told: str) -> None:
    """When the format is made, not when the first alarm comes."""
    with pytest.raises(InvalidFieldError, match=rf"Format\.template: .*{told}"):
        formats.get("wecom", template=template)


@every_robot
def test_unknown_words_are_told(name: str) -> None:
    """Kinds, languages and zones have a few."""
    for option, value, told in (
        ("kind", "card", "allowed are: "),
        ("language", "fr", "allowed are: zh, en"),
        ("zone", "Mars", "allowed are "),
    ):
        with pytest.raises(InvalidFieldError, match=rf"Format\.{option}: .*{told}"):
            formats.get(name, **{option: value})


def test_times_are_told_in_the_zone() -> None:
    """By default that of the vendors."""
    assert text_of("wecom", "{started}") == "2026-01-31 19:50:00 UTC+08:00"
    assert text_of("wecom", "{started}", zone="UTC") == "2026-01-31 11:50:00 UTC"


def test_an_event_is_told_too() -> None:
    """It has no value and no threshold."""
    assert text_of("feishu", "{event} {product} {value}", EVENT_ALARM) == "ping不可达 云服务器 "


@signing_robots
@pytest.mark.parametrize("given", ["SEC123", Secret("SEC123")])
def test_a_secret_is_shown_nowhere(name: str, given: Any) -> None:
    """Not in a repr, not in what attrs tells, and what masks texts knows it."""
    made: Any = formats.get(name, secret=given)

    assert made.secrets == ("SEC123",)
    assert "SEC123" not in repr(made)
    assert "SEC123" not in repr(attrs.asdict(made))
    assert made == formats.get(name, secret="SEC123")
    assert made != formats.get(name, secret="SEC124")
    assert copy.deepcopy(made) == attrs.evolve(made) == made
    assert formats.get(name).secrets == ()  # type: ignore[attr-defined]


@signing_robots
def test_a_pickle_holds_no_secret(name: str) -> None:
    """What comes out of it can be looked at, and says why it cannot sign."""
    made: Any = formats.get(name, secret="SEC123")

    content = pickle.dumps(made)
    loaded: Any = pickle.loads(content)

    assert b"SEC123" not in content
    assert loaded.secrets == ()
    assert loaded != made
    assert pickle.loads(pickle.dumps(loaded)) == loaded
    with pytest.raises(SigningError, match="came out of a pickle, which holds no secret"):
        loaded.secret.reveal()


@signing_robots
@pytest.mark.parametrize("given", [lambda: Secret.from_env("ROBOT"), lambda: "env:ROBOT"])
def test_a_secret_of_the_environment_is_pickled_by_its_name(
    name: str, given: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is read anew where it is loaded."""
    monkeypatch.setenv("ROBOT", "SEC123")
    content = pickle.dumps(formats.get(name, secret=given()))
    monkeypatch.setenv("ROBOT", "SEC124")

    assert pickle.loads(content).secrets == ("SEC124",)


@signing_robots
@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ("", "must not be empty"),
        (5, "must be text or a Secret, not int"),
        ("x" * 20_000, "longer"),
        ("SEC1\n", "must be printable ASCII text without white space at its ends"),
        (Secret("密"), "must be printable ASCII text"),
        ("env:NOT_THERE", "the environment variable NOT_THERE is not set"),
    ],
)
def test_what_is_no_secret_is_told(name: str, wrong: Any, told: str) -> None:
    """Without telling it."""
    with pytest.raises(InvalidFieldError, match=rf"Format\.secret: .*{told}"):
        formats.get(name, secret=wrong)

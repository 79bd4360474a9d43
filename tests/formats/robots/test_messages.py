"""Which messages tell which alarms: within the limits, and nothing is lost."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import attrs
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from alarm_dispatch import formats
from alarm_dispatch.errors import BuildError
from alarm_dispatch.formats import Bundle, BundlingFormat, Payload
from alarm_dispatch.formats.abilities import bundles_of, limits_of, messages_of, rate_of
from alarm_dispatch.formats.robots.graphemes import units
from alarm_dispatch.limits import Rate
from alarm_dispatch.model import Alarm, Target
from tests.formats.alarms import METRIC_ALARM, resolved
from tests.formats.samples import body, context
from tests.formats.strategies import alarms

LIMITS = {
    ("wecom", "markdown"): 4096,
    ("wecom", "text"): 2048,
    ("dingtalk", "markdown"): 20_000,
    ("dingtalk", "text"): 20_000,
    ("feishu", "interactive"): 20_000,
    ("feishu", "text"): 20_000,
}
every_kind = pytest.mark.parametrize(("name", "kind"), LIMITS)
MARK = re.compile(r"^\((\d+)/(\d+)\)")


def text_of(payload: Payload) -> str:
    """The text that people read in a message, whatever its kind."""
    found = body(payload)
    if "card" in found:
        return str(found["card"]["elements"][0]["content"])
    content = found.get("content") or found[found["msgtype"]]
    return str(content.get("text") or content["content"])


def title_of(payload: Payload) -> str:
    """What stands above the text: the title, else the text's first line."""
    found = body(payload)
    if "card" in found:
        return str(found["card"]["header"]["title"]["content"])
    return text_of(payload).split("\n")[0]


def size_of(name: str, payload: Payload) -> int:
    """The bytes that the vendor counts."""
    return len(text_of(payload).encode()) if name == "wecom" else len(payload.content)


def unmarked(payloads: Sequence[Payload]) -> str:
    """The texts of an alarm's messages put together, without line breaks and what marks them as parts."""
    texts = [text_of(payload) for payload in payloads]
    if len(texts) > 1 and "card" not in body(payloads[0]):
        texts = [text.split("\n", 1)[1] for text in texts]
    return "".join(texts).replace("\n", "")


def long_alarm(description: str, **changes: Any) -> Alarm:
    """An alarm with such a description."""
    return attrs.evolve(METRIC_ALARM, description=description, **changes)


@every_kind
def test_the_limits_and_the_rate_are_told(name: str, kind: str) -> None:
    """For people, and for the engine."""
    made = formats.get(name, kind=kind)

    assert isinstance(made, BundlingFormat)
    assert rate_of(made) == (Rate(5, 3) if name == "feishu" else Rate(20, 60))
    assert [str(LIMITS[name, kind]) in limit for limit in limits_of(made)] == [True]


@every_kind
@pytest.mark.parametrize("line", ["x" * 50, "告警" * 25, "👩‍👩‍👧" * 3, '"\\\t' * 17, ""])
def test_a_long_text_is_cut_between_lines(name: str, kind: str, line: str) -> None:
    """Each part is full, marked, and within the limit to the byte."""
    limit = LIMITS[name, kind]
    alarm = long_alarm("\n".join([f"{number}{line}" for number in range(2 * limit // (len(line) + 5))]))

    payloads = messages_of(formats.get(name, kind=kind, language="en"), alarm, context())

    assert len(payloads) >= 2
    sizes = [size_of(name, payload) for payload in payloads]
    assert max(sizes) <= limit
    assert all(size > limit - 600 for size in sizes[:-1])
    for number, payload in enumerate(payloads, start=1):
        assert title_of(payload).startswith(f"({number}/{len(payloads)})")
        if number > 1:
            assert "[Fatal] Triggered" in title_of(payload).translate({0xFF3B: "[", 0xFF3D: "]"})


@every_kind
def test_one_line_is_cut_between_characters(name: str, kind: str) -> None:
    """Emoji of several characters, flags and marks stay whole, and markup is whole in each part."""
    pieces = ["👩\u200d👩\u200d👧", "🇩🇪", "e\u0301", "👍🏽", "告"]
    text = "".join(pieces) * 500

    payloads = messages_of(formats.get(name, kind=kind), long_alarm(text), context())

    assert len(payloads) >= 2
    assert max(size_of(name, payload) for payload in payloads) <= LIMITS[name, kind]
    assert text in unmarked(payloads).replace("…", "")
    for payload in payloads:
        assert set(units(text_of(payload))) & set(pieces)
        assert text_of(payload).count("**") % 2 == 0
        assert not text_of(payload).startswith(("\u200d", "\u0301", "🏽"))


@every_kind
def test_a_message_of_exactly_the_limit_is_not_cut(name: str, kind: str) -> None:
    """One byte more is."""
    made = formats.get(name, kind=kind)
    (payload,) = messages_of(made, long_alarm("x"), context())
    room = LIMITS[name, kind] - size_of(name, payload)

    (whole,) = messages_of(made, long_alarm("x" * (room + 1)), context())
    parts = messages_of(made, long_alarm("x" * (room + 2)), context())

    assert size_of(name, whole) == LIMITS[name, kind]
    assert len(parts) == 2


@pytest.mark.parametrize(("name", "kind"), [("feishu", "interactive"), ("feishu", "text")])
def test_there_is_room_for_a_signature(name: str, kind: str) -> None:
    """It is put into the body when it is sent, and counts."""
    alarm = long_alarm("x" * 60_000)
    signed = messages_of(formats.get(name, kind=kind, secret="s"), alarm, context())
    unsigned = messages_of(formats.get(name, kind=kind), alarm, context())

    assert len(unsigned[1].content) - len(signed[1].content) == 79


@every_kind
def test_people_are_mentioned_once(name: str, kind: str) -> None:
    """By the first part; the others mention nobody."""
    mentions = {"users": ["ou_77"]}
    made = formats.get(name, kind=kind, mentions=mentions)

    payloads = messages_of(made, long_alarm("x" * 50_000), context())

    assert ["ou_77" in payload.content.decode() for payload in payloads] == [True] + [False] * (
        len(payloads) - 1
    )
    assert max(size_of(name, payload) for payload in payloads) <= LIMITS[name, kind]


@every_kind
@pytest.mark.parametrize("text", ["a" + "\u0301" * 11_000, "👩\u200d" * 4_000])
def test_a_character_that_no_message_can_hold_is_told_all_the_same(name: str, kind: str, text: str) -> None:
    """A letter with thousands of marks is no letter, and no reason to keep an alarm back."""
    made: Any = formats.get(name, kind=kind)

    payloads = messages_of(made, long_alarm(text), context())

    told = "".join(payload.content.decode() for payload in payloads)
    assert len(payloads) > 1
    assert max(size_of(name, payload) for payload in payloads) <= LIMITS[name, kind]
    assert told.count(text[1]) == text.count(text[1])


@pytest.mark.parametrize(("name", "kind"), [each for each in LIMITS if each != ("wecom", "text")])
def test_mentions_that_leave_no_room_are_an_error(name: str, kind: str) -> None:
    """They cannot be cut either; those of WeCom's texts are beside the content."""
    made: Any = formats.get(name, kind=kind, mentions=[f"user{number:06}" for number in range(2000)])

    with pytest.raises(BuildError, match=f"within {LIMITS[name, kind]}"):
        made.build(METRIC_ALARM, context())


@every_kind
def test_a_long_headline_is_told_whole(name: str, kind: str) -> None:
    """Where a title holds only its beginning, the text holds all of it."""
    policy = attrs.evolve(METRIC_ALARM.policy, name="é" * 300)

    (payload,) = messages_of(formats.get(name, kind=kind), long_alarm("x", policy=policy), context())

    assert text_of(payload).count("é" * 300) == 2  # in the headline, and as the policy
    if kind == "interactive":
        assert title_of(payload).endswith("…")


@every_kind
def test_a_link_that_is_too_long_for_a_part_is_told_as_a_text(name: str, kind: str) -> None:
    """It would be none if it were cut."""
    url = "https://example.com/" + "x" * 25_000
    policy = attrs.evolve(METRIC_ALARM.policy, url=url)

    payloads = messages_of(formats.get(name, kind=kind), long_alarm("x", policy=policy), context())

    assert max(size_of(name, payload) for payload in payloads) <= LIMITS[name, kind]
    assert url in unmarked(payloads).replace("…", "")
    assert "](" not in unmarked(payloads)


@every_kind
def test_more_than_nine_parts_are_numbered(name: str, kind: str) -> None:
    """The marks of ten parts take more bytes, which are counted."""
    payloads = messages_of(formats.get(name, kind=kind), long_alarm("x" * 250_000), context())

    assert len(payloads) > 9
    assert max(size_of(name, payload) for payload in payloads) <= LIMITS[name, kind]
    marks = [MARK.match(title_of(payload)) for payload in payloads]
    assert [mark and mark.groups() for mark in marks] == [
        (str(number), str(len(payloads))) for number in range(1, len(payloads) + 1)
    ]


def sample(count: int) -> list[Alarm]:
    """So many alarms that can be told apart."""
    return [attrs.evolve(METRIC_ALARM, id=f"a{n}", target=Target(name=f"host-{n}")) for n in range(count)]


def check(bundles: Sequence[Bundle], name: str, kind: str) -> None:
    """Every message of them is within the limit."""
    for bundle in bundles:
        for message in bundle.messages:
            assert size_of(name, message) <= LIMITS[name, kind]


@every_kind
def test_whole_alarms_share_a_message_up_to_the_limit(name: str, kind: str) -> None:
    """In their order, as many as there is room for; each message mentions people once."""
    made = formats.get(name, kind=kind, language="en", mentions=["ou_77"])
    told = sample(150)

    bundles = bundles_of(made, told, context())

    check(bundles, name, kind)
    assert len(bundles) >= 3
    assert [place for bundle in bundles for place in bundle.alarms] == list(range(150))
    for bundle in bundles:
        (message,) = bundle.messages
        assert message.content.decode().count("ou_77") == (2 if name == "dingtalk" else 1)
        assert [f"host-{place}\n" in text_of(message) for place in bundle.alarms] == [True] * len(
            bundle.alarms
        )
        assert MARK.match(text_of(message)) is None
    first, second = bundles[:2]
    together = [told[place] for place in (*first.alarms, second.alarms[0])]
    assert len(bundles_of(made, together, context())) == 2  # one more would not have fitted


@every_kind
def test_a_long_alarm_among_others_has_messages_of_its_own(name: str, kind: str) -> None:
    """Those around it share theirs."""
    first, second, fourth, fifth = sample(4)

    bundles = bundles_of(
        formats.get(name, kind=kind), [first, second, long_alarm("x" * 50_000), fourth, fifth], context()
    )

    check(bundles, name, kind)
    assert [bundle.alarms for bundle in bundles] == [(0, 1), (2,), (3, 4)]
    assert [len(bundle.messages) > 1 for bundle in bundles] == [False, True, False]


@every_kind
def test_long_alarms_only_and_none_at_all(name: str, kind: str) -> None:
    """Each is in a bundle of its own; of nothing there is no bundle."""
    made = formats.get(name, kind=kind)

    assert [bundle.alarms for bundle in bundles_of(made, [long_alarm("x" * 50_000)] * 2, context())] == [
        (0,),
        (1,),
    ]
    assert bundles_of(made, [], context()) == ()


@pytest.mark.parametrize(
    ("name", "english", "chinese"),
    [("dingtalk", "3 alarms", "3 条告警"), ("feishu", "3 alarms", "3 条告警")],
)
def test_several_alarms_have_a_title_that_says_how_many(name: str, english: str, chinese: str) -> None:
    """Each one's headline is in the text."""
    for language, wanted in (("en", english), ("zh", chinese)):
        (bundle,) = bundles_of(formats.get(name, language=language), sample(3), context())
        found = body(bundle.messages[0])
        title = found["markdown"]["title"] if "markdown" in found else title_of(bundle.messages[0])
        assert title == wanted
        assert text_of(bundle.messages[0]).count(" — host-") == 3


@pytest.mark.parametrize(
    ("states", "colour"),
    [
        (["fatal"], "red"),
        (["warning"], "orange"),
        (["info"], "blue"),
        ([None], "blue"),
        (["info", "fatal", None], "red"),
        (["resolved"], "green"),
        (["resolved", "warning"], "orange"),
        (["closed"], "grey"),
        (["resolved", "closed"], "grey"),
    ],
)
def test_a_cards_colour_is_that_of_the_worst(states: list[str | None], colour: str) -> None:
    """Green when all are resolved."""
    alarms = [
        resolved(METRIC_ALARM, state=state)
        if state in {"resolved", "closed"}
        else attrs.evolve(METRIC_ALARM, level=state)
        for state in states
    ]

    (bundle,) = bundles_of(formats.get("feishu"), alarms, context())

    assert body(bundle.messages[0])["card"]["header"]["template"] == colour


def test_a_template_is_cut_and_packed_like_any_text() -> None:
    """Its own escapes are not cut."""
    made = formats.get("wecom", template="{description}\n" + r"\*" * 3000)

    payloads = messages_of(made, long_alarm("x"), context())

    assert len(payloads) == 2
    assert all(re.fullmatch(r"(?s)\(./2\).*?\n(x\n)?(\\\*)+", text_of(payload)) for payload in payloads)


ODD = st.text(
    st.sampled_from('ab 告警\n\r\u2028\t"\\<>@[]*_`~#&;-👩\u200d👧🏽🇩🇪e\u0301\u202eאב\u0000\u0b95\u0bcd'),
    min_size=1,
    max_size=40,
)


@every_kind
@settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(alarm=alarms(), text=ODD, fill=st.floats(0, 3), mention=st.booleans())
def test_any_alarm_stays_within_the_limit_and_loses_nothing(
    name: str, kind: str, alarm: Alarm, text: str, fill: float, mention: bool
) -> None:
    """Every part is strict UTF-8 within the limit, cut between units, and together they are the whole."""
    description = text * int(fill * LIMITS[name, kind] / len(text.encode()))
    alarm = attrs.evolve(alarm, description=description)
    made: Any = formats.get(name, kind=kind, mentions=["u7"] if mention else [])

    payloads = messages_of(made, alarm, context())

    assert max(size_of(name, payload) for payload in payloads) <= LIMITS[name, kind]
    assert all(made.parse(payload.content, payload.content_type) for payload in payloads)
    assert sum("u7" in payload.content.decode() for payload in payloads[1:]) == 0
    if kind == "text":
        told = unmarked(payloads).replace('<at user_id="u7"></at>', "").replace("@u7", "").replace("＜", "<")
        assert "".join(description.splitlines()).replace("＜", "<") in told

"""What every vendor's format promises in each dialect; the open ones are in test_open_contract.py."""

from __future__ import annotations

import copy
import json
import pickle
from typing import Any
from urllib.parse import parse_qsl

import attrs
import pytest

from alarm_dispatch import formats
from alarm_dispatch.errors import InvalidFieldError, ParseError, UnknownFormatError
from alarm_dispatch.exchange import Reply, Request, Verdict
from alarm_dispatch.formats import Dialect, Format
from alarm_dispatch.schedule import RetrySchedule
from tests.formats.alarms import EVENT_ALARM, METRIC_ALARM, resolved
from tests.formats.samples import body, context, exact, present

_NAMES = ("aliyun", "blueking", "tencent", "tencent_legacy")
# They have kinds of messages instead of dialects, the default first.
_ROBOTS = {
    "dingtalk": ("markdown", "text"),
    "feishu": ("interactive", "text"),
    "wecom": ("markdown", "text"),
}
_KINDS = [(name, kind) for name, kinds in _ROBOTS.items() for kind in kinds]
_JSON = ("blueking", "tencent", "tencent_legacy", *_ROBOTS)
_FORM_TYPE = "application/x-www-form-urlencoded; charset=UTF-8"

every_format = pytest.mark.parametrize("name", _NAMES)
every_dialect = pytest.mark.parametrize("dialect", list(Dialect))
every_robot = pytest.mark.parametrize("name", _ROBOTS)
every_kind = pytest.mark.parametrize(("name", "kind"), _KINDS)
every_name = pytest.mark.parametrize("name", [*_NAMES, *_ROBOTS])
json_formats = pytest.mark.parametrize("name", _JSON)
with_dialects = pytest.mark.parametrize("name", [name for name in _JSON if name in _NAMES])


def content_of(payload: Any) -> Any:
    """The value of a payload's body, whatever its encoding."""
    if payload.content_type == "application/json":
        return body(payload)
    return dict(parse_qsl(payload.content.decode("ascii"), keep_blank_values=True, strict_parsing=True))


@every_format
@every_dialect
def test_a_format_is_found_by_name(name: str, dialect: Dialect) -> None:
    """The registry makes it with its options, as an enum member or as plain text."""
    made = formats.get(name, dialect=dialect.value)

    assert isinstance(made, Format)
    assert made.name == name
    assert made == formats.get(name, dialect=dialect)


@every_kind
def test_a_robots_format_is_found_by_name(name: str, kind: str) -> None:
    """The registry makes it with its options; the default kind is the one that shows most."""
    made = formats.get(name, kind=kind)

    assert isinstance(made, Format)
    assert made.name == name
    assert (made == formats.get(name)) == (kind == _ROBOTS[name][0])


@every_kind
def test_a_robots_format_is_a_frozen_value(name: str, kind: str) -> None:
    """It can be compared, hashed, copied and pickled, and not be changed."""
    options = {"kind": kind, "language": "en", "zone": "+01:00", "template": "{headline}", "mentions": ["u"]}
    made: Any = formats.get(name, **options)

    assert {made: 1}[formats.get(name, **options)] == 1
    assert copy.deepcopy(made) == pickle.loads(pickle.dumps(made)) == made
    assert kind in repr(made)
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        made.kind = "text"


@every_kind
@pytest.mark.parametrize("alarm", [METRIC_ALARM, resolved(METRIC_ALARM), EVENT_ALARM])
def test_a_robots_message_can_be_parsed(name: str, kind: str, alarm: Any) -> None:
    """The same alarm gives the same bytes, compact JSON, and the wire object holds all that is in them."""
    made = formats.get(name, kind=kind, mentions={"users": ["u"]})

    built = made.build(alarm, context())
    parsed: Any = made.parse(built.content, built.content_type)

    assert made.build(alarm, context()) == built
    assert built.content_type == "application/json"
    assert built.content.decode() == json.dumps(body(built), ensure_ascii=False, separators=(",", ":"))
    assert exact(present(attrs.asdict(parsed))) == exact(body(built))


@every_kind
def test_a_robot_is_verified_by_a_message_that_says_so(name: str, kind: str) -> None:
    """People read it, so it says that it is a test; the reply's code has to confirm it as any other."""
    made = formats.get(name, kind=kind, language="en", mentions={"users": ["u"]})

    verification = made.verification(context())

    assert "Test message: " in verification.payload.content.decode()
    assert '"u"' not in verification.payload.content.decode()
    assert made.parse(verification.payload.content, verification.payload.content_type)
    assert verification.method == "POST"
    assert verification.timeout == 5.0
    assert verification.confirmation is made.rules.confirmation
    assert verification.confirmation(Reply(status_code=200)).verdict is Verdict.UNCONFIRMED


@every_kind
def test_a_robots_message_has_what_its_kind_says(name: str, kind: str) -> None:
    """The error names the kinds that there are, or the part that is missing."""
    made = formats.get(name, kind=kind)
    by, part, *_ = content = body(made.build(METRIC_ALARM, context()))

    for changed, told in (
        ({**content, by: "voice"}, rf"\$\.{by}: is 'voice'; known are: {', '.join(_ROBOTS[name])}"),
        ({by: kind}, rf"\$\.{part}: is missing, in a message whose {by} is '{kind}'"),
    ):
        with pytest.raises(ParseError, match=told):
            made.parse(json.dumps(changed).encode(), "application/json")


@every_robot
def test_a_robots_delivery_rules(name: str) -> None:
    """No vendor tells any but the rate; the others are those of most formats."""
    rules = formats.get(name).rules

    assert (rules.timeout, rules.schedule) == (5.0, RetrySchedule(attempts=3, delays=(5, 10)))


@every_format
def test_the_documented_dialect_is_the_default(name: str) -> None:
    """Without a word a format follows the vendor's document."""
    assert formats.get(name) == formats.get(name, dialect="documented")
    assert formats.get(name) != formats.get(name, dialect="observed")


@every_format
@every_dialect
def test_a_format_is_a_frozen_value(name: str, dialect: Dialect) -> None:
    """It can be compared, hashed, copied and pickled, and not be changed."""
    made: Any = formats.get(name, dialect=dialect)

    assert {made: 1}[formats.get(name, dialect=dialect)] == 1
    assert copy.deepcopy(made) == pickle.loads(pickle.dumps(made)) == made
    assert dialect.value in repr(made)
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        made.dialect = Dialect.OBSERVED


@every_format
@every_dialect
@pytest.mark.parametrize("alarm", [METRIC_ALARM, resolved(METRIC_ALARM)], ids=["firing", "resolved"])
def test_building_is_deterministic_and_parsing_gives_every_value(
    name: str, dialect: Dialect, alarm: Any
) -> None:
    """The same alarm gives the same bytes, and the wire object holds all that is in them, in order."""
    made = formats.get(name, dialect=dialect)

    built = made.build(alarm, context())
    parsed: Any = made.parse(built.content, built.content_type)

    assert made.build(alarm, context()) == built
    assert exact(present(attrs.asdict(parsed))) == exact(present(content_of(built)))


@every_format
@every_dialect
def test_the_content_type_is_the_vendors(name: str, dialect: Dialect) -> None:
    """JSON is UTF-8 by its own rules and says nothing more; the form names its charset."""
    built = formats.get(name, dialect=dialect).build(METRIC_ALARM, context())

    assert built.content_type == ("application/json" if name in _JSON else _FORM_TYPE)


@with_dialects
@every_dialect
def test_json_is_compact_and_unescaped(name: str, dialect: Dialect) -> None:
    """Chinese text stands in the body as UTF-8, and no byte is spent on blanks."""
    built = formats.get(name, dialect=dialect).build(METRIC_ALARM, context())

    assert "内存使用率".encode() in built.content
    assert b"\\u" not in built.content
    wanted = json.dumps(body(built), ensure_ascii=False, separators=(",", ":"))
    assert built.content.decode() == wanted


@every_format
@every_dialect
def test_a_url_is_verified_by_an_empty_post(name: str, dialect: Dialect) -> None:
    """One POST within 5 s, an empty object or form, and status 200 means verified."""
    verification = formats.get(name, dialect=dialect).verification(context())

    assert verification.method == "POST"
    assert verification.timeout == 5.0
    assert verification.payload.content == (b"{}" if name in _JSON else b"")
    assert verification.payload.content_type == ("application/json" if name in _JSON else _FORM_TYPE)
    assert verification.confirmation(Reply(status_code=200)).verdict is Verdict.CONFIRMED
    assert verification.confirmation(Reply(status_code=201)).verdict is Verdict.UNCONFIRMED


_ECHO = b'{"sessionId": "d-1", "retCode": 0}'


@pytest.mark.parametrize(
    ("name", "dialect", "timeout", "schedule", "codes"),
    [
        ("blueking", "documented", 3.0, RetrySchedule(attempts=3, delays=(5, 10)), {200}),
        ("blueking", "observed", 3.0, RetrySchedule(attempts=3, delays=(5, 10)), {200}),
        ("tencent", "documented", 5.0, RetrySchedule(attempts=3, delays=(5, 10)), {200}),
        ("tencent", "observed", 5.0, RetrySchedule(attempts=3, delays=(5, 10)), {200, 202, 299}),
        ("tencent_legacy", "documented", 5.0, RetrySchedule(attempts=3, delays=(5, 10)), {200}),
        ("tencent_legacy", "observed", 5.0, RetrySchedule(attempts=3, delays=(5, 10)), {200, 202, 299}),
        ("aliyun", "documented", 5.0, RetrySchedule(attempts=4, delays=(5, 10, 20)), {200}),
        ("aliyun", "observed", 5.0, RetrySchedule(attempts=4, delays=(5, 10, 20)), {200, 202, 299}),
    ],
)
def test_the_delivery_rules_are_the_vendors(
    name: str, dialect: str, timeout: float, schedule: RetrySchedule, codes: set[int]
) -> None:
    """Timeout, attempts, waits and confirming statuses are those of the vendors' documents."""
    rules = formats.get(name, dialect=dialect).rules
    request = Request(url="https://x/", content=b"", delivery_id="d-1")

    confirmed = {
        code
        for code in (199, 200, 202, 299, 302, 400, 500)
        if rules.confirmation(Reply(status_code=code, content=_ECHO, request=request)).verdict
        is Verdict.CONFIRMED
    }

    assert (rules.timeout, rules.schedule, confirmed) == (timeout, schedule, codes)


@every_format
def test_an_unknown_dialect_is_refused_with_the_known_ones(name: str) -> None:
    """The error names the dialects that there are."""
    with pytest.raises(InvalidFieldError, match=r"Format\.dialect: .*documented, observed"):
        formats.get(name, dialect="spoken")


@every_name
def test_an_unknown_option_is_refused(name: str) -> None:
    """An option that the format does not take is an error that names it."""
    with pytest.raises(InvalidFieldError, match="colour"):
        formats.get(name, colour="red")


def test_an_unknown_format_is_refused_with_the_known_ones() -> None:
    """The error lists every format there is."""
    with pytest.raises(UnknownFormatError, match=", ".join(formats.names())):
        formats.get("nagios")


_BAD_JSON = [
    (b"{}", "application/x-www-form-urlencoded", "content type"),
    (b"{}", "", "content type"),
    (b'{"a": "\xff"}', "application/json", "is not UTF-8: byte 7"),
    (b"", "application/json", "is not JSON"),
    (b"{'a': 1}", "application/json", "is not JSON"),
    (b"[]", "application/json", "must be a JSON object"),
    (b"[" * 100_000, "application/json", "nested too deeply"),
    (b'{"a": NaN}', "application/json", "NaN is no JSON number"),
    (b'{"a": -Infinity}', "application/json", "-Infinity is no JSON number"),
    (b'{"a": 1e999}', "application/json", "too large for a double"),
]


@json_formats
@pytest.mark.parametrize(("content", "content_type", "told"), _BAD_JSON)
def test_what_is_no_json_body_is_a_parse_error(
    name: str, content: bytes, content_type: str, told: str
) -> None:
    """The error says what is wrong with the type, the encoding or the JSON."""
    with pytest.raises(ParseError, match=told):
        formats.get(name).parse(content, content_type)


@json_formats
def test_the_media_type_is_read_in_any_case_and_with_parameters(name: str) -> None:
    """``Application/JSON; charset=utf-8`` is JSON."""
    made = formats.get(name)
    built = made.build(METRIC_ALARM, context())

    assert made.parse(built.content, "Application/JSON ; charset=utf-8") == made.parse(
        built.content, built.content_type
    )


@pytest.mark.parametrize(
    ("content", "content_type", "told"),
    [
        (b"a=1", "application/json", "content type"),
        (b"a=\xff", _FORM_TYPE, "is not UTF-8"),
        (b"a=%ff", _FORM_TYPE, "is not a form"),
        (b"a", _FORM_TYPE, "is not a form"),
        (b"unit=1&unit=1", _FORM_TYPE, r"\$\.unit: is given more than once"),
        (b"", _FORM_TYPE, r"\$\.expression: is missing"),
    ],
)
def test_what_is_no_form_is_a_parse_error(content: bytes, content_type: str, told: str) -> None:
    """The error says what is wrong with the type, the encoding or the parameters."""
    with pytest.raises(ParseError, match=told):
        formats.get("aliyun").parse(content, content_type)


@json_formats
@pytest.mark.parametrize("wrong", [None, [], "text", 5])
def test_a_part_of_the_wrong_kind_is_a_parse_error_with_its_path(name: str, wrong: Any) -> None:
    """Each part that should be a mapping is named by its path, and told once."""
    made = formats.get(name)
    content = body(made.build(METRIC_ALARM, context()))
    # A card is JSON of any kind.
    content.pop("card", None)

    for key in [key for key, value in content.items() if isinstance(value, dict)]:
        with pytest.raises(ParseError) as caught:
            made.parse(json.dumps({**content, key: wrong}).encode(), "application/json")
        assert [path for path, _ in caught.value.problems] == [f"$.{key}"]


@every_name
def test_a_format_resolves_to_itself_and_its_name_to_it(name: str) -> None:
    """Where a format is wanted its name will do."""
    made = formats.get(name)

    assert formats.resolve(made) is made
    assert formats.resolve(name) == made


@pytest.mark.parametrize("wrong", [None, 5, object()])
def test_what_is_no_format_resolves_to_an_error(wrong: Any) -> None:
    """The error says what would be one."""
    with pytest.raises(InvalidFieldError, match="must be a format or its name"):
        formats.resolve(wrong)


@every_name
def test_a_class_is_no_format_yet(name: str) -> None:
    """Forgetting the parentheses is told as such."""
    with pytest.raises(InvalidFieldError, match=r"is the class Format; make a format of it: Format\(\)"):
        formats.resolve(type(formats.get(name)))

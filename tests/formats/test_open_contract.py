"""What every open format promises, whatever its options."""

from __future__ import annotations

import copy
import json
import pickle
from typing import Any

import attrs
import pytest
from hypothesis import HealthCheck, given, settings

from alarm_dispatch import formats
from alarm_dispatch.errors import BuildError, InvalidFieldError, ParseError
from alarm_dispatch.exchange import Reply
from alarm_dispatch.formats import BuildContext, Format
from alarm_dispatch.formats.abilities import about_of, bundles_of, limits_of, rate_of
from alarm_dispatch.formats.registry import maker
from alarm_dispatch.limits import Rate
from alarm_dispatch.model import Alarm
from alarm_dispatch.schedule import RetrySchedule
from tests.formats.alarms import EVENT_ALARM, METRIC_ALARM, resolved
from tests.formats.open_formats import OPEN_FORMATS
from tests.formats.samples import body, context, exact, present
from tests.formats.strategies import alarms, contexts

_SETTINGS = settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])

every_format = pytest.mark.parametrize("name", OPEN_FORMATS)


def made(name: str, **options: Any) -> Any:
    """The format, found as a user finds it."""
    return formats.get(name, **{**OPEN_FORMATS[name], **options})


@every_format
def test_a_format_is_a_frozen_value(name: str) -> None:
    """It can be compared, hashed and copied, and not be changed."""
    one = made(name)

    assert isinstance(one, Format)
    assert {one: 1}[made(name)] == 1
    assert copy.deepcopy(one) == copy.copy(one) == attrs.evolve(one) == one
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        one.name_of_it = "another"


@every_format
def test_what_is_said_before_one_is_made_is_so(name: str) -> None:
    """A format cannot be made without what it needs, and is made as it says."""
    kind, one = maker(name), made(name)
    about = about_of(kind)

    needed = {option for need in about.needs for option in need.split(" or ")}
    assert bool(needed) is bool(needed & OPEN_FORMATS[name].keys())
    assert needed <= {field.name for field in attrs.fields(kind)}
    if needed:
        with pytest.raises(InvalidFieldError):
            formats.get(name)
        assert (about.rules, about.rate, about.limits) == (one.rules, rate_of(one), limits_of(one))
    if about.content_type:
        assert one.build(METRIC_ALARM, context()).content_type == about.content_type


@every_format
def test_a_pickle_of_a_format_is_one(name: str) -> None:
    """Equal to it, save for secrets that were given as a text."""
    one = made(name)

    read = pickle.loads(pickle.dumps(one))

    assert type(read) is type(one)
    assert (read == one) is (name != "pagerduty")


@every_format
@pytest.mark.parametrize("alarm", [METRIC_ALARM, resolved(METRIC_ALARM), EVENT_ALARM, resolved(EVENT_ALARM)])
def test_building_is_deterministic_and_parsing_gives_every_value(name: str, alarm: Alarm) -> None:
    """The same alarm gives the same bytes, and the wire object holds all that is in them, in order."""
    one = made(name)

    built = one.build(alarm, context())
    parsed = one.parse(built.content, built.content_type)

    assert one.build(alarm, context()) == built
    told = parsed if name == "template" else present(attrs.asdict(parsed))
    assert exact(_as_sent(name, told)) == exact(present(body(built)))


def _as_sent(name: str, told: Any) -> Any:
    """The wire object's names as the wire has them."""
    if name == "cloudevents":
        return {key: value for key, value in told.items() if key != "extensions"}
    if name == "pagerduty" and "payload" in told:
        payload = {("class" if key == "class_" else key): value for key, value in told["payload"].items()}
        return {**told, "payload": payload}
    return told


@pytest.mark.parametrize("name", [name for name in OPEN_FORMATS if name != "template"])
def test_json_is_compact_and_unescaped(name: str) -> None:
    """Chinese text stands in the body as UTF-8, and no byte is spent on blanks."""
    content = made(name).build(METRIC_ALARM, context()).content

    assert "内存使用率".encode() in content
    assert content.decode() == json.dumps(json.loads(content), ensure_ascii=False, separators=(",", ":"))


@every_format
def test_an_unknown_option_is_refused_with_the_known_ones(name: str) -> None:
    """The error names it."""
    with pytest.raises(InvalidFieldError, match=r"Format\.colour: unknown option; allowed are: "):
        made(name, colour="red")


@every_format
@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b'{"a": "\xff"}', "is not UTF-8"),
        (b"", "is not JSON"),
        (b"{'a': 1}", "is not JSON"),
        (b"[" * 100_000, "nested too deeply"),
        (b'{"a": NaN}', "is no JSON number"),
    ],
)
def test_what_is_no_json_is_a_parse_error(name: str, content: bytes, told: str) -> None:
    """The error says what is wrong."""
    one = made(name)
    content_type = one.build(METRIC_ALARM, context()).content_type

    with pytest.raises(ParseError, match=told):
        one.parse(content, content_type)


@every_format
def test_what_is_of_another_type_is_a_parse_error(name: str) -> None:
    """A form is no body of these formats."""
    with pytest.raises(ParseError, match="content type"):
        made(name).parse(b"{}", "application/x-www-form-urlencoded")


@every_format
@_SETTINGS
@given(alarm=alarms(), delivery=contexts())
def test_any_alarm_is_built_or_refused_by_name(name: str, alarm: Alarm, delivery: BuildContext) -> None:
    """Whatever is missing, nothing but a BuildError that names the format comes out."""
    one = made(name)

    try:
        built = one.build(alarm, delivery)
        bundles = bundles_of(one, (alarm, alarm), delivery)
    except BuildError as error:
        told = str(error)
    else:
        one.parse(built.content, built.content_type)
        assert bundles[0].messages[0].content_type == built.content_type
        told = f"format {name} has built it"

    assert told.startswith(f"format {name} ")


@pytest.mark.parametrize(
    ("name", "confirming", "final"),
    [
        ("alertmanager", {200, 202, 204, 299}, {100, 199, 300, 301, 400, 401, 404, 410, 415, 499}),
        ("cloudevents", {200, 202, 204, 299}, {410, 415}),
        ("pagerduty", {202}, {100, 199, 200, 204, 299, 300, 301, 400, 401, 404, 410, 415, 499}),
        ("slack", {200}, set()),
        ("template", {200, 202, 204, 299}, set()),
    ],
)
def test_the_delivery_rules(name: str, confirming: set[int], final: set[int]) -> None:
    """Which statuses confirm and which end the delivery; the timeout and the waits are the same for all."""
    rules = made(name).rules
    statuses = (100, 199, 200, 202, 204, 299, 300, 301, 400, 401, 404, 410, 415, 429, 499, 500, 503, 599)

    judged = {
        code: rules.confirmation(Reply(status_code=code, content=b"ok" if code == 200 else b""))
        for code in statuses
    }

    assert (rules.timeout, rules.schedule) == (5.0, RetrySchedule(attempts=4, delays=(5, 10, 20)))
    assert {code for code, one in judged.items() if one.verdict == "confirmed"} == confirming
    assert {code for code, one in judged.items() if one.final} == final
    assert not rules.confirmation.reads_request


@every_format
def test_the_limits_are_told(name: str) -> None:
    """In words."""
    limits = limits_of(made(name))

    assert limits
    assert all(isinstance(limit, str) and limit for limit in limits)


def test_only_slack_states_a_rate() -> None:
    """One message a second."""
    assert {name: rate_of(made(name)) for name in OPEN_FORMATS if rate_of(made(name))} == {"slack": Rate(1)}

"""Callbacks, alarm groups, and whose settings win."""

from __future__ import annotations

import inspect
import pickle
from typing import Any

import attrs
import pytest

from alarm_dispatch import AlarmGroup, Callback, Judgement, RetrySchedule, Verdict, formats
from alarm_dispatch.callbacks import DEFAULT_LIMIT, Overrides
from alarm_dispatch.confirmation import Confirmation, any_2xx, status_is
from alarm_dispatch.errors import AlarmDispatchError, InvalidFieldError, UnknownFormatError
from alarm_dispatch.formats import DeliveryRules, blueking, tencent
from alarm_dispatch.groups import effective_rules
from tests.unit.made import NullTransport, PlainFormat, callback, group, reply

_RULES = DeliveryRules(timeout=1.0, schedule=RetrySchedule(attempts=1), confirmation=status_is(201))


def test_a_callback_has_defaults_for_everything_but_url_and_format() -> None:
    """Nothing overrides the format's rules unless it is said."""
    made = Callback("https://ops.example.com/alarms", format="blueking")

    assert made.format == blueking.Format()
    assert made.name == "blueking https://ops.example.com/alarms"
    assert str(made) == made.name
    assert made.limit == DEFAULT_LIMIT == 8
    assert (made.timeout, made.schedule, made.confirmation, made.transport) == (None,) * 4
    assert made.headers == ()


@pytest.mark.parametrize(
    "given",
    ["tencent", tencent.Format(dialect="observed"), PlainFormat(_RULES)],
    ids=["name", "value", "own"],
)
def test_a_format_is_a_value_or_a_name(given: Any) -> None:
    """A name stands for the format with its defaults, and a value stays itself."""
    made = callback(format=given)

    assert made.format == (tencent.Format() if given == "tencent" else given)


def test_a_callback_may_have_a_transport_of_its_own() -> None:
    """Any object with the method."""
    own = NullTransport()

    assert callback(transport=own).transport is own


def test_an_unknown_format_is_told_with_the_known_ones() -> None:
    """Whoever misspells a name reads the right ones."""
    with pytest.raises(UnknownFormatError) as caught:
        callback(format="blueknig")

    assert caught.value.name == "blueknig"
    assert caught.value.known == formats.names()


@pytest.mark.parametrize(
    ("settings", "field", "problem"),
    [
        ({"url": "ops.example.com"}, "Callback.url", "must be an http or https URL; its scheme is missing"),
        ({"url": None}, "Callback.url", "must be text, not NoneType"),
        ({"format": None}, "format", "must be a format or its name, not NoneType"),
        ({"format": formats}, "format", "must be a format or its name, not module"),
        ({"format": blueking.Format}, "format", "is the class Format; "),
        ({"name": 5}, "Callback.name", "must be text, not int"),
        ({"name": "\ud800"}, "Callback.name", "has a lone surrogate at position 0"),
        ({"timeout": 0}, "Callback.timeout", "must be more than 0 seconds, not 0"),
        ({"timeout": -1.5}, "Callback.timeout", "must be more than 0 seconds, not -1.5"),
        ({"timeout": float("nan")}, "Callback.timeout", "must be finite, not nan"),
        ({"timeout": float("inf")}, "Callback.timeout", "must be finite, not inf"),
        ({"timeout": "3"}, "Callback.timeout", "must be an int or a float, not str"),
        ({"timeout": True}, "Callback.timeout", "must be an int or a float, not bool"),
        ({"schedule": 3}, "Callback.schedule", "must be a RetrySchedule, not int"),
        ({"confirmation": 200}, "confirmation", "must be callable with a reply, not int"),
        ({"headers": {"Host": "x"}}, "Callback.headers['Host']", "cannot be set: the transport writes it"),
        ({"headers": "X: 1"}, "Callback.headers", "must be a mapping or pairs, not str"),
        ({"transport": object()}, "Callback.transport", "must have a method 'async send(request, *, dead"),
        (
            {"transport": 5},
            "Callback.transport",
            "must have a method 'async send(request, *, deadline)'; an int h",
        ),
        ({"transport": NullTransport}, "Callback.transport", "is the class NullTransport; give an object of"),
        ({"limit": 0}, "Callback.limit", "must be at least 1, not 0"),
        ({"limit": 1.5}, "Callback.limit", "must be an integer, not 1.5"),
        ({"limit": True}, "Callback.limit", "must be an integer, not True"),
        ({"limit": None}, "Callback.limit", "must be an integer, not None"),
    ],
)
def test_bad_settings(settings: dict[str, Any], field: str, problem: str) -> None:
    """The error names the setting, says what is wrong and what is allowed."""
    with pytest.raises(InvalidFieldError) as caught:
        callback(**settings)

    assert caught.value.field == field
    assert caught.value.problem.startswith(problem)


def test_a_callback_shows_no_secret() -> None:
    """Neither its repr nor its text nor its default name has the URL's or a header's secret."""
    made = callback(
        "https://user:secret@ops.example.com/0123456789abcdefsecret?key=secret#secret",
        headers={"X-Key": "secret"},
    )

    assert "secret" not in repr(made) + str(made) + made.name + repr(group(made)) + str(group(made))
    assert "(X-Key: ***)" in repr(made)


def test_the_same_receiver_has_the_same_lane() -> None:
    """A callback that is written in two groups is one receiver; another name or URL is another."""
    made = callback(name="ops")

    assert callback(name="ops", timeout=3, limit=1).lane == made.lane
    lanes = {
        made.lane,
        callback(name="dev").lane,
        callback("https://ops.example.com/other", name="ops").lane,
        callback("https://ops.example.com/alarms?key=1", name="ops").lane,
        callback(format="tencent").lane,
    }
    assert len(lanes) == 5


def test_urls_that_differ_in_secrets_only_are_different_receivers() -> None:
    """Their names look alike, their lanes do not."""
    one, other = callback("https://h/?key=1"), callback("https://h/?key=2")

    assert one.name == other.name
    assert one.lane != other.lane


def test_callbacks_and_groups_are_values() -> None:
    """They are equal, hashable, picklable and frozen."""
    made = callback(schedule=RetrySchedule(attempts=2), headers={"X": "1"})
    whole = group(made, timeout=3.0)

    assert pickle.loads(pickle.dumps(whole)) == whole
    assert {
        whole,
        group(callback(schedule=RetrySchedule(attempts=2), headers=[("X", "1")]), timeout=3.0),
    } == {whole}
    assert attrs.evolve(made, limit=1).limit == 1
    for frozen, name in ((made, "limit"), (whole, "name")):
        with pytest.raises(attrs.exceptions.FrozenInstanceError):
            setattr(frozen, name, 1)


@pytest.mark.parametrize("given", [callback(), [callback()], (callback(),), iter([callback()])])
def test_a_groups_callbacks_become_a_tuple(given: Any) -> None:
    """One callback alone is a list of it."""
    assert AlarmGroup("oncall", callbacks=given).callbacks == (callback(),)


@pytest.mark.parametrize(
    ("settings", "field", "problem"),
    [
        ({"callbacks": ()}, "callbacks", "is empty; an alarm group needs at least one callback"),
        ({"callbacks": "https://h/"}, "callbacks", "must be a list of callbacks, not str"),
        ({"callbacks": b"x"}, "callbacks", "must be a list of callbacks, not bytes"),
        ({"callbacks": 5}, "callbacks", "must be a list of callbacks, not int"),
        ({"callbacks": None}, "callbacks", "must be a list of callbacks, not NoneType"),
        ({"callbacks": [callback(), "x"]}, "callbacks[1]", "must be a Callback, not str"),
        ({"callbacks": {"a": callback()}}, "callbacks[0]", "must be a Callback, not str"),
        ({"name": ""}, "name", "must not be empty"),
        ({"name": None}, "name", "must be text, not NoneType"),
        ({"timeout": 0}, "timeout", "must be more than 0 seconds, not 0"),
        ({"schedule": {}}, "schedule", "must be a RetrySchedule, not dict"),
    ],
)
def test_bad_groups(settings: dict[str, Any], field: str, problem: str) -> None:
    """A group that would tell nobody is an error, too."""
    with pytest.raises(InvalidFieldError) as caught:
        AlarmGroup(**{"name": "oncall", "callbacks": [callback()], **settings})

    assert (caught.value.field, caught.value.problem) == (f"AlarmGroup.{field}", problem)


@pytest.mark.parametrize(
    ("kind", "alone"),
    [
        (Callback, ["url"]),
        (AlarmGroup, ["name"]),
        (Overrides, []),
        (RetrySchedule, []),
        (DeliveryRules, []),
        (formats.Payload, []),
        (formats.BuildContext, []),
        (formats.Verification, []),
    ],
)
def test_settings_are_keywords(kind: type, alone: list[str]) -> None:
    """Only the URL and the group's name stand alone."""
    parameters = inspect.signature(kind).parameters.values()

    assert [each.name for each in parameters if each.kind is not each.KEYWORD_ONLY] == alone


_VALUES: dict[str, tuple[Any, ...]] = {
    "timeout": (1.0, 2.0, 3.0, 4.0),
    "schedule": tuple(RetrySchedule(attempts=number) for number in range(1, 5)),
    "confirmation": (status_is(201), status_is(202), any_2xx(), status_is(204)),
}


@pytest.mark.parametrize("setting", _VALUES)
@pytest.mark.parametrize(
    ("given", "wins"),
    [
        ("", 0),
        ("d", 1),
        ("g", 2),
        ("dg", 2),
        ("c", 3),
        ("cd", 3),
        ("cg", 3),
        ("cdg", 3),
    ],
)
def test_whose_settings_win(setting: str, given: str, wins: int) -> None:
    """The callback's, else the group's, else the dispatcher's, else the format's."""
    values = _VALUES[setting]
    own = DeliveryRules(**{name: choices[0] for name, choices in _VALUES.items()})
    of_dispatcher, of_group, of_callback = (
        {setting: value} if letter in given else {} for letter, value in zip("dgc", values[1:], strict=True)
    )
    receiver = callback(format=PlainFormat(own), **of_callback)

    rules = effective_rules(receiver, group(receiver, **of_group), Overrides(**of_dispatcher))

    assert rules == attrs.evolve(own, **{setting: values[wins]})


def test_a_confirmation_may_be_a_function() -> None:
    """It is wrapped once, and judges as it did."""
    made = callback(confirmation=lambda reply: reply.content == b"ok")

    assert isinstance(made.confirmation, Confirmation)
    assert made.confirmation(reply(200, b"ok")) == Judgement(Verdict.CONFIRMED)


def test_every_wrong_setting_is_an_error_of_this_package() -> None:
    """One except clause is enough for configuration errors."""
    for settings in ({"url": ""}, {"format": "x"}, {"limit": 0}):
        with pytest.raises(AlarmDispatchError):
            callback(**settings)
        with pytest.raises(ValueError, match=r"url|format|limit"):
            callback(**settings)


@pytest.mark.parametrize(
    ("url", "address"),
    [
        ("https://ops.example.com/alarms", "https://ops.example.com/alarms"),
        ("HTTPS://OPS.Example.com/Alarms", "https://ops.example.com/Alarms"),
        ("https://ops.example.com", "https://ops.example.com"),
        ("https://ops.example.com?", "https://ops.example.com?"),
        ("https://ops.example.com#", "https://ops.example.com#"),
        ("https://ops.example.com:/", "https://ops.example.com/"),
        ("https://ops.example.com:0443/", "https://ops.example.com:443/"),
        ("https://ops.example.com./", "https://ops.example.com./"),
        ("https://user:p%40ss@ops.example.com:8443/a", "https://ops.example.com:8443/a"),
        ("https://a@b@ops.example.com/", "https://ops.example.com/"),
        ("https://@ops.example.com/", "https://ops.example.com/"),
        (
            "https://ops.example.com//a/../b;c=%2F?d=%E4&&e#f//g",
            "https://ops.example.com//a/../b;c=%2F?d=%E4&&e#f//g",
        ),
        ("https://ops.example.com/路径?q=ü", "https://ops.example.com/路径?q=ü"),
        ("https://Bücher.example/", "https://xn--bcher-kva.example/"),
        ("http://127.1:80/x", "http://127.0.0.1:80/x"),
        ("http://0x7f000001/", "http://127.0.0.1/"),
        ("http://017700000001./", "http://127.0.0.1/"),
        ("http://127。0。0。1/", "http://127.0.0.1/"),
        ("http://[0:0::1]:80/", "http://[::1]:80/"),
        ("http://[2001:DB8::A]/", "http://[2001:db8::a]/"),
        ("http://u@[::FFFF:7F00:1]/", "http://127.0.0.1/"),
        ("http://[::127.0.0.1]/", "http://[::7f00:1]/"),
    ],
)
def test_the_host_that_is_called_is_in_the_spelling_that_was_checked(url: str, address: str) -> None:
    """So that no library reads it as another; what follows the host stays byte for byte."""
    made = callback(url)

    assert made.url == url
    assert made.address == address
    assert callback(address).address == address

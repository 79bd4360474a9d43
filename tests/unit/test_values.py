"""The plain values: what the validators take, and the frozen JSON object."""

from __future__ import annotations

import copy
import json
import pickle
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alarm_dispatch import AlarmState
from alarm_dispatch.errors import InvalidFieldError
from alarm_dispatch.values import JsonObject, check_number, check_text, enum_member, freeze_object

_TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | _TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_TEXTS, inner, max_size=3),
    max_leaves=12,
)
_OBJECTS = st.dictionaries(_TEXTS, _JSON, max_size=4)


def nested(depth: int, innermost: Any = 1, *, of: str = "mappings") -> dict[str, Any]:
    """A mapping that is nested so deep."""
    value = innermost
    for _ in range(depth - 1):
        value = {"a": value} if of == "mappings" else [value]
    return {"a": value}


@pytest.mark.parametrize(
    ("value", "problem"),
    [
        (b"x", "must be text, not bytes"),
        (None, "must be text, not NoneType"),
        ("", "must not be empty"),
        ("ab\ud800", "has a lone surrogate at position 2; text must be encodable as UTF-8"),
    ],
)
def test_what_is_no_text(value: Any, problem: str) -> None:
    """Text is what UTF-8 can carry."""
    with pytest.raises(InvalidFieldError) as caught:
        check_text(value, "X.y", empty=False)

    assert (caught.value.field, caught.value.problem) == ("X.y", problem)


@pytest.mark.parametrize(
    ("value", "problem"),
    [
        (True, "must be an int or a float, not bool"),
        ("1", "must be an int or a float, not str"),
        (None, "must be an int or a float, not NoneType"),
        (1j, "must be an int or a float, not complex"),
        (float("nan"), "must be finite, not nan"),
        (float("inf"), "must be finite, not inf"),
        (float("-inf"), "must be finite, not -inf"),
        (10**309, "is too large; at most 1.8e308 in size is allowed"),
        pytest.param(-(10**5000), "is too large; at most 1.8e308 in size is allowed", id="huge"),
    ],
)
def test_what_is_no_number(value: Any, problem: str) -> None:
    """Numbers are finite, and a bool is none."""
    with pytest.raises(InvalidFieldError) as caught:
        check_number(value, "X.y")

    assert caught.value.problem == problem


@pytest.mark.parametrize("value", [0, -1, 10**308, 1.8e-308, -0.0])
def test_numbers_stay_as_they_are(value: float) -> None:
    """A number is given back with its type."""
    assert check_number(value, "X.y") is value


@pytest.mark.parametrize(
    ("value", "problem"),
    [
        ("open", "is 'open'; allowed are: triggered, resolved, no_data, closed"),
        ("\ud800", r"is '\ud800'; allowed are: triggered, resolved, no_data, closed"),
        (5, "must be text, not int; allowed are: triggered, resolved, no_data, closed"),
        pytest.param(
            10**5000, "must be text, not int; allowed are: triggered, resolved, no_data, closed", id="huge"
        ),
        (None, "must be text, not NoneType; allowed are: triggered, resolved, no_data, closed"),
        ([], "must be text, not list; allowed are: triggered, resolved, no_data, closed"),
    ],
    ids=ascii,
)
def test_a_wrong_word_is_told_with_the_right_ones(value: Any, problem: str) -> None:
    """The error of an enum field lists what is allowed."""
    with pytest.raises(InvalidFieldError) as caught:
        enum_member(AlarmState, value, "Alarm.state")

    assert caught.value.problem == problem


@pytest.mark.parametrize("value", [AlarmState.NO_DATA, "no_data"])
def test_a_right_word_becomes_the_member(value: str) -> None:
    """A member and its text are the same."""
    assert enum_member(AlarmState, value, "Alarm.state") is AlarmState.NO_DATA


@pytest.mark.parametrize(
    ("content", "field", "problem"),
    [
        ({1: "x"}, "X.y key", "must be text, not int"),
        ({"\ud800": 1}, "X.y key", "has a lone surrogate at position 0"),
        ({"a": {"\ud800": 1}}, "X.y['a'] key", "has a lone surrogate at position 0"),
        ({"a": [1, {"b": "\udfff"}]}, "X.y['a'][1]['b']", "has a lone surrogate at position 0"),
        ({"a": [float("nan")]}, "X.y['a'][0]", "must be finite, not nan"),
        ({"a": {"b": float("inf")}}, "X.y['a']['b']", "must be finite, not inf"),
        ({"a": 10**400}, "X.y['a']", "is too large"),
        ({"a": {1, 2}}, "X.y['a']", "a set is no JSON value; allowed are text, numbers"),
        ({"a": b"x"}, "X.y['a']", "a bytes is no JSON value"),
        ({"a": datetime(2026, 1, 1, tzinfo=UTC)}, "X.y['a']", "a datetime is no JSON value"),
        ([("a", 1)], "X.y", "must be a mapping, not list"),
        ("a", "X.y", "must be a mapping, not str"),
        (None, "X.y", "must be a mapping, not NoneType"),
    ],
    ids=ascii,
)
def test_what_is_no_json_object(content: Any, field: str, problem: str) -> None:
    """Every place inside an object is checked, and named when it is wrong."""
    with pytest.raises(InvalidFieldError) as caught:
        freeze_object(content, "X.y")

    assert caught.value.field == field
    assert caught.value.problem.startswith(problem)


def test_a_json_object_is_a_copy() -> None:
    """What the caller changes later does not show."""
    inner: dict[str, Any] = {"b": [1]}
    content = {"a": inner}

    frozen = freeze_object(content, "X.y")
    inner["b"].append(2)
    inner["c"] = 3
    content["d"] = {}

    assert frozen.thaw() == {"a": {"b": [1]}}


def test_a_json_object_cannot_be_changed() -> None:
    """It has no method of a mutable mapping, and its lists are tuples."""
    frozen = JsonObject({"a": [1, [2]], "b": {}})

    with pytest.raises(TypeError):
        frozen["a"] = 1  # type: ignore[index]
    with pytest.raises(AttributeError):
        frozen.more = 1  # type: ignore[attr-defined]

    assert frozen["a"] == (1, (2,))
    assert isinstance(frozen["b"], JsonObject)


def test_what_is_thawed_is_a_copy() -> None:
    """Changing the plain form changes nothing."""
    frozen = JsonObject({"a": [1]})

    frozen.thaw()["a"].append(2)

    assert frozen["a"] == (1,)


def test_a_frozen_object_stays_itself() -> None:
    """Freezing again costs nothing, inside another object too."""
    frozen = JsonObject({"a": 1})

    assert freeze_object(frozen, "X.y") is frozen
    assert JsonObject({"b": frozen})["b"] is frozen


def test_equality_is_that_of_mappings() -> None:
    """The order is kept, but two orders are equal, and so is a plain mapping of the same values."""
    one, other = JsonObject({"a": 1, "b": 2}), JsonObject({"b": 2, "a": 1})

    assert list(one) == ["a", "b"]
    assert list(other) == ["b", "a"]
    assert one == other == {"a": 1, "b": 2}
    assert hash(one) == hash(other)
    assert one != JsonObject({"a": 1})
    assert one != [("a", 1), ("b", 2)]
    assert len(one) == 2
    assert repr(one) == "{'a': 1, 'b': 2}"
    assert JsonObject() == JsonObject(None) == {}


@given(_OBJECTS)
def test_a_json_object_keeps_its_content(content: dict[str, Any]) -> None:
    """Thawed it is what was frozen: values, types, and order."""
    frozen = JsonObject(content)

    assert json.dumps(frozen.thaw()) == json.dumps(content)


@given(_OBJECTS)
def test_copies_are_equal(content: dict[str, Any]) -> None:
    """Pickled, copied and made again it is equal, with the same hash and order."""
    frozen = JsonObject(content)

    for other in (
        pickle.loads(pickle.dumps(frozen)),
        copy.copy(frozen),
        copy.deepcopy(frozen),
        JsonObject(content),
        JsonObject(frozen),
    ):
        assert other == frozen
        assert hash(other) == hash(frozen)
        assert json.dumps(other.thaw()) == json.dumps(content)


@pytest.mark.parametrize("of", ["mappings", "lists"])
def test_a_hundred_levels_are_allowed(of: str) -> None:
    """What is let in can be hashed, compared, pickled, copied and thawed."""
    content = nested(100, of=of)

    frozen = JsonObject(content)

    assert frozen == JsonObject(content)
    assert hash(frozen) == hash(pickle.loads(pickle.dumps(frozen)))
    assert copy.deepcopy(frozen).thaw() == content
    assert json.loads(json.dumps(frozen.thaw())) == content
    assert repr(frozen)


def _wrapped_by_and_by() -> dict[str, Any]:
    frozen = JsonObject()
    for _ in range(99):
        frozen = JsonObject({"a": [frozen] if len(frozen) else frozen})
        if frozen._depth > 90:
            break
    return nested(20, frozen)


def _endless() -> dict[str, Any]:
    content: dict[str, Any] = {}
    content["a"] = content
    return content


@pytest.mark.parametrize(
    "content",
    [
        nested(101),
        nested(101, [], of="lists"),
        nested(100, {}),
        nested(100, of="lists") | {"b": nested(100)},
        nested(100_000),
        nested(100_000, of="lists"),
        _wrapped_by_and_by(),
        _endless(),
    ],
    ids=["mapping", "lists", "empty", "second", "very deep", "very deep lists", "wrapped", "endless"],
)
def test_endless_nesting_is_an_error_of_the_field(content: dict[str, Any]) -> None:
    """More than a hundred levels are refused before Python's own limit is met."""
    with pytest.raises(InvalidFieldError) as caught:
        freeze_object(content, "Alarm.details")

    assert caught.value.field == "Alarm.details"
    assert caught.value.problem == "is nested too deeply; at most 100 levels are allowed"


@pytest.mark.parametrize(("wrap", "levels"), [(lambda frozen: frozen, 0), (lambda frozen: [[frozen, 1]], 2)])
def test_a_frozen_object_counts_with_all_its_levels(wrap: Any, levels: int) -> None:
    """However it was put together, the sum counts."""
    frozen = JsonObject(nested(98 - levels, of="lists"))

    whole = JsonObject({"a": 1, "b": wrap(JsonObject({"c": 1, "d": frozen, "e": 2}))})

    assert whole._depth == 100
    with pytest.raises(InvalidFieldError, match="is nested too deeply"):
        JsonObject({"a": whole})

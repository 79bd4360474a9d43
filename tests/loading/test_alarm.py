"""An alarm out of a mapping or a file."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from types import MappingProxyType
from typing import Any

import attrs
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from alarm_dispatch import Alarm, EventCondition, Metric, MetricCondition, Policy, Repeat, Target, load_alarm
from alarm_dispatch.errors import ConfigurationError
from tests.loading.written import ALARM, alarm, problems
from tests.unit.made import full_alarm

_LEAST = Alarm(
    id="alarm-1",
    policy=Policy(id=1, name="CPU"),
    condition=MetricCondition(metric="cpu"),
    target=Target(),
    started_at=datetime(2026, 1, 31, 8, tzinfo=UTC),
)


def written(value: Any) -> Any:
    """A value of the model as it is written down."""
    if isinstance(value, datetime):
        return value.isoformat()
    if hasattr(value, "thaw"):
        return value.thaw()
    if isinstance(value, tuple):
        return [written(item) for item in value]
    if attrs.has(type(value)):
        kind = {MetricCondition: {"kind": "metric"}, EventCondition: {"kind": "event"}}.get(type(value), {})
        return kind | {field.name: written(getattr(value, field.name)) for field in attrs.fields(type(value))}
    return value


def test_a_loaded_alarm_equals_the_constructed_one() -> None:
    """With the least fields, and with every field of every part."""
    assert load_alarm(ALARM) == _LEAST
    assert load_alarm(MappingProxyType(ALARM)) == _LEAST
    assert load_alarm(written(full_alarm())) == full_alarm()
    assert load_alarm(json.loads(json.dumps(written(full_alarm())))) == full_alarm()


def test_an_alarm_out_of_a_json_file(tmp_path: Path) -> None:
    """The file's path is a text or a Path."""
    path = tmp_path / "alarm.json"
    path.write_text(json.dumps(written(full_alarm())), encoding="utf-8")

    assert load_alarm(path) == load_alarm(str(path)) == full_alarm()


def test_an_alarm_out_of_a_toml_file(tmp_path: Path) -> None:
    """TOML has times of its own."""
    path = tmp_path / "alarm.toml"
    path.write_text(
        """
        id = "alarm-1"
        started_at = 2026-01-31T16:00:00+08:00
        ended_at = "2026-01-31T09:00:00Z"
        state = "resolved"
        [policy]
        id = 1
        name = "CPU"
        [condition]
        kind = "event"
        name = "ping"
        repeat = {mode = "continuousAlarm", period = 60, daily_after = 86400}
        [target]
        dimensions = {ip = "10.0.0.1"}
        """,
        encoding="utf-8",
    )

    loaded = load_alarm(path)

    assert loaded == attrs.evolve(
        _LEAST,
        condition=EventCondition(name="ping", repeat=Repeat("continuous", 60, daily_after=86_400)),
        target=Target(dimensions={"ip": "10.0.0.1"}),
        state="resolved",
        ended_at=datetime(2026, 1, 31, 9, tzinfo=UTC),
    )
    assert loaded.started_at.utcoffset() == timedelta(hours=8)


@pytest.mark.parametrize(
    ("time", "wanted"),
    [
        ("2026-01-31T08:00:00Z", datetime(2026, 1, 31, 8, tzinfo=UTC)),
        ("2026-01-31 08:00:00.25+00:00", datetime(2026, 1, 31, 8, 0, 0, 250000, tzinfo=UTC)),
        ("20260131T080000+0800", datetime(2026, 1, 31, 8, tzinfo=timezone(timedelta(hours=8)))),
        (datetime(2026, 1, 31, 8, tzinfo=UTC), datetime(2026, 1, 31, 8, tzinfo=UTC)),
    ],
)
def test_times(time: Any, wanted: datetime) -> None:
    """ISO 8601 with an offset, or a datetime."""
    assert load_alarm(alarm(started_at=time)).started_at == wanted


@pytest.mark.parametrize(
    ("condition", "wanted"),
    [
        ({"kind": "metric", "metric": "cpu"}, MetricCondition(metric="cpu")),
        ({"metric": {"name": "cpu", "id": "m"}}, MetricCondition(metric=Metric(name="cpu", id="m"))),
        ({"kind": "event", "name": "ping"}, EventCondition(name="ping")),
        ({"name": "ping", "resolvable": False}, EventCondition(name="ping", resolvable=False)),
        (
            {"metric": "a", "other_metrics": ["b", {"name": "c"}]},
            MetricCondition(metric="a", other_metrics=(Metric(name="b"), Metric(name="c"))),
        ),
    ],
)
def test_conditions(condition: Any, wanted: Any) -> None:
    """The kind may be left out where the metric tells it, and a metric may be its bare name."""
    assert load_alarm(alarm(condition=condition)).condition == wanted


def test_numbers_keep_their_type() -> None:
    """A whole number stays an int, and an id a text."""
    loaded = load_alarm(alarm(current_value=5, previous_value=5.0, number="5", duration=0))

    assert [type(value) for value in (loaded.current_value, loaded.previous_value, loaded.number)] == [
        int,
        float,
        str,
    ]


_TIME = 'must be a time in ISO 8601 with an offset, such as "2026-01-31T08:00:00+08:00"'
_NAIVE = "is a naive datetime (2026-01-31T00:00:00); give it a zone: tzinfo=UTC in code, +08:00 in text"
_RECORD: dict[str, Any] = {
    "id": 1,
    "anomalies": [],
    "data_id": "d",
    "value": 1,
    "fields": {},
    "dimensions": {},
    "observed_at": "2026-01-31T08:00:00Z",
    "created_at": "2026-01-31T08:00:00Z",
}


@pytest.mark.parametrize(
    ("source", "wanted"),
    [
        (5, {"$": "must be a table (mapping), not an integer"}),
        (None, {"$": "must be a table (mapping), not null"}),
        ([ALARM], {"$": "must be a table (mapping), not a list"}),
        (
            {},
            dict.fromkeys(("$.id", "$.policy", "$.condition", "$.target", "$.started_at"), "is missing"),
        ),
        (alarm(id=5), {"$.id": "must be text, not an integer"}),
        (alarm(id=None), {"$.id": "must be text, not null"}),
        (alarm(id=""), {"$.id": "must not be empty"}),
        (alarm(policy="p"), {"$.policy": "must be a table (mapping), not text"}),
        (alarm(policy={}), {"$.policy.id": "is missing", "$.policy.name": "is missing"}),
        (
            alarm(policy={"id": True, "name": 1, "tags": "a", "labels": {"a": {"\ud800": 1}}}),
            {
                "$.policy.id": "must be text or an integer, not a bool",
                "$.policy.name": "must be text, not an integer",
                "$.policy.tags": "must be a list, not text",
                "$.policy.labels['a'] key": (
                    "has a lone surrogate at position 0; text must be encodable as UTF-8"
                ),
            },
        ),
        (
            alarm(policy={"id": 1, "name": "x", "tags": ["a", 1]}),
            {"$.policy.tags[1]": "must be text, not an integer"},
        ),
        (alarm(policy={"id": 1.5, "name": "x"}), {"$.policy.id": "must be text or an integer, not a number"}),
        (alarm(condition="cpu"), {"$.condition": "must be a table (mapping), not text"}),
        (alarm(condition={"kind": "log"}), {"$.condition.kind": "is 'log'; allowed are: metric, event"}),
        (alarm(condition={"kind": []}), {"$.condition.kind": "is []; allowed are: metric, event"}),
        (alarm(condition={}), {"$.condition.name": "is missing"}),
        (
            alarm(condition={"metric": "", "name": "x", "period": -1, "periods": 1.5, "threshold": True}),
            {
                "$.condition.metric.name": "must not be empty",
                "$.condition.period": "must be at least 0, not -1",
                "$.condition.periods": "must be an integer, not a number",
                "$.condition.threshold": "must be a number, not a bool",
                "$.condition.name": None,
            },
        ),
        (
            alarm(condition={"metric": {"nam": "x"}, "other_metrics": ["a", ""]}),
            {
                "$.condition.metric.name": "is missing",
                "$.condition.metric.nam": None,
                "$.condition.other_metrics[1].name": None,
            },
        ),
        (
            alarm(condition={"metric": "cpu", "operator": ">"}),
            {"$.condition.threshold": "operator and threshold are given together, or neither is"},
        ),
        (
            alarm(condition={"metric": "cpu", "repeat": {"mode": "daily", "period": "x"}}),
            {
                "$.condition.repeat.mode": "is 'daily'; allowed are: once, continuous, exponential, "
                "singleAlarm, continuousAlarm, exponentialAlarm",
                "$.condition.repeat.period": "must be a number, not text",
            },
        ),
        (
            alarm(condition={"metric": "cpu", "repeat": {"mode": "continuous"}}),
            {"$.condition.repeat.period": "must be more than 0 when the mode is 'continuous'"},
        ),
        (
            alarm(target={"dimensions": [], "dimension_labels": [{"key": ""}], "region": 1}),
            {
                "$.target.dimensions": "must be a table (mapping), not a list",
                "$.target.dimension_labels[0].key": "must not be empty",
                "$.target.dimension_labels[0].display_name": "is missing",
                "$.target.dimension_labels[0].display_value": "is missing",
                "$.target.region": "must be text, not an integer",
            },
        ),
        (alarm(started_at="yesterday"), {"$.started_at": _TIME}),
        (alarm(started_at=1769846400), {"$.started_at": _TIME}),
        (alarm(started_at=None), {"$.started_at": _TIME}),
        (alarm(started_at=datetime(2026, 1, 31, tzinfo=UTC).date()), {"$.started_at": _TIME}),
        (alarm(started_at="2026-01-31T00:00:00"), {"$.started_at": _NAIVE}),
        (alarm(started_at="2026-01-31"), {"$.started_at": _NAIVE}),
        (
            alarm(started_at="0001-01-01T00:00:00Z"),
            {"$.started_at": "must lie between 0001-01-02 and 9999-12-30 UTC"},
        ),
        (
            alarm(state="open", level="bad", previous_level=1, muted="yes"),
            {
                "$.state": "is 'open'; allowed are: triggered, resolved, no_data, closed",
                "$.level": "is 'bad'; allowed are: fatal, warning, info",
                "$.previous_level": "must be text, not an integer",
                "$.muted": "must be true or false, not text",
            },
        ),
        (alarm(state=None), {"$.state": "must be text, not null"}),
        (
            alarm(current_value=float("nan"), previous_value="1", duration=10**400),
            {
                "$.current_value": "must be finite, not nan",
                "$.previous_value": "must be a number, not text",
                "$.duration": "is too large; at most 1.8e308 in size is allowed",
            },
        ),
        (
            alarm(anomaly_records=[_RECORD, {**_RECORD, "value": "x", "fields": {"a": [float("inf")]}}]),
            {
                "$.anomaly_records[1].value": "must be a number, not text",
                "$.anomaly_records[1].fields['a'][0]": "must be finite, not inf",
            },
        ),
        (
            alarm(anomaly_records=[{**_RECORD, "anomalies": [{"level": "x", "id": ""}]}]),
            {
                "$.anomaly_records[0].anomalies[0].level": "is 'x'; allowed are: fatal, warning, info",
                "$.anomaly_records[0].anomalies[0].id": "must not be empty",
                "$.anomaly_records[0].anomalies[0].message": "is missing",
                "$.anomaly_records[0].anomalies[0].time": "is missing",
            },
        ),
        (
            alarm(
                anomaly_records=[
                    {
                        **_RECORD,
                        "anomalies": [
                            {"level": "info", "id": "a", "message": "", "time": "2026-01-31T08:00:00Z"}
                        ]
                        * 2,
                    }
                ]
            ),
            {"$.anomaly_records[0].anomalies": "each level may occur only once in a record"},
        ),
        (alarm(anomaly_records={}), {"$.anomaly_records": "must be a list, not a mapping"}),
        (alarm(details={1: 2}), {"$.details key": "must be text, not int"}),
        (
            alarm(details={"a": datetime(2026, 1, 1, tzinfo=UTC)}),
            {
                "$.details['a']": (
                    "a datetime is no JSON value; allowed are text, numbers, bool, None, lists, mappings"
                )
            },
        ),
        (
            alarm(polcy=1, **{"a b": 1, "a\nb": 1, "\ud800": 1, "a.b": 1, "": 1}),
            {
                "$.polcy": None,
                "$['a b']": None,
                r"$['a\nb']": None,
                r"$['\ud800']": None,
                "$['a.b']": None,
                "$['']": None,
            },
        ),
        ({**ALARM, 5: 1}, {"$.5": None}),
    ],
    ids=[f"case {number}" for number in range(40)],
)
def test_every_problem_is_told_at_once(source: Any, wanted: dict[str, str | None]) -> None:
    """Each with the path of its field; the problem of an unknown key begins alike (None here)."""
    found = problems(load_alarm, source)

    assert found.keys() == wanted.keys()
    for path, problem in wanted.items():
        if problem is None:
            assert found[path].startswith(("unknown key; allowed are: ", "must "))
        else:
            assert found[path] == problem


def test_an_unknown_key_is_told_with_the_known_ones() -> None:
    """Whoever misspells a key reads the right ones."""
    found = problems(load_alarm, alarm(target={"dimension": {}}))

    assert found == {
        "$.target.dimension": (
            "unknown key; allowed are: dimensions, dimension_labels, namespace, region, region_name, name, "
            "group_id, group_name"
        )
    }


def test_the_error_names_its_source(tmp_path: Path) -> None:
    """The file, or that it was a mapping."""
    path = tmp_path / "alarm.json"
    path.write_text("{}")

    for source, name in ((path, str(path)), ({}, "the alarm")):
        with pytest.raises(ConfigurationError) as caught:
            load_alarm(source)
        assert caught.value.source == name
        assert str(caught.value).startswith(f"{name} cannot be loaded:\n  $.id: is missing\n")


def _deep(depth: int, wrap: Callable[[Any], Any]) -> Any:
    value: Any = 1
    for _ in range(depth):
        value = wrap(value)
    return value


@pytest.mark.parametrize("wrap", [lambda value: {"a": value}, lambda value: [value]])
@pytest.mark.parametrize("depth", [101, 5000])
def test_endless_nesting_is_told_with_its_field(depth: int, wrap: Callable[[Any], Any]) -> None:
    """Not with Python's own limit."""
    found = problems(load_alarm, alarm(details={"a": _deep(depth, wrap)}))

    assert found == {"$.details": "is nested too deeply; at most 100 levels are allowed"}


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=6),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=8,
)
_KEYS = [field.name for kind in (Alarm, Policy, Target, MetricCondition) for field in attrs.fields(kind)]


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(JSON_VALUES.filter(lambda value: not isinstance(value, str)))
def test_no_json_value_makes_loading_raise_anything_else(value: Any) -> None:
    """Whatever is written down, what is wrong is told by one exception."""
    with pytest.raises(ConfigurationError) as caught:
        load_alarm(value)

    assert str(caught.value).encode()


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.dictionaries(st.sampled_from(_KEYS), JSON_VALUES | st.sampled_from(list(ALARM.values())), max_size=8)
)
def test_no_value_of_a_field_makes_loading_raise_anything_else(fields: dict[str, Any]) -> None:
    """Nor does any value where another is due."""
    for source in (alarm(**fields), alarm(policy=fields), alarm(condition=fields), alarm(target=fields)):
        try:
            assert isinstance(load_alarm(source), Alarm)
        except ConfigurationError as error:
            assert str(error).encode()  # noqa: PT017 - both ends are right

"""The alarm and its parts: what each field takes, and that an alarm is a value."""

from __future__ import annotations

import copy
import inspect
import pickle
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from typing import Any
from zoneinfo import ZoneInfo

import attrs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alarm_dispatch import (
    Alarm,
    AlarmState,
    Anomaly,
    AnomalyRecord,
    DimensionLabel,
    EventCondition,
    Level,
    Metric,
    MetricCondition,
    Policy,
    Repeat,
    RepeatMode,
    Target,
    Tenant,
)
from alarm_dispatch.errors import InvalidFieldError
from tests.unit.made import LEAST, NOW, alarm, full_alarm, make

_FIRST = datetime.min.replace(tzinfo=UTC)
_LAST = datetime.max.replace(tzinfo=UTC)
_NAIVE = NOW.replace(tzinfo=None)

_TEXT = [
    (Tenant, "name"),
    (Policy, "name"),
    (Policy, "type"),
    (Policy, "type_name"),
    (Policy, "type_english_name"),
    (Policy, "scenario"),
    (Policy, "url"),
    (Metric, "name"),
    (Metric, "display_name"),
    (Metric, "id"),
    (Metric, "source_label"),
    (Metric, "source_name"),
    (Metric, "kind_label"),
    (Metric, "kind_name"),
    (MetricCondition, "statistic"),
    (MetricCondition, "operator"),
    (MetricCondition, "threshold_unit"),
    (MetricCondition, "unit"),
    (MetricCondition, "expression"),
    (EventCondition, "name"),
    (EventCondition, "display_name"),
    (EventCondition, "product"),
    (EventCondition, "product_display_name"),
    (DimensionLabel, "key"),
    (DimensionLabel, "display_name"),
    (DimensionLabel, "display_value"),
    (Target, "namespace"),
    (Target, "region"),
    (Target, "region_name"),
    (Target, "name"),
    (Target, "group_name"),
    (Anomaly, "id"),
    (Anomaly, "message"),
    (AnomalyRecord, "data_id"),
    (Alarm, "id"),
    (Alarm, "description"),
    (Alarm, "related_info"),
]
_NOT_EMPTY = [
    (Metric, "name"),
    (MetricCondition, "operator"),
    (EventCondition, "name"),
    (DimensionLabel, "key"),
    (Anomaly, "id"),
    (AnomalyRecord, "data_id"),
    (Alarm, "id"),
]
_IDENTIFIERS = [
    (Tenant, "id"),
    (Tenant, "account_id"),
    (Tenant, "application_id"),
    (Policy, "id"),
    (Target, "group_id"),
    (AnomalyRecord, "id"),
    (Alarm, "number"),
]
_NUMBERS = [
    (Repeat, "period"),
    (Repeat, "daily_after"),
    (MetricCondition, "threshold"),
    (MetricCondition, "period"),
    (MetricCondition, "periods"),
    (AnomalyRecord, "value"),
    (Alarm, "duration"),
    (Alarm, "current_value"),
    (Alarm, "previous_value"),
]
_NOT_NEGATIVE = [
    (Repeat, "period"),
    (MetricCondition, "period"),
    (MetricCondition, "periods"),
    (Alarm, "duration"),
]
_TIMES = [
    (Anomaly, "time"),
    (AnomalyRecord, "observed_at"),
    (AnomalyRecord, "created_at"),
    (Alarm, "started_at"),
    (Alarm, "created_at"),
    (Alarm, "evaluated_at"),
    (Alarm, "ended_at"),
]
_WORDS = [
    (Repeat, "mode", "once, continuous, exponential, singleAlarm, continuousAlarm, exponentialAlarm"),
    (Anomaly, "level", "fatal, warning, info"),
    (Alarm, "level", "fatal, warning, info"),
    (Alarm, "previous_level", "fatal, warning, info"),
    (Alarm, "state", "triggered, resolved, no_data, closed"),
]
_OBJECTS = [
    (Policy, "labels"),
    (Target, "dimensions"),
    (AnomalyRecord, "fields"),
    (AnomalyRecord, "dimensions"),
    (Alarm, "details"),
]
_PARTS = [
    (MetricCondition, "repeat", "Repeat"),
    (EventCondition, "repeat", "Repeat"),
    (EventCondition, "resolvable", "bool"),
    (Alarm, "policy", "Policy"),
    (Alarm, "condition", "MetricCondition or EventCondition"),
    (Alarm, "target", "Target"),
    (Alarm, "tenant", "Tenant"),
    (Alarm, "muted", "bool"),
]
_TUPLES = [
    (MetricCondition, "other_metrics", "Metric"),
    (Target, "dimension_labels", "DimensionLabel"),
    (AnomalyRecord, "anomalies", "Anomaly"),
    (Alarm, "anomaly_records", "AnomalyRecord"),
]
_TEXT_TUPLES = [(Policy, "tags"), (MetricCondition, "group_by")]


def problem_of(kind: type, **fields: Any) -> str:
    """What is wrong with the one field that is given."""
    (name,) = fields
    with pytest.raises(InvalidFieldError) as caught:
        make(kind, **fields)
    assert caught.value.field.partition("[")[0].removesuffix(" key") == f"{kind.__name__}.{name}"
    return caught.value.problem


def test_every_field_is_in_a_table() -> None:
    """No field of the model is left without a validator or a converter that checks it."""
    tables = (_TEXT, _IDENTIFIERS, _NUMBERS, _TIMES, _WORDS, _OBJECTS, _PARTS, _TUPLES, _TEXT_TUPLES)
    tabled = {(row[0], row[1]) for table in tables for row in table} | {(MetricCondition, "metric")}

    fields = {(kind, field.name) for kind in LEAST for field in attrs.fields(kind)}

    assert tabled == fields


@pytest.mark.parametrize(("kind", "name"), _TEXT)
def test_text_fields_take_only_text_that_can_be_sent(kind: type, name: str) -> None:
    """Neither bytes nor a number nor a lone surrogate is text."""
    assert problem_of(kind, **{name: b"x"}) == "must be text, not bytes"
    assert problem_of(kind, **{name: 5}) == "must be text, not int"
    assert problem_of(kind, **{name: "a\udc80"}).startswith("has a lone surrogate at position 1")


@pytest.mark.parametrize(("kind", "name"), _NOT_EMPTY)
def test_what_names_something_is_not_empty(kind: type, name: str) -> None:
    """Names and ids have at least one character."""
    assert problem_of(kind, **{name: ""}) == "must not be empty"


@pytest.mark.parametrize(("kind", "name"), [row for row in _TEXT if row not in _NOT_EMPTY], ids=str)
def test_other_texts_may_be_empty(kind: type, name: str) -> None:
    """An empty text is a value."""
    assert getattr(make(kind, **{name: ""}), name) == ""


@pytest.mark.parametrize(("kind", "name"), _IDENTIFIERS)
def test_ids_are_text_or_integers(kind: type, name: str) -> None:
    """An id is kept in its type; a bool, a float and an empty text are none."""
    assert getattr(make(kind, **{name: 0}), name) == 0
    assert getattr(make(kind, **{name: "0"}), name) == "0"
    assert problem_of(kind, **{name: True}) == "must be text or an integer, not bool"
    assert problem_of(kind, **{name: 1.0}) == "must be text or an integer, not float"
    assert problem_of(kind, **{name: ""}) == "must not be empty"
    assert problem_of(kind, **{name: "\ud800"}).startswith("has a lone surrogate")
    assert problem_of(kind, **{name: 10**309}).startswith("is too large")


@pytest.mark.parametrize(("kind", "name"), _NUMBERS)
def test_numbers_are_finite_and_no_bools(kind: type, name: str) -> None:
    """What JSON cannot carry is no number; a count is told what it must be."""
    if name == "periods":
        for value in (True, "5", float("nan"), float("-inf")):
            assert problem_of(kind, **{name: value}) == f"must be an integer, not {value!r}"
    else:
        assert problem_of(kind, **{name: True}) == "must be an int or a float, not bool"
        assert problem_of(kind, **{name: "5"}) == "must be an int or a float, not str"
        assert problem_of(kind, **{name: float("nan")}) == "must be finite, not nan"
        assert problem_of(kind, **{name: float("-inf")}) == "must be finite, not -inf"
    assert problem_of(kind, **{name: 10**400}).startswith("is too large")


@pytest.mark.parametrize(("kind", "name"), _NOT_NEGATIVE)
def test_durations_and_counts_are_not_negative(kind: type, name: str) -> None:
    """Zero is the least."""
    assert getattr(make(kind, **{name: 0}), name) == 0
    assert problem_of(kind, **{name: -1}) == "must be at least 0, not -1"


def test_a_count_is_an_integer() -> None:
    """Periods are counted."""
    assert problem_of(MetricCondition, periods=1.5) == "must be an integer, not 1.5"


@pytest.mark.parametrize(("kind", "name"), _TIMES)
def test_times_are_aware_and_inside_the_calendar(kind: type, name: str) -> None:
    """A naive time means another moment on every machine, and a day at each end is kept for the zones."""
    naive = NOW.replace(tzinfo=None)

    assert problem_of(kind, **{name: "2026-01-31"}) == "must be an aware datetime, not str"
    assert problem_of(kind, **{name: NOW.date()}) == "must be an aware datetime, not date"
    assert problem_of(kind, **{name: naive}) == (
        "is a naive datetime (2026-01-31T08:00:00); give it a zone: tzinfo=UTC in code, +08:00 in text"
    )
    for outside in (_FIRST, _LAST, NOW.replace(1, 1, 1), NOW.replace(9999, 12, 31)):
        assert problem_of(kind, **{name: outside}) == ("must lie between 0001-01-02 and 9999-12-30 UTC")


@pytest.mark.parametrize(
    "time",
    [
        datetime(1, 1, 2, tzinfo=UTC),
        datetime(9999, 12, 30, tzinfo=UTC),
        datetime(9999, 12, 30, 14, tzinfo=timezone(timedelta(hours=14))),
        datetime(2026, 7, 1, tzinfo=ZoneInfo("Europe/Berlin")),
        datetime(2026, 10, 25, 2, 30, tzinfo=ZoneInfo("Europe/Berlin"), fold=1),
    ],
)
def test_aware_times_stay_as_they_are(time: datetime) -> None:
    """A time keeps its zone."""
    made = alarm(started_at=time)

    assert made.started_at is time
    assert pickle.loads(pickle.dumps(made)) == made


@pytest.mark.parametrize("time", [_FIRST, _LAST])
@pytest.mark.parametrize("hours", [-14, 14])
def test_the_ends_of_the_calendar_do_not_overflow(time: datetime, hours: int) -> None:
    """Not even a zone that moves the time out of the calendar ends in an OverflowError."""
    zone = timezone(timedelta(hours=hours))

    assert problem_of(Alarm, started_at=time.replace(tzinfo=zone)).startswith("must lie between")


class _Zoneless(tzinfo):
    def utcoffset(self, dt: datetime | None, /) -> timedelta | None:
        return None


def test_a_zone_without_an_offset_is_no_zone() -> None:
    """Awareness is having an offset, not having a tzinfo."""
    assert problem_of(Alarm, started_at=NOW.replace(tzinfo=_Zoneless())).startswith("is a naive datetime")


@pytest.mark.parametrize(("kind", "name", "allowed"), _WORDS)
def test_a_wrong_word_is_told_with_the_right_ones(kind: type, name: str, allowed: str) -> None:
    """Words of a closed set may be given as text."""
    assert problem_of(kind, **{name: "catastrophic"}) == f"is 'catastrophic'; allowed are: {allowed}"
    assert problem_of(kind, **{name: "Fatal"}) == f"is 'Fatal'; allowed are: {allowed}"
    assert problem_of(kind, **{name: 1}) == f"must be text, not int; allowed are: {allowed}"


def test_words_become_members() -> None:
    """An alarm's words are members of their enums."""
    made = alarm(state="resolved", level="info", previous_level="fatal")

    assert (made.state, made.level, made.previous_level) == (AlarmState.RESOLVED, Level.INFO, Level.FATAL)
    assert made.state is AlarmState.RESOLVED
    assert make(Anomaly, level="warning").level is Level.WARNING


@pytest.mark.parametrize(
    ("state", "ended"), [("triggered", False), ("resolved", True), ("no_data", False), ("closed", True)]
)
def test_which_states_end_an_alarm(state: str, ended: bool) -> None:
    """Resolved and closed alarms are over."""
    assert AlarmState(state).ended is ended


@pytest.mark.parametrize(("kind", "name"), _OBJECTS)
def test_objects_hold_json_values_only(kind: type, name: str) -> None:
    """A surrogate is found in keys and values at any depth, and so is what JSON cannot carry."""
    for content in ({"\ud800": 1}, {"a": {"\ud800": 1}}, {"a": [["\ud800"]]}):
        assert problem_of(kind, **{name: content}).startswith("has a lone surrogate at position 0")
    assert problem_of(kind, **{name: {"a": {"b": float("nan")}}}) == "must be finite, not nan"
    assert problem_of(kind, **{name: {"a": object()}}).startswith("an object is no JSON value")
    assert problem_of(kind, **{name: [("a", 1)]}) == "must be a mapping, not list"
    assert problem_of(kind, **{name: None}) == "must be a mapping, not NoneType"


@pytest.mark.parametrize(("kind", "name"), _OBJECTS)
def test_objects_are_copies(kind: type, name: str) -> None:
    """What the caller changes later does not reach the alarm."""
    content: dict[str, Any] = {"a": {"b": [1]}}

    made = make(kind, **{name: content})
    content["a"]["b"].append(2)

    assert getattr(made, name).thaw() == {"a": {"b": [1]}}


@pytest.mark.parametrize(("kind", "name", "wanted"), _PARTS)
def test_parts_are_of_their_kind(kind: type, name: str, wanted: str) -> None:
    """A part of another class is told with the class that is due."""
    assert problem_of(kind, **{name: {}}) == f"must be a {wanted}, not dict"
    assert problem_of(kind, **{name: 1}) == f"must be a {wanted}, not int"


@pytest.mark.parametrize(("kind", "name", "wanted"), _TUPLES)
def test_lists_of_parts_hold_their_kind(kind: type, name: str, wanted: str) -> None:
    """Every item is checked, and one item alone is a list of it."""
    part, article = make(globals()[wanted]), "an" if wanted.startswith("A") else "a"

    assert getattr(make(kind, **{name: [part]}), name) == (part,)
    assert getattr(make(kind, **{name: iter([part])}), name) == (part,)
    assert getattr(make(kind, **{name: part}), name) == (part,)
    for wrong in ([part, {}], [{}], {"a": part}, "abc", 5, None):
        assert problem_of(kind, **{name: wrong}).startswith(f"must be {article} {wanted}, not ")


@pytest.mark.parametrize(("kind", "name"), _TEXT_TUPLES)
def test_lists_of_texts_hold_texts(kind: type, name: str) -> None:
    """A text alone is one text and not its letters, and what is no list names the field."""
    assert getattr(make(kind, **{name: "abc"}), name) == ("abc",)
    assert getattr(make(kind, **{name: ["a", ""]}), name) == ("a", "")
    assert problem_of(kind, **{name: ["a", 1]}) == "must be text, not int"
    assert problem_of(kind, **{name: ["\ud800"]}).startswith("has a lone surrogate")
    for wrong in (b"abc", 5, None, {"a": 1}):
        assert problem_of(kind, **{name: wrong}) == f"must be text, not {type(wrong).__name__}"


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        (kind, field.name)
        for kind in LEAST
        for field in attrs.fields(kind)
        if field.default is None
        if (kind, field.name) != (MetricCondition, "operator")
        if (kind, field.name) != (MetricCondition, "threshold")
    ],
)
def test_optional_fields_take_none(kind: type, name: str) -> None:
    """None means that the monitoring system does not say."""
    assert getattr(make(kind, **{name: None}), name) is None


@pytest.mark.parametrize(
    ("kind", "name"),
    [(kind, field.name) for kind in LEAST for field in attrs.fields(kind) if field.default is not None],
)
def test_other_fields_refuse_none(kind: type, name: str) -> None:
    """What has another default, or none, is always there."""
    assert "NoneType" in problem_of(kind, **{name: None})


@pytest.mark.parametrize("kind", LEAST, ids=lambda kind: kind.__name__)
def test_fields_are_keywords(kind: type) -> None:
    """Only a repeat is short enough to be read without the names of its fields."""
    parameters = inspect.signature(kind).parameters.values()

    alone = [each.name for each in parameters if each.kind is not each.KEYWORD_ONLY]
    assert alone == (["mode", "period"] if kind is Repeat else [])


@pytest.mark.parametrize("period", [1, 0.5])
def test_a_continuous_repeat_has_a_period(period: float) -> None:
    """Repeating without a pause would never end."""
    assert Repeat("continuous", period).mode is RepeatMode.CONTINUOUS
    with pytest.raises(InvalidFieldError, match=r"Repeat\.period: must be more than 0 when the mode is"):
        Repeat("continuous")


@pytest.mark.parametrize("mode", ["once", "exponential"])
def test_other_repeats_need_no_period(mode: str) -> None:
    """Only a continuous repeat needs its period."""
    assert Repeat(mode).period == 0
    assert Repeat().mode is RepeatMode.ONCE


@pytest.mark.parametrize(
    ("word", "mode"),
    [
        ("singleAlarm", RepeatMode.ONCE),
        ("continuousAlarm", RepeatMode.CONTINUOUS),
        ("exponentialAlarm", RepeatMode.EXPONENTIAL),
    ],
)
def test_a_mode_in_tencents_words(word: str, mode: RepeatMode) -> None:
    """They mean the same; a word that only looks like one is none."""
    assert Repeat(word, 300).mode is RepeatMode(word) is mode
    assert "is 'SingleAlarm'; allowed are: once" in problem_of(Repeat, mode="SingleAlarm")


@pytest.mark.parametrize(
    ("fields", "absent"), [({"operator": ">"}, "threshold"), ({"threshold": 0}, "operator")]
)
def test_operator_and_threshold_come_together(fields: dict[str, Any], absent: str) -> None:
    """A threshold of 0 is one, too."""
    with pytest.raises(InvalidFieldError) as caught:
        make(MetricCondition, **fields)

    assert caught.value.field == f"MetricCondition.{absent}"
    assert make(MetricCondition, operator=">", threshold=0).threshold == 0


def test_each_level_occurs_once_in_a_record() -> None:
    """A data point violates a level or does not."""
    fatal, warning = make(Anomaly), make(Anomaly, level="warning")

    assert len(make(AnomalyRecord, anomalies=[fatal, warning]).anomalies) == 2
    with pytest.raises(InvalidFieldError, match="each level may occur only once in a record"):
        make(AnomalyRecord, anomalies=[fatal, warning, make(Anomaly, id="a2")])


@pytest.mark.parametrize("metric", ["cpu", Metric(name="cpu")])
def test_a_metric_may_be_its_bare_name(metric: Metric | str) -> None:
    """The name alone is a metric of that name."""
    assert MetricCondition(metric=metric).metric == Metric(name="cpu")


@pytest.mark.parametrize(
    ("metric", "problem"), [("", "must not be empty"), (5, "must be text, not int"), (None, "must be text")]
)
def test_what_is_no_metric(metric: Any, problem: str) -> None:
    """A metric has a name."""
    with pytest.raises(InvalidFieldError) as caught:
        MetricCondition(metric=metric)

    assert caught.value.field == "MetricCondition.metric"
    assert caught.value.problem.startswith(problem)


def test_the_latest_record_is_the_last() -> None:
    """Records are in the order of their time."""
    first, last = make(AnomalyRecord), make(AnomalyRecord, id=2)

    assert alarm(anomaly_records=[first, last]).latest_anomaly_record is last
    assert alarm().latest_anomaly_record is None


@pytest.mark.parametrize("kind", LEAST, ids=lambda kind: kind.__name__)
def test_the_model_is_frozen(kind: type) -> None:
    """No field can be set, and no other attribute either."""
    made = make(kind)

    for name in (attrs.fields(kind)[0].name, "more"):
        with pytest.raises((attrs.exceptions.FrozenInstanceError, AttributeError)):
            setattr(made, name, 1)


@pytest.mark.parametrize("made", [alarm(), full_alarm()], ids=["least", "full"])
def test_an_alarm_is_a_value(made: Alarm) -> None:
    """It is equal to its copies, has their hash, and differs in any field from another."""
    others = [pickle.loads(pickle.dumps(made)), copy.deepcopy(made), copy.copy(made), attrs.evolve(made)]

    assert {made, *others} == {made}
    assert attrs.evolve(made, id="alarm-2") != made
    assert repr(others[0]) == repr(made)


def test_a_full_alarm_has_no_field_at_its_default() -> None:
    """The full alarm of these tests is full."""

    def defaults(value: Any) -> list[str]:
        found = []
        for field in attrs.fields(type(value)):
            inner = getattr(value, field.name)
            if inner in (None, ()) or inner == {}:
                found.append(f"{type(value).__name__}.{field.name}")
            for part in inner if isinstance(inner, tuple) else [inner]:
                if attrs.has(type(part)) and type(part) is not Metric:
                    found += defaults(part)
        return found

    assert defaults(full_alarm()) == []


def test_evolving_checks_again() -> None:
    """A changed copy is checked like a new object."""
    with pytest.raises(InvalidFieldError, match=r"Alarm\.state: is 'over'"):
        attrs.evolve(alarm(), state="over")


_TEXTS = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=8)
_NUMBER = st.integers(-(10**12), 10**12) | st.floats(allow_nan=False, allow_infinity=False)
_ALARMS = st.builds(
    Alarm,
    id=_TEXTS,
    policy=st.builds(Policy, id=_TEXTS | st.integers(0, 2**63), name=_TEXTS, tags=st.lists(_TEXTS)),
    condition=st.builds(EventCondition, name=_TEXTS, resolvable=st.booleans())
    | st.builds(MetricCondition, metric=_TEXTS, operator=st.just(">"), threshold=_NUMBER),
    target=st.builds(Target, dimensions=st.dictionaries(_TEXTS, _NUMBER | _TEXTS, max_size=3)),
    started_at=st.datetimes(_NAIVE.replace(1900), _NAIVE.replace(2200), timezones=st.timezones()),
    state=st.sampled_from(AlarmState),
    level=st.none() | st.sampled_from([level.value for level in Level]),
    current_value=st.none() | _NUMBER,
    details=st.dictionaries(_TEXTS, st.lists(_NUMBER, max_size=2), max_size=3),
)


@settings(deadline=None)
@given(_ALARMS)
def test_any_alarm_survives_pickling(made: Alarm) -> None:
    """An alarm can be handed to another process."""
    other = pickle.loads(pickle.dumps(made))

    assert other == made
    assert hash(other) == hash(made)


@pytest.mark.parametrize("mode", ["once", "exponential"])
def test_only_a_continuous_repeat_becomes_daily(mode: str) -> None:
    """For the others it would say something that is not done."""
    with pytest.raises(InvalidFieldError, match=r"^Repeat\.daily_after: is for the mode 'continuous' only"):
        Repeat(mode, 300, daily_after=86_400)


def test_a_day_is_not_negative() -> None:
    """Nor is what comes before it."""
    with pytest.raises(InvalidFieldError, match=r"^Repeat\.daily_after: must be at least 0"):
        Repeat("continuous", 300, daily_after=-1)

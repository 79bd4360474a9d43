"""Alarms of every shape for property tests: any text, any number, any zone."""

from __future__ import annotations

import string
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

from hypothesis import strategies as st

from alarm_dispatch.formats import BuildContext
from alarm_dispatch.model import (
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

__all__ = ["alarms", "complete_alarms", "contexts"]

# Every character but the surrogates, which UTF-8 cannot carry.
_CHARACTERS = st.characters(exclude_categories=["Cs"])
texts = st.text(_CHARACTERS, max_size=12)
words = st.text(_CHARACTERS, min_size=1, max_size=12)

_LARGEST = 2**1023
integers = st.integers(-_LARGEST, _LARGEST) | st.integers(-10, 10)
numbers = integers | st.floats(allow_nan=False, allow_infinity=False)
counts = st.integers(0, _LARGEST) | st.integers(0, 1000)
spans = counts | st.floats(min_value=0, allow_nan=False, allow_infinity=False)
ids = words | integers
whole_ids = integers | integers.map(str)

json_values: Any = st.recursive(
    st.none() | st.booleans() | numbers | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=6,
)
json_objects = st.dictionaries(texts, json_values, max_size=4)

_DAY = timedelta(days=1)
# Offsets down to the microsecond are odd but legal.
zones = st.timedeltas(-_DAY + timedelta.resolution, _DAY - timedelta.resolution).map(timezone)


@st.composite
def times(draw: st.DrawFn) -> datetime:
    """An aware moment that the model takes, in some zone that can show it."""
    moment = draw(
        st.datetimes(datetime(1, 1, 3), datetime(9999, 12, 28), timezones=st.just(UTC))  # noqa: DTZ001
    )
    return moment.astimezone(draw(zones))


repeats = st.builds(
    Repeat, st.sampled_from(RepeatMode), spans.filter(bool) | st.integers(1, 86_400)
) | st.builds(Repeat, st.sampled_from([RepeatMode.ONCE, RepeatMode.EXPONENTIAL]), st.just(0))


def _fields(complete: bool, /, **strategies: Any) -> dict[str, Any]:
    """The strategies, each with None beside it unless every field is to be set."""
    if complete:
        return strategies
    return {name: st.none() | strategy for name, strategy in strategies.items()}


def _metrics(complete: bool) -> Any:
    return st.builds(
        Metric,
        name=words,
        **_fields(complete, display_name=texts),
        **_fields(False, id=texts, source_label=texts, source_name=texts, kind_label=texts, kind_name=texts),
    )


def _metric_conditions(complete: bool) -> Any:
    common = {
        "metric": _metrics(complete),
        "other_metrics": st.lists(_metrics(complete), max_size=2),
        "group_by": st.lists(texts, max_size=2),
        **_fields(False, threshold_unit=texts),
        **_fields(
            complete,
            statistic=texts,
            unit=texts,
            period=spans,
            periods=counts,
            expression=texts,
            repeat=repeats,
        ),
    }
    with_threshold = st.builds(MetricCondition, operator=words, threshold=numbers, **common)
    return with_threshold | st.builds(MetricCondition, **common)


def _event_conditions(complete: bool) -> Any:
    return st.builds(
        EventCondition,
        name=words,
        resolvable=st.booleans(),
        **_fields(complete, display_name=texts, product=texts, product_display_name=texts, repeat=repeats),
    )


def _targets(complete: bool) -> Any:
    return st.builds(
        Target,
        dimensions=json_objects,
        dimension_labels=st.lists(
            st.builds(DimensionLabel, key=words, display_name=texts, display_value=texts), max_size=2
        ),
        **_fields(complete, namespace=texts, name=texts),
        **_fields(False, region=texts, region_name=texts, group_id=ids, group_name=texts),
    )


def _records(row_ids: Any) -> Any:
    anomalies = st.lists(
        st.builds(Anomaly, level=st.sampled_from(Level), id=words, message=texts, time=times()),
        max_size=3,
        unique_by=lambda anomaly: anomaly.level,
    )
    return st.builds(
        AnomalyRecord,
        id=row_ids,
        anomalies=anomalies,
        data_id=words,
        value=numbers,
        fields=json_objects,
        dimensions=json_objects,
        observed_at=times(),
        created_at=times(),
    )


def _alarms(complete: bool, conditions: Any, states: Any) -> Any:
    row_ids = whole_ids if complete else ids
    policies = st.builds(
        Policy,
        id=row_ids,
        name=texts,
        tags=st.lists(texts, max_size=2),
        labels=json_objects,
        **_fields(complete, type=texts, type_name=texts),
        **_fields(False, type_english_name=texts, scenario=texts, url=texts),
    )
    tenants = st.builds(
        Tenant,
        id=row_ids,
        **_fields(complete, name=texts),
        **_fields(False, account_id=ids, application_id=ids),
    )
    return st.builds(
        Alarm,
        id=words,
        policy=policies,
        condition=conditions,
        target=_targets(complete),
        started_at=times(),
        state=states,
        details=json_objects,
        anomaly_records=st.lists(_records(row_ids), min_size=int(complete), max_size=2),
        **_fields(
            complete,
            level=st.sampled_from(Level),
            previous_level=st.sampled_from(Level),
            tenant=tenants,
            number=row_ids,
            created_at=times(),
            ended_at=times(),
            current_value=numbers,
        ),
        **_fields(
            False,
            evaluated_at=times(),
            duration=spans,
            previous_value=numbers,
            description=texts,
            related_info=texts,
            muted=st.booleans(),
        ),
    )


def alarms() -> st.SearchStrategy[Alarm]:
    """Any alarm at all, with any of its optional fields unset."""
    return _alarms(False, _metric_conditions(False) | _event_conditions(False), st.sampled_from(AlarmState))


def complete_alarms(*, events: bool = False, no_data: bool = True) -> st.SearchStrategy[Alarm]:
    """Alarms that have all that any format needs; ``events`` adds event alarms to the metric ones.

    ``no_data=False`` leaves out the state that some formats have no payload for.
    """
    conditions = _metric_conditions(True)
    states = [state for state in AlarmState if no_data or state is not AlarmState.NO_DATA]
    return _alarms(
        True, conditions | _event_conditions(True) if events else conditions, st.sampled_from(states)
    )


def contexts() -> st.SearchStrategy[BuildContext]:
    """Any delivery's context, some with a URL that has query arguments."""
    queries = st.dictionaries(st.sampled_from(["a", "type", "labels", "extra", "url"]), texts, max_size=3)
    urls = queries.map(lambda query: "https://x/?" + "&".join(f"{k}={v}" for k, v in query.items()))
    return st.builds(
        BuildContext,
        session_id=st.text(string.ascii_letters + string.digits, min_size=1, max_size=32),
        now=times(),
        url=st.just("https://x/hook") | urls,
    )

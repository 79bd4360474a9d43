"""BlueKing's own rules: notice types, records, level names, options."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import attrs
import pytest

from alarm_dispatch.errors import InvalidFieldError, ParseError
from alarm_dispatch.formats import Dialect, blueking
from alarm_dispatch.formats.blueking.wire import NoRecord
from alarm_dispatch.model import Level
from tests.formats.alarms import METRIC_ALARM, RECORD, changed, resolved
from tests.formats.samples import body, context

every_dialect = pytest.mark.parametrize("dialect", list(Dialect))


def built(dialect: str | Dialect = "documented", /, **changes: Any) -> Any:
    """The body for the metric alarm with these changes."""
    return body(blueking.Format(dialect=dialect).build(attrs.evolve(METRIC_ALARM, **changes), context()))


@every_dialect
@pytest.mark.parametrize(
    ("state", "wanted"),
    [
        ("triggered", "ANOMALY_NOTICE"),
        ("no_data", "ANOMALY_NOTICE"),
        ("resolved", "RECOVERY_NOTICE"),
        ("closed", "CLOSE_NOTICE"),
    ],
)
def test_the_state_decides_the_notice_type(dialect: Dialect, state: str, wanted: str) -> None:
    """An alarm without data is an anomaly, a closed one is no recovery."""
    assert built(dialect, state=state)["type"] == wanted


@every_dialect
def test_a_recovery_keeps_the_last_record(dialect: Dialect) -> None:
    """A resolved alarm still tells its last data point."""
    firing = built(dialect)

    recovery = body(blueking.Format(dialect=dialect).build(resolved(METRIC_ALARM), context()))

    assert recovery["latest_anomaly_record"] == firing["latest_anomaly_record"]
    assert list(recovery) == list(firing)


@every_dialect
@pytest.mark.parametrize("state", ["resolved", "closed"])
def test_an_end_without_any_record_sends_an_empty_one(dialect: Dialect, state: str) -> None:
    """``{}`` stands for a record that never was, and is parsed as such."""
    made = blueking.Format(dialect=dialect)

    payload = made.build(attrs.evolve(METRIC_ALARM, state=state, anomaly_records=()), context())

    assert body(payload)["latest_anomaly_record"] == {}
    assert made.parse(payload.content, payload.content_type).latest_anomaly_record == NoRecord()


def test_the_last_of_several_records_is_sent() -> None:
    """Records are in the order of time; the newest one counts."""
    later = attrs.evolve(RECORD, id=6211914)

    assert built(anomaly_records=(RECORD, later))["latest_anomaly_record"]["anomaly_id"] == 6211914


def test_a_record_may_violate_several_levels() -> None:
    """Each violated level stands under its number."""
    anomaly = built()["latest_anomaly_record"]["origin_alarm"]["anomaly"]

    assert list(anomaly) == ["1", "2"]
    assert anomaly["2"]["anomaly_message"] == "usage >= 80"


@every_dialect
@pytest.mark.parametrize(
    ("level", "number", "name"),
    [(Level.FATAL, 1, "fatal"), (Level.WARNING, 2, "warning"), (Level.INFO, 3, "remind")],
)
def test_levels_have_numbers_and_names(dialect: Dialect, level: Level, number: int, name: str) -> None:
    """1, 2, 3 are fatal, warning, remind."""
    event = built(dialect, level=level)["event"]

    assert (event["level"], event["level_name"]) == (number, name)


@pytest.mark.parametrize(
    ("names", "wanted"),
    [
        (blueking.CHINESE_LEVEL_NAMES, ["致命", "预警", "提醒"]),
        ({Level.INFO: "notice"}, ["fatal", "warning", "notice"]),
        ({"fatal": "Fatal", "warning": "Warning", "info": "Info"}, ["Fatal", "Warning", "Info"]),
    ],
    ids=["chinese", "one of them", "plain text"],
)
def test_level_names_are_an_option(names: Any, wanted: list[str]) -> None:
    """Names are given by level or by its text; a level not given keeps its English name."""
    made = blueking.Format(level_names=names)

    told = [
        body(made.build(attrs.evolve(METRIC_ALARM, level=level), context()))["event"]["level_name"]
        for level in Level
    ]

    assert told == wanted
    assert hash(made) == hash(blueking.Format(level_names=dict(names)))


@pytest.mark.parametrize(
    ("names", "told"),
    [
        ({"critical": "x"}, "allowed are: fatal, warning, info"),
        ({"fatal": 1}, "must be text, not int"),
        ("fatal", "must be a mapping, not str"),
    ],
)
def test_wrong_level_names_are_refused(names: Any, told: str) -> None:
    """The error names the option and what it allows."""
    with pytest.raises(InvalidFieldError, match=rf"Format\.level_names.*{told}"):
        blueking.Format(level_names=names)


def test_times_are_naive_utc_and_the_data_time_is_rounded_down() -> None:
    """The data point's epoch second and its text are the same moment."""
    moment = datetime(2020, 3, 3, 4, 9, 0, 999_999, tzinfo=UTC)

    record = built(anomaly_records=(attrs.evolve(RECORD, observed_at=moment),))["latest_anomaly_record"]

    assert record["source_time"] == "2020-03-03 04:09:00"
    assert record["origin_alarm"]["data"]["time"] == 1583208540


def test_a_time_before_1970_is_rounded_down_too() -> None:
    """Half a second before the epoch is second -1."""
    moment = datetime(1970, 1, 1, tzinfo=UTC) - timedelta(milliseconds=500)

    record = built(anomaly_records=(attrs.evolve(RECORD, observed_at=moment),))["latest_anomaly_record"]

    assert record["origin_alarm"]["data"]["time"] == -1


@every_dialect
def test_an_alarm_without_an_end_sends_null(dialect: Dialect) -> None:
    """``end_time`` is there and null; receivers look the key up."""
    assert built(dialect)["event"]["end_time"] is None
    assert built(dialect, ended_at=METRIC_ALARM.started_at)["event"]["end_time"] == "2026-01-31 11:50:00"


def test_observed_extras_are_left_out_when_not_known() -> None:
    """Only ``labels`` is always there, because real receivers require the key."""
    alarm = attrs.evolve(METRIC_ALARM, related_info=None, current_value=None, description=None, muted=None)
    for field in ("policy.scenario", *(f"condition.metric.{name}" for name in ("id", "kind_name"))):
        alarm = changed(alarm, field, None)
    for field in ("policy.tags", "condition.group_by", "target.dimension_labels"):
        alarm = changed(alarm, field, ())
    alarm = changed(alarm, "target.dimensions", {})

    sent = body(blueking.Format(dialect="observed").build(alarm, context()))

    assert list(sent)[6:] == ["labels"]
    assert sent["labels"] == []
    assert list(sent["event"])[-1] == "id"
    assert list(sent["strategy"]) == ["item_list", "id", "name"]
    assert "metric_id" not in sent["strategy"]["item_list"][0]
    assert sent["strategy"]["item_list"][0]["data_source_label"] == "bk_monitor"


def test_a_wrong_record_is_told_with_its_path() -> None:
    """The path leads into the record."""
    made = blueking.Format()
    payload = made.build(METRIC_ALARM, context())
    content = payload.content.replace(b'"anomaly_time":"2026-01-31 11:50:00"', b'"anomaly_time":5', 1)

    with pytest.raises(ParseError) as caught:
        made.parse(content, payload.content_type)

    assert caught.value.problems == (
        ("$.latest_anomaly_record.origin_alarm.anomaly.1.anomaly_time", "must be text, not an integer"),
    )

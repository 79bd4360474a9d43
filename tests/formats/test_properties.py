"""What holds for every alarm there can be, not only for the ones that were thought of."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta, timezone
from typing import Any
from urllib.parse import parse_qsl, urlencode

import attrs
import pytest
from hypothesis import HealthCheck, given, settings

from alarm_dispatch import formats
from alarm_dispatch.errors import BuildError
from alarm_dispatch.formats import BuildContext, Dialect, tencent
from alarm_dispatch.formats.fields import local_text, number_text
from alarm_dispatch.model import Alarm
from tests.formats.samples import exact, present
from tests.formats.strategies import alarms, complete_alarms, contexts, numbers, times, zones

every_format = pytest.mark.parametrize("name", ["aliyun", "blueking", "tencent", "tencent_legacy"])
every_dialect = pytest.mark.parametrize("dialect", list(Dialect))

_SETTINGS = settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def _unfolded(parsed: dict[str, Any]) -> dict[str, Any]:
    """BlueKing's ``extra`` put back where it stands in the body."""
    extra = parsed.pop("extra", {})
    return {"webhook_url_params": parsed["webhook_url_params"], **extra, **parsed} if extra else parsed


@every_format
@every_dialect
@_SETTINGS
@given(alarm=complete_alarms(no_data=False), context=contexts())
def test_every_complete_alarm_makes_the_round_trip(
    name: str, dialect: Dialect, alarm: Alarm, context: BuildContext
) -> None:
    """It builds to strict UTF-8, and parsing gives back every value that is in the body."""
    made = formats.get(name, dialect=dialect)

    built = made.build(alarm, context)
    text = built.content.decode("utf-8")
    parsed: Any = present(attrs.asdict(made.parse(built.content, built.content_type)))

    if name == "aliyun":
        pairs = parse_qsl(text, keep_blank_values=True, strict_parsing=True)
        assert list(parsed.items()) == pairs
        assert urlencode(pairs) == text
    else:
        assert exact(_unfolded(parsed)) == exact(present(json.loads(text)))


@every_dialect
@_SETTINGS
@given(alarm=complete_alarms(events=True, no_data=False), context=contexts())
def test_every_complete_event_makes_the_round_trip_too(
    dialect: Dialect, alarm: Alarm, context: BuildContext
) -> None:
    """Tencent's event alarms parse back to what was built."""
    made = tencent.Format(dialect=dialect)

    built = made.build(alarm, context)

    parsed = present(attrs.asdict(made.parse(built.content, built.content_type)))
    assert exact(parsed) == exact(present(json.loads(built.content)))


@every_format
@every_dialect
@_SETTINGS
@given(alarm=alarms(), context=contexts())
def test_any_alarm_is_built_or_refused_by_name(
    name: str, dialect: Dialect, alarm: Alarm, context: BuildContext
) -> None:
    """Whatever is missing, nothing but a BuildError that names the format comes out."""
    made = formats.get(name, dialect=dialect)

    try:
        built = made.build(alarm, context)
    except BuildError as error:
        told = str(error)
    else:
        made.parse(built.content, built.content_type)
        told = f"format {name} has built it"

    assert told.startswith(f"format {name} ")


@given(time=times(), zone=zones)
def test_a_local_time_reads_back_as_its_second(time: datetime, zone: timezone) -> None:
    """The naive text is the moment in that zone, cut to the second."""
    text = local_text(time, zone)

    read = datetime.strptime(text, "%Y-%m-%d %H:%M:%S").replace(tzinfo=zone)
    assert timedelta(0) <= time - read < timedelta(seconds=1)
    assert len(text) == 19


@given(number=numbers)
def test_a_number_text_reads_back_as_the_number(number: float) -> None:
    """No digit is lost or invented, and a whole number below 1e15 has no point."""
    text = number_text(number)

    assert (int(text) if text.lstrip("-").isdigit() else float(text)) == number
    assert abs(number) >= 1e15 or not text.endswith(".0")


@given(time=times())
def test_the_zone_option_shifts_every_time(time: datetime) -> None:
    """With an offset of 0 the times are UTC."""
    made = tencent.Format(utc_offset=0)

    assert local_text(time, made._zone) == local_text(time, UTC)

"""An alarm as it is kept: read back it is equal, by the quick reader and by the one that people use."""

from __future__ import annotations

import json
from datetime import datetime, timedelta, timezone
from unittest.mock import patch

import attrs
import pytest
from hypothesis import given

from alarm_dispatch import Alarm, EventCondition, json_text, load_alarm
from alarm_dispatch.alarm_json import dump_alarm, read_alarm
from alarm_dispatch.errors import InvalidFieldError

from ..formats.strategies import alarms
from .made import alarm, full_alarm


def _offsets(value: object) -> list[timedelta]:
    """The offsets of all times, which comparing does not look at; less than a second is none."""
    if isinstance(value, datetime):
        offset = value.utcoffset()
        assert offset is not None
        return [offset if abs(offset) >= timedelta(seconds=1) else timedelta(0)]
    if isinstance(value, tuple):
        return [offset for item in value for offset in _offsets(item)]
    if attrs.has(type(value)):
        return [
            offset for field in attrs.fields(type(value)) for offset in _offsets(getattr(value, field.name))
        ]
    return []


def _check(written: bytes, wanted: Alarm) -> None:
    for read in (read_alarm(written), load_alarm(json.loads(written))):
        assert read == wanted
        # repr tells 1 from 1.0 and True, which are equal too.
        assert repr(read.details) == repr(wanted.details)
        assert repr(read.target) == repr(wanted.target)
        assert repr((read.current_value, read.duration)) == repr((wanted.current_value, wanted.duration))
        assert _offsets(read) == _offsets(wanted)


@given(alarms())
def test_any_alarm_comes_back_equal(alarm: Alarm) -> None:
    """With any text, number and zone, with either encoder."""
    _check(dump_alarm(alarm), alarm)
    with patch.object(json_text, "orjson", None):
        _check(dump_alarm(alarm), alarm)


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"condition": EventCondition(name="reboot", resolvable=False)},
        {"number": 2**1000, "details": {"n": [2**64, -(2**63) - 1]}},
        {"details": {"a": [1, 1.0, True, None, {"b": ()}], "z": {}}},
        {"started_at": datetime(2026, 1, 31, tzinfo=timezone(timedelta(hours=-3, seconds=7)))},
        {"current_value": 90, "previous_value": 90.0},
    ],
)
def test_odd_values(fields: dict) -> None:
    """Integers beyond 64 bits, whole floats, offsets with seconds, empty lists."""
    _check(dump_alarm(alarm(**fields)), alarm(**fields))


def test_every_field() -> None:
    """The one that has all of them, and none that is None is written."""
    written = dump_alarm(full_alarm())

    _check(written, full_alarm())
    assert b"null" not in dump_alarm(alarm())
    assert set(json.loads(written)) == {field.name for field in attrs.fields(Alarm)}


@pytest.mark.parametrize(
    ("content", "error"),
    [
        (b"", ValueError),
        (b"\xff", ValueError),
        (b"[]", TypeError),
        (b"{}", TypeError),
        (b'{"id": 1}', TypeError),
        (b'{"id": "a", "new": 1}', TypeError),
        (b'{"condition": {"kind": "moon"}}', KeyError),
        (dump_alarm(alarm()).replace(b"2026", b"year"), ValueError),
        (dump_alarm(alarm()).replace(b'"alarm-1"', b'""'), InvalidFieldError),
    ],
)
def test_what_is_no_alarm(content: bytes, error: type[Exception]) -> None:
    """Errors of kinds that a caller can name."""
    with pytest.raises(error):
        read_alarm(content)


def test_what_is_no_part_of_an_alarm() -> None:
    """A subclass of ours must say how it is written."""

    class Odd(Alarm):
        pass

    odd = Odd(**{field.name: getattr(alarm(), field.name) for field in attrs.fields(Alarm)})

    with pytest.raises(TypeError, match="an Odd is no part of an alarm"):
        dump_alarm(odd)


def test_texts_from_anywhere() -> None:
    """What UTF-8 cannot carry is escaped, and the rest is the encoder's."""
    assert json.loads(json_text.tolerant_json(["\ud800", "é", 2**70])) == ["\ud800", "é", 2**70]
    with patch.object(json_text, "orjson", None):
        assert json_text.tolerant_json(["é"]) == '["\\u00e9"]'
    with patch.object(json_text, "orjson", None):
        assert json_text.json_bytes(["é"]) == '["é"]'.encode()
    assert json_text.json_text(["é"]) == '["é"]'


def test_a_time_of_a_kind_of_its_own_is_a_time():
    """As libraries have them."""

    class Moment(datetime):
        """A datetime with more to it."""

    one = alarm(started_at=Moment(2026, 1, 31, 8, tzinfo=timezone.utc))  # noqa: UP017 - as the others here

    assert read_alarm(dump_alarm(one)) == one

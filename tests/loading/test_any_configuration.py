"""Whatever a configuration says, it gives a value, or an error that can be shown."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import attrs
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from alarm_dispatch import Alarm, AlarmGroup, Callback, load_alarm, load_groups, model
from alarm_dispatch.errors import ConfigurationError
from alarm_dispatch.loading.groups import _HttpxSettings
from alarm_dispatch.schedule import RetrySchedule
from alarm_dispatch.shown import is_safe

from .written import alarm, group

_LONGEST = 80_000
_EXAMPLES = 50
_ALARM = alarm(
    level="fatal",
    state="triggered",
    condition={
        "kind": "metric",
        "metric": {"name": "cpu", "display_name": "CPU", "id": "1"},
        "operator": ">",
        "threshold": 1,
        "period": 60,
    },
    target={"namespace": "qce/cvm", "region": "gz", "dimensions": {"a": ["b", {"c": None}]}},
    tenant={"id": "1"},
    details={"a": [1, 2.5]},
)
_GROUP = {
    "groups": {
        "oncall": group(
            timeout=2.0,
            schedule={"attempts": 5, "delays": [1, 2], "jitter": 0.5},
            confirmation={"all": ["2xx", {"json_field": "a.b", "equals": 0}, {"any": [200, [201, 204]]}]},
            headers={"X-Team": "database"},
            format={"name": "tencent", "dialect": "observed"},
            transport={"kind": "httpx", "auth": {"user": "a", "password": "b"}, "headers": {"A": "b"}},
            rate="20/60",
            circuit={"failures": 3, "pause": 1},
            fallback="other",
            max_age=60,
        ),
        "other": group(transport={"proxy": "http://127.0.0.1:1", "auth": {"token": "abc"}})
        | {"name": "other"},
    }
}
_KEYS = sorted(
    {
        field.name
        for kind in (
            *(Alarm, AlarmGroup, Callback, RetrySchedule, _HttpxSettings, model.Policy, model.Metric),
            *(model.MetricCondition, model.EventCondition, model.Target, model.Tenant, model.Repeat),
        )
        for field in attrs.fields(kind)
    }
    | {"groups", "kind", "json_field", "equals", "session_echo", "all", "any", "user", "password", "token"}
    | {"\x1b[2J", "\u202e", "a\nb", "k" * 5_000}
)
_WORDS = st.sampled_from(
    [
        *("blueking", "tencent", "aliyun", "2xx", "20/60", "httpx", "metric", "event", "fatal", "triggered"),
        *(
            "https://ops.example.com/",
            "http://[",
            "file:///",
            "2026-01-31T08:00:00+08:00",
            "\x1b[2J",
            "x" * 5_000,
        ),
        *("\u202e", "\ud800", "9" * 400),
    ]
)
_LEAVES = (
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | _WORDS
    | st.sampled_from([0, 1, 200, 10**400, 1e308])
)  # fmt: skip
_KEY = st.sampled_from(_KEYS) | st.text(max_size=5)
_ANY = st.recursive(
    _LEAVES,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(_KEY, inner, max_size=5),
    max_leaves=20,
)


@pytest.fixture(scope="module")
def directory() -> Iterator[Path]:
    """Where the files lie; one for all examples."""
    with tempfile.TemporaryDirectory() as made:
        yield Path(made)


def is_told(load: Any, source: Any) -> None:
    """Loading gives a value, or its own error with a text for people."""
    failure: ConfigurationError | None = None
    try:
        load(source)
    except ConfigurationError as error:
        failure = error
    if failure is not None:
        told = str(failure)
        assert all(is_safe(character) or character == "\n" for character in told), repr(told)
        assert len(told) < _LONGEST
        assert all("\n" not in part for problem in failure.problems for part in problem)


@st.composite
def altered(draw: st.DrawFn, whole: Any) -> Any:
    """A right configuration with something else in one or two places."""
    written = json.loads(json.dumps(whole))
    for _ in range(draw(st.integers(1, 2))):
        place = written
        while True:
            steps = list(place) if isinstance(place, dict) else list(range(len(place)))
            if not steps:
                break
            step = draw(st.sampled_from(steps))
            if not isinstance(place[step], dict | list) or draw(st.booleans()):
                place[step] = draw(_ANY)
                break
            place = place[step]
        if isinstance(written, dict) and draw(st.booleans()):
            written[draw(_KEY)] = draw(_ANY)
    return written


@pytest.mark.parametrize("load", [load_alarm, load_groups])
@settings(deadline=None, max_examples=_EXAMPLES)
@given(source=st.dictionaries(_KEY, _ANY, max_size=6) | st.lists(_ANY, max_size=4))
@example(source={"\x1b[2J": 1})
@example(source={"callbacks": [{"url": "\x1b[2J\nhttp://a/", "format": "x" * 100_000}]})
def test_any_mapping(load, source):
    """Also with keys that nobody knows and values of any kind."""
    is_told(load, source)


@pytest.mark.parametrize(("load", "whole"), [(load_alarm, _ALARM), (load_groups, _GROUP)])
@settings(deadline=None, max_examples=_EXAMPLES)
@given(st.data())
def test_a_right_one_that_was_altered(load, whole, data):
    """Deep in it, where the checks of each field are."""
    is_told(load, data.draw(altered(whole)))


_TOKENS = [
    b"[",
    b"]",
    b"{",
    b"}",
    b'"',
    b"=",
    b"a",
    b"1",
    b".",
    b"\n",
    b"groups",
    b"[[callbacks]]\n",
    b"\xff",
]
_FILES = (
    st.binary(max_size=60)
    | _ANY.map(lambda value: json.dumps(value).encode())
    | st.lists(st.sampled_from(_TOKENS), max_size=30).map(b"".join)
)


@pytest.mark.parametrize("load", [load_alarm, load_groups])
@pytest.mark.parametrize("suffix", [".json", ".toml"])
@settings(deadline=None, max_examples=_EXAMPLES)
@given(content=_FILES)
@example(content=b"[" * 100_000)
@example(content=b"a=" + b"[" * 100_000)
@example(content=b"a" + b".a" * 20_000 + b"=1")
@example(content=b'{"a":' * 50_000)
@example(content=b"1" * 10_000)
@example(content=b"a=" + b"1" * 10_000)
@example(content=b"a=0001-01-01T00:00:00+23:59")
def test_any_file(directory, load, suffix, content):
    """Of whatever bytes."""
    path = directory / f"any{suffix}"
    path.write_bytes(content)

    is_told(load, path)

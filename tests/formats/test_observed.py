"""The observed dialect of each format, against bodies written by hand from what real senders put."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import attrs
import pytest

from alarm_dispatch.formats import aliyun, blueking, tencent, tencent_legacy
from alarm_dispatch.model import Alarm, MetricCondition, Policy, Target
from tests.formats.alarms import EVENT_ALARM, METRIC_ALARM, STARTED, resolved
from tests.formats.samples import WIRE, body, context, exact, sample

_URL = "https://ops.example.com/hook?token=old&token=x+y&blank=&type=forged#part"

_JSON_CASES: list[tuple[str, Callable[..., Any], dict[str, Any], Alarm, dict[str, Any]]] = [
    ("tencent/metric-firing", tencent.Format, {}, METRIC_ALARM, {}),
    ("tencent/metric-resolved", tencent.Format, {}, resolved(METRIC_ALARM), {}),
    ("tencent/event", tencent.Format, {}, EVENT_ALARM, {}),
    ("tencent-legacy/metric-firing", tencent_legacy.Format, {}, METRIC_ALARM, {}),
    ("tencent-legacy/metric-resolved", tencent_legacy.Format, {}, resolved(METRIC_ALARM), {}),
    ("blueking/anomaly", blueking.Format, {"level_names": blueking.CHINESE_LEVEL_NAMES}, METRIC_ALARM, {}),
    (
        "blueking/anomaly-with-query",
        blueking.Format,
        {"level_names": {"fatal": "致命"}},
        METRIC_ALARM,
        {"url": _URL},
    ),
    (
        "blueking/recovery",
        blueking.Format,
        {"level_names": blueking.CHINESE_LEVEL_NAMES},
        resolved(METRIC_ALARM),
        {"url": "https://ops.example.com/hook?"},
    ),
]


@pytest.mark.parametrize(
    ("path", "make", "options", "alarm", "delivery"), _JSON_CASES, ids=[case[0] for case in _JSON_CASES]
)
def test_an_observed_json_body_is_built_exactly(
    path: str, make: Callable[..., Any], options: dict[str, Any], alarm: Alarm, delivery: dict[str, Any]
) -> None:
    """The observed body equals the hand-written one in keys, order, types and values."""
    built = make(dialect="observed", **options).build(alarm, context("session-1", **delivery))

    assert exact(body(built)) == exact(sample(f"observed/{path}.json"))


_NOTHING_KNOWN = Alarm(
    id="a",
    policy=Policy(id=1, name="p"),
    condition=MetricCondition(metric="usage"),
    target=Target(),
    started_at=STARTED,
    state="no_data",
)


@pytest.mark.parametrize(
    ("path", "alarm"),
    [
        ("alert", METRIC_ALARM),
        ("recovery", resolved(METRIC_ALARM)),
        ("nothing-known", _NOTHING_KNOWN),
    ],
)
def test_an_observed_form_is_built_byte_for_byte(path: str, alarm: Alarm) -> None:
    """The observed form always has its 23 parameters, ``null`` for what is not known."""
    built = aliyun.Format(dialect="observed").build(alarm, context())

    assert built.content == (WIRE / f"observed/aliyun/{path}.form").read_bytes()
    assert built.content.count(b"&") == 22


def test_the_arguments_of_the_url_are_not_lost_in_parsing() -> None:
    """Keys beside the format's own are kept in ``extra`` and written back where they were."""
    made = blueking.Format(dialect="observed")
    content = (WIRE / "observed/blueking/anomaly-with-query.json").read_bytes()

    parsed = made.parse(content, "application/json")

    assert parsed.webhook_url_params == {"token": "x y", "blank": "", "type": "forged"}
    assert parsed.extra == {"token": "x y", "blank": ""}
    assert parsed.type == "ANOMALY_NOTICE"


def test_an_argument_may_be_named_extra() -> None:
    """The name of the wire class's own mapping is no reserved word in a URL."""
    made = blueking.Format(dialect="observed")

    built = made.build(METRIC_ALARM, context(url="https://ops.example.com/?extra=1&webhook_url_params=2"))

    assert list(body(built))[:2] == ["webhook_url_params", "extra"]
    assert body(built)["webhook_url_params"] == {"extra": "1", "webhook_url_params": "2"}
    assert made.parse(built.content, built.content_type).extra == {"extra": "1"}


def test_an_argument_fakes_no_key_that_this_notice_leaves_out() -> None:
    """A key that is the format's own stays its own, even where the alarm has no value for it."""
    alarm = attrs.evolve(METRIC_ALARM, description=None)

    built = blueking.Format(dialect="observed").build(alarm, context(url="https://x/?description=forged"))

    assert "description" not in body(built)
    assert body(built)["webhook_url_params"] == {"description": "forged"}


def test_the_documented_dialect_copies_no_argument() -> None:
    """The document shows no query arguments in the body, so there are none."""
    built = blueking.Format().build(METRIC_ALARM, context(url=_URL))

    assert next(iter(body(built))) == "bk_biz_id"

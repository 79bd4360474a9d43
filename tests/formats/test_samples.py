"""Every documented sample is built from its example alarm, key for key and byte for byte."""

from __future__ import annotations

import json
import re
from typing import Any
from urllib.parse import urlencode

import pytest

from alarm_dispatch import formats
from alarm_dispatch.formats import aliyun
from alarm_dispatch.model import Alarm
from tests.formats.alarms import EVENT_ALARM, METRIC_ALARM
from tests.formats.samples import ALARMS, WIRE, body, context, exact, sample, sample_alarm

_WHOLE = [
    ("blueking", "blueking-anomaly", "blueking/anomaly.json"),
    ("tencent", "tencent-metric.en", "tencent/metric.en.json"),
    ("tencent", "tencent-metric.zh", "tencent/metric.zh.json"),
    ("tencent", "tencent-event.en", "tencent/event.en.json"),
    ("tencent", "tencent-event.zh", "tencent/event.zh.json"),
    ("tencent_legacy", "tencent-legacy-metric", "tencent-legacy/metric.json"),
]

_CASES = [
    (kind, language, index)
    for kind, count in (("metric", 20), ("event", 7))
    for language in ("en", "zh")
    for index in range(count)
]


@pytest.mark.parametrize(("name", "alarm", "path"), _WHOLE)
def test_a_documented_sample_is_built_exactly(name: str, alarm: str, path: str) -> None:
    """The body equals the vendor's sample in keys, order, types and values."""
    wanted = sample(path)

    built = formats.get(name).build(sample_alarm(alarm), context(wanted.get("sessionId", "x")))

    assert exact(body(built)) == exact(wanted)
    assert built.content_type == "application/json"


@pytest.mark.parametrize(("name", "alarm", "path"), _WHOLE)
def test_a_documented_sample_is_parsed_whole(name: str, alarm: str, path: str) -> None:
    """A sample parses to the same wire object as the body that is built for it."""
    made = formats.get(name)
    wanted = sample(path)
    built = made.build(sample_alarm(alarm), context(wanted.get("sessionId", "x")))

    parsed = made.parse((WIRE / path).read_bytes(), "application/json")

    assert parsed == made.parse(built.content, built.content_type)


def key_paths(value: Any, path: str = "") -> set[str]:
    """The paths of all keys that are the format's own, not those of dimensions and data values."""
    if isinstance(value, list):
        return {deeper for item in value for deeper in key_paths(item, f"{path}[]")}
    if not isinstance(value, dict) or path.endswith((".dimensions", ".values")):
        return {path}
    if path.endswith(".anomaly"):
        return {deeper for item in value.values() for deeper in key_paths(item, f"{path}.*")}
    return {path} | {deeper for key, item in value.items() for deeper in key_paths(item, f"{path}.{key}")}


@pytest.mark.parametrize(
    ("name", "alarm", "path"),
    [
        ("blueking", METRIC_ALARM, "blueking/anomaly.json"),
        ("tencent", METRIC_ALARM, "tencent/metric.en.json"),
        ("tencent", EVENT_ALARM, "tencent/event.en.json"),
        ("tencent_legacy", METRIC_ALARM, "tencent-legacy/metric.json"),
    ],
    ids=["blueking", "tencent metric", "tencent event", "tencent_legacy"],
)
def test_the_documented_dialect_has_no_key_that_the_document_lacks(
    name: str, alarm: Alarm, path: str
) -> None:
    """An alarm with every field set has the sample's keys and no more."""
    built = formats.get(name).build(alarm, context())

    assert key_paths(body(built)) == key_paths(sample(path))


@pytest.mark.parametrize(("kind", "language", "index"), _CASES)
def test_the_dimensions_of_every_product_are_built_exactly(kind: str, language: str, index: int) -> None:
    """The example alarm of each product has the dimensions that the document shows for it."""
    case = sample(f"tencent/{kind}-dimensions.{language}.json")[index]
    english = sample(f"tencent/{kind}-dimensions.en.json")[index]["product"]
    slug = re.sub(r"[^a-z0-9]+", "-", english.lower()).strip("-")
    wanted = sample(f"tencent/{kind}.{language}.json")
    wanted["alarmObjInfo"]["dimensions"] = case["dimensions"]

    alarm = sample_alarm(f"tencent-{kind}-dimensions.{language}-{index + 1:02d}-{slug}")
    built = formats.get("tencent").build(alarm, context(wanted["sessionId"]))

    assert exact(body(built)) == exact(wanted)


def test_the_alibaba_sample_is_built_byte_for_byte() -> None:
    """With a signer that gives the sample's signature the form equals the sample's encoding."""
    seen: list[tuple[tuple[str, str], ...]] = []

    def signer(parameters: tuple[tuple[str, str], ...]) -> str:
        seen.append(parameters)
        return "eEq1zHuCUp0XSmLD8p8VtTKF****"

    built = aliyun.Format(signer=signer).build(sample_alarm("aliyun-threshold"), context())

    pairs = [tuple(pair) for pair in sample("aliyun/threshold.json")]
    assert built.content == (WIRE / "aliyun/threshold.form").read_bytes()
    assert built.content == urlencode(pairs).encode()
    assert seen == [tuple(pair for pair in pairs if pair[0] != "signature")]
    assert built.content_type == "application/x-www-form-urlencoded; charset=UTF-8"


def test_every_example_alarm_is_a_sample_of_some_format() -> None:
    """No example file is left over that the tests above do not build."""
    whole = {alarm for _, alarm, _ in _WHOLE} | {"aliyun-threshold"}

    files = {path.stem for path in ALARMS.glob("*.json")}

    cases = {name for name in files if "-dimensions." in name}
    assert files - cases == whole
    assert len(cases) == len(_CASES)
    assert all(json.loads((ALARMS / f"{name}.json").read_text(encoding="utf-8")) for name in files)

"""The typed dimensions: mappings with the vendor's exact keys, one class for each product."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import attrs
import pytest

from alarm_dispatch.errors import InvalidFieldError
from alarm_dispatch.formats import tencent
from alarm_dispatch.model import Target
from tests.formats.alarms import EVENT_ALARM, METRIC_ALARM, changed
from tests.formats.samples import context, exact, sample

_REGISTRIES = {"metric": tencent.METRIC_DIMENSIONS, "event": tencent.EVENT_DIMENSIONS}

_CASES = [
    pytest.param(kind, shape, case["product"], case["dimensions"], id=f"{kind}-{language}-{index}")
    for kind, shapes in _REGISTRIES.items()
    for language in ("en", "zh")
    for index, (shape, case) in enumerate(
        zip(shapes, sample(f"tencent/{kind}-dimensions.{language}.json"), strict=True)
    )
]

every_case = pytest.mark.parametrize(("kind", "shape", "product", "dimensions"), _CASES)


@every_case
def test_each_class_is_its_products_sample(kind: str, shape: Any, product: str, dimensions: Any) -> None:
    """A sample becomes an object of its class, whose content is the sample again, in its order."""
    typed = shape.from_mapping(dimensions)

    assert exact(Target(dimensions=typed).dimensions.thaw()) == exact(dimensions)
    assert product in {shape.product, shape.product_zh}
    assert typed == Target(dimensions=dimensions).dimensions


@every_case
def test_a_typed_alarm_is_sent_like_a_plain_one(kind: str, shape: Any, product: str, dimensions: Any) -> None:
    """The format does not see whether the dimensions were typed."""
    alarm = METRIC_ALARM if kind == "metric" else EVENT_ALARM

    plain = tencent.Format().build(changed(alarm, "target.dimensions", dimensions), context())
    typed = tencent.Format().build(
        changed(alarm, "target.dimensions", shape.from_mapping(dimensions)), context()
    )

    assert typed == plain


@every_case
def test_a_missing_and_an_unknown_key_are_named(kind: str, shape: Any, product: str, dimensions: Any) -> None:
    """The error names the class, what it lacks and what it does not know."""
    nested = {f"objDetail.{key}" for key in dimensions.get("objDetail", {})}
    required = (set(dimensions) | nested) - {"objDetail", "objId", "objName"}

    with pytest.raises(InvalidFieldError) as caught:
        shape.from_mapping({"colour": "red", "objDetail": {"shape": "round"}})

    assert caught.value.field == shape.__name__
    told = caught.value.problem
    assert all(key in told.partition("; ")[0] for key in required)
    assert told.endswith("unknown keys: colour, objDetail.shape")


def test_the_documents_list_20_and_7_products() -> None:
    """Two metric products are listed twice each, so 18 classes cover 20 entries."""
    assert (len(tencent.METRIC_DIMENSIONS), len(set(tencent.METRIC_DIMENSIONS))) == (20, 18)
    assert (len(tencent.EVENT_DIMENSIONS), len(set(tencent.EVENT_DIMENSIONS))) == (7, 7)


def test_the_object_of_a_metric_alarm_may_be_unnamed() -> None:
    """The metric sample has no ``objName``; such a key is left out, not null."""
    typed = tencent.CvmDimensions(un_instance_id="ins-o9p3rg3m", obj_id="xxxxxxxxxxxx")

    assert dict(typed) == sample("tencent/metric.en.json")["alarmObjInfo"]["dimensions"]
    assert len(typed) == 2
    assert typed["objId"] == "xxxxxxxxxxxx"
    assert "objName" not in typed


def test_ports_and_numeric_ids_take_both_kinds_of_the_samples() -> None:
    """The samples show 443 and "" for a port."""
    number = tencent.ClbPublicListenerDimensions(protocol="https", vip="10.0.0.1", vport=443)
    text = tencent.ClbPublicListenerDimensions(protocol="https", vip="10.0.0.1", vport="443")

    assert (number["vport"], text["vport"]) == (443, "443")


@pytest.mark.parametrize(
    ("make", "told"),
    [
        (lambda: tencent.CvmDimensions(un_instance_id=5), "CvmDimensions.un_instance_id (unInstanceId)"),
        (lambda: tencent.CvmDimensions(un_instance_id=None), "CvmDimensions.un_instance_id (unInstanceId)"),
        (
            lambda: tencent.CvmDimensions(un_instance_id="i", obj_id=5),
            "CvmDimensions.obj_id (objId)",
        ),
        (
            lambda: tencent.VpnGatewayDimensions(app_id=1.5, vip=""),
            "VpnGatewayDimensions.app_id (appid)",
        ),
        (
            lambda: tencent.VpnGatewayDimensions(app_id=True, vip=""),
            "VpnGatewayDimensions.app_id (appid)",
        ),
        (lambda: tencent.CvmDimensions.from_mapping({"unInstanceId": 5}), "un_instance_id (unInstanceId)"),
        (lambda: tencent.CvmDimensions.from_mapping([]), "CvmDimensions"),
        (lambda: tencent.CvmDimensions.from_mapping({"objId": "i"}), "CvmDimensions"),
        (
            lambda: tencent.CvmDimensions.from_mapping({"unInstanceId": "i", "colour": "red"}),
            "CvmDimensions",
        ),
        (
            lambda: tencent.ClbVipBlockingEventDimensions.from_mapping(
                {"unInstanceId": "clb", "objDetail.vip": "10.0.0.1"}
            ),
            "ClbVipBlockingEventDimensions",
        ),
    ],
)
def test_a_value_of_the_wrong_kind_is_named(make: Any, told: str) -> None:
    """The error names the attribute and the vendor's key."""
    with pytest.raises(InvalidFieldError) as caught:
        make()

    assert caught.value.field.endswith(told)


def test_typed_dimensions_are_frozen_values() -> None:
    """They compare by content, can be hashed, copied and pickled, and not be changed."""
    typed = tencent.ClbVipBlockingEventDimensions(un_instance_id="clb-test", vip="127.0.0.1")
    plain = {"unInstanceId": "clb-test", "objDetail": {"vip": "127.0.0.1"}}

    assert typed == plain == copy.deepcopy(typed) == pickle.loads(pickle.dumps(typed))
    assert hash(typed) == hash(Target(dimensions=plain).dimensions)
    assert typed != {}
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        typed.vip = "10.0.0.1"  # type: ignore[misc]

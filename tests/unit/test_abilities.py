"""What a format may be able to do beyond the least, asked of formats that can and that cannot."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import attrs
import pytest

from alarm_dispatch.errors import InvalidFieldError
from alarm_dispatch.exchange import Request
from alarm_dispatch.formats import About, Bundle, BundlingFormat, FinishingFormat, Payload
from alarm_dispatch.formats.abilities import (
    about_of,
    bundles_of,
    can_bundle,
    finisher_of,
    limits_of,
    messages_of,
    rate_of,
    secrets_of,
)
from alarm_dispatch.limits import Rate
from alarm_dispatch.model import Alarm
from tests.formats.alarms import METRIC_ALARM
from tests.formats.samples import context
from tests.unit.test_formats import _RULES, PlainFormat

PLAIN = PlainFormat(_RULES)


def payload(text: str = "x") -> Payload:
    """A message."""
    return Payload(content=text.encode(), content_type="text/plain")


class Able(PlainFormat):
    """A format that can do all, and answers these bundles."""

    rate = Rate(3, 2)
    secrets = ("s3cret",)
    limits = ("3 bytes",)
    about = About(needs=["answer"], extra="able[more]", limits=["3 bytes"])

    def __init__(self, *answer: Any) -> None:
        super().__init__(_RULES)
        self.answer = answer
        self.asked: list[Sequence[Alarm]] = []

    def bundles(self, alarms: Sequence[Alarm], _context: Any) -> Any:
        self.asked.append(alarms)
        return list(self.answer)

    def finish(self, request: Request) -> Request:
        return attrs.evolve(request, url=f"{request.url}?x")


def test_a_plain_format_has_none_of_them() -> None:
    """Each has a neutral answer."""
    assert not can_bundle(PLAIN)
    assert not isinstance(PLAIN, BundlingFormat | FinishingFormat)
    assert finisher_of(PLAIN) is None
    assert rate_of(PLAIN) is None
    assert secrets_of(PLAIN) == ()
    assert limits_of(PLAIN) == ()
    assert about_of(PLAIN) == about_of(PlainFormat) == About()


def test_an_able_format_has_all_of_them() -> None:
    """They are found by their names."""
    able = Able()
    finish = finisher_of(able)

    assert can_bundle(able)
    assert isinstance(able, BundlingFormat)
    assert isinstance(able, FinishingFormat)
    assert finish is not None
    assert finish(Request(url="https://h/", content=b"")).url == "https://h/?x"
    assert about_of(able) is about_of(Able) is Able.about
    assert (rate_of(able), secrets_of(able), limits_of(able)) == (Rate(3, 2), ("s3cret",), ("3 bytes",))


def test_a_plain_format_has_a_message_for_each_alarm() -> None:
    """In a bundle of its own."""
    built = PLAIN.build(METRIC_ALARM, context())

    assert messages_of(PLAIN, METRIC_ALARM, context()) == (built,)
    assert bundles_of(PLAIN, [METRIC_ALARM] * 2, context()) == (
        Bundle(alarms=(0,), messages=(built,)),
        Bundle(alarms=(1,), messages=(built,)),
    )


def test_a_bundling_format_is_asked_for_bundles_only() -> None:
    """One alarm is asked for alone, and may take several messages."""
    several = Able(Bundle(alarms=[0], messages=[payload("a"), payload("b")]))
    together = Able(Bundle(alarms=[1, 0], messages=[payload()]), Bundle(alarms=[2], messages=[payload()]))

    assert messages_of(several, METRIC_ALARM, context()) == (payload("a"), payload("b"))
    assert several.asked == [(METRIC_ALARM,)]
    assert bundles_of(together, [METRIC_ALARM] * 3, context()) == together.answer


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        ([payload()], "answered bundles with something that is no Bundle"),
        ([], "has an alarm in none of its bundles, or in two"),
        ([Bundle(alarms=[0], messages=[payload()])], "in none of its bundles"),
        ([Bundle(alarms=[0, 1, 1], messages=[payload()])], "or in two"),
        ([Bundle(alarms=[0, 2], messages=[payload()])], "in none of its bundles"),
    ],
)
def test_an_alarm_that_would_not_be_told_is_an_error(answer: list[Any], told: str) -> None:
    """Or one that would be told twice; the error names the format."""
    with pytest.raises(InvalidFieldError, match=rf"format plain: .*{told}"):
        bundles_of(Able(*answer), [METRIC_ALARM] * 2, context())


@pytest.mark.parametrize(
    ("alarms", "messages", "told"),
    [
        ([], [payload()], "needs at least one alarm and one message"),
        ([0], [], "needs at least one alarm and one message"),
        ([0, 1], [payload(), payload()], "several alarms share one message"),
    ],
)
def test_what_is_no_bundle(alarms: list[int], messages: list[Payload], told: str) -> None:
    """Of several alarms and several messages nobody could say which was told."""
    with pytest.raises(InvalidFieldError, match=told):
        Bundle(alarms=alarms, messages=messages)


def test_a_bundle_is_a_frozen_value() -> None:
    """Whatever it was made of."""
    made = Bundle(alarms=iter([0]), messages=iter([payload()]))

    assert made == Bundle(alarms=(0,), messages=(payload(),))
    assert hash(made)


@pytest.mark.parametrize(
    ("module", "installed"),
    [("", True), ("json", True), ("json.decoder", True), ("no_such_package", False), ("no_such.part", False)],
)
def test_an_extra_is_there_when_its_module_is(module: str, installed: bool) -> None:
    """A format that takes none has all that it needs."""
    assert About(extra="pagers[keyed]", module=module).installed is installed


@pytest.mark.parametrize("member", ["needs", "limits"])
def test_a_text_is_no_list_of_texts(member: str) -> None:
    """Its letters would be told one by one."""
    with pytest.raises(InvalidFieldError, match="About: takes a list of texts, not the text 'team'"):
        About(**{member: "team"})  # type: ignore[arg-type]

"""How a format is found, and what a format is."""

from __future__ import annotations

import os
import subprocess
import sys
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

import pytest

from alarm_dispatch import RetrySchedule, formats
from alarm_dispatch.confirmation import status_is
from alarm_dispatch.errors import InvalidFieldError, UnknownFormatError
from alarm_dispatch.formats import BuildContext, Dialect, Payload, Verification
from alarm_dispatch.formats import registry as registry_module
from alarm_dispatch.formats.base import DeliveryRules, Format, as_dialect
from tests.formats.open_formats import OPEN_FORMATS
from tests.paths import ROOT
from tests.unit.made import NOW, PlainFormat, reply

_RULES = DeliveryRules(timeout=1.0, schedule=RetrySchedule(), confirmation=status_is(200))
OWN = PlainFormat(_RULES)


def make_own(*, colour: str = "red") -> PlainFormat:
    """What another package's entry point names."""
    return PlainFormat(_RULES)


def make_needy(colour: str) -> PlainFormat:
    """A format that cannot do without an option."""
    return PlainFormat(_RULES)


def make_nothing() -> None:
    """An entry point that is not of a format."""


@pytest.fixture
def _registered(monkeypatch: pytest.MonkeyPatch) -> None:
    """Some entry points of another package."""
    points = {
        name: EntryPoint(name, f"{__name__}:{target}", registry_module.ENTRY_POINT_GROUP)
        for name, target in {
            "own": "make_own",
            "needy": "make_needy",
            "nothing": "make_nothing",
            "kind": "PlainFormat",
            "absent": "absent",
        }.items()
    }
    monkeypatch.setattr(registry_module, "_registered", lambda: points)


def test_the_formats_are_registered() -> None:
    """Their names are sorted, and each has the name it is registered under."""
    vendors = {"aliyun", "blueking", "tencent", "tencent_legacy"}
    robots = {"apprise", "dingtalk", "feishu", "wecom"}
    assert vendors | robots | set(OPEN_FORMATS) <= set(formats.names())
    assert list(formats.names()) == sorted(formats.names())
    for name in formats.names():
        made = formats.get(name, **OPEN_FORMATS.get(name, {}))
        assert made.name == name
        assert isinstance(made, Format)


def test_options_make_another_format() -> None:
    """They are the keywords of the format's class."""
    made = formats.get("tencent", dialect="observed")

    assert made != formats.get("tencent")
    assert made == formats.get("tencent", dialect=Dialect.OBSERVED)


@pytest.mark.parametrize("name", ["", "Tencent", "tencent ", "\ud800"])
def test_an_unknown_name_is_told_with_the_known_ones(name: str) -> None:
    """Names are exact."""
    with pytest.raises(UnknownFormatError) as caught:
        formats.get(name)

    assert caught.value.known == formats.names()
    assert str(caught.value).endswith(f"known are: {', '.join(formats.names())}")


@pytest.mark.parametrize(
    ("name", "options", "field", "problem"),
    [
        ("tencent", {"color": 1, "size": 2}, "Format.color", "unknown option; allowed are: dialect"),
        ("tencent", {"dialect": "x"}, "Format.dialect", "is 'x'; allowed are: documented, observed"),
        ("pagerduty", {}, "Format.routing_key", "is missing; the format pagerduty needs it"),
        ("tencent", {"dialect": 5}, "Format.dialect", "must be text, not int; allowed are: documented, obs"),
    ],
)
def test_wrong_options(name: str, options: dict[str, Any], field: str, problem: str) -> None:
    """The error names the options, or the one whose value is wrong."""
    with pytest.raises(InvalidFieldError) as caught:
        formats.get(name, **options)

    assert caught.value.field == field
    assert caught.value.problem.startswith(problem)


@pytest.mark.usefixtures("_registered")
def test_a_format_of_another_package_is_found() -> None:
    """By its entry point, with its options."""
    assert formats.names() == ("absent", "kind", "needy", "nothing", "own")
    assert isinstance(formats.get("own", colour="blue"), PlainFormat)
    assert isinstance(formats.get("kind", rules=_RULES), PlainFormat)
    assert isinstance(formats.resolve("own"), PlainFormat)


@pytest.mark.usefixtures("_registered")
@pytest.mark.parametrize(
    ("name", "problem"),
    [
        ("nothing", "must be a format or its name, not NoneType"),
        ("needy", "cannot be made with no options: make_needy() missing 1 required"),
    ],
)
def test_another_packages_mistake_is_told_with_the_formats_name(name: str, problem: str) -> None:
    """What is made must be a format."""
    with pytest.raises(InvalidFieldError) as caught:
        formats.get(name)

    assert caught.value.field == f"format {name}"
    assert caught.value.problem.startswith(problem)


@pytest.mark.usefixtures("_registered")
def test_a_broken_entry_point_says_so() -> None:
    """The error names the format, and Python's own what the module lacks."""
    with pytest.raises(InvalidFieldError, match=r"format absent: cannot be loaded: .*absent"):
        formats.get("absent")


def test_an_installed_package_brings_its_format(tmp_path: Path) -> None:
    """A distribution with an entry point is enough, nothing is configured."""
    (tmp_path / "pager.py").write_text(
        "from tests.unit.test_formats import PlainFormat, _RULES\n"
        "def Format():\n    return PlainFormat(_RULES)\n"
    )
    info = tmp_path / "pager-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: pager\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[alarm_dispatch.formats]\npager = pager:Format\n")
    program = (
        "from alarm_dispatch import Callback, formats\n"
        "print(*formats.names())\n"
        "print(Callback('https://h/', format='pager').name)\n"
    )

    done = subprocess.run(
        [sys.executable, "-c", program],
        env={**os.environ, "PYTHONPATH": os.pathsep.join((str(tmp_path), str(ROOT)))},
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.stderr == ""
    assert done.stdout.split("\n") == [
        " ".join(sorted([*formats.names(), "pager"])),
        "plain https://h/",
        "",
    ]


def test_a_format_stays_itself() -> None:
    """Resolving a value changes nothing."""
    assert formats.resolve(OWN) is OWN


@pytest.mark.parametrize("value", [None, 5, object(), formats, type(OWN), type(formats.get("blueking"))])
def test_what_is_no_format(value: Any) -> None:
    """A class is none either, though it has the same attributes."""
    with pytest.raises(InvalidFieldError, match=r"^format: (must be a format or its name|is the class)"):
        formats.resolve(value)


@pytest.mark.parametrize("value", ["observed", Dialect.OBSERVED])
def test_a_dialect_is_a_word(value: str) -> None:
    """Its text stands for it."""
    assert as_dialect(value) is Dialect.OBSERVED


def test_a_context_has_an_aware_time() -> None:
    """A format may reckon with it."""
    assert BuildContext(session_id="x", now=NOW).url == ""
    with pytest.raises(InvalidFieldError, match=r"BuildContext\.now: must be an aware datetime"):
        BuildContext(session_id="x", now=NOW.replace(tzinfo=None))


def test_a_verification_is_one_post_of_five_seconds() -> None:
    """Unless the format says otherwise, status 200 confirms."""
    made = Verification(payload=Payload(content=b"", content_type="text/plain"))

    assert (made.method, made.timeout) == ("POST", 5.0)
    assert made.confirmation(reply(200)).verdict == "confirmed"
    assert made.confirmation(reply(204)).verdict == "unconfirmed"

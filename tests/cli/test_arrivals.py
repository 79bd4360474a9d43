"""How a request is told: bodies of every kind, targets, headers, formats."""

import json
from datetime import UTC, datetime

import pytest

from alarm_dispatch import formats
from alarm_dispatch.cli.arrivals import Arrival, _as_json, installed_formats
from alarm_dispatch.receiver import ReceivedRequest, as_step
from tests.paths import WIRE

FORM = "application/x-www-form-urlencoded; charset=UTF-8"


def arrival(content=b"", content_type="application/json", *, target="/", known=(), headers=(), verifier=None):
    """A request that arrived at noon."""
    return Arrival(
        request=ReceivedRequest(
            number=3,
            method="POST",
            target=target,
            headers=(("Host", "h"), ("Content-Type", content_type), *headers),
            content=content,
            at=0.0,
            received_at=datetime(2026, 1, 1, 12, tzinfo=UTC),
        ),
        step=as_step("500"),
        formats=known,
        verifier=verifier,
    )


def text_of(arrived):
    """The lines as plain text."""
    return ["".join(part if isinstance(part, str) else part[0] for part in line) for line in arrived.lines()]


BODIES = {
    "nothing": (b"", "application/json", ["   (no body)"]),
    "JSON": (
        '{"a":["云"]}'.encode(),
        "application/json",
        ["   {", '     "a": [', '       "云"', "     ]", "   }"],
    ),
    "a JSON text": (b'"a"', "application/json", ["   a"]),
    "a form": (b"b=1+2&a=%7B%22x%22%3A1%7D&c=x%0Ay", FORM, ["   b = 1 2", '   a = {"x": 1}', "   c = x\\ny"]),
    "a form with NaN": (b"a=[NaN]", FORM, ["   a = [nan]"]),
    "JSON with NaN": (b'{"a": NaN}', "application/json", ['   {"a": NaN}']),
    "no form": (b"a", FORM, ["   a"]),
    "lines of text": (b"a\nb", "text/plain", ["   a", "   b"]),
    "long text": (b"x" * 20_001, "text/plain", ["   " + "x" * 20_000, "   … and 1 characters more"]),
}


@pytest.mark.parametrize("kind", BODIES)
def test_bodies(kind):
    """Each kind of body is shown readably, on indented lines only."""
    content, content_type, expected = BODIES[kind]

    lines = text_of(arrival(content, content_type))

    assert lines[0].endswith(" POST /  answer: 500")
    assert lines[1:3] == [
        f"   Content-Type: {content_type}",
        "   format: not known; those that need options are not tried",
    ]
    assert lines[3:-1] == expected
    assert lines[-1] == ""


@pytest.mark.parametrize("kind", BODIES)
def test_bodies_for_programs(kind):
    """The document is always valid JSON, with the body as text where it is no JSON value."""
    content, content_type, _ = BODIES[kind]

    document = arrival(content, content_type).document()

    assert json.loads(json.dumps(document, allow_nan=False)) == document


def test_a_body_too_deep_to_write():
    """What can be read but is nested too deeply to be written is no JSON for us."""
    nested = []
    for _ in range(100_000):
        nested = [nested]

    assert _as_json(nested) is None


@pytest.mark.parametrize(
    ("target", "shown"),
    [("/a/b?k=v", "/a/b?k=***"), ("http://u:p@h/a?k=v", "http://h/a?k=***")],
)
def test_targets(target, shown):
    """A target in any form is shown without what may be a secret."""
    assert arrival(target=target).target == shown


def test_headers():
    """Dull headers are left out, and only harmless values are shown."""
    arrived = arrival(headers=[("X-Token", "s"), ("User-Agent", "a/1"), ("ce-id", "e1")])

    assert arrived.headers == (
        ("Content-Type", "application/json"),
        ("X-Token", "***"),
        ("User-Agent", "a/1"),
        ("ce-id", "e1"),
    )


@pytest.mark.parametrize(
    ("name", "sample"),
    [
        ("aliyun", "aliyun/threshold.form"),
        ("blueking", "blueking/anomaly.json"),
        ("tencent", "tencent/metric.en.json"),
        ("tencent", "tencent/event.en.json"),
        ("tencent_legacy", "tencent-legacy/metric.json"),
    ],
)
def test_the_format_of_a_body(name, sample):
    """A documented body is known as that of its own format only, though another may read it too."""
    content_type = FORM if name == "aliyun" else "application/json"

    arrived = arrival((WIRE / sample).read_bytes().strip(), content_type, known=installed_formats())

    assert arrived.format_names == (name,)


def test_formats_that_read_the_same():
    """Where two formats read as much of a body, both are told."""

    class Known:
        def __init__(self, name, parsed):
            self.name, self.parsed = name, parsed

        def parse(self, content, content_type):
            return self.parsed

    known = [Known("a", {"x": [1, None]}), Known("b", ("y",)), Known("c", None)]

    assert arrival(b"{}", known=known).format_names == ("a", "b")


def test_formats_that_fail_are_passed_over(monkeypatch):
    """Neither a format that cannot be loaded nor one whose parser breaks keeps a request from being shown."""

    class Broken:
        name = "broken"

        def parse(self, content, content_type):
            raise RuntimeError("a defect")

    monkeypatch.setattr(formats, "names", lambda: ("tencent", "missing"))

    known = installed_formats()

    assert [one.name for one in known] == ["tencent"]
    assert arrival(b"{}", known=[*known, Broken()]).format_names == ()

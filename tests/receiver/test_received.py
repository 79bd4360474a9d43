"""What a received request tells of itself."""

from datetime import UTC, datetime
from urllib.parse import urlencode

import pytest

from alarm_dispatch.receiver import ReceivedRequest

FORM = "application/x-www-form-urlencoded; charset=UTF-8"


def received(content=b"", content_type="application/json", target="/alarms?key=topsecret"):
    return ReceivedRequest(
        number=1,
        method="POST",
        target=target,
        headers=(("Content-Type", content_type), ("X-Token", "topsecret")) if content_type else (),
        content=content,
        at=1.5,
        received_at=datetime(2026, 1, 1, tzinfo=UTC),
    )


@pytest.mark.parametrize(
    ("content", "content_type", "decoded"),
    [
        (rb'{"name": "\u78c1\u76d8", "n": 1}', "application/json", {"name": "磁盘", "n": 1}),
        (b'{"a": 1}', "text/plain", {"a": 1}),
        (b"a=%E7%A3%81+%E7%9B%98&b=&a=2", FORM, {"a": "2", "b": ""}),
        (
            urlencode({"d": '{"i": 1}', "l": "[1]", "x": "{no}"}).encode(),
            FORM,
            {"d": {"i": 1}, "l": [1], "x": "{no}"},
        ),
        (b"", FORM, {}),
        (b"no form", FORM, "no form"),
        (b"a=%ff", FORM, "a=%ff"),
        (b"hello", "text/plain", "hello"),
        (b"\xff!", "text/plain", "\N{REPLACEMENT CHARACTER}!"),
        (b"", "application/json", ""),
    ],
)
def test_a_body_is_decoded_for_people(content, content_type, decoded):
    """JSON shows its value, a form its fields, and anything else its text."""
    assert received(content, content_type).decoded() == decoded


def test_a_body_without_a_type_may_be_json():
    """What the sender forgot to declare is still shown as what it is."""
    assert received(b"[1]", content_type="").decoded() == [1]


def test_wrong_bodies_raise():
    """Asking for JSON or a form where there is none is an error, not a guess."""
    with pytest.raises(ValueError, match="Expecting value"):
        received(b"a=1").json()
    with pytest.raises(ValueError, match="bad query field"):
        received(b"hello", FORM).form()


def test_headers_are_found_in_any_case():
    """A header's name has no case."""
    assert received().header("content-TYPE") == "application/json"
    assert received().header("Accept") is None


@pytest.mark.parametrize(
    "target", ["/alarms?key=topsecret", "http://user:topsecret@host/alarms?key=topsecret"]
)
def test_the_repr_shows_no_secret(target):
    """Query values, header values and bodies stay out of logs and assertion messages."""
    shown = repr(received(b"topsecret", target=target))

    assert "topsecret" not in shown
    assert "/alarms?key=***" in shown
    assert "<9 bytes>" in shown


def test_the_path_is_the_target_without_the_query():
    """Scripts are chosen by the path."""
    assert received().path == "/alarms"

"""Which reply a step gives."""

import json

import pytest

from alarm_dispatch.receiver import as_step
from alarm_dispatch.receiver.answers import reason_phrase, reply_to, wire_form


@pytest.mark.parametrize(
    ("content", "answer"),
    [
        (b'{"sessionId": "abc"}', {"sessionId": "abc", "retCode": 0}),
        (b'{"sessionId": 7, "more": {}}', {"sessionId": 7, "retCode": 0}),
        (b'{"session": "abc"}', {}),
        (b"[1]", {}),
        (b"a=1&b=2", {}),
        (b"[" * 100_000, {}),
        (b"\xff", {}),
        (b"", {}),
    ],
)
def test_confirm_echoes_the_session(content, answer):
    """The confirming reply carries the session id that came, and nothing where none came."""
    reply = reply_to(as_step("confirm"), content=content, target="/")

    assert reply.status_code == 200
    assert json.loads(reply.content) == answer
    assert reply.header("content-type") == "application/json"


@pytest.mark.parametrize(
    ("step", "head"),
    [
        ("200", "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"),
        ("204", "HTTP/1.1 204 No Content\r\n\r\n"),
        ("304", "HTTP/1.1 304 Not Modified\r\n\r\n"),
        ("599", "HTTP/1.1 599 \r\nContent-Length: 0\r\n\r\n"),
        ("redirect", "HTTP/1.1 302 Found\r\nLocation: /a?b=1\r\nContent-Length: 0\r\n\r\n"),
        ("redirect:/c", "HTTP/1.1 302 Found\r\nLocation: /c\r\nContent-Length: 0\r\n\r\n"),
        (
            "400:1",
            "HTTP/1.1 400 Bad Request\r\nContent-Type: application/json\r\nContent-Length: 1\r\n\r\n1",
        ),
    ],
)
def test_the_wire_form_of_a_reply(step, head):
    """A reply's bytes are those of RFC 9112, and a bodiless status announces no body."""
    assert wire_form(reply_to(as_step(step), content=b"", target="/a?b=1")) == head.encode()


def test_an_unknown_status_has_no_phrase():
    """A status without a name gets an empty one."""
    assert reason_phrase(299) == ""

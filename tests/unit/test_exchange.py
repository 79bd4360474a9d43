"""Requests, replies and attempts."""

from __future__ import annotations

from typing import Any

import pytest

from alarm_dispatch import Attempt, Judgement, Reply, Verdict
from alarm_dispatch.errors import InvalidFieldError
from alarm_dispatch.exchange import Transport
from tests.unit.made import NullTransport, attempt, request


def test_a_request_shows_no_secret() -> None:
    """Its repr has the masked URL, the names of the headers and the body's length."""
    made = request(
        url="https://u:secret1@ops.example.com/?k=secret2",
        headers=(("Authorization", "secret3"),),
        content=b"secret4",
        lane="secret5",
    )

    told = repr(made)

    assert "secret" not in told
    assert "https://ops.example.com/?k=***" in told
    assert "(Authorization: ***)" in told
    assert "<7 bytes>" in told


def test_a_header_is_found_in_any_case() -> None:
    """The first value counts, and None stands for no such header."""
    reply = Reply(status_code=200, headers=(("X-A", "1"), ("x-a", "2")))

    assert reply.header("x-A") == "1"
    assert reply.header("x-b") is None


def test_only_a_confirmed_attempt_is_confirmed() -> None:
    """All other verdicts mean that the receiver may not have it."""
    assert [verdict for verdict in Verdict if attempt(verdict=verdict).confirmed] == [Verdict.CONFIRMED]


def test_the_decision_on_what_follows_is_added_to_an_attempt() -> None:
    """The attempt itself stays as it was."""
    made = attempt()

    later = made.with_retry_in(5.0)

    assert isinstance(later, Attempt)
    assert (made.retry_in, later.retry_in) == (None, 5.0)
    assert later.with_retry_in(None) == made


def test_an_object_with_the_method_is_a_transport() -> None:
    """A transport needs no base class."""
    assert isinstance(NullTransport(), Transport)
    assert not isinstance(object(), Transport)


@pytest.mark.parametrize("seconds", [-1, float("inf"), float("nan"), "60", True])
def test_a_pause_is_seconds(seconds: Any) -> None:
    """That end, since all of a callback's deliveries wait for them."""
    with pytest.raises(InvalidFieldError, match=r"^Judgement\.retry_after"):
        Judgement(Verdict.REJECTED, retry_after=seconds)

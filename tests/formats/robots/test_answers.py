"""What the robots' replies mean: 200 says nothing, the code in the body does."""

from __future__ import annotations

import json
from typing import Any

import pytest

from alarm_dispatch import formats
from alarm_dispatch.exchange import Judgement, Reply, Verdict

FIELDS = {"wecom": ("errcode", "errmsg"), "dingtalk": ("errcode", "errmsg"), "feishu": ("code", "msg")}
every_robot = pytest.mark.parametrize("name", FIELDS)


def judged(name: str, content: Any, status: int = 200, **headers: str) -> Judgement:
    """The judgement of such a reply; a value becomes its JSON."""
    raw = content if isinstance(content, bytes) else json.dumps(content).encode()
    pairs = tuple((key.replace("_", "-"), value) for key, value in headers.items())
    return formats.get(name).rules.confirmation(Reply(status_code=status, content=raw, headers=pairs))


def answered(name: str, code: Any, message: Any = "why", status: int = 200, **headers: str) -> Judgement:
    """The judgement of a reply with this code."""
    code_field, message_field = FIELDS[name]
    return judged(name, {code_field: code, message_field: message}, status, **headers)


@every_robot
def test_200_and_code_0_confirm(name: str) -> None:
    """Nothing else does; the text says so for people."""
    assert answered(name, 0, "ok").verdict is Verdict.CONFIRMED
    assert formats.get(name).rules.confirmation.text == f"status is 200 and {FIELDS[name][0]} is 0"


@every_robot
def test_200_with_an_error_is_told_with_the_vendors_words(name: str) -> None:
    """A code that nobody knows is tried again."""
    judgement = answered(name, 12345, "no such\nthing \x1b[31m")

    assert judgement.verdict is Verdict.UNCONFIRMED
    assert judgement.reason == f"{FIELDS[name][0]} is 12345: no such\\nthing \\x1b[31m"
    assert not judgement.final
    assert judgement.retry_after is None


@every_robot
def test_a_vendors_long_message_is_cut(name: str) -> None:
    """A reason is a line, not a page."""
    reason = answered(name, 1, "x" * 5000).reason

    assert len(reason) < 150
    assert reason.endswith("…")


@every_robot
@pytest.mark.parametrize("message", ["", None, 5, ["x"]])
def test_a_code_without_a_message(name: str, message: Any) -> None:
    """It stands for itself."""
    assert answered(name, 7, message).reason == f"{FIELDS[name][0]} is 7"


@every_robot
@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"", "the body is not JSON"),
        (b"ok", "the body is not JSON"),
        (b"\xff", "the body is not JSON"),
        (b"[" * 100_000, "the body is not JSON"),
        (b"[]", "the body has no number"),
        (b"{}", "the body has no number"),
        ({"errcode": "0", "code": "0"}, "the body has no number"),
        ({"errcode": False, "code": False}, "the body has no number"),
        ({"errcode": 0.0, "code": 0.0}, "the body has no number"),
    ],
)
def test_a_body_without_a_code_does_not_confirm(name: str, content: Any, told: str) -> None:
    """Whatever the status is."""
    judgement = judged(name, content)

    assert judgement.verdict is Verdict.UNCONFIRMED
    assert judgement.reason.startswith(told)
    assert not judgement.final


@every_robot
@pytest.mark.parametrize(
    ("status", "verdict"),
    [(201, Verdict.UNCONFIRMED), (302, Verdict.REJECTED), (404, Verdict.REJECTED), (500, Verdict.REJECTED)],
)
def test_another_status_does_not_confirm(name: str, status: int, verdict: Verdict) -> None:
    """Not even with code 0; it is tried again."""
    for judgement in (answered(name, 0, status=status), judged(name, b"<html>", status)):
        assert judgement == Judgement(verdict, f"status {status}, not 200")


@every_robot
def test_another_status_is_told_with_its_code(name: str) -> None:
    """The vendor's words say more than the number."""
    assert answered(name, 7, status=400).reason == f"status 400, not 200; {FIELDS[name][0]} is 7: why"


@pytest.mark.parametrize(
    ("name", "code", "seconds"),
    [
        ("wecom", 45009, 60.0),
        ("dingtalk", 130101, 600.0),
        ("dingtalk", 410100, 600.0),
        ("feishu", 11232, 60.0),
        ("feishu", 99991400, 60.0),
    ],
)
def test_too_many_messages_are_waited_for(name: str, code: int, seconds: float) -> None:
    """As long as the vendor refuses more; it is not the end."""
    judgement = answered(name, code)

    assert (judgement.retry_after, judgement.final) == (seconds, False)


@pytest.mark.parametrize(
    ("told", "seconds"), [("52", 52.0), ("999999999", 3600.0), ("soon", 60.0), ("-1", 60.0), ("٣", 60.0)]
)
def test_feishu_tells_how_long(told: str, seconds: float) -> None:
    """In a header, with a status of its own; nobody is believed for more than an hour."""
    judgement = answered("feishu", 99991400, status=429, x_ogw_ratelimit_reset=told)

    assert (judgement.verdict, judgement.retry_after) == (Verdict.REJECTED, seconds)


def test_other_codes_have_no_pause() -> None:
    """The header alone means nothing."""
    assert answered("feishu", 7, x_ogw_ratelimit_reset="52").retry_after is None


@pytest.mark.parametrize(
    ("name", "codes"),
    [
        ("wecom", [44004, 93000, 93004, 93008]),
        (
            "dingtalk",
            [40035, 300001, 300005, 310000, 400013, 400101, 400102, 400105, 400106, 430101, 430104],
        ),
        ("feishu", [19001, 19021, 19022, 19024]),
    ],
)
def test_what_would_be_refused_again_is_final(name: str, codes: list[int]) -> None:
    """A key that is unknown, a wrong signature, a content that it does not take."""
    for code in codes:
        assert answered(name, code).final
    for code in (-1, 430105):  # the system is busy; one that is not known
        assert not answered(name, code).final


@pytest.mark.parametrize("code", [40008, 40058, 45002, 45009, 93017])
def test_wecoms_other_codes_are_tried_again(code: int) -> None:
    """Nobody is known to have seen its robots answer them for good."""
    assert not answered("wecom", code).final

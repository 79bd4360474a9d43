"""Which reply confirms, and what is said of one that does not."""

from __future__ import annotations

from functools import partial
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alarm_dispatch import Judgement, Reply, Verdict
from alarm_dispatch.confirmation import (
    Confirmation,
    any_2xx,
    confirmed_by,
    json_field_equals,
    read_json,
    read_loose_json,
    session_echo,
    status_is,
)
from alarm_dispatch.errors import InvalidFieldError
from tests.unit.made import reply, request

YES = Verdict.CONFIRMED
NO = Verdict.REJECTED
UNCLEAR = Verdict.UNCONFIRMED

_loose = partial(json_field_equals, reader=read_loose_json)


@pytest.mark.parametrize(
    ("confirmation", "status", "verdict", "reason"),
    [
        (status_is(200), 200, YES, ""),
        (status_is(200), 201, UNCLEAR, "status 201, not 200"),
        (status_is(200), 299, UNCLEAR, "status 299, not 200"),
        (status_is(200), 302, NO, "status 302, not 200"),
        (status_is(200), 500, NO, "status 500, not 200"),
        (status_is(200), 199, NO, "status 199, not 200"),
        (status_is(200, 204), 204, YES, ""),
        (status_is(200, 204), 202, UNCLEAR, "status 202, not 200 or 204"),
        (status_is(302), 302, YES, ""),
        (status_is(100, 999), 100, YES, ""),
        (status_is(100, 999), 999, YES, ""),
        (any_2xx(), 200, YES, ""),
        (any_2xx(), 204, YES, ""),
        (any_2xx(), 299, YES, ""),
        (any_2xx(), 300, NO, "status 300, not 2xx"),
        (any_2xx(), 199, NO, "status 199, not 2xx"),
        (any_2xx(), 404, NO, "status 404, not 2xx"),
    ],
)
def test_statuses(confirmation: Confirmation, status: int, verdict: Verdict, reason: str) -> None:
    """A status that is not the right one is a no, unless it is 2xx: then the receiver may have it."""
    assert confirmation(reply(status)) == Judgement(verdict, reason)


@pytest.mark.parametrize(
    ("codes", "problem"),
    [
        ((), "needs at least one status"),
        (("200",), "'200' is no status; a status is an integer from 100 to 999"),
        ((200, True), "True is no status"),
        ((99,), "99 is no status"),
        ((1000,), "1000 is no status"),
        ((200.0,), "200.0 is no status"),
    ],
)
def test_what_is_no_status(codes: tuple[Any, ...], problem: str) -> None:
    """A status that cannot come would never confirm."""
    with pytest.raises(InvalidFieldError) as caught:
        status_is(*codes)

    assert caught.value.problem.startswith(problem)


@pytest.mark.parametrize(
    ("confirmation", "content", "verdict", "reason"),
    [
        (json_field_equals("errcode", 0), b'{"errcode": 0}', YES, ""),
        (json_field_equals("errcode", 0), b'{"errcode": 0.0}', YES, ""),
        (json_field_equals("errcode", 0), b'{"errcode": -0.0}', YES, ""),
        (json_field_equals("errcode", 0.0), b'{"errcode": 0}', YES, ""),
        (json_field_equals("errcode", 0), b'{"errcode": false}', UNCLEAR, "errcode is False, not 0"),
        (json_field_equals("errcode", 0), b'{"errcode": "0"}', UNCLEAR, "errcode is '0', not 0"),
        (json_field_equals("errcode", 0), b'{"errcode": null}', UNCLEAR, "errcode is None, not 0"),
        (json_field_equals("errcode", 0), b'{"errcode": []}', UNCLEAR, "errcode is [], not 0"),
        (json_field_equals("errcode", 0), b'{"errcode": NaN}', UNCLEAR, "errcode is nan, not 0"),
        (json_field_equals("errcode", 1), b'{"errcode": true}', UNCLEAR, "errcode is True, not 1"),
        (json_field_equals("ok", True), b'{"ok": true}', YES, ""),
        (json_field_equals("ok", True), b'{"ok": 1}', UNCLEAR, "ok is 1, not True"),
        (json_field_equals("ok", False), b'{"ok": 0}', UNCLEAR, "ok is 0, not False"),
        (json_field_equals("ok", "true"), b'{"ok": "true"}', YES, ""),
        (json_field_equals("ok", "true"), b'{"ok": true}', UNCLEAR, "ok is True, not 'true'"),
        (json_field_equals("ok", None), b'{"ok": null}', YES, ""),
        (json_field_equals("ok", None), b"{}", UNCLEAR, "the body has no field ok"),
        (json_field_equals("a.b.c", 1), b'{"a": {"b": {"c": 1}}}', YES, ""),
        (json_field_equals("a.b.c", 1), b'{"a": {"b": {}}}', UNCLEAR, "the body has no field a.b.c"),
        (json_field_equals("a.b", 1), b'{"a": [{"b": 1}]}', UNCLEAR, "the body has no field a.b"),
        (json_field_equals("a.b", 1), b'{"a": "b"}', UNCLEAR, "the body has no field a.b"),
        (json_field_equals("a.0", 1), b'{"a": [1]}', UNCLEAR, "the body has no field a.0"),
        (json_field_equals("a", 1), b"[1]", UNCLEAR, "the body has no field a"),
        (json_field_equals("a", 1), b"1", UNCLEAR, "the body has no field a"),
        (json_field_equals("a", 1), b"", UNCLEAR, "the body is empty"),
        (json_field_equals("a", 1), b"ok", UNCLEAR, "the body is not JSON"),
        (json_field_equals("a", 1), b"<html>", UNCLEAR, "the body is not JSON"),
        (json_field_equals("a", 1), b'{"a": 1', UNCLEAR, "the body is not JSON"),
        (json_field_equals("a", 1), b"{a: 1}", UNCLEAR, "the body is not JSON"),
        (json_field_equals("a", 1), b'{"a": "\xff"}', UNCLEAR, "the body is not JSON"),
        (json_field_equals("a", 1), b"\xff\xfe\x00", UNCLEAR, "the body is not JSON"),
        (json_field_equals("a", 1), b'{"a": ' + b"1" * 5000 + b"}", UNCLEAR, "the body is not JSON"),
        (json_field_equals("a", 1), b"[" * 60_000, UNCLEAR, "the body is not JSON"),
        (json_field_equals("a", 1), b'{"a":' * 10_000, UNCLEAR, "the body is not JSON"),
        (_loose("retCode", 0), b'{"retCode": 0}', YES, ""),
        (_loose("retCode", 0), b"{retCode: 0}", YES, ""),
        (_loose("retCode", 0), b'{ sessionId : "x" , retCode\n:0}', YES, ""),
        (_loose("a.b", 0), b"{a: {b: 0}, c: [{d: 1}]}", YES, ""),
        (_loose("retCode", 0), b'{retCode:0, msg:"done, time: 5"}', YES, ""),
        (_loose("retCode", 0), b'{retCode:0, msg:"a \\", b: 5"}', YES, ""),
        (_loose("retCode", 0), b"{retCode: 1}", UNCLEAR, "retCode is 1, not 0"),
        (_loose("retCode", 0), b"{retCode: x}", UNCLEAR, "the body is not JSON"),
        (_loose("retCode", 0), b"{2: 0}", UNCLEAR, "the body is not JSON"),
        (_loose("retCode", 0), b"{retCode: 0, a: '\xff'}", UNCLEAR, "the body is not JSON"),
        (_loose("retCode", 0), b"", UNCLEAR, "the body is empty"),
        (_loose("retCode", 0), b"{a:" * 20_000, UNCLEAR, "the body is not JSON"),
        (_loose("retCode", 0), b'"' + b'\\"' * 30_000, UNCLEAR, "the body is not JSON"),
        (_loose("retCode", 0), b'"' + b'\\"' * 30_000 + b"\\", UNCLEAR, "the body is not JSON"),
        (_loose("retCode", 0), b"{a " * 20_000, UNCLEAR, "the body is not JSON"),
        (_loose("retCode", 0), b"{" + b" " * 60_000, UNCLEAR, "the body is not JSON"),
        (session_echo(), b'{"sessionId": "d-1"}', YES, ""),
        (session_echo(), b'{"sessionId": "d-2"}', UNCLEAR, "sessionId is 'd-2', not the one that was sent"),
        (session_echo(), b'{"sessionId": null}', UNCLEAR, "sessionId is None, not the one that was sent"),
        (session_echo(), b"{}", UNCLEAR, "the body has no field sessionId"),
        (session_echo(), b"", UNCLEAR, "the body is empty"),
        (session_echo("a.id"), b'{"a": {"id": "d-1"}}', YES, ""),
        (session_echo(reader=read_loose_json), b'{sessionId: "d-1"}', YES, ""),
    ],
    ids=lambda value: ascii(value)[:40] if isinstance(value, bytes) else None,
)
def test_bodies(confirmation: Confirmation, content: bytes, verdict: Verdict, reason: str) -> None:
    """The field has the value and the type, or the reason says what is there instead."""
    assert confirmation(reply(200, content)) == Judgement(verdict, reason)


@pytest.mark.parametrize("confirmation", [json_field_equals("a", 1), session_echo("a")])
def test_a_body_that_denies_beside_a_failed_status_is_a_no(confirmation: Confirmation) -> None:
    """Only 2xx leaves it open whether the receiver has the alarm."""
    for content in (b"", b"{}", b'{"a": 2}'):
        assert confirmation(reply(500, content)).verdict is NO
    assert json_field_equals("a", 1)(reply(500, b'{"a": 1}')).verdict is YES


def test_an_echo_needs_a_request() -> None:
    """A reply without its request echoes nothing."""
    judgement = session_echo()(Reply(status_code=200, content=b'{"sessionId": ""}'))

    assert judgement == Judgement(UNCLEAR, "sessionId is '', not the one that was sent")


@pytest.mark.parametrize(
    "value",
    [
        '"' + "x" * 60_000 + '"',
        '"\\u001b[31m\\r\\nforged line"',
        '"\\u202e\\ud800"',
        "[" * 900 + "]" * 900,
        '{"a":' * 900 + "1" + "}" * 900,
        "9" * 4000,
    ],
    ids=["long", "control", "bidi", "lists", "objects", "digits"],
)
@pytest.mark.parametrize("confirmation", [json_field_equals("v", 1), session_echo("v")])
def test_a_hostile_value_is_escaped_and_cut_short(confirmation: Confirmation, value: str) -> None:
    """A reason is one line of printable ASCII of bounded length, but for the mark of the cut."""
    judgement = confirmation(reply(200, f'{{"v": {value}}}'.encode()))

    assert judgement.verdict is UNCLEAR
    assert len(judgement.reason) < 110
    assert judgement.reason.replace("…", "").isascii()
    assert judgement.reason.isprintable()


def test_how_much_of_a_value_is_shown() -> None:
    """Sixty characters, of which the last marks the cut."""
    for length, shown in ((58, "'" + "x" * 58 + "'"), (59, "'" + "x" * 58 + "…")):
        judgement = json_field_equals("v", 1)(reply(200, b'{"v": "' + b"x" * length + b'"}'))
        assert judgement.reason == f"v is {shown}, not 1"


@settings(deadline=None)
@given(st.binary(max_size=60) | st.text(alphabet='{}[]":,\\ a0.\n', max_size=60).map(str.encode))
def test_no_body_makes_a_confirmation_raise(content: bytes) -> None:
    """Whatever a receiver answers, there is a verdict."""
    for reader in (read_json, read_loose_json):
        for confirmation in (json_field_equals("a", 0, reader=reader), session_echo("a", reader=reader)):
            assert confirmation(reply(200, content)).verdict in {YES, UNCLEAR}


@settings(deadline=None)
@given(
    st.dictionaries(
        st.from_regex(r"[A-Za-z_][A-Za-z_0-9]{0,5}", fullmatch=True),
        st.text(st.characters(exclude_categories=["Cs"]), max_size=12) | st.integers() | st.none(),
        max_size=4,
    )
)
def test_bare_keys_read_like_quoted_ones(content: dict[str, Any]) -> None:
    """Texts stay as they are, whatever they look like."""
    written = ", ".join(f"{key}: {_json(value)}" for key, value in content.items())

    assert read_loose_json(f"{{{written}}}".encode()) == content


def _json(value: Any) -> str:
    import json

    return json.dumps(value, ensure_ascii=False)


@pytest.mark.parametrize(
    ("confirmation", "status", "content", "verdict", "reason"),
    [
        (status_is(200) & json_field_equals("a", 1), 200, b'{"a": 1}', YES, ""),
        (status_is(200) & json_field_equals("a", 1), 201, b'{"a": 1}', UNCLEAR, "status 201, not 200"),
        (status_is(200) & json_field_equals("a", 1), 200, b'{"a": 2}', UNCLEAR, "a is 2, not 1"),
        (status_is(200) & json_field_equals("a", 1), 500, b'{"a": 2}', NO, "status 500, not 200"),
        (status_is(200) | json_field_equals("a", 1), 200, b"", YES, ""),
        (status_is(200) | json_field_equals("a", 1), 500, b'{"a": 1}', YES, ""),
        (
            status_is(200) | json_field_equals("a", 1),
            500,
            b"",
            NO,
            "status 500, not 200; the body is empty",
        ),
        (
            status_is(200) & (json_field_equals("a", 1) | session_echo("b")),
            200,
            b'{"a": 2, "b": 3}',
            UNCLEAR,
            "a is 2, not 1; b is 3, not the one that was sent",
        ),
        (status_is(200) & (lambda _reply: True), 200, b"", YES, ""),
        (status_is(500) | (lambda _reply: Verdict.CONFIRMED), 200, b"", YES, ""),
    ],
)
def test_compositions(
    confirmation: Confirmation, status: int, content: bytes, verdict: Verdict, reason: str
) -> None:
    """``a & b`` needs both, ``a | b`` is content with either."""
    assert confirmation(reply(status, content)) == Judgement(verdict, reason)


_YES = Judgement(YES)
_GONE = Judgement(NO, "gone", final=True)
_BUSY = Judgement(UNCLEAR, "busy", retry_after=30.0)
_LATER = Judgement(NO, "later", retry_after=60.0)
_STOPPED = Judgement(NO, "stopped", final=True, retry_after=5.0)


@pytest.mark.parametrize(
    ("left", "right", "of_both", "of_either"),
    [
        (_GONE, _YES, _GONE, _YES),
        (_YES, _GONE, _GONE, _YES),
        (_YES, _BUSY, _BUSY, _YES),
        (_GONE, _STOPPED, _GONE, Judgement(NO, "gone; stopped", final=True, retry_after=5.0)),
        (_GONE, _GONE, _GONE, Judgement(NO, "gone; gone", final=True)),
        (_GONE, _BUSY, _GONE, Judgement(NO, "gone; busy", retry_after=30.0)),
        (_BUSY, _STOPPED, _BUSY, Judgement(UNCLEAR, "busy; stopped", retry_after=30.0)),
        (_BUSY, _LATER, _BUSY, Judgement(UNCLEAR, "busy; later", retry_after=60.0)),
        (_LATER, _BUSY, _LATER, Judgement(NO, "later; busy", retry_after=60.0)),
    ],
    ids=lambda judgement: judgement.reason or "confirmed",
)
def test_what_follows_a_composition(
    left: Judgement, right: Judgement, of_both: Judgement, of_either: Judgement
) -> None:
    """``a & b`` says what its failing side says; ``a | b`` is final when both are, and waits the longer."""
    first, second = confirmed_by(lambda _reply: left), confirmed_by(lambda _reply: right)

    assert (first & second)(reply()) == of_both
    assert (first | second)(reply()) == of_either


_judgements = st.builds(
    Judgement,
    st.sampled_from(Verdict),
    st.just("why"),
    final=st.booleans(),
    retry_after=st.none() | st.floats(0, 600),
)


@given(_judgements, _judgements)
def test_the_order_of_two_changes_nothing_that_follows(one: Judgement, other: Judgement) -> None:
    """Only the verdict of an unconfirmed reply and the reason tell which was asked first."""
    first, second = confirmed_by(lambda _reply: one), confirmed_by(lambda _reply: other)

    told, turned = (first | second)(reply()), (second | first)(reply())

    assert (told.verdict is YES) is (turned.verdict is YES) is (YES in {one.verdict, other.verdict})
    if told.verdict is not YES:
        assert (told.final, told.retry_after) == (turned.final, turned.retry_after)


def test_the_second_of_two_is_only_asked_when_it_matters() -> None:
    """The order is that of reading."""
    asked: list[str] = []

    def ask(name: str, answer: bool) -> Confirmation:
        def function(_reply: Reply) -> bool:
            asked.append(name)
            return answer

        return confirmed_by(function)

    (ask("a", False) & ask("b", True))(reply())
    (ask("c", True) | ask("d", True))(reply())

    assert asked == ["a", "c"]


@pytest.mark.parametrize(
    ("confirmation", "text"),
    [
        (status_is(200, 204), "status is 200 or 204"),
        (any_2xx(), "status is 2xx"),
        (json_field_equals("a.b", "x"), "a.b is 'x'"),
        (session_echo("id"), "id is the one that was sent"),
        (status_is(200) & any_2xx(), "status is 200 and status is 2xx"),
        (status_is(200) | any_2xx(), "(status is 200 or status is 2xx)"),
        (status_is(200) & (any_2xx() | session_echo("id")), None),
    ],
)
def test_texts(confirmation: Confirmation, text: str | None) -> None:
    """A confirmation says for people when it confirms."""
    wanted = text or "status is 200 and (status is 2xx or id is the one that was sent)"
    assert confirmation.text == wanted


class _Receipt:
    """A callable object, which has no name of its own."""

    def __call__(self, reply: Reply) -> bool:
        return reply.content == b"ok"


def _answering(answer: Any) -> Any:
    def mine(_reply: Reply) -> Any:
        return answer

    return mine


@pytest.mark.parametrize(
    ("function", "status", "judgement"),
    [
        (_answering(True), 500, Judgement(YES)),
        (_answering(False), 200, Judgement(UNCLEAR, "mine says no")),
        (_answering(False), 500, Judgement(NO, "mine says no")),
        (_answering(Verdict.CONFIRMED), 500, Judgement(YES)),
        (_answering(Verdict.REJECTED), 200, Judgement(NO, "mine says rejected")),
        (_answering(Verdict.UNKNOWN), 200, Judgement(Verdict.UNKNOWN, "mine says unknown")),
        (_answering(Judgement(NO, "because")), 200, Judgement(NO, "because")),
        (_Receipt(), 200, Judgement(UNCLEAR, "_Receipt says no")),
        (partial(_Receipt()), 200, Judgement(UNCLEAR, "partial says no")),
    ],
)
def test_a_function_of_a_users_own(function: Any, status: int, judgement: Judgement) -> None:
    """It may answer with a bool, a verdict or a judgement."""
    assert confirmed_by(function)(reply(status)) == judgement


@pytest.mark.parametrize("answer", [None, 1, "confirmed", [], object])
def test_another_answer_is_a_mistake(answer: Any) -> None:
    """A function that forgets its return does not confirm by accident."""
    wanted = f"confirmation mine returned {type(answer).__name__}, not a bool, Verdict or Judgement"
    with pytest.raises(TypeError, match=wanted):
        confirmed_by(_answering(answer))(reply())


def test_a_function_sees_the_request() -> None:
    """The reply carries what was sent."""
    seen: list[Any] = []

    confirmed_by(lambda answer: bool(seen.append(answer.request)))(reply(request=request(attempt=2)))

    assert seen == [request(attempt=2)]


def test_what_a_function_raises_goes_through() -> None:
    """The engine tells it as the delivery's error."""

    def broken(_reply: Reply) -> bool:
        raise KeyError("x")

    with pytest.raises(KeyError, match="x"):
        confirmed_by(broken)(reply())


def test_a_confirmation_stays_itself() -> None:
    """It is not wrapped again."""
    confirmation = status_is(200)

    assert confirmed_by(confirmation) is confirmation


@pytest.mark.parametrize("value", [200, "2xx", None])
def test_what_cannot_be_called_confirms_nothing(value: Any) -> None:
    """Neither does it in a composition."""
    for made in (confirmed_by, status_is(200).__and__, status_is(200).__or__):
        with pytest.raises(InvalidFieldError, match="confirmation: must be callable with a reply"):
            made(value)


@pytest.mark.parametrize(
    ("confirmation", "reads_request"),
    [
        (status_is(200), False),
        (any_2xx(), False),
        (json_field_equals("retCode", 0), False),
        (session_echo(), True),
        (confirmed_by(lambda _reply: True), True),
        (status_is(200) & any_2xx(), False),
        (status_is(200) & session_echo(), True),
        (session_echo() | any_2xx(), True),
        (status_is(200) | any_2xx(), False),
    ],
)
def test_what_looks_at_the_request_says_so(confirmation: Confirmation, reads_request: bool) -> None:
    """The engine sets it for those, and spares the others the cost."""
    assert confirmation.reads_request is reads_request

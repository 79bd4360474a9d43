"""The exceptions: their tree, their words, and that they survive a process boundary."""

from __future__ import annotations

import copy
import pickle
import re

import pytest

from alarm_dispatch import DispatchReport, Verdict, errors
from alarm_dispatch.signing import SignatureRefusal
from tests.unit.made import delivery

_ERRORS = [
    (errors.InvalidFieldError("Alarm.id", "must not be empty"), "Alarm.id: must not be empty"),
    (
        errors.ConfigurationError("a.json", [("$.id", "is missing"), ("$.x", "unknown key")]),
        "a.json cannot be loaded:\n  $.id: is missing\n  $.x: unknown key",
    ),
    (errors.BacklogFullError(7, 2, 8), "7 deliveries are unsettled, 2 more came, and the backlog takes 8"),
    (errors.DeliveryExpiredError("too old"), "too old"),
    (errors.UnknownFormatError("x", ["a", "b"]), "unknown format 'x'; known are: a, b"),
    (
        errors.MissingFieldError("tencent", "alarmObjInfo.region", "Target.region"),
        "format tencent must send 'alarmObjInfo.region', but Target.region is not set",
    ),
    (
        errors.UnsuitableFieldError("blueking", "bk_biz_id", "Tenant.id", "is no integer"),
        "format blueking cannot send Tenant.id as 'bk_biz_id': is no integer",
    ),
    (errors.UnsupportedAlarmError("aliyun", "has no events"), "format aliyun has no events"),
    (
        errors.ParseError("aliyun", [("$.a", "is missing"), ("$.b", "is missing")]),
        "not a body of format aliyun: $.a: is missing; $.b: is missing",
    ),
    (errors.TransportError(Verdict.UNKNOWN, "timed out"), "timed out"),
    (errors.SigningError("the id has a full stop"), "the id has a full stop"),
    (
        errors.SignatureRefusedError(SignatureRefusal.TOO_OLD, "the timestamp is 301 s old"),
        "too old: the timestamp is 301 s old",
    ),
    (
        errors.EgressRefusedError("link-local", "http://h/", "169.254.1.1"),
        "refused by the egress policy (link-local): http://h/ at 169.254.1.1",
    ),
    (
        errors.EgressRefusedError("name through a proxy", "http://h/", hint="say so"),
        "refused by the egress policy (name through a proxy): http://h/; say so",
    ),
    (errors.ForeignError("ValueError", "no ***"), "ValueError: no ***"),
    (
        errors.DispatchFailedError(
            DispatchReport(
                alarm_id="alarm-1",
                group="oncall",
                deliveries=(delivery("delivered"), delivery(id="d-2")),
            )
        ),
        "1 of 2 deliveries failed: blueking https://ops.example.com/alarms: failed without an attempt",
    ),
    (errors.DispatcherClosedError("the dispatcher is closed"), "the dispatcher is closed"),
    (errors.WrongThreadError("wrong thread"), "wrong thread"),
    (errors.ForkedProcessError("forked"), "forked"),
    (errors.OutboxError("o.db: no"), "o.db: no"),
    (errors.OutboxUnavailableError("o.db: the disk is full"), "o.db: the disk is full"),
    (errors.OutboxCorruptError("o.db: malformed"), "o.db: malformed"),
    (
        errors.OutboxVersionError("o.db", 9, 1),
        "o.db has tables of version 9, and this alarm_dispatch knows versions up to 1",
    ),
    (errors.NotReplayableError(["a", "b"]), "no dead delivery has the id 'a', 'b'"),
    (errors.BuildError("cannot"), "cannot"),
    (errors.AlarmDispatchError("any"), "any"),
]


def _name(value: object) -> str:
    return type(value).__name__


def _drawn() -> list[tuple[str, str, str]]:
    """Each class of the drawing with its parent there and what else it is."""
    found: list[tuple[str, str, str]] = []
    parents: list[str] = []
    for line in (errors.__doc__ or "").splitlines():
        node = re.match(r"    ((?:[│├└]|\s)*[─]*\s*)(\w+Error)(?:\s+\(also (\w+)\))?", line)
        if node:
            depth = len(node[1]) // 4
            parents[depth:] = [node[2]]
            found.append((node[2], parents[depth - 1] if depth else "Exception", node[3] or ""))
    return found


def test_the_tree_is_as_drawn() -> None:
    """The drawing in the module's docstring names every exception with its real bases."""
    real = []
    for name in errors.__all__:
        bases = [base.__name__ for base in getattr(errors, name).__bases__]
        real.append((name, bases[0], bases[1] if len(bases) > 1 else ""))

    drawn = _drawn()

    assert sorted(drawn) == sorted(real)
    assert len(drawn) == 25


def test_every_exception_is_tried_here() -> None:
    """The table below leaves no class out."""
    assert {_name(error) for error, _ in _ERRORS} == set(errors.__all__)


@pytest.mark.parametrize(("error", "message"), _ERRORS, ids=_name)
def test_the_message(error: Exception, message: str) -> None:
    """The message says what is wrong, and where."""
    assert str(error) == message


@pytest.mark.parametrize("again", [copy.copy, lambda error: pickle.loads(pickle.dumps(error))])
@pytest.mark.parametrize("error", [error for error, _ in _ERRORS], ids=_name)
def test_an_exception_can_be_handed_to_another_process(error: Exception, again) -> None:
    """Pickled and copied it keeps its class, its message and its attributes."""
    other = again(error)

    assert type(other) is type(error)
    assert str(other) == str(error)
    assert vars(other) == vars(error)


def test_the_attributes_are_what_was_given() -> None:
    """Attributes hold the parts of the message, iterables as tuples."""
    problems = iter([("$.a", "is missing")])

    loading = errors.ConfigurationError("a.json", problems)
    parsing = errors.ParseError("aliyun", [("$.b", "no")])
    unknown = errors.UnknownFormatError("x", ["a"])

    assert (loading.source, loading.problems) == ("a.json", (("$.a", "is missing"),))
    assert (parsing.format, parsing.problems) == ("aliyun", (("$.b", "no"),))
    assert (unknown.name, unknown.known) == ("x", ("a",))


def test_a_configuration_error_can_be_shown_whatever_was_written():
    """Escaped, cut, and with no more problems than a person reads; all of them are in ``problems``."""
    error = errors.ConfigurationError("a\nb", [(f"$.\x1b{number}", "x" * 2_000) for number in range(60)])

    lines = str(error).splitlines()
    assert lines[0] == r"a\nb cannot be loaded:"
    assert lines[1] == r"  $.\x1b0: " + "x" * 999 + "…"
    assert lines[-1] == "  and 10 more"
    assert len(lines) == 52
    assert len(error.problems) == 60

"""When a reply confirms that the alarm was received: pure functions from a reply to a verdict.

They compose: ``status_is(200) & json_field_equals("retCode", 0) & session_echo()`` asks all three in that
order, ``a | b`` is content with either.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any, TypeAlias

from attrs import frozen

from alarm_dispatch.errors import InvalidFieldError
from alarm_dispatch.exchange import Judgement, Reply, Verdict

__all__ = [
    "Confirmation",
    "ConfirmationLike",
    "any_2xx",
    "confirmed_by",
    "json_field_equals",
    "read_json",
    "read_loose_json",
    "session_echo",
    "status_is",
]

CONFIRMED = Judgement(Verdict.CONFIRMED)

_FIRST, _BEYOND = 100, 1000
_FIRST_SUCCESS = 200
_FIRST_REDIRECT = 300
_ABSENT = object()


@frozen
class Confirmation:
    """A named judgement of replies; ``text`` says for people when it confirms.

    ``reads_request`` is False where the judgement does not look at the reply's ``request``, which the engine
    then need not set.
    """

    judge: Callable[[Reply], Judgement]
    text: str
    reads_request: bool = True

    def __call__(self, reply: Reply) -> Judgement:
        """The verdict on this reply, and why."""
        return self.judge(reply)

    def __and__(self, other: ConfirmationLike) -> Confirmation:
        """Confirms when both do; the first that does not gives the judgement."""
        second = confirmed_by(other)

        def judge(reply: Reply) -> Judgement:
            judgement = self.judge(reply)
            return second.judge(reply) if judgement.verdict is Verdict.CONFIRMED else judgement

        reads_request = self.reads_request or second.reads_request
        return Confirmation(judge, f"{self.text} and {second.text}", reads_request)

    def __or__(self, other: ConfirmationLike) -> Confirmation:
        """Confirms when one does; when neither does, the first gives the verdict.

        It is final then when both say so, and the longer ``retry_after`` counts.
        """
        second = confirmed_by(other)

        def judge(reply: Reply) -> Judgement:
            left = self.judge(reply)
            if left.verdict is Verdict.CONFIRMED:
                return left
            right = second.judge(reply)
            if right.verdict is Verdict.CONFIRMED:
                return right
            pauses = [one.retry_after for one in (left, right) if one.retry_after is not None]
            return Judgement(
                left.verdict,
                f"{left.reason}; {right.reason}",
                final=left.final and right.final,
                retry_after=max(pauses, default=None),
            )

        reads_request = self.reads_request or second.reads_request
        return Confirmation(judge, f"({self.text} or {second.text})", reads_request)


ConfirmationLike: TypeAlias = Confirmation | Callable[[Reply], "bool | Verdict | Judgement"]
"""A confirmation, or a function of a user's own: from a reply to a bool, a verdict or a judgement."""


def confirmed_by(function: ConfirmationLike) -> Confirmation:
    """A confirmation out of a function of a user's own; a confirmation stays itself.

    The function gets the :class:`~alarm_dispatch.exchange.Reply` (its ``request`` is set) and returns
    True or False, a :class:`~alarm_dispatch.exchange.Verdict`, or a judgement with a reason.  What it
    raises fails the delivery, with the exception as the delivery's ``error``.
    """
    if isinstance(function, Confirmation):
        return function
    if not callable(function):
        raise InvalidFieldError(
            "confirmation", f"must be callable with a reply, not {type(function).__name__}"
        )
    name = getattr(function, "__name__", type(function).__name__)

    def judge(reply: Reply) -> Judgement:
        answer = function(reply)
        if isinstance(answer, Judgement):
            return answer
        if isinstance(answer, Verdict):
            return Judgement(answer, "" if answer is Verdict.CONFIRMED else f"{name} says {answer}")
        if isinstance(answer, bool):
            return CONFIRMED if answer else _denied(reply, f"{name} says no")
        raise TypeError(
            f"confirmation {name} returned {type(answer).__name__}, not a bool, Verdict or Judgement"
        )

    return Confirmation(judge, name)


def _is_success(reply: Reply) -> bool:
    return _FIRST_SUCCESS <= reply.status_code < _FIRST_REDIRECT


def _denied(reply: Reply, reason: str) -> Judgement:
    return Judgement(Verdict.UNCONFIRMED if _is_success(reply) else Verdict.REJECTED, reason)


def status_is(*codes: int) -> Confirmation:
    """Confirms when the status is one of ``codes``.

    Raises :class:`~alarm_dispatch.errors.InvalidFieldError` for none and for what is no status, since
    nothing would ever be confirmed.
    """
    given: tuple[object, ...] = codes
    for code in given:
        if isinstance(code, bool) or not isinstance(code, int) or not _FIRST <= code < _BEYOND:
            raise InvalidFieldError(
                "confirmation", f"{_shown(code)} is no status; a status is an integer from 100 to 999"
            )
    if not codes:
        raise InvalidFieldError("confirmation", "needs at least one status")
    told = " or ".join(map(str, codes))

    def judge(reply: Reply) -> Judgement:
        if reply.status_code in codes:
            return CONFIRMED
        return _denied(reply, f"status {reply.status_code}, not {told}")

    return Confirmation(judge, f"status is {told}", reads_request=False)


def any_2xx() -> Confirmation:
    """Confirms on any status from 200 to 299."""

    def judge(reply: Reply) -> Judgement:
        return CONFIRMED if _is_success(reply) else _denied(reply, f"status {reply.status_code}, not 2xx")

    return Confirmation(judge, "status is 2xx", reads_request=False)


def read_json(content: bytes) -> Any:
    """The JSON value of a body; ValueError when it is none."""
    try:
        return json.loads(content)
    except RecursionError:
        # A hostile body of nothing but brackets; it must not look like a fault of our own.
        raise ValueError("nested too deeply") from None


# A text is matched first, so that what looks like a key inside it stays as it is.  One without an end goes to
# the body's end: otherwise each of its quotes would be tried as a beginning, in quadratic time.
_UNQUOTED_KEY = re.compile(r'("(?:[^"\\]|\\.)*+(?:"|\\?\Z))|([{,]\s*+)([A-Za-z_]\w*+)(?=\s*+:)', re.DOTALL)


def read_loose_json(content: bytes) -> Any:
    """The same, and bare keys (``{retCode: 0}``), as the older Tencent document prints its reply."""
    try:
        return read_json(content)
    except ValueError:
        return read_json(_UNQUOTED_KEY.sub(_quoted_key, content.decode("utf-8")).encode())


def _quoted_key(found: re.Match[str]) -> str:
    whole_text, before, key = found.groups()
    return whole_text if whole_text is not None else f'{before}"{key}"'


def _field_of(reply: Reply, name: str, reader: Callable[[bytes], Any]) -> tuple[Any, str]:
    """The field's value and "", or the absent mark and what is wrong with the body."""
    if not reply.content:
        return _ABSENT, "the body is empty"
    try:
        value = reader(reply.content)
    except ValueError:
        return _ABSENT, "the body is not JSON"
    for part in name.split("."):
        if not isinstance(value, dict) or part not in value:
            return _ABSENT, f"the body has no field {name}"
        value = value[part]
    return value, ""


def _shown(value: object) -> str:
    """A value of a receiver's, escaped and short enough for a reason."""
    told = ascii(value)
    return told if len(told) <= _SHOWN_LENGTH else told[: _SHOWN_LENGTH - 1] + "…"


_SHOWN_LENGTH = 60


def json_field_equals(
    name: str, expected: str | float | bool | None, *, reader: Callable[[bytes], Any] = read_json
) -> Confirmation:
    """Confirms when the body is a JSON object whose field ``name`` (dots reach inside) is ``expected``.

    Numbers equal numbers (0 and 0.0), but neither True nor "0" is the number 0.
    """

    def judge(reply: Reply) -> Judgement:
        value, problem = _field_of(reply, name, reader)
        if problem:
            return _denied(reply, problem)
        if value == expected and isinstance(value, bool) == isinstance(expected, bool):
            return CONFIRMED
        return _denied(reply, f"{name} is {_shown(value)}, not {expected!r}")

    return Confirmation(judge, f"{name} is {expected!r}", reads_request=False)


def session_echo(name: str = "sessionId", *, reader: Callable[[bytes], Any] = read_json) -> Confirmation:
    """Confirms when the JSON body's field ``name`` is the session id that was sent."""

    def judge(reply: Reply) -> Judgement:
        value, problem = _field_of(reply, name, reader)
        if problem:
            return _denied(reply, problem)
        if reply.request is not None and value == reply.request.delivery_id:
            return CONFIRMED
        return _denied(reply, f"{name} is {_shown(value)}, not the one that was sent")

    return Confirmation(judge, f"{name} is the one that was sent")

"""What a robot's reply means: status 200 says nothing yet, the code in its body does."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from attrs import frozen

from alarm_dispatch.confirmation import CONFIRMED, Confirmation, read_json
from alarm_dispatch.exchange import Judgement, Reply, Verdict
from alarm_dispatch.formats.base import DeliveryRules
from alarm_dispatch.schedule import RetrySchedule
from alarm_dispatch.shown import shown

__all__ = ["Codes", "confirmed_by_code", "robot_rules"]

_OK = 200
_FIRST_SUCCESS, _FIRST_REDIRECT = 200, 300
_MOST_SHOWN = 120
_MOST_SECONDS = 3600.0

# None of the vendors' pages tells a timeout, attempts or waits; these are ours.
_TIMEOUT = 5.0
_SCHEDULE = RetrySchedule(attempts=3, delays=(5, 10))


@frozen(kw_only=True)
class Codes:
    """The codes of a vendor's replies.

    ``code`` and ``message`` are where the code and its text are.  ``pauses`` are the codes that mean too many
    messages, with the seconds after which the vendor takes more; ``reset`` is the header that tells them,
    where there is one.  With a code of ``final`` trying again is useless.
    """

    code: str
    message: str
    pauses: Mapping[int, float]
    final: frozenset[int]
    reset: str | None = None


def confirmed_by_code(codes: Codes) -> Confirmation:
    """Confirms on status 200 and code 0."""

    def judge(reply: Reply) -> Judgement:
        verdict = Verdict.REJECTED
        if _FIRST_SUCCESS <= reply.status_code < _FIRST_REDIRECT:
            verdict = Verdict.UNCONFIRMED
        code, told = _code_of(reply, codes)
        if reply.status_code != _OK:
            told = f"status {reply.status_code}, not {_OK}" + (f"; {told}" if code else "")
        elif code == 0:
            return CONFIRMED
        pause = codes.pauses.get(code) if code else None
        if pause is not None and codes.reset is not None:
            pause = _seconds(reply.header(codes.reset), pause)
        return Judgement(verdict, told, final=code in codes.final, retry_after=pause)

    return Confirmation(judge, f"status is {_OK} and {codes.code} is 0", reads_request=False)


def robot_rules(codes: Codes) -> DeliveryRules:
    """The rules of a robot: the code in its reply, and our timeout and schedule."""
    return DeliveryRules(timeout=_TIMEOUT, schedule=_SCHEDULE, confirmation=confirmed_by_code(codes))


def _code_of(reply: Reply, codes: Codes) -> tuple[int | None, str]:
    """The code, and why it does not confirm."""
    try:
        body: Any = read_json(reply.content)
    except ValueError:
        return None, "the body is not JSON"
    code = body.get(codes.code) if isinstance(body, dict) else None
    if not isinstance(code, int) or isinstance(code, bool):
        return None, f"the body has no number {codes.code}"
    message = body.get(codes.message)
    told = f": {shown(message, _MOST_SHOWN)}" if isinstance(message, str) and message else ""
    return code, f"{codes.code} is {code}{told}"


def _seconds(text: str | None, otherwise: float) -> float:
    if text is None or not (text.isascii() and text.isdigit()):
        return otherwise
    return min(float(text), _MOST_SECONDS)

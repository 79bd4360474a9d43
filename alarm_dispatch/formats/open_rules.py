"""How deliveries in the open formats go: what their documents leave open, and which replies are final."""

from __future__ import annotations

import attrs

from alarm_dispatch.confirmation import Confirmation
from alarm_dispatch.exchange import Judgement, Reply, Verdict
from alarm_dispatch.formats.base import DeliveryRules
from alarm_dispatch.schedule import RetrySchedule

__all__ = ["final_on", "open_rules", "retried_on_busy_only"]

_TOO_MANY_REQUESTS = 429
_FIRST_SERVER_ERROR, _BEYOND_SERVER_ERRORS = 500, 600

# None of the documents states a timeout or waits.
_TIMEOUT = 5.0
_SCHEDULE = RetrySchedule(attempts=4, delays=(5, 10, 20))


def open_rules(confirmation: Confirmation) -> DeliveryRules:
    """The rules of an open format: its own confirmation, and our timeout and schedule."""
    return DeliveryRules(timeout=_TIMEOUT, schedule=_SCHEDULE, confirmation=confirmation)


def retried_on_busy_only(rule: Confirmation) -> Confirmation:
    """``rule``, with every status final that is neither 429 nor a 5xx."""

    def judge(reply: Reply) -> Judgement:
        status = reply.status_code
        busy = status == _TOO_MANY_REQUESTS or _FIRST_SERVER_ERROR <= status < _BEYOND_SERVER_ERRORS
        return _final(rule.judge(reply), final=not busy)

    return Confirmation(judge, f"{rule.text}; retried on 429 and 5xx only", rule.reads_request)


def final_on(rule: Confirmation, *statuses: int) -> Confirmation:
    """``rule``, with these statuses final."""

    def judge(reply: Reply) -> Judgement:
        return _final(rule.judge(reply), final=reply.status_code in statuses)

    told = " and ".join(map(str, statuses))
    return Confirmation(judge, f"{rule.text}; {told} are final", rule.reads_request)


def _final(judgement: Judgement, *, final: bool) -> Judgement:
    if judgement.verdict is Verdict.CONFIRMED or not final:
        return judgement
    return attrs.evolve(judgement, final=True)

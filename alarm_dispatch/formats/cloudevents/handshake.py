"""The handshake that asks a receiver for its permission (HTTP 1.1 Web Hooks for Event Delivery, 4)."""

from __future__ import annotations

from alarm_dispatch.confirmation import Confirmation
from alarm_dispatch.exchange import Judgement, Reply, Verdict
from alarm_dispatch.formats.base import Payload, Verification
from alarm_dispatch.formats.cloudevents.wire import EVENT_TYPE

__all__ = ["REQUEST_ORIGIN", "handshake"]

REQUEST_ORIGIN = "WebHook-Request-Origin"
_REQUEST_RATE = "WebHook-Request-Rate"
_ALLOWED_ORIGIN = "WebHook-Allowed-Origin"
_ALLOWED_RATE = "WebHook-Allowed-Rate"
_ANY = "*"
_LONGEST = 60


def handshake(origin: str, per_minute: int | None) -> Verification:
    """The request with ``OPTIONS``; ``per_minute`` is how many requests a minute are asked for."""
    headers = [(REQUEST_ORIGIN, origin)]
    if per_minute is not None:
        headers.append((_REQUEST_RATE, str(per_minute)))
    payload = Payload(content=b"", content_type=EVENT_TYPE, headers=tuple(headers))
    return Verification(payload=payload, method="OPTIONS", confirmation=_allows(origin))


def _allows(origin: str) -> Confirmation:
    def judge(reply: Reply) -> Judgement:
        # Section 4.2: a status is no consent, since many servers answer OPTIONS with 200.
        allowed = reply.header(_ALLOWED_ORIGIN)
        if allowed is None:
            told = f"status {reply.status_code} without {_ALLOWED_ORIGIN}"
            return Judgement(Verdict.REJECTED, f"{told}: the receiver allows no events")
        # DNS names are the same in any case.
        if allowed.strip() != _ANY and allowed.strip().lower() != origin.lower():
            return Judgement(Verdict.REJECTED, f"{_ALLOWED_ORIGIN} is {_shown(allowed)}, not {origin}")
        return Judgement(Verdict.CONFIRMED, _rate_told(reply.header(_ALLOWED_RATE)))

    return Confirmation(judge, f"{_ALLOWED_ORIGIN} is {origin} or *", reads_request=False)


def _rate_told(rate: str | None) -> str:
    if rate is None:
        return f"allowed, without {_ALLOWED_RATE}"
    if rate.strip() == _ANY:
        return "allowed, at any rate"
    if rate.strip().isascii() and rate.strip().isdigit():
        return f"allowed, {_shown(rate.strip(), quoted=False)} requests a minute"
    return f"allowed, {_ALLOWED_RATE} is {_shown(rate)}, which is no rate"


def _shown(value: str, *, quoted: bool = True) -> str:
    told = value if len(value) <= _LONGEST else f"{value[: _LONGEST - 1]}…"
    return ascii(told) if quoted else told

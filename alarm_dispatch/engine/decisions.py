"""What follows an attempt that was not confirmed: a wait, or the end; nothing here waits or sends."""

from __future__ import annotations

import attrs

from alarm_dispatch.engine.attempt import Outcome
from alarm_dispatch.engine.settings import EngineSettings
from alarm_dispatch.errors import DeliveryExpiredError, DispatcherClosedError
from alarm_dispatch.exchange import Attempt
from alarm_dispatch.jobs import Job
from alarm_dispatch.limits import retry_after

__all__ = ["expired", "what_follows"]

# Only with these does a Retry-After mean what it says (RFC 9110, sections 10.2.3 and 15.6.4; RFC 6585).
_BUSY_STATUSES = (429, 503)


def expired(job: Job, now: float) -> DeliveryExpiredError | None:
    """Why the job is too old to be sent at the loop's time ``now``; None when it is not."""
    max_age = job.callback.max_age
    if max_age is None or now <= job.submitted + max_age:
        return None
    return DeliveryExpiredError(f"not delivered within its max_age of {max_age:g} s")


def what_follows(
    job: Job, attempt: Attempt, outcome: Outcome, now: float, *, settings: EngineSettings, closing: bool
) -> tuple[Attempt, BaseException | None]:
    """The attempt with the wait that follows it, or with none and the reason of ours why."""
    if outcome.judgement.final:
        return attempt, None
    reply, pause = outcome.reply, outcome.judgement.retry_after
    try:
        delay = job.rules.schedule.next_delay(
            attrs.evolve(attempt, number=attempt.number - job.before) if job.before else attempt,
            elapsed=now - job.first_started,
            waited=job.waited,
            rng=settings.rng,
        )
        if delay is None:
            return attempt, None
        delay = max(delay, pause or 0.0)
        asked = reply.header("retry-after") if reply and reply.status_code in _BUSY_STATUSES else None
        if asked is not None:
            seconds, note = retry_after(asked, settings.clock.now(), settings.max_retry_after)
            delay = max(delay, seconds or 0.0)
            attempt = attrs.evolve(attempt, reason=f"{attempt.reason}; {job.told(note)}")
    except BaseException as error:  # noqa: BLE001 - a user's strategy or reply may raise anything; it is told
        return attempt, error
    if closing:
        return attempt, DispatcherClosedError("the dispatcher was closed before the next attempt")
    too_old = expired(job, now + delay)
    return (attempt.with_retry_in(delay), None) if too_old is None else (attempt, too_old)

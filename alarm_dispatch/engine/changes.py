"""What an outbox is told of an attempt and of an end: a decision, of which nothing is written here."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from alarm_dispatch.delivery import Delivery, DeliveryStatus
from alarm_dispatch.engine.followed import STORED_AS
from alarm_dispatch.engine.keeping import KeepingSettings
from alarm_dispatch.exchange import Attempt
from alarm_dispatch.jobs import Job, Kept
from alarm_dispatch.outbox.base import Ending, Entry, Retry, StoredStatus
from alarm_dispatch.redaction import described, presentable

__all__ = ["Changes", "kept_of", "told_of"]


class Changes:
    """Makes what is written, by an engine's settings."""

    def __init__(self, settings: KeepingSettings) -> None:
        self._settings = settings

    def attempted(
        self, job: Job, attempt: Attempt, error: BaseException | None, now: datetime
    ) -> Retry | Ending:
        """What became of the job with this attempt, which ended at the aware time ``now``."""
        if attempt.retry_in is not None:
            return Retry(id=job.delivery_id, attempt=attempt, due_at=_later(now, attempt.retry_in))
        dead = not attempt.confirmed
        return Ending(
            id=job.delivery_id,
            status=StoredStatus.DEAD if dead else StoredStatus.DELIVERED,
            attempt=attempt,
            number=attempt.number,
            error=_told(job, error),
            fallback=self._settings.fallback(kept_of(job).entry) if dead else (),
        )

    def ended(self, job: Job, status: DeliveryStatus, error: BaseException | None) -> Ending:
        """The end of a job without an attempt."""
        failed = status is DeliveryStatus.FAILED
        return Ending(
            id=job.delivery_id,
            status=STORED_AS[status],
            number=len(job.attempts),
            error=_told(job, error),
            fallback=self._settings.fallback(kept_of(job).entry) if failed else (),
        )

    def buried(self, entry: Entry, reason: str, *, number: int = 0, fallback: bool = True) -> Ending:
        """The end of what cannot be sent: a dead letter, which stands in nobody's way."""
        return Ending(
            id=entry.id,
            status=StoredStatus.DEAD,
            number=number,
            error=reason,
            fallback=self._settings.fallback(entry) if fallback else (),
        )


def kept_of(job: Job) -> Kept:
    """What a job that is in an outbox has beside the others."""
    assert job.kept is not None  # noqa: S101 - for mypy: only such jobs are asked for it
    return job.kept


def told_of(delivery: Delivery) -> str:
    """Why a delivery failed, without the secrets of its callback: none goes into the file."""
    callback = delivery.callback
    return presentable(delivery.outcome, callback.address, callback.headers, callback.secrets)


def _told(job: Job, error: BaseException | None) -> str:
    if error is None:
        return ""
    # A transport's exception may name the URL, and no secret goes into the file.
    return job.told(described(error))


def _later(now: datetime, seconds: float) -> datetime:
    try:
        return now + timedelta(seconds=seconds)
    except OverflowError:  # a schedule may wait for longer than there is a calendar
        return datetime.max.replace(tzinfo=UTC)

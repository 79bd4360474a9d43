"""Deliveries of our callers that others send: how they ended is asked of the outbox now and then."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Sequence

from attrs import frozen

from alarm_dispatch.delivery import DeliveryStatus
from alarm_dispatch.errors import OutboxError
from alarm_dispatch.jobs import Job
from alarm_dispatch.outbox.base import StoredDelivery, StoredStatus

__all__ = ["STORED_AS", "End", "Followed"]

# So many are asked for at a time, so that a million that wait elsewhere hold up nobody here.
_ASKED_FOR = 512

_STATUS = {
    StoredStatus.DELIVERED: DeliveryStatus.DELIVERED,
    StoredStatus.DEAD: DeliveryStatus.FAILED,
    StoredStatus.SUPERSEDED: DeliveryStatus.SUPERSEDED,
}
STORED_AS = {ended: stored for stored, ended in _STATUS.items()}


@frozen
class End:
    """How a job ended elsewhere."""

    job: Job
    status: DeliveryStatus
    error: OutboxError | None


class Followed:
    """The jobs that somebody here waits for and somebody else sends, by their ids."""

    def __init__(self) -> None:
        self._jobs: dict[str, Job] = {}

    def add(self, job: Job) -> None:
        """Follow the job."""
        self._jobs[job.delivery_id] = job

    def pop(self, delivery_id: str) -> Job | None:
        """Follow it no more; the job, if it was followed."""
        return self._jobs.pop(delivery_id, None)

    def some(self) -> Sequence[str]:
        """The ids to ask for, in turn."""
        ids = list(itertools.islice(self._jobs, _ASKED_FOR))
        if len(ids) < len(self._jobs):
            for one in ids:
                self._jobs[one] = self._jobs.pop(one)
        return ids

    def ends(self, asked: Sequence[str], found: Iterable[StoredDelivery]) -> Iterator[End]:
        """Those of the ones that were asked for that have ended; they are followed no more."""
        stored = {one.entry.id: one for one in found}
        for delivery_id in asked:
            one = stored.get(delivery_id)
            status = DeliveryStatus.FAILED if one is None else _STATUS.get(one.status)
            if status is None or (job := self.pop(delivery_id)) is None:
                continue
            if one is None:
                error = "the outbox has the delivery no more; it ended elsewhere and was removed"
                yield End(job, status, OutboxError(error))
                continue
            job.attempts = one.attempts
            yield End(job, status, OutboxError(one.error) if one.error else None)

    def clear(self) -> Sequence[Job]:
        """Follow none any more."""
        jobs, self._jobs = self._jobs, {}
        return list(jobs.values())

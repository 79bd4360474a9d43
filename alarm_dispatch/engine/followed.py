"""Deliveries of our callers that others send: how they ended is asked of the outbox now and then."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Sequence

from attrs import frozen

from alarm_dispatch.alarm_json import read_alarm
from alarm_dispatch.delivery import DeliveryStatus
from alarm_dispatch.errors import OutboxError
from alarm_dispatch.jobs import Job
from alarm_dispatch.outbox.base import Entry, StoredDelivery, StoredStatus

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
    """The jobs that somebody here waits for and somebody else sends, by their ids.

    Several jobs have one id when it was given to several submits.
    """

    def __init__(self) -> None:
        self._jobs: dict[str, list[Job]] = {}

    def add(self, job: Job) -> None:
        """Follow the job."""
        self._jobs.setdefault(job.delivery_id, []).append(job)

    def pop(self, delivery_id: str) -> Job | None:
        """A job of that id, which is followed no more; None when none was."""
        jobs = self._jobs.get(delivery_id)
        if jobs is None:
            return None
        job = jobs.pop(0)
        if not jobs:
            del self._jobs[delivery_id]
        return job

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
            if one is not None and not one.error:  # else it may be damaged, and is told with that
                yield from self.strangers(one.entry)
            status = DeliveryStatus.FAILED if one is None else _STATUS.get(one.status)
            while status is not None and (job := self.pop(delivery_id)) is not None:
                if one is None:
                    error = "the outbox has the delivery no more; it ended elsewhere and was removed"
                    yield End(job, status, OutboxError(error))
                    continue
                job.resume(one.attempts, 0)
                yield End(job, status, OutboxError(one.error) if one.error else None)

    def strangers(self, entry: Entry) -> Sequence[End]:
        """Those of the entry's id that are another notification, and so were never put: they have failed."""
        jobs = self._jobs.get(entry.id, [])
        others = [job for job in jobs if job.kept is not None and not _is_same(job.kept.entry, entry)]
        for job in others:
            jobs.remove(job)
        if not jobs:
            self._jobs.pop(entry.id, None)
        told = (
            f"the outbox has another delivery of the id {entry.id!r}, of alarm {entry.alarm_id!r} to "
            f"{' / '.join(entry.lane)}; this one was not put, as an id is one delivery's for good"
        )
        return [End(job, DeliveryStatus.FAILED, OutboxError(told)) for job in others]

    def clear(self) -> Sequence[Job]:
        """Follow none any more."""
        jobs, self._jobs = self._jobs, {}
        return [job for ones in jobs.values() for job in ones]


def _is_same(one: Entry, other: Entry) -> bool:
    """Whether they are the same notification, whoever wrote it and when."""
    if (one.lane, one.alarm_id) != (other.lane, other.alarm_id):
        return False
    if one.content == other.content:
        return True
    try:
        return read_alarm(one.content) == read_alarm(other.content)
    except Exception:  # noqa: BLE001 - what a newer version wrote may raise anything
        return False

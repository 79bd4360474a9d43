"""Alarms of one group that share a message: gathered for a window, then one job for all of them."""

from __future__ import annotations

import asyncio
import hashlib
import logging
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime

import attrs
from attrs import define

from alarm_dispatch.clock import Clock
from alarm_dispatch.exchange import Attempt
from alarm_dispatch.formats import BuildContext, Bundle
from alarm_dispatch.formats.abilities import bundles_of
from alarm_dispatch.jobs import GATHERED, Job
from alarm_dispatch.model import Alarm
from alarm_dispatch.tickets import Ticket

__all__ = ["Digest", "Digests", "bundled", "digest_id"]

_log = logging.getLogger("alarm_dispatch")

# Alarms with which a window ends before its time.  Their messages are made in one step, of some 30 ms for so
# many; in a storm all of a window would hold up everything else for seconds.
_MOST = 100


@define(eq=False, kw_only=True)
class Digest(Job):
    """One request for several deliveries, the ``members``: what comes of it comes of each of them."""

    members: list[Job]
    alarms: tuple[str, ...]

    @property
    def deliveries(self) -> Sequence[Job]:
        """Those that its requests are for."""
        return self.members

    @property
    def alarm_ids(self) -> Sequence[str]:
        """The alarms that it was made of, also those of members that it has lost."""
        return self.alarms

    @property
    def stored(self) -> bool:
        """Whether an outbox has any of them."""
        return any(one.kept is not None for one in self.members)

    def noted(self, attempt: Attempt) -> Sequence[tuple[Job, Attempt]]:
        """The attempt as each member has it: under its id, and counted on its own."""
        return [
            (one, attrs.evolve(attempt, number=len(one.attempts) + 1, delivery_id=one.delivery_id))
            for one in self.members
        ]

    def note(self, attempt: Attempt) -> None:
        """Add an attempt to each."""
        for one, own in self.noted(attempt):
            one.note(own)
        super().note(attempt)


def digest_id(jobs: Sequence[Job]) -> str:
    """What names a message: the same for the same deliveries, and another when one more is in it.

    A receiver may drop what it has seen by this id, so it must not be the id of a message with less in it.
    """
    text = "\n".join(one.delivery_id for one in jobs)
    return hashlib.blake2b(text.encode(), digest_size=12).hexdigest()


def bundled(jobs: Sequence[Job], now: datetime) -> Sequence[Job]:
    """The jobs that send these of one callback, which all are gathered, at the aware time ``now``."""
    if len(jobs) == 1:
        return jobs
    callback = jobs[0].callback
    context = BuildContext(session_id=digest_id(jobs), now=now, url=callback.url)
    try:
        return list(_of_bundles(jobs, bundles_of(callback.format, list(_alarms(jobs)), context)))
    except Exception as error:  # noqa: BLE001 - a format that raises; each can be built alone, as it was before
        kind = type(error).__name__
        _log.warning("%s: alarms are sent one by one, as the format raised %s", callback.name, kind)
        return jobs


def _alarms(jobs: Iterable[Job]) -> Iterator[Alarm]:
    for one in jobs:
        assert one.gathered is not None  # noqa: S101 - for mypy: others are not gathered
        yield one.gathered.alarm


def _of_bundles(jobs: Sequence[Job], bundles: Iterable[Bundle]) -> Iterator[Job]:
    for bundle in bundles:
        members = [jobs[place] for place in bundle.alarms]
        yield members[0] if len(members) == 1 else _digest(members, bundle)


def _digest(members: list[Job], bundle: Bundle) -> Digest:
    first, message = members[0], bundle.messages[0]
    for one in members:
        one.messages = ()  # it has a part of one message now, whatever it would have taken alone
    digest = Digest(
        delivery_id=digest_id(members),
        alarm_id="",
        callback=first.callback,
        rules=first.rules,
        content=message.content,
        headers=first.callback.headers_for(message),
        method=first.method,
        level=min(one.level for one in members),
        transport=first.transport,
        egress=first.egress,
        ticket=Ticket("", "", 1),
        order=GATHERED,
        members=members,
        alarms=tuple(one.alarm_id for one in members),
    )
    # By the youngest: what is new is not given up for what is old.
    digest.submitted = max(one.submitted for one in members)
    return digest


_Key = tuple[str, str]


def _place(job: Job) -> tuple[str, str]:
    return job.callback.lane, job.alarm_id


@define(eq=False)
class _Window:
    jobs: list[Job]
    timer: asyncio.TimerHandle


class Digests:
    """The windows that are open, one for each callback of a group; ``enter`` is given what is to be sent.

    What is unsettled of an alarm is in one window of its lane at most.
    """

    def __init__(
        self, loop: asyncio.AbstractEventLoop, clock: Clock, enter: Callable[[Sequence[Job]], object]
    ) -> None:
        self._loop = loop
        self._clock = clock
        self._enter = enter
        self._windows: dict[_Key, _Window] = {}
        # In which window an alarm is, by its lane and its id.
        self._places: dict[tuple[str, str], _Key] = {}

    def add(self, job: Job) -> None:
        """Gather a job: it is sent when the window ends that the oldest of them has opened.

        That is reckoned from its submission: what a crash left behind has waited long enough.
        """
        assert job.gathered is not None  # noqa: S101 - for mypy: others are sent at once
        key = (job.gathered.group, job.callback.lane)
        if self._places.get(_place(job), key) != key:
            self.close_with(job)  # another group's, which may end after this one
        self._places[_place(job)] = key
        ends_at = job.submitted + job.gathered.window
        window = self._windows.get(key)
        if window is None:
            self._windows[key] = _Window([job], self._loop.call_at(ends_at, self._close, key))
            return
        window.jobs.append(job)
        if len(window.jobs) >= _MOST:
            self._close(key)
        elif ends_at < window.timer.when():
            window.timer.cancel()
            window.timer = self._loop.call_at(ends_at, self._close, key)

    def close_with(self, job: Job) -> None:
        """End the window that has something of the job's alarm for the same receiver, if there is one."""
        key = self._places.get(_place(job))
        if key is not None:
            self._close(key)

    def _close(self, key: _Key) -> None:
        window = self._windows.pop(key)
        window.timer.cancel()
        for job in window.jobs:
            self._places.pop(_place(job), None)
        self._enter(bundled(window.jobs, self._clock.now()))

    def flush(self) -> None:
        """End all windows now."""
        for key in list(self._windows):
            self._close(key)

    def withdraw(self) -> list[Job]:
        """Take out all that is gathered; it is not sent."""
        windows, self._windows = self._windows, {}
        self._places.clear()
        for window in windows.values():
            window.timer.cancel()
        return [job for window in windows.values() for job in window.jobs]

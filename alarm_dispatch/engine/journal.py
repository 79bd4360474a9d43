"""How an engine writes into its outbox: much in one step, on a thread of its own."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import queue
import threading
from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any, Final, TypeVar

from attrs import define, field

from alarm_dispatch.clock import Clock
from alarm_dispatch.engine.gathering import Gathering
from alarm_dispatch.errors import OutboxError
from alarm_dispatch.outbox.base import Ending, Entry, Outbox, Retry

__all__ = ["LEASE", "Journal"]

_log = logging.getLogger("alarm_dispatch")
_T = TypeVar("_T")

LEASE = 30.0
"""Seconds for which a dispatcher may be gone before others take what it holds."""

_EXTENDED_EVERY = timedelta(seconds=LEASE / 3)
# Seconds until what could not be written is tried again: a disk may be full for long.
_AGAIN = 1.0
_END: Final = object()


@define(eq=False)
class _Put:
    entries: Sequence[Entry]
    stored: Callable[[OutboxError | None], object]
    then: Callable[[Sequence[bool] | OutboxError], object]


@define(eq=False)
class _Change:
    change: Retry | Ending
    then: Callable[[bool], object]


@define(eq=False)
class _Question:
    ask: Callable[[str], Any]
    then: Callable[[Any], object]


@define(eq=False)
class _Batch:
    """What is written in one step."""

    puts: list[_Put] = field(factory=list)
    changes: list[_Change] = field(factory=list)
    questions: list[_Question] = field(factory=list)

    def add(self, note: _Put | _Change | _Question) -> None:
        """Put it to its kind."""
        if isinstance(note, _Change):
            self.changes.append(note)
        elif isinstance(note, _Put):
            self.puts.append(note)
        else:
            self.questions.append(note)


class Journal:
    """Writes for one engine, as one worker of the outbox.

    Every ``then`` is called on the event loop, when what it is about is on disk; those of one step
    together.  A change that cannot be written is tried again until it can be, or until the journal ends; a
    put is not, since whoever submits is told.  ``lost`` is called on the loop when the worker's lease had
    ended: what it held may be others', and from then on it is another worker.

    An outbox that says that it is ``immediate``, as one in memory does, is called on the loop itself.
    """

    def __init__(self, outbox: Outbox, clock: Clock, lost: Callable[[], object]) -> None:
        self._outbox = outbox
        self._clock = clock
        self._lost = lost
        self._loop = asyncio.get_running_loop()
        self._notes: queue.SimpleQueue[list[Any]] = queue.SimpleQueue()
        self._gathering: Gathering[Any] = Gathering(self._loop, self._notes.put)
        self._unwritten: list[_Change] = []
        self._failing = False
        self._worker = ""
        self._extended_at = clock.now()
        self._told: list[Callable[[], object]] = []
        self._thread: threading.Thread | None = None
        if not getattr(outbox, "immediate", False):
            self._thread = threading.Thread(target=self._run, name="alarm-dispatch-outbox", daemon=True)
            self._thread.start()

    # -- from the event loop

    def put(
        self,
        entries: Sequence[Entry],
        stored: Callable[[OutboxError | None], object],
        then: Callable[[Sequence[bool] | OutboxError], object],
    ) -> None:
        """Put deliveries in.

        ``stored`` is called first, on any thread, with the error if there was one; ``then`` with the same, or
        with whether each is ours to send.
        """
        self._take(_Put(entries, stored, then))

    def write(self, change: Retry | Ending, then: Callable[[bool], object]) -> None:
        """Note an attempt or an end; ``then`` is told False when the delivery is no longer ours."""
        self._take(_Change(change, then))

    def ask(self, question: Callable[[str], _T], then: Callable[[_T | OutboxError], object]) -> None:
        """What the outbox answers to a worker of our name."""
        self._take(_Question(question, then))

    def end(self) -> None:
        """Write what there is, if it can be written, and give the worker's lease back."""
        self._take(_END)
        self._gathering.flush()

    async def ended(self, timeout: float) -> None:  # noqa: ASYNC109 - handed on
        """Wait until that is done."""
        if self._thread is not None:
            await self._loop.run_in_executor(None, self._thread.join, timeout)

    def _take(self, note: Any) -> None:
        if self._thread is not None:
            self._gathering.add(note)
            return
        self._notes.put([note])
        self._turn()

    # -- on the journal's own thread

    def _run(self) -> None:
        while self._turn():
            pass

    def _turn(self) -> bool:
        batch, going, handed = self._gathered()
        try:
            self._keep_lease()
        except OutboxError as error:
            self._fail(batch, error)
        else:
            self._write(batch)
        for question in batch.questions:
            self._answer(question)
        if not going:
            self._leave()
        if self._told or handed:
            told, self._told = self._told, []
            self._on_loop(told, handed)
        return going

    def _gathered(self) -> tuple[_Batch, bool, bool]:
        """What is to be written when there is any; whether there may be more, and whether it is new."""
        unwritten, self._unwritten = self._unwritten, []
        batch = _Batch(changes=unwritten)
        try:
            notes = self._notes.get(timeout=_AGAIN if unwritten else _EXTENDED_EVERY.total_seconds())
        except queue.Empty:
            return batch, True, False
        for note in notes:
            if note is not _END:
                batch.add(note)
        return batch, notes[-1] is not _END, True

    def _keep_lease(self) -> None:
        now = self._clock.now()
        if self._worker and abs(now - self._extended_at) < _EXTENDED_EVERY:
            return
        until = now + timedelta(seconds=LEASE)
        if self._worker:
            if self._outbox.extend(self._worker, now=now, until=until):
                self._extended_at = now
                return
            _log.warning("the lease on the outbox had ended; what was held may be others' now")
            self._told.append(self._lost)
        self._worker = self._outbox.join(now=now, until=until)
        self._extended_at = now

    def _write(self, batch: _Batch) -> None:
        if not batch.puts and not batch.changes:
            return
        now = self._clock.now()
        changes = [note.change for note in batch.changes]
        entries = [entry for put in batch.puts for entry in put.entries]
        try:
            with self._outbox.transaction():
                retries = [change for change in changes if isinstance(change, Retry)]
                endings = [change for change in changes if isinstance(change, Ending)]
                refused: set[str] = set()
                if retries:
                    refused.update(self._outbox.retry_at(self._worker, retries, now=now))
                if endings:
                    refused.update(self._outbox.settle(self._worker, endings, now=now))
                held = list(self._outbox.enqueue(entries, worker=self._worker, now=now)) if entries else []
        except OutboxError as error:
            self._fail(batch, error)
            return
        self._failing = False
        for note in batch.changes:
            self._tell(note.then, note.change.id not in refused)
        place = 0
        for put in batch.puts:
            put.stored(None)
            self._tell(put.then, held[place : place + len(put.entries)])
            place += len(put.entries)

    def _fail(self, batch: _Batch, error: OutboxError) -> None:
        """Tell those who wait to be told; keep the rest for later."""
        for put in batch.puts:
            put.stored(error)
            self._tell(put.then, error)
        if batch.changes and not self._failing:
            _log.warning("the outbox takes no records now; that is tried again every second: %s", error)
            self._failing = True
        self._unwritten = batch.changes

    def _answer(self, question: _Question) -> None:
        try:
            answer = question.ask(self._worker)
        except OutboxError as error:
            answer = error
        self._tell(question.then, answer)

    def _leave(self) -> None:
        try:
            if self._worker:
                self._outbox.leave(self._worker)
            self._outbox.close()
        except OutboxError as error:
            _log.warning("the outbox could not be left, so others wait %g s for its lease: %s", LEASE, error)

    def _tell(self, then: Callable[[Any], object], answer: Any) -> None:
        self._told.append(lambda: then(answer))

    def _on_loop(self, told: list[Callable[[], object]], handed: bool) -> None:
        if self._thread is None:
            _call_all(told)
            return
        with contextlib.suppress(RuntimeError):  # the loop was closed without the dispatcher
            self._loop.call_soon_threadsafe(self._tell_all, told, handed)

    def _tell_all(self, told: list[Callable[[], object]], handed: bool) -> None:
        _call_all(told)
        if handed:
            self._gathering.written()


def _call_all(told: list[Callable[[], object]]) -> None:
    for tell in told:
        tell()

"""How an engine writes into its outbox: much in one step, on a thread of its own."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import logging
import queue
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from typing import Any, Final, TypeVar

from alarm_dispatch.clock import Clock
from alarm_dispatch.engine.gathering import Gathering
from alarm_dispatch.engine.notes import Batch, Change, Put, Question
from alarm_dispatch.errors import OutboxError, OutboxUnavailableError
from alarm_dispatch.outbox.base import Ending, Entry, Outbox, Retry
from alarm_dispatch.redaction import described, masked, shown_error

__all__ = ["Journal"]

_log = logging.getLogger("alarm_dispatch")
_T = TypeVar("_T")

# Seconds until what could not be written is tried again, as a disk may be full for long; and how long it may
# take to see that the loop was closed.
_AGAIN = 1.0
# The lease is extended so many times while it lasts.
_EXTENSIONS = 3
_END: Final = object()


class Journal:
    """Writes for one engine, as one worker of the outbox, whose lease is of ``lease`` seconds.

    Every ``then`` is called on the event loop, when what it is about is on disk; those of one step
    together.  A change that cannot be written is tried again until it can be, or until the journal ends; a
    put is not, since whoever submits is told.  ``lost`` is called on the loop when the worker's lease had
    ended: what it held may be others', and from then on it is another worker.  The journal ends by itself
    when its loop was closed.

    An outbox that says that it is ``immediate``, as one in memory does, is called on the loop itself.

    ``held_until`` is the aware time until which the lease lasts, as the loop knows it.  ``renounced`` is set
    by the engine to give up what it holds, and go on as another worker.
    """

    def __init__(self, outbox: Outbox, clock: Clock, lost: Callable[[], object], *, lease: float) -> None:
        self._outbox = outbox
        self._clock = clock
        self._lost = lost
        self._lease = timedelta(seconds=lease)
        self._longest = min(_AGAIN, lease / _EXTENSIONS)
        self._loop = asyncio.get_running_loop()
        self._notes: queue.SimpleQueue[list[Any]] = queue.SimpleQueue()
        self._gathering: Gathering[Any] = Gathering(self._loop, self._notes.put)
        self._unwritten: list[Change] = []
        self._failing = False
        self._worker = ""
        self._extended_at = self.held_until = clock.now()
        self._held_until_loop = self._loop.time()
        self.renounced = False
        self._over = False
        self._told: list[Callable[[], object]] = []
        self._thread: threading.Thread | None = None
        if not getattr(outbox, "immediate", False):
            self._thread = threading.Thread(target=self._run, name="alarm-dispatch-outbox", daemon=True)
            self._thread.start()

    # -- from the event loop

    def holds(self) -> bool:
        """Whether the engine may rely on the lease now."""
        # By the loop's time too: a clock that was set back has time left that others have seen end.
        return self.held_until > self._clock.now() and self._held_until_loop > self._loop.time()

    def put(
        self,
        entries: Sequence[Entry],
        stored: Callable[[OutboxError | None], object],
        then: Callable[[Sequence[bool] | OutboxError], object],
        *,
        decide: Callable[[datetime], Sequence[Entry]] | None = None,
    ) -> None:
        """Put deliveries in; not after :meth:`end`.

        ``stored`` is called first, on any thread, with the error if there was one; ``then`` with the same, or
        with whether each is ours to send.  ``decide`` says which they are, in the transaction that puts them
        and at its time: what it reads and writes in the outbox is part of it.  When that fails, it may be
        asked again.
        """
        self._take(Put(entries, stored, then, decide))

    def write(self, change: Retry | Ending, then: Callable[[bool | None], object]) -> None:
        """Note an attempt or an end; ``then`` is told False when the delivery is no longer ours.

        It is told None when the journal ended and it could not be written.
        """
        if self._over:
            then(None)
        else:
            self._take(Change(change, then))

    def ask(
        self, question: Callable[[str, datetime], _T], then: Callable[[_T | OutboxError], object]
    ) -> None:
        """What the outbox answers to a worker of our name, at the time of asking; not after :meth:`end`."""
        self._take(Question(question, then))

    def end(self) -> None:
        """Write what there is, if it can be written, and give the worker's lease back."""
        if not self._over:
            self._over = True
            self._take(_END)
            self._gathering.flush()

    async def ended(self, timeout: float) -> None:  # noqa: ASYNC109 - handed on
        """Wait until that is done."""
        if self._thread is None:
            return
        # Not the loop's own executor: name lookups that hang may have all of its threads.
        waiting = ThreadPoolExecutor(1, thread_name_prefix="alarm-dispatch-outbox-end")
        try:
            await self._loop.run_in_executor(waiting, self._thread.join, timeout)
        finally:
            waiting.shutdown(wait=False)

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
        going = going and not self._loop.is_closed()
        try:
            with _only_outbox_errors():
                self._keep_lease()
        except OutboxError as error:
            self._fail(batch.changes, batch.puts, error)
        else:
            self._write(batch.changes, batch.puts)
        for question in batch.questions:
            self._answer(question)
        if not going:
            self._leave()
        if self._told or handed:
            told, self._told = self._told, []
            self._on_loop(told, handed)
        return going

    def _gathered(self) -> tuple[Batch, bool, bool]:
        """What is to be written when there is any; whether there may be more, and whether it is new."""
        unwritten, self._unwritten = self._unwritten, []
        batch = Batch(changes=unwritten)
        try:
            notes = self._notes.get(timeout=self._longest)
        except queue.Empty:
            return batch, True, False
        for note in notes:
            if note is not _END:
                batch.add(note)
        return batch, notes[-1] is not _END, True

    def _keep_lease(self) -> None:
        now = self._clock.now()
        recently = abs(now - self._extended_at) < self._lease / _EXTENSIONS
        renounced = self.renounced
        if self._worker and recently and not renounced:
            return
        with self._outbox.transaction():
            now = self._clock.now()  # others may have been waited for
            until, until_loop = now + self._lease, self._loop.time() + self._lease.total_seconds()
            lost = bool(self._worker)
            if lost and renounced:
                self._outbox.leave(self._worker)
            elif lost:
                lost = not self._outbox.extend(self._worker, now=now, until=until)
            worker = self._outbox.join(now=now, until=until) if lost or not self._worker else self._worker
        if lost:
            _log.warning("the lease on the outbox had ended; what was held may be others' now")
            self._told.append(self._lost)
        if renounced:
            self.renounced = False
        self._worker, self._extended_at = worker, now
        # Told in turn: until the loop knows that a lease was lost, it must not rely on the next one.
        self._told.append(functools.partial(self._hold_until, until, until_loop))

    def _hold_until(self, until: datetime, until_loop: float) -> None:
        self.held_until, self._held_until_loop = until, until_loop

    def _write(self, changes: Sequence[Change], puts: Sequence[Put]) -> None:
        if not changes and not puts:
            return
        try:
            with _only_outbox_errors():
                self._write_together(changes, puts)
        except OutboxError as error:
            if isinstance(error, OutboxUnavailableError) or len(changes) + len(puts) == 1:
                self._fail(changes, puts, error)
                return
            # It may be about one of them, and must not harm the others.
            for change in changes:
                self._write([change], [])
            for put in puts:
                self._write([], [put])

    def _write_together(self, changes: Sequence[Change], puts: Sequence[Put]) -> None:
        entries: list[Entry] = []
        retries = [note.change for note in changes if isinstance(note.change, Retry)]
        endings = [note.change for note in changes if isinstance(note.change, Ending)]
        refused: set[str] = set()
        held: Sequence[bool] = ()
        with self._outbox.transaction():
            now = self._clock.now()
            if retries:
                refused.update(self._outbox.retry_at(self._worker, retries, now=now))
            if endings:
                refused.update(self._outbox.settle(self._worker, endings, now=now))
            for put in puts:
                if put.decide is not None:
                    put.entries = put.decide(now)
                entries += put.entries
            if entries:
                held = list(self._outbox.enqueue(entries, worker=self._worker, now=now))
        self._failing = False
        for note in changes:
            self._tell(note.then, note.change.id not in refused)
        place = 0
        for put in puts:
            put.stored(None)
            self._tell(put.then, held[place : place + len(put.entries)])
            place += len(put.entries)

    def _fail(self, changes: Sequence[Change], puts: Sequence[Put], error: OutboxError) -> None:
        """Tell those who wait to be told; keep the rest for later."""
        # It may be another file by then, which knows of no lease of ours: that is looked at first.
        self._extended_at -= self._lease
        for put in puts:
            put.stored(error)
            self._tell(put.then, error)
        # Once for a full disk, and once for a record that alone cannot be written.
        if not self._failing and not all(note.warned for note in changes):
            _log.warning("the outbox does not take a record now; that is tried every second: %s", error)
            self._failing = True
        for note in changes:
            note.warned = True
        self._unwritten.extend(changes)

    def _answer(self, question: Question) -> None:
        answer: Any
        try:
            with _only_outbox_errors():
                # The time is read here: one from before a wait would look like a clock that was set back,
                # and end the leases of others.
                answer = question.ask(self._worker, self._clock.now())
        except OutboxError as error:
            answer = error
        self._tell(question.then, answer)

    def _leave(self) -> None:
        unwritten, self._unwritten = self._unwritten, []
        for note in unwritten:
            self._tell(note.then, None)
        try:
            with _only_outbox_errors():
                if self._worker:
                    self._outbox.leave(self._worker)
                self._outbox.close()
        except OutboxError as error:
            seconds = self._lease.total_seconds()
            _log.warning(
                "the outbox could not be left, so others wait %g s for its lease: %s", seconds, error
            )

    def _tell(self, then: Callable[[Any], object], answer: Any) -> None:
        self._told.append(functools.partial(then, answer))

    def _on_loop(self, told: list[Callable[[], object]], handed: bool) -> None:
        if self._thread is None:
            _call_all(told)
            return
        with contextlib.suppress(RuntimeError):  # the loop was closed without the dispatcher
            self._loop.call_soon_threadsafe(self._tell_all, told, handed)

    def _tell_all(self, told: list[Callable[[], object]], handed: bool) -> None:
        _call_all(told)
        if handed:  # pragma: no branch - else it was tried again, or the lease was extended
            self._gathering.written()


@contextlib.contextmanager
def _only_outbox_errors() -> Iterator[None]:
    """A store of somebody else's may raise anything, and the thread must go on all the same."""
    try:
        yield
    except OutboxError:
        raise
    except Exception as error:  # noqa: BLE001 - it is raised anew, without a database's password
        raise OutboxError(masked(f"the outbox raised {described(error)}")) from shown_error(error)


def _call_all(told: list[Callable[[], object]]) -> None:
    for tell in told:
        try:
            tell()
        except Exception:  # noqa: BLE001 - the others are to be told too
            _log.exception("what the outbox answered could not be dealt with")

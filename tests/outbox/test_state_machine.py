"""Any sequence of calls does the same to the outbox in SQLite as to one that is simple enough to believe."""

from __future__ import annotations

import contextlib
import tempfile
from pathlib import Path
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from alarm_dispatch import Attempt, Verdict
from alarm_dispatch.errors import NotReplayableError
from alarm_dispatch.outbox import Ending, LaneKey, Retry, SqliteOutbox, StoredStatus
from alarm_dispatch.testing import MemoryOutbox

from .made import at, entry

LANES = [LaneKey("g", "one"), LaneKey("g", "two"), LaneKey("h", "one")]
WORKERS = st.integers(0, 3)
ENDS = [StoredStatus.DELIVERED, StoredStatus.DEAD, StoredStatus.SUPERSEDED]


class _CancelledError(Exception):
    pass


class Both(RuleBasedStateMachine):
    """The two outboxes, and what they must agree on."""

    @initialize()
    def open(self) -> None:
        """Both are empty."""
        self.folder = tempfile.TemporaryDirectory()
        self.real = SqliteOutbox(Path(self.folder.name) / "alarms.db")
        self.model = MemoryOutbox()
        self.now = 0.0
        self.serial = 0
        self.lanes: dict[str, LaneKey] = {}
        self.names: list[tuple[str, str]] = []
        for _ in range(2):
            self.join(10.0)

    def both(self, call: Any) -> Any:
        """What both answer to the same call."""
        real, model = call(self.real, 0), call(self.model, 1)
        assert real == model
        return real

    def name(self, number: int, side: int) -> str:
        """A worker's name in one of the two."""
        return self.names[number % len(self.names)][side]

    @rule(lasts=st.sampled_from([1.0, 10.0, 100.0]))
    def join(self, lasts: float) -> None:
        """One more worker."""
        lease = {"now": at(self.now), "until": at(self.now + lasts)}
        self.names.append((self.real.join(**lease), self.model.join(**lease)))
        self.names = self.names[-4:]

    @rule(number=WORKERS, lasts=st.sampled_from([1.0, 10.0]))
    def extend(self, number: int, lasts: float) -> None:
        """A lease goes on, if it has not ended."""
        lease = {"now": at(self.now), "until": at(self.now + lasts)}
        self.both(lambda outbox, side: outbox.extend(self.name(number, side), **lease))

    @rule(number=WORKERS)
    def leave(self, number: int) -> None:
        """A worker goes."""
        self.both(lambda outbox, side: outbox.leave(self.name(number, side)))

    @rule(seconds=st.sampled_from([0.25, 1.0, 3.0, 20.0]))
    def wait(self, seconds: float) -> None:
        """Time passes."""
        self.now += seconds

    @rule(
        number=st.none() | WORKERS,
        batch=st.lists(
            st.tuples(st.sampled_from(LANES), st.sampled_from("xyz"), st.integers(0, 40)),
            min_size=1,
            max_size=6,
        ),
        fails=st.integers(0, 9).map(lambda one: not one),
    )
    def put(self, number: int | None, batch: list[Any], fails: bool) -> None:
        """Mostly new deliveries, some that are there, in a transaction that may fail."""
        entries = []
        for lane, alarm, back in batch:
            self.serial += 1
            name = f"d{self.serial - back if back < 5 else self.serial}"
            entries.append(entry(name, alarm, self.lanes.setdefault(name, lane), created_at=at(self.now)))

        def call(outbox: Any, side: int) -> Any:
            worker = None if number is None else self.name(number, side)
            held = None
            with contextlib.suppress(_CancelledError), outbox.transaction():
                held = list(outbox.enqueue(entries, worker=worker, now=at(self.now)))
                if fails:
                    raise _CancelledError
            return held

        self.both(call)

    @rule(number=WORKERS, rooms=st.lists(st.integers(0, 4), min_size=3, max_size=3))
    def claim(self, number: int, rooms: list[int]) -> None:
        """What is due and free."""
        room = dict(zip(LANES, rooms, strict=True))
        self.both(lambda outbox, side: outbox.claim(self.name(number, side), room, now=at(self.now)))

    def drawn(self, data: Any) -> tuple[str, int]:
        """A delivery, mostly one that is there, and a number that mostly follows."""
        rows = {one.entry.id: one for one in self.model.list()}
        name = data.draw(st.sampled_from([*sorted(rows), "unknown"]))
        number = len(rows[name].attempts) if name in rows else 0
        return name, number + data.draw(st.sampled_from([1, 1, 1, 1, 0, 2]))

    def attempt(self, name: str, number: int) -> Attempt:
        """An attempt as the engine makes it."""
        return Attempt(
            number=number,
            started_at=at(self.now),
            duration=0.5,
            verdict=Verdict.REJECTED,
            status_code=500,
            reason="no",
            delivery_id=name,
            callback=self.lanes.get(name, LANES[0]).callback,
        )

    @rule(number=WORKERS, data=st.data(), count=st.integers(1, 4))
    def retry(self, number: int, data: Any, count: int) -> None:
        """Attempts that are followed by others."""
        batch = []
        for _ in range(count):
            name, attempt = self.drawn(data)
            due = at(self.now + data.draw(st.sampled_from([0.0, 1.0, 5.0])))
            batch.append(Retry(id=name, attempt=self.attempt(name, attempt), due_at=due))
        self.both(lambda outbox, side: outbox.retry_at(self.name(number, side), batch, now=at(self.now)))

    @rule(number=WORKERS, data=st.data(), count=st.integers(1, 5))
    def settle(self, number: int, data: Any, count: int) -> None:
        """Ends, some without an attempt, some with a fallback."""
        batch = []
        for _ in range(count):
            name, attempt = self.drawn(data)
            fallback = ()
            if data.draw(st.integers(0, 4)) == 0:
                self.serial += 1
                other = f"d{self.serial}"
                self.lanes[other] = LANES[2]
                fallback = (entry(other, "fallback", LANES[2], origin=name, created_at=at(self.now)),)
            with_one = data.draw(st.booleans())
            batch.append(
                Ending(
                    id=name,
                    status=data.draw(st.sampled_from(ENDS)),
                    number=attempt if with_one else attempt - 1,
                    attempt=self.attempt(name, attempt) if with_one else None,
                    error=data.draw(st.sampled_from(["", "ours"])),
                    fallback=fallback,
                )
            )
        self.both(lambda outbox, side: outbox.settle(self.name(number, side), batch, now=at(self.now)))

    @precondition(lambda self: self.serial)
    @rule(data=st.data(), count=st.integers(0, 2))
    def replay(self, data: Any, count: int) -> None:
        """By ids, some of which are wrong, or all."""
        ids = [self.drawn(data)[0] for _ in range(count)]

        def call(outbox: Any, _side: int) -> Any:
            try:
                return outbox.replay(ids or None, all=not ids, now=at(self.now))
            except NotReplayableError as error:
                return error.ids

        self.both(call)

    @rule(seconds=st.sampled_from([0.0, 5.0, 50.0]))
    def purge(self, seconds: float) -> None:
        """What was settled a while ago goes."""
        self.both(lambda outbox, _side: outbox.purge(at(self.now - seconds)))

    @rule()
    def trim(self) -> None:
        """Nothing is so old; but workers that are gone are forgotten."""
        self.both(lambda outbox, _side: outbox.trim(now=at(self.now)))

    @invariant()
    def they_hold_the_same(self) -> None:
        """Every delivery, in the same order."""
        if hasattr(self, "real"):
            assert list(self.real.list()) == list(self.model.list())

    def teardown(self) -> None:
        """One worker gets all that is left, each alarm in its order."""
        if not hasattr(self, "real"):
            return
        try:
            self.settle_all()
        finally:
            self.real.close()
            self.folder.cleanup()

    def settle_all(self) -> None:
        """Nothing waits for ever."""
        self.now += 1_000
        self.join(1e6)
        room = dict.fromkeys(LANES, 3)
        for _ in range(self.serial + 1):
            got = self.both(
                lambda outbox, side: outbox.claim(self.name(-1, side), room, now=at(self.now))
            ).held
            if not got:
                break
            ends = [Ending(id=one.entry.id, status=StoredStatus.DELIVERED, number=one.number) for one in got]
            self.both(
                lambda outbox, side, ends=ends: outbox.settle(self.name(-1, side), ends, now=at(self.now))
            )
        assert all(one.status is not StoredStatus.PENDING for one in self.real.list())


TestBoth = Both.TestCase
TestBoth.settings = settings(max_examples=40, stateful_step_count=40, deadline=None)

"""The cost of claiming and settling with 1,000,000 rows in the outbox's file: against 1,000 rows."""

from __future__ import annotations

import contextlib
import itertools
import tempfile
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

from alarm_dispatch import Attempt, Verdict
from alarm_dispatch.outbox import Ending, LaneKey, SqliteOutbox, StoredStatus

from .alarms import NOW
from .figures import Figure, Skipped, compared
from .run import Run, Stopwatch
from .stored import entries

__all__ = ["measure"]

_LANE = LaneKey("oncall", "tencent https://hooks.example.com/cm")
_BATCH = 32
_LONG = timedelta(days=1)


class _Filled:
    """An outbox with so many rows, unsettled ones of a dead worker or settled ones."""

    def __init__(self, path: Path, rows: int, *, settled: bool) -> None:
        self.outbox = SqliteOutbox(path)
        self._entries = entries(10**9, [_LANE], NOW)
        self._attempt = Attempt(
            number=1, started_at=NOW, duration=0.0123, verdict=Verdict.CONFIRMED, status_code=200
        )
        gone = self.outbox.join(now=NOW, until=NOW + _LONG)
        for start in range(0, rows, 500):
            self.put(min(500, rows - start), gone, settled=settled)
        self.outbox.leave(gone)
        self._worker = self.outbox.join(now=NOW, until=NOW + _LONG)
        started = time.perf_counter()
        self.turn(1)
        self.first = time.perf_counter() - started

    def put(self, count: int, worker: str | None, *, settled: bool = False) -> None:
        """Put so many, each of an alarm of its own."""
        with self.outbox.transaction():
            batch = list(itertools.islice(self._entries, count))
            self.outbox.enqueue(batch, worker=worker, now=NOW)
            if settled and worker is not None:
                self.outbox.settle(worker, [self._ending(one.id) for one in batch], now=NOW)

    def _ending(self, delivery_id: str) -> Ending:
        return Ending(id=delivery_id, status=StoredStatus.DELIVERED, attempt=self._attempt, number=1)

    def turn(self, batches: int) -> dict[str, float]:
        """Claim and settle, as many as were put anew before."""
        self.put(batches * _BATCH, None)
        with Stopwatch() as watch:
            for _ in range(batches):
                held = self.outbox.claim(self._worker, {_LANE: _BATCH}, now=NOW).held
                ends = [self._ending(one.entry.id) for one in held]
                assert len(held) == _BATCH
                assert not self.outbox.settle(self._worker, ends, now=NOW)
        return {"cpu": watch.cpu / batches / _BATCH * 1e6, "seconds": watch.seconds}


def measure(run: Run) -> Iterator[Figure | Skipped]:
    """At most 1.3 times, in batches of 32, whether the rows are settled or wait."""
    many, few, batches = run.size(1_000_000, 500), run.size(1_000, 100), run.size(30)
    for settled, case in ((False, "unsettled"), (True, "settled")):
        with tempfile.TemporaryDirectory() as folder, contextlib.ExitStack() as stack:
            sides = {}
            for name, rows in (("many", many), ("few", few)):
                run.say(f"filling an outbox with {rows} {case} rows")
                sides[name] = _Filled(Path(folder) / f"{name}.db", rows, settled=settled)
                stack.callback(sides[name].outbox.close)
            answers = run.interleave(
                f"claim and settle with {many} {case} rows",
                many=lambda sides=sides: sides["many"].turn(batches),
                few=lambda sides=sides: sides["few"].turn(batches),
            )
            yield compared(
                [answer["cpu"] for answer in answers["many"]],
                [answer["cpu"] for answer in answers["few"]],
                measure="outbox_store",
                case=f"{many:,} {case} rows",
                unit="µs of CPU",
                baseline_is=f"{few:,} rows",
                target=1.3,
                at_least=False,
                note=f"the first claim took {sides['many'].first * 1e3:.1f} ms",
            )

"""From the start of a process on a file with 1,000,000 unsettled deliveries to its first attempt."""

from __future__ import annotations

import asyncio
import json
import sys
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from alarm_dispatch import AlarmGroup, AsyncDispatcher, Callback, Reply, Request
from alarm_dispatch.outbox import SqliteOutbox

from .alarms import FORMAT
from .figures import Figure, Skipped, compared
from .processes import pin, started
from .run import Run
from .stored import leave_unsettled

__all__ = ["measure"]

_LONGEST = 60.0
_WATCHED = 1.0  # seconds from then on for which the memory is watched
_SECONDS, _MEGABYTES = 1.0, 100.0


class _TellsFirst:
    """A transport that notes its first request and answers none."""

    keeps_deadline = True

    def __init__(self) -> None:
        self.asked = asyncio.Event()

    async def send(self, request: Request, *, deadline: float) -> Reply:
        self.asked.set()
        await asyncio.Event().wait()
        raise AssertionError(request)


def _group(callbacks: int) -> AlarmGroup:
    return AlarmGroup(
        "benchmark",
        callbacks=[
            Callback(f"http://127.0.0.1:9/{number}", format=FORMAT, name=f"callback {number}")
            for number in range(callbacks)
        ],
    )


def _peak() -> int:
    """The most bytes that this process had in memory, where the platform tells it; else 0."""
    status = Path("/proc/self/status")
    if not status.exists():
        return 0
    line = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM:"))
    return int(line.split()[1]) * 1024


async def _start(file: str, callbacks: int, watched: float) -> None:
    transport, opened = _TellsFirst(), time.perf_counter()
    async with asyncio.timeout(_LONGEST):
        async with AsyncDispatcher(
            transport=transport, outbox=SqliteOutbox(file), groups=[_group(callbacks)]
        ) as dispatcher:
            await transport.asked.wait()
            took = time.perf_counter() - opened
            at = time.time()
            await asyncio.sleep(watched)
            print(json.dumps({"at": at, "opened": took, "peak": _peak()}), flush=True)
            await dispatcher.close(0)


def measure(run: Run) -> Iterator[Figure | Skipped]:
    """Under 1 s, the process's own start included, and under 100 MB at most; to 1 callback and to 100."""
    rows = run.size(1_000_000, 500)
    for callbacks in (1, 100):
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / "alarms.db"
            run.say(f"filling an outbox with {rows:,} to {callbacks} callbacks")
            outbox = SqliteOutbox(file)
            leave_unsettled(outbox, rows, _group(callbacks), datetime.now(UTC))
            outbox.close()
            core = "-" if run.cores.sender is None else str(run.cores.sender)
            arguments = [str(file), str(callbacks), str(_WATCHED * run.scale), core]

            def start(arguments: list[str] = arguments) -> dict[str, float]:
                began = time.time()
                with started("outbox_start", *arguments) as child:
                    told = child.first
                return {**told, "seconds": told["at"] - began}

            answers = run.interleave(f"start with {rows:,} stored", at_most=5, ours=start)["ours"]
            case = f"{rows:,} unsettled, {callbacks} callback{'s' if callbacks > 1 else ''}"
            opened = sorted(answer["opened"] for answer in answers)[len(answers) // 2]
            yield compared(
                [answer["seconds"] for answer in answers],
                [_SECONDS] * len(answers),
                measure="outbox_start",
                case=case,
                unit="s",
                baseline_is="1 s",
                target=1.0,
                at_least=False,
                note=f"{opened * 1e3:.0f} ms of it since the dispatcher was made",
            )
            if answers[0]["peak"]:
                yield compared(
                    [answer["peak"] / 1e6 for answer in answers],
                    [_MEGABYTES] * len(answers),
                    measure="outbox_start",
                    case=f"{case}, memory at most",
                    unit="MB",
                    baseline_is="100 MB",
                    target=1.0,
                    at_least=False,
                )


if __name__ == "__main__":
    pin(int(sys.argv[4]) if sys.argv[4] != "-" else None)
    asyncio.run(_start(sys.argv[1], int(sys.argv[2]), float(sys.argv[3])))

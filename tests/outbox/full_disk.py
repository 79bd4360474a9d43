"""A dispatcher on a file system that gets full: run as a program in a mount namespace of its own."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
from collections import Counter
from pathlib import Path

from alarm_dispatch import Dispatcher
from alarm_dispatch.errors import OutboxError
from alarm_dispatch.outbox import SqliteOutbox
from alarm_dispatch.testing import MemoryReceiver

from ..dispatch.alarms import group, numbered

BALLAST = 8_000_000
SIZE = BALLAST + 2_000_000
THREADS = 4
# Seconds for which nobody submits to the full disk; and how often, and at what distance, somebody does then.
QUIET = 2.0
KNOCKS, BETWEEN = 10, 0.1
AFTERWARDS = 200
# A submitter gives up after so many seconds: the disk is not that large.
PATIENCE = 60.0

_STORED = """
import sys
from alarm_dispatch.outbox import SqliteOutbox
print(*(one.entry.alarm_id for one in SqliteOutbox(sys.argv[1]).list()))
"""


class Submitters:
    """Who submits, from several threads: what was acknowledged, what was refused, and with which errors."""

    def __init__(self, dispatcher: Dispatcher) -> None:
        self._dispatcher = dispatcher
        self._to = group()
        self.acknowledged: list[str] = []
        self.refused: list[str] = []
        self.errors: set[str] = set()

    def submit(self, number: int) -> bool:
        """Whether there was room."""
        alarm = numbered(number)
        try:
            self._dispatcher.submit(alarm, self._to)
        except OutboxError as error:
            self.refused.append(alarm.id)
            self.errors.add(f"{type(error).__name__}: {error}")
            return False
        self.acknowledged.append(alarm.id)
        return True

    def fill(self, first: int) -> None:
        """Submit until there is no room."""
        until = time.monotonic() + PATIENCE
        number = first
        while time.monotonic() < until and self.submit(number):
            number += 1


def main(folder: Path) -> dict[str, object]:
    """Fill the disk, look what is there, make room, and go on."""
    ballast, path = folder / "ballast", folder / "alarms.db"
    ballast.write_bytes(bytes(BALLAST))
    receiver = MemoryReceiver(200)
    with Dispatcher(transport=receiver.transport, outbox=SqliteOutbox(path)) as dispatcher:
        submitters = Submitters(dispatcher)
        threads = [
            threading.Thread(target=submitters.fill, args=(10_000 * number,)) for number in range(THREADS)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        began = time.process_time()
        time.sleep(QUIET)
        taken = 0
        for number in range(KNOCKS):
            time.sleep(BETWEEN)
            taken += submitters.submit(90_000 + number)
        busy = time.process_time() - began
        stored = subprocess.run(
            [sys.executable, "-c", _STORED, path], capture_output=True, text=True, check=True
        ).stdout.split()
        lost = set(submitters.acknowledged) - set(stored)

        ballast.unlink()
        afterwards = sum(submitters.submit(95_000 + number) for number in range(AFTERWARDS))
        drained = dispatcher.drain(timeout=PATIENCE)
    return {
        "acknowledged": len(submitters.acknowledged),
        "lost": len(lost),
        "stored though refused": len(set(submitters.refused) & set(stored)),
        "errors": sorted(submitters.errors),
        "taken while full": taken,
        "taken afterwards": afterwards,
        "drained": drained,
        "statuses": Counter(str(one.status) for one in SqliteOutbox(path).list()),
        "sent": len(receiver.requests),
        "busy": busy,
    }


if __name__ == "__main__":
    sys.stdout.write(json.dumps(main(Path(sys.argv[1]))))

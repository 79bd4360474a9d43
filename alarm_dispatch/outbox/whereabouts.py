"""Whether an open database's files are still where they were."""

from __future__ import annotations

import os
import time
from pathlib import Path

__all__ = ["Whereabouts", "same_file"]

# A file system's clock ticks slowly: what changes twice within a tick has the same time both times.
_TICK = 100_000_000


class Whereabouts:
    """Where the database of a path, its log and the log's index are, from when it was opened on.

    SQLite goes on writing to a file that has lost its name, and says that all is well.  What was committed
    last is in the log, and another process cannot know of it without the index.

    Raises OSError when one of them is not there.
    """

    def __init__(self, path: str) -> None:
        real = os.path.realpath(path)
        self._places = {file: _place(file) for file in (path, f"{real}-wal", f"{real}-shm")}
        self._folders = {os.path.dirname(path) or ".", os.path.dirname(real)}  # noqa: PTH120 - see _stamps
        self._unchanged: list[tuple[int, int, int]] | None = None

    def moved(self) -> str:
        """The file that is gone or another, "" when all are as they were."""
        try:
            stamps = self._stamps()
        except OSError:
            stamps = None
        if stamps is not None and stamps == self._unchanged:
            return ""
        for file, place in self._places.items():
            try:
                if _place(file) == place:
                    continue
            except OSError:
                pass
            return file
        settled = stamps is not None and all(changed + _TICK < time.time_ns() for _, _, changed in stamps)
        self._unchanged = stamps if settled else None
        return ""

    def _stamps(self) -> list[tuple[int, int, int]]:
        # A file's name cannot go without a change of its folder: as long as there is none, one question is
        # enough.  In each another thread may take the interpreter, and this is twice in every transaction.
        found = [os.stat(folder) for folder in self._folders]  # noqa: PTH116 - a Path costs as much again
        return [(one.st_dev, one.st_ino, one.st_mtime_ns) for one in found]


def _place(path: str) -> tuple[int, int]:
    found = os.stat(path)  # noqa: PTH116 - as above
    return found.st_dev, found.st_ino


def same_file(one: str, other: str) -> bool:
    """Whether these are paths of one file, which need not be there yet."""
    try:
        return Path(one).samefile(other)
    except FileNotFoundError:  # SQLite makes a file when it is first used
        return Path(one).resolve() == Path(other).resolve()

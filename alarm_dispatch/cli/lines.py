"""The lines of a file or of standard input, read as they are needed and never all at once."""

from __future__ import annotations

import asyncio
import contextlib
import queue
import select
import sys
import threading
from collections.abc import AsyncGenerator, Iterator
from pathlib import Path
from typing import Any, BinaryIO

from attrs import frozen

from alarm_dispatch.cli.errors import CommandError

__all__ = ["LONGEST_LINE", "STANDARD_INPUT", "Line", "count_lines", "lines_of", "opened"]

STANDARD_INPUT = "-"

LONGEST_LINE = 1_048_576
"""Bytes that a line may have: a file without line breaks must not fill the memory."""

_CHUNK = 32_768


@frozen
class Line:
    """One line; ``content`` is None when it is longer than :data:`LONGEST_LINE`."""

    number: int
    content: bytes | None


@contextlib.contextmanager
def opened(source: str) -> Iterator[Any]:
    """The file, or standard input (``-``), to be read in bytes and without a buffer.

    Without one, since a thread that waits in a buffer's lock would keep the interpreter from ending.
    """
    if source == STANDARD_INPUT:
        yield getattr(sys.stdin.buffer, "raw", sys.stdin.buffer)
        return
    try:
        stream = Path(source).open("rb", buffering=0)  # noqa: SIM115 - what is raised in its block is not ours
    except OSError as error:
        raise CommandError(f"{source} cannot be read: {error.strerror or error}") from error
    with stream:
        yield stream


def count_lines(source: str) -> int | None:
    """How many lines a file has; None where only reading to the end would tell."""
    path = Path(source)
    if source == STANDARD_INPUT or not path.is_file():
        return None
    count, last = 0, b"\n"
    with path.open("rb", buffering=0) as stream:
        while chunk := stream.read(_CHUNK):
            count, last = count + chunk.count(b"\n"), chunk
    return count + (not last.endswith(b"\n"))


async def lines_of(stream: Any) -> AsyncGenerator[Line, None]:
    """Each line without its end, counted from 1; the event loop goes on while there is nothing to read.

    Raises OSError when the stream cannot be read further.
    """
    reader = _Reader(stream)
    try:
        number, rest, too_long = 0, b"", False
        while chunk := await reader.read():
            *ended, begun = chunk.split(b"\n")
            for part in ended:
                number += 1
                yield _line(number, rest + part, too_long)
                rest, too_long = b"", False
            rest += begun
            if len(rest) > LONGEST_LINE:
                rest, too_long = b"", True
        if rest or too_long:
            yield _line(number + 1, rest, too_long)
    finally:
        reader.stop()


def _line(number: int, content: bytes, too_long: bool) -> Line:
    return Line(number, None if too_long or len(content) > LONGEST_LINE else content)


class _Reader:
    """Reads in a thread of its own, a piece whenever it is asked.

    The thread is a daemon: whoever writes into a pipe may be silent for ever, and Ctrl-C must end all the
    same.
    """

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self._loop = asyncio.get_running_loop()
        self._asked: queue.SimpleQueue[asyncio.Future[bytes] | None] = queue.SimpleQueue()
        threading.Thread(target=self._run, name="alarm-dispatch-lines", daemon=True).start()

    async def read(self) -> bytes:
        answer: asyncio.Future[bytes] = self._loop.create_future()
        self._asked.put(answer)
        return await answer

    def stop(self) -> None:
        self._asked.put(None)

    def _run(self) -> None:
        while (answer := self._asked.get()) is not None:
            content, fault = b"", None
            try:
                content = self._read()
            except (OSError, ValueError) as error:  # ValueError: closed meanwhile
                fault = error
            with contextlib.suppress(RuntimeError):  # the loop is closed: nobody waits any more
                self._loop.call_soon_threadsafe(_tell, answer, content, fault)

    def _read(self) -> bytes:
        while (content := self._stream.read(_CHUNK)) is None:
            select.select([self._stream], [], [])  # somebody made it non-blocking, and there is nothing yet
        return content


def _tell(answer: asyncio.Future[bytes], content: bytes, fault: Exception | None) -> None:
    if answer.done():  # cancelled
        return
    if fault is None:
        answer.set_result(content)
    else:
        answer.set_exception(fault)

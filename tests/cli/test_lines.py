"""Reading line by line: whatever the pieces are, only when asked, and without holding anything up."""

import asyncio
import contextlib
import io
import os

import pytest

from alarm_dispatch.cli import lines
from alarm_dispatch.cli.errors import CommandError
from alarm_dispatch.cli.lines import Line, count_lines, lines_of, opened


class Pieces:
    """A stream that gives these pieces, one for each read, and counts the reads."""

    def __init__(self, *pieces):
        self.pieces = list(pieces)
        self.reads = 0

    def read(self, _size):
        self.reads += 1
        piece = self.pieces.pop(0) if self.pieces else b""
        if isinstance(piece, Exception):
            raise piece
        return piece


def all_of(stream):
    """Every line of a stream."""

    async def read():
        return [line async for line in lines_of(stream)]

    return asyncio.run(read())


@pytest.mark.parametrize(
    ("pieces", "expected"),
    [
        ([], []),
        ([b"\n"], [b""]),
        ([b"a\nb\n"], [b"a", b"b"]),
        ([b"a\nb"], [b"a", b"b"]),
        ([b"a", b"b", b"\nc", b"\n", b"d"], [b"ab", b"c", b"d"]),
        ([b"a\r\n\nb\n"], [b"a\r", b"", b"b"]),
    ],
)
def test_lines(pieces, expected):
    """They are the same, however the pieces fall."""
    found = all_of(Pieces(*pieces))

    assert found == [Line(number, content) for number, content in enumerate(expected, 1)]


def test_a_line_that_is_too_long(monkeypatch):
    """It is known by its number, its content is not kept, and the lines around it are whole."""
    monkeypatch.setattr(lines, "LONGEST_LINE", 10)
    long = b"x" * 11

    found = all_of(Pieces(b"a\n" + long + b"\nb\n", long, long, b"x\nc\n", long))

    assert [line.content for line in found] == [b"a", None, b"b", None, b"c", None]


def test_nothing_is_read_before_it_is_asked_for():
    """A file of any length takes the memory of a piece."""
    stream = Pieces(b"a\n", b"b\n", b"c\n")

    async def first():
        async with contextlib.aclosing(lines_of(stream)) as found:
            return await anext(found)

    assert asyncio.run(first()) == Line(1, b"a")
    assert stream.reads == 1


def test_a_fault_while_reading():
    """What the stream raises comes out where the lines are asked for."""
    with pytest.raises(OSError, match="gone"):
        all_of(Pieces(b"a\n", OSError("gone")))


def test_a_pipe_without_anything_to_read_holds_nothing_up():
    """The event loop goes on, and waiting can be given up; the pipe may be non-blocking."""
    reading, writing = os.pipe()
    os.set_blocking(reading, False)

    async def wait():
        with os.fdopen(reading, "rb", buffering=0) as stream:
            found = lines_of(stream)
            first = asyncio.ensure_future(anext(found))
            await asyncio.sleep(0)
            os.write(writing, b"a\n")
            assert await first == Line(1, b"a")
            second = asyncio.ensure_future(anext(found))
            await asyncio.sleep(0)
            second.cancel()
            with pytest.raises(asyncio.CancelledError):
                await second
            os.close(writing)

    asyncio.run(wait())


def test_a_stream_that_has_nothing_yet():
    """It is not at its end: its descriptor is waited for."""
    reading, writing = os.pipe()
    os.write(writing, b"there is something")
    stream = Pieces(None, b"a\n")
    stream.fileno = lambda: reading

    found = all_of(stream)

    os.close(reading)
    os.close(writing)
    assert found == [Line(1, b"a")]


def test_an_answer_that_nobody_waits_for():
    """It is dropped."""
    loop = asyncio.new_event_loop()
    given_up = loop.create_future()
    given_up.cancel()
    loop.close()

    lines._tell(given_up, b"a", None)

    assert given_up.cancelled()


@pytest.mark.parametrize(
    ("content", "count"), [(b"", 0), (b"a", 1), (b"a\n", 1), (b"a\nb", 2), (b"a\n\n", 2)]
)
def test_counting(content, count, tmp_path):
    """As many as are read, without keeping them."""
    path = tmp_path / "alarms.jsonl"
    path.write_bytes(content)

    assert count_lines(str(path)) == count
    with opened(str(path)) as stream:
        assert len(all_of(stream)) == count


def test_what_cannot_be_counted(tmp_path):
    """A pipe would have to be read."""
    os.mkfifo(tmp_path / "pipe")

    assert count_lines("-") is None
    assert count_lines(str(tmp_path / "pipe")) is None


def test_a_file_that_is_not_there(tmp_path):
    """It is told when it is opened."""
    with pytest.raises(CommandError, match="cannot be read: No such file"), opened(str(tmp_path / "none")):
        pass


def test_standard_input(monkeypatch):
    """It is read beneath its buffer, where it has one."""
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(b"a\n")))
    with opened("-") as stream:
        assert all_of(stream) == [Line(1, b"a")]

    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BufferedReader(io.BytesIO(b"b\n"))))
    with opened("-") as stream:
        assert all_of(stream) == [Line(1, b"b")]

"""Several threads and processes on one file, and some that die."""

from __future__ import annotations

import multiprocessing
import random
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from alarm_dispatch.errors import ForkedProcessError, OutboxUnavailableError
from alarm_dispatch.outbox import SqliteOutbox, database

from ..paths import ROOT
from .children import in_child, needs_fork
from .made import LANE, NOW, at, claimed, ending, entry, statuses, worker

PUTTER = """
import sys
from alarm_dispatch.outbox import SqliteOutbox
from tests.outbox.made import NOW, ending, entry, worker
outbox = SqliteOutbox(sys.argv[1])
mine = worker(outbox, lasts=1e6)
number = 0
while True:
    batch = [entry(f"{sys.argv[2]}-{number + place}", f"{sys.argv[2]}: {place % 4}") for place in range(16)]
    number += 16
    outbox.enqueue(batch, worker=mine, now=NOW)
    sys.stdout.write("".join(f"put {one.id}\\n" for one in batch))
    sys.stdout.flush()
    assert not outbox.settle(mine, [ending(one.id) for one in batch[:8]], now=NOW)
    sys.stdout.write("".join(f"settled {one.id}\\n" for one in batch[:8]))
    sys.stdout.flush()
"""


def test_nothing_acknowledged_is_lost_on_a_kill(tmp_path):
    """SIGKILL in the middle of batches, several times; what was said to be there is, and what was settled."""
    path = tmp_path / "alarms.db"
    rng = random.Random(7)
    put: set[str] = set()
    settled: set[str] = set()
    for turn in range(4):
        with subprocess.Popen(
            [sys.executable, "-c", PUTTER, str(path), str(turn)], stdout=subprocess.PIPE, text=True, cwd=ROOT
        ) as child:
            assert child.stdout is not None
            lines = [child.stdout.readline() for _ in range(rng.randrange(20, 400))]
            child.kill()
            lines += child.stdout.read().splitlines(keepends=True)
        for line in lines:
            if line.endswith("\n"):
                what, name = line.split()
                (put if what == "put" else settled).add(name)

    outbox = SqliteOutbox(path)
    found = statuses(outbox)
    assert put <= found.keys()
    assert {found[name] for name in settled} == {"delivered"}
    # At most the batch that was on its way at each kill is there without a word.
    assert len(found) - len(put) <= 4 * 16
    outbox.close()


def test_two_processes_share_the_work(tmp_path):
    """Each delivery is claimed and settled once, in the order of its alarm."""
    path = str(tmp_path / "alarms.db")
    outbox = SqliteOutbox(path)
    outbox.enqueue(
        [entry(f"{number:03}", f"alarm {number % 20}") for number in range(400)], worker=None, now=NOW
    )
    outbox.close()
    program = """
import sys
from alarm_dispatch.outbox import SqliteOutbox
from tests.outbox.made import LANE, at, claimed, ending, worker
outbox = SqliteOutbox(sys.argv[1])
mine = worker(outbox)
idle = 0
while idle < 200:
    got = claimed(outbox, mine, 1, room=3)
    idle = 0 if got else idle + 1
    assert not outbox.settle(mine, [ending(name) for name in got], now=at(1))
    print(*got, sep="\\n")
"""
    children = [
        subprocess.Popen([sys.executable, "-c", program, path], stdout=subprocess.PIPE, text=True, cwd=ROOT)
        for _ in range(2)
    ]
    claims = [child.communicate()[0].split() for child in children]

    assert [child.returncode for child in children] == [0, 0]
    assert sorted(claims[0] + claims[1]) == [f"{number:03}" for number in range(400)]
    assert set(statuses(outbox).values()) == {"delivered"}
    outbox.close()


def test_a_lease_that_ends_between_looking_and_taking(tmp_path, monkeypatch):
    """Another, whose clock is ahead, may take what the worker holds; it gets nothing more then."""
    outbox = SqliteOutbox(tmp_path / "alarms.db")
    mine = worker(outbox, lasts=10)
    outbox.enqueue([entry("a")], worker=mine, now=NOW)
    outbox.enqueue([entry("b"), entry("c")], worker=None, now=NOW)
    other = SqliteOutbox(tmp_path / "alarms.db")
    ahead = worker(other, lasts=100)
    real = outbox._step

    def step():
        monkeypatch.undo()
        assert claimed(other, ahead, 20, room=1) == ["a"]
        return real()

    monkeypatch.setattr(outbox, "_step", step)

    assert claimed(outbox, mine) == []
    assert claimed(other, ahead, 20) == ["b", "c"]
    other.close()
    outbox.close()


def test_threads_share_an_outbox(sqlite_outbox):
    """Each has a connection of its own, which goes with it."""
    sqlite_outbox.enqueue([entry(f"{number:03}") for number in range(300)], worker=None, now=NOW)

    def work() -> list[str]:
        mine = worker(sqlite_outbox)
        done: list[str] = []
        while got := claimed(sqlite_outbox, mine, 1, room=7):
            assert not sqlite_outbox.settle(mine, [ending(name) for name in got], now=at(1))
            done += got
        return done

    with ThreadPoolExecutor(4) as pool:
        claims = [name for done in pool.map(lambda _: work(), range(4)) for name in done]

    assert sorted(claims) == [f"{number:03}" for number in range(300)]
    assert len(sqlite_outbox._database._links) == 1


def test_closing_from_another_thread(sqlite_outbox):
    """A connection that is in a transaction stays; the others go, and come again when they are needed."""
    sqlite_outbox.enqueue([entry("a")], worker=None, now=NOW)
    with sqlite_outbox.transaction():
        sqlite_outbox.close()
        sqlite_outbox.enqueue([entry("b")], worker=None, now=NOW)

    closer = threading.Thread(target=sqlite_outbox.close)
    closer.start()
    closer.join()

    assert statuses(sqlite_outbox) == {"a": "pending", "b": "pending"}


def test_a_process_ends_beside_a_thread_that_reads(sqlite_outbox):
    """At the end of the process every connection is let go, but none is closed under a statement."""
    with sqlite_outbox._database.reading() as connection:
        at_exit = threading.Thread(target=sqlite_outbox._database._own.link._end)
        at_exit.start()
        at_exit.join()

        assert connection.execute("SELECT 1").fetchone() == (1,)

    connection.close()


def test_a_step_that_failed_ends_the_transaction(tmp_path):
    """Whoever goes on after an error in it does not get half of it."""
    outbox = SqliteOutbox(tmp_path / "alarms.db")
    mine = worker(outbox)

    with (  # noqa: PT012 - the block is what is tried
        pytest.raises(OutboxUnavailableError, match="a step of the transaction failed"),
        outbox.transaction(),
    ):
        outbox.enqueue([entry("a")], worker=mine, now=NOW)
        with pytest.raises(AttributeError):
            outbox.enqueue([None], worker=mine, now=NOW)  # type: ignore[list-item]
        with pytest.raises(OutboxUnavailableError):
            outbox.enqueue([entry("b")], worker=mine, now=NOW)

    assert statuses(outbox) == {}
    outbox.close()


@needs_fork
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_child_has_a_connection_of_its_own(sqlite_outbox):
    """Parent and child go on, each with what the other did."""
    mine = worker(sqlite_outbox)
    sqlite_outbox.enqueue([entry("a")], worker=mine, now=NOW)

    def child() -> object:
        return list(sqlite_outbox.enqueue([entry("b")], worker=mine, now=NOW)), statuses(sqlite_outbox)

    assert in_child(child) == "([True], {'a': 'pending', 'b': 'pending'})"
    assert not sqlite_outbox.settle(mine, [ending("a"), ending("b")], now=NOW)


@needs_fork
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_child_inherits_no_open_connection(sqlite_outbox):
    """Its SQLite would take the parent's locks for its own, and so hold none."""
    statuses(sqlite_outbox)

    assert in_child(lambda: len(sqlite_outbox._database._links)) == "0"
    assert statuses(sqlite_outbox) == {}


@needs_fork
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_fork_within_a_transaction(sqlite_outbox):
    """It is the parent's: the child cannot end it, and has a connection of its own after it."""
    mine = worker(sqlite_outbox)

    def child() -> str:
        try:
            sqlite_outbox.enqueue([entry("x")], worker=mine, now=NOW)
        except OutboxUnavailableError as error:
            return str("locked" in str(error))
        return "wrote"

    sqlite_outbox._busy_timeout = 0.01
    with sqlite_outbox.transaction():
        sqlite_outbox.enqueue([entry("a")], worker=mine, now=NOW)
        told = in_child(child)
    assert told == "True"

    def ends() -> str:
        try:
            inner.__exit__(None, None, None)
        except ForkedProcessError as error:
            return str(error)
        return "ended"

    inner = sqlite_outbox.transaction()
    inner.__enter__()
    sqlite_outbox.enqueue([entry("b")], worker=mine, now=NOW)
    told = in_child(ends)
    inner.__exit__(None, None, None)
    assert "parent" in told
    assert statuses(sqlite_outbox) == {"a": "pending", "b": "pending"}


def test_what_a_fork_left_is_never_closed(sqlite_outbox, monkeypatch):
    """A connection that was open in the parent stays as it is, and its transaction cannot be ended."""
    left: list[object] = []
    monkeypatch.setattr(database, "_LEFT_BY_FORKS", left)
    statuses(sqlite_outbox)
    link = sqlite_outbox._database._own.link
    parents = link.connection

    with pytest.raises(ForkedProcessError), sqlite_outbox.transaction():
        link.process = -1
    link._end.detach()
    link.__attrs_post_init__()  # as in the process of that number
    del link
    assert statuses(sqlite_outbox) == {}

    assert left == [parents]
    parents.execute("ROLLBACK")
    parents.close()


def test_what_a_fork_left_is_not_waited_for(sqlite_outbox):
    """Its lock may be held by a thread that the child does not have."""
    statuses(sqlite_outbox)
    link = sqlite_outbox._database._own.link
    own, link.process = link.process, -1

    sqlite_outbox.close()

    assert not link.closed
    link.process = own


def test_a_fork_waits_so_long_for_a_thread(sqlite_outbox, monkeypatch):
    """Its transaction goes on in the parent; the child leaves the connection alone."""
    monkeypatch.setattr(database, "_FORK_PATIENCE", 0.01)
    inside, forked = threading.Event(), threading.Event()

    def hold() -> None:
        with sqlite_outbox.transaction():
            sqlite_outbox.enqueue([entry("a")], worker=None, now=NOW)
            inside.set()
            forked.wait(10)

    holder = threading.Thread(target=hold)
    holder.start()
    inside.wait(10)
    sqlite_outbox._database.before_fork()
    sqlite_outbox._database.after_fork()
    forked.set()
    holder.join()

    assert statuses(sqlite_outbox) == {"a": "pending"}


@needs_fork
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_child_closes_beside_what_a_fork_has_left_there(sqlite_outbox, monkeypatch):
    """A thread of the parent's holds its connection, and gives it back to nobody in the child."""
    monkeypatch.setattr(database, "_FORK_PATIENCE", 0.01)
    inside, forked = threading.Event(), threading.Event()

    def hold() -> None:
        with sqlite_outbox.transaction():
            inside.set()
            forked.wait(30)

    def close() -> str:
        signal.alarm(5)  # it ends the child
        sqlite_outbox.close()
        return "closed"

    holder = threading.Thread(target=hold)
    holder.start()
    inside.wait(10)

    told = in_child(close)

    forked.set()
    holder.join()
    assert told == "closed"


def test_a_connection_that_is_closed_as_it_is_taken(sqlite_outbox, monkeypatch):
    """A fork came between: another is opened."""
    base = sqlite_outbox._database
    statuses(sqlite_outbox)
    found = base._own.link
    real = base._link
    answers = iter([found])

    def link():
        found.close()
        return next(answers, None) or real()

    monkeypatch.setattr(base, "_link", link)

    assert statuses(sqlite_outbox) == {}


@needs_fork
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_fork_beside_a_thread_that_writes(sqlite_outbox):
    """It waits for the thread's step, and neither is harmed."""
    stop = threading.Event()

    def write() -> None:
        number = 0
        while not stop.is_set():
            sqlite_outbox.enqueue([entry(f"{number}")], worker=None, now=NOW)
            number += 1
            stop.wait(0.001)  # else the child, which asks now and then, might never find the file free

    writer = threading.Thread(target=write)
    writer.start()
    try:
        told = [in_child(lambda turn=turn: _put(sqlite_outbox, turn)) for turn in range(5)]
    finally:
        stop.set()
        writer.join()

    assert told == ["[False]"] * 5
    assert {f"child {turn}" for turn in range(5)} <= statuses(sqlite_outbox).keys()


def _put(outbox: SqliteOutbox, turn: int) -> list[bool]:
    return list(outbox.enqueue([entry(f"child {turn}")], worker=None, now=NOW))


@needs_fork
def test_a_worker_that_is_stopped_past_its_lease(tmp_path):
    """SIGSTOP, not dead: when it goes on, others have what it held, and its settling is refused."""
    path = str(tmp_path / "alarms.db")
    outbox = SqliteOutbox(path)
    outbox.enqueue([entry("a")], worker=None, now=NOW)
    program = """
import sys
from alarm_dispatch.outbox import SqliteOutbox
from tests.outbox.made import at, claimed, ending, worker
outbox = SqliteOutbox(sys.argv[1])
mine = worker(outbox, lasts=10)
print(claimed(outbox, mine), flush=True)
sys.stdin.readline()
print(outbox.settle(mine, [ending("a")], now=at(20)), flush=True)
"""
    with subprocess.Popen(
        [sys.executable, "-c", program, path],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT,
    ) as child:  # fmt: skip
        assert child.stdin is not None
        assert child.stdout is not None
        assert child.stdout.readline() == "['a']\n"
        child.send_signal(signal.SIGSTOP)

        mine = worker(outbox, 15)
        assert claimed(outbox, mine, 15) == ["a"]
        child.send_signal(signal.SIGCONT)
        child.stdin.write("\n")
        child.stdin.flush()
        assert child.stdout.readline() == "{'a'}\n"

    assert not outbox.settle(mine, [ending("a")], now=at(16))
    outbox.close()


def test_a_spawned_child_opens_the_file_itself(tmp_path):
    """By its path, as an outbox is handed over."""
    outbox = SqliteOutbox(tmp_path / "alarms.db")
    outbox.enqueue([entry("a")], worker=None, now=NOW)

    context = multiprocessing.get_context("spawn")
    with context.Pool(1) as pool:
        assert pool.apply(_names, (outbox.path,)) == ["a"]
    outbox.close()


def _names(path: str) -> list[str]:
    outbox = SqliteOutbox(path)
    try:
        return list(statuses(outbox))
    finally:
        outbox.close()


def test_a_claim_on_a_large_file_reads_little(tmp_path):
    """A dead worker's many are taken over without being rewritten."""
    outbox = SqliteOutbox(tmp_path / "alarms.db")
    gone = worker(outbox, lasts=1)
    with outbox.transaction():
        for start in range(0, 20_000, 500):
            outbox.enqueue([entry(f"{start + place}") for place in range(500)], worker=gone, now=NOW)
        outbox.enqueue(
            [entry(f"chain {place}", "one alarm") for place in range(20_000)], worker=gone, now=NOW
        )
    steps = 0

    def count() -> int:
        nonlocal steps
        steps += 1
        return 0

    with outbox._database.reading() as connection:
        connection.set_progress_handler(count, 1)
    mine = worker(outbox, 2)
    started = time.perf_counter()
    assert len(outbox.claim(mine, {LANE: 8}, now=at(2)).held) == 8
    assert not outbox.settle(mine, [ending(f"{place}") for place in range(8)], now=at(2))

    assert steps < 5_000
    assert time.perf_counter() - started < 5
    outbox.close()

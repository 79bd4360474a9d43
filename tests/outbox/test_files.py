"""What an outbox's file may be, and what can befall it."""

from __future__ import annotations

import contextlib
import math
import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import zlib
from pathlib import Path

import pytest

from alarm_dispatch.errors import (
    InvalidFieldError,
    OutboxCorruptError,
    OutboxError,
    OutboxUnavailableError,
    OutboxVersionError,
)
from alarm_dispatch.outbox import SqliteOutbox, rows, schema, sqlite
from alarm_dispatch.outbox.whereabouts import Whereabouts
from alarm_dispatch.repeats import RepeatTracker
from alarm_dispatch.testing import MemoryOutbox

from ..paths import ROOT
from ..repeats.made import played
from ..unit.made import full_alarm
from .children import in_child, needs_fork
from .made import DEAD, LANE, NOW, OTHER, at, claimed, ending, entry, retry, statuses, worker


@pytest.fixture
def path(tmp_path):
    """Where the outbox is."""
    return tmp_path / "alarms.db"


def query(path, *statements: str) -> list:
    """What statements of a connection apart answer, the last one's rows."""
    connection = sqlite3.connect(path, isolation_level=None)
    try:
        for statement in statements:
            found = connection.execute(statement).fetchall()
    finally:
        connection.close()
    return found


# -- versions


def test_one_that_must_exist(path):
    """It is not made, and neither are its tables; once it is there it is like any other."""
    outbox = SqliteOutbox(path, must_exist=True)
    with pytest.raises(OutboxUnavailableError, match="is not there"):
        statuses(outbox)
    assert not path.exists()
    query(path, "CREATE TABLE theirs (id)")
    with pytest.raises(OutboxCorruptError, match="has no outbox in it"):
        statuses(outbox)
    assert query(path, "SELECT name FROM sqlite_master") == [("theirs",)]

    SqliteOutbox(path).enqueue([entry("a")], worker=None, now=NOW)

    assert list(statuses(outbox)) == ["a"]


def test_a_file_is_made_when_it_is_needed(path, sqlite_outbox):
    """With the version in a table of our own, and the file marked as ours."""
    assert not path.exists()
    assert repr(sqlite_outbox) == f"SqliteOutbox({str(path)!r})"

    assert statuses(sqlite_outbox) == {}

    assert query(path, "SELECT version FROM alarm_dispatch_version") == [(len(schema.MIGRATIONS),)]
    assert query(path, "PRAGMA application_id") == [(schema.APPLICATION_ID,)]
    assert query(path, "PRAGMA user_version") == [(0,)]
    assert query(path, "PRAGMA journal_mode") == [("wal",)]
    tables = query(path, "SELECT name FROM sqlite_master WHERE name NOT LIKE 'sqlite_%'")
    assert all(name.startswith("alarm_dispatch_") for (name,) in tables)


def test_an_older_version_is_migrated(path, sqlite_outbox, monkeypatch):
    """With what is in it, one step after the other."""
    sqlite_outbox.enqueue([entry("a")], worker=None, now=NOW)
    sqlite_outbox.close()
    steps = (
        *schema.MIGRATIONS,
        ["CREATE TABLE alarm_dispatch_note (text TEXT)", "INSERT INTO alarm_dispatch_note VALUES ('two')"],
        ["UPDATE alarm_dispatch_note SET text = text || ', three'"],
    )
    monkeypatch.setattr(schema, "MIGRATIONS", steps)

    assert statuses(sqlite_outbox) == {"a": "pending"}

    assert query(path, "SELECT text FROM alarm_dispatch_note") == [("two, three",)]
    assert query(path, "SELECT version FROM alarm_dispatch_version") == [(len(steps),)]
    sqlite_outbox.close()
    assert statuses(sqlite_outbox) == {"a": "pending"}


@pytest.mark.parametrize("opened", ["by the outbox", "in a transaction of the user's"])
def test_a_file_of_version_1_keeps_its_deliveries(path, monkeypatch, opened):
    """All of them go on as they were, and unresolved alarms are followed in it from then on."""
    with monkeypatch.context() as before:
        before.setattr(schema, "MIGRATIONS", schema.MIGRATIONS[:1])
        old = SqliteOutbox(path)
        mine = worker(old, lasts=5)
        old.enqueue([entry(name, f"alarm {name}") for name in "abcd"], worker=mine, now=NOW)
        old.settle(mine, [ending("a"), ending("b", status=DEAD)], now=NOW)
        old.retry_at(mine, [retry("c", 1, 7)], now=NOW)
        stored = list(old.list())
        old.close()
    assert query(path, "SELECT version FROM alarm_dispatch_version") == [(1,)]
    assert query(path, "SELECT name FROM sqlite_master WHERE name LIKE '%repeat%'") == []

    outbox = SqliteOutbox(path)
    if opened != "by the outbox":
        with contextlib.closing(sqlite3.connect(path)) as theirs, theirs:
            outbox.create(theirs)

    assert list(outbox.list()) == stored
    assert query(path, "SELECT version FROM alarm_dispatch_version") == [(len(schema.MIGRATIONS),)]
    assert claimed(outbox, worker(outbox, now=8), now=8) == ["d", "c"]
    tracker = RepeatTracker(outbox.repeats)
    assert [played(tracker, script) for script in ("F", "F", "R")] == ["1", ".", "r"]
    outbox.close()


def test_a_migration_that_fails_changes_nothing(path, sqlite_outbox, monkeypatch):
    """The file stays as the older version had it."""
    sqlite_outbox.enqueue([entry("a")], worker=None, now=NOW)
    sqlite_outbox.close()
    broken = (*schema.MIGRATIONS, ["CREATE TABLE alarm_dispatch_note (text TEXT)", "NONSENSE"])
    monkeypatch.setattr(schema, "MIGRATIONS", broken)

    with pytest.raises(OutboxError, match="NONSENSE"):
        statuses(sqlite_outbox)

    monkeypatch.undo()
    assert statuses(sqlite_outbox) == {"a": "pending"}
    assert query(path, "SELECT version FROM alarm_dispatch_version") == [(len(schema.MIGRATIONS),)]


def test_a_newer_version_is_an_error(path, sqlite_outbox):
    """It says which versions, and the file stays as it is."""
    statuses(sqlite_outbox)
    sqlite_outbox.close()
    query(path, "UPDATE alarm_dispatch_version SET version = 9")

    known = len(schema.MIGRATIONS)
    told = f"{path.name} has tables of version 9.*up to {known}"
    with pytest.raises(OutboxVersionError, match=told) as raised:
        statuses(sqlite_outbox)

    assert (raised.value.found, raised.value.known) == (9, known)


def test_a_users_own_database(path, sqlite_outbox):
    """Their tables, their user_version and their mark stay."""
    query(path, "CREATE TABLE incident (name TEXT)", "PRAGMA user_version = 42")

    sqlite_outbox.enqueue([entry("a")], worker=None, now=NOW)

    assert query(path, "PRAGMA user_version") == [(42,)]
    assert query(path, "PRAGMA application_id") == [(0,)]
    assert query(path, "SELECT * FROM incident") == []


def test_another_applications_database(path, sqlite_outbox):
    """One with a mark of its own gets our tables only when it is asked for."""
    query(path, "CREATE TABLE layer (name TEXT)", "PRAGMA application_id = 7")

    with pytest.raises(OutboxError, match="another application's"):
        statuses(sqlite_outbox)
    own = sqlite3.connect(path)
    sqlite_outbox.create(own)
    own.commit()
    own.close()

    assert statuses(sqlite_outbox) == {}
    assert query(path, "PRAGMA application_id") == [(7,)]


def test_a_version_that_cannot_be_read(path, sqlite_outbox):
    """A table of that name that is not ours."""
    query(path, "CREATE TABLE alarm_dispatch_version (name TEXT)")

    with pytest.raises(OutboxError, match="no such column"):
        statuses(sqlite_outbox)


@pytest.mark.parametrize(
    "damage",
    [
        "DROP TABLE alarm_dispatch_version",
        "DELETE FROM alarm_dispatch_version",
        "UPDATE alarm_dispatch_version SET version = 0",
        "UPDATE alarm_dispatch_version SET version = -1",
    ],
)
@pytest.mark.parametrize("must_exist", [False, True])
def test_tables_without_a_version(path, sqlite_outbox, damage, must_exist):
    """They are damaged and left as they are, not made once more."""
    sqlite_outbox.enqueue([entry("a")], worker=None, now=NOW)
    sqlite_outbox.close()
    query(path, damage)
    outbox = SqliteOutbox(path, must_exist=must_exist)
    told = f"{path} is damaged: it has tables of an outbox, and their version is gone"

    with pytest.raises(OutboxCorruptError, match=told):
        statuses(outbox)

    connection = sqlite3.connect(path)
    with pytest.raises(OutboxCorruptError, match=told):
        outbox.create(connection)
    connection.close()
    assert query(path, "SELECT id FROM alarm_dispatch_delivery") == [("a",)]


@pytest.mark.parametrize("table", ["delivery", "content", "lane"])
def test_a_table_that_is_gone(path, sqlite_outbox, table):
    """It is told as damage, by name."""
    assert statuses(sqlite_outbox) == {}
    query(path, f"DROP TABLE alarm_dispatch_{table}")

    with pytest.raises(OutboxCorruptError, match=f"is damaged .*no such table: .*alarm_dispatch_{table}"):
        sqlite_outbox.enqueue([entry("a")], worker=None, now=NOW)


def test_opening_waits_for_no_writer(path, sqlite_outbox):
    """Who only looks is not held up by who writes."""
    with sqlite_outbox.transaction():
        sqlite_outbox.enqueue([entry("a")], worker=None, now=NOW)
        other = SqliteOutbox(path, busy_timeout=0)
        assert statuses(other) == {}
        other.close()


def test_an_old_sqlite(path, sqlite_outbox, monkeypatch):
    """It is told at once, not by a syntax error."""
    monkeypatch.setattr(sqlite3, "sqlite_version_info", (3, 32, 3))

    with pytest.raises(OutboxUnavailableError, match=r"too old; 3\.33\.0 is needed"):
        statuses(sqlite_outbox)


@pytest.mark.parametrize("path", ["", ":memory:"])
def test_an_outbox_must_be_a_file(path):
    """Memory is what a crash loses."""
    with pytest.raises(OutboxError, match="must be in a file"):
        SqliteOutbox(path)


@pytest.mark.parametrize("kind", [SqliteOutbox, MemoryOutbox])
@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"keep_settled": math.inf}, "keep_settled: must be finite"),
        ({"keep_dead": -1}, "keep_dead: must be at least 0"),
        ({"max_settled": 1.5}, "max_settled: must be an integer"),
        ({"max_dead": None}, "max_dead: must be an integer"),
        ({"max_dead": -1}, "max_dead: must be at least 0"),
    ],
)
def test_figures_that_are_none(tmp_path, kind, settings, told):
    """They are told when the outbox is made, not by a file that grows."""
    path = () if kind is MemoryOutbox else (tmp_path / "alarms.db",)

    with pytest.raises(InvalidFieldError, match=f"{kind.__name__}.{told}"):
        kind(*path, **settings)


def test_a_busy_timeout_that_is_none(path):
    """SQLite would not wait at all."""
    with pytest.raises(InvalidFieldError, match=r"SqliteOutbox\.busy_timeout: must be at least 0"):
        SqliteOutbox(path, busy_timeout=-1)


def test_for_ever_is_a_number(path):
    """Whatever number it is, and all of them."""
    outbox = SqliteOutbox(path, keep_settled=1e300, max_settled=10**30)
    mine = worker(outbox)
    outbox.enqueue([entry("a")], worker=mine, now=NOW)
    outbox.settle(mine, [ending("a")], now=NOW)

    assert not outbox.trim(now=at(1e9))

    assert statuses(outbox) == {"a": "delivered"}
    outbox.close()


# -- faults of the file


def test_what_is_no_database(path, sqlite_outbox):
    """A text file is left as it is."""
    path.write_text("these are notes, not a database\n" * 100)

    with pytest.raises(OutboxCorruptError, match="no SQLite database"):
        statuses(sqlite_outbox)

    assert path.read_text().startswith("these are notes")


def test_a_place_where_no_file_can_be(tmp_path):
    """A folder that is not there, and one in the file's place."""
    for place in (tmp_path / "none" / "alarms.db", tmp_path):
        with pytest.raises(OutboxUnavailableError, match="cannot be opened"):
            statuses(SqliteOutbox(place))


@pytest.mark.parametrize("change", ["removed", "replaced"])
def test_a_file_that_is_gone(path, sqlite_outbox, change):
    """SQLite would go on writing where nobody finds it: that is told once, and then the file is a new one."""
    mine = worker(sqlite_outbox)
    sqlite_outbox.enqueue([entry("a")], worker=mine, now=NOW)
    path.unlink()
    if change == "replaced":
        SqliteOutbox(path).join(now=NOW, until=at(1))

    with pytest.raises(OutboxUnavailableError, match="removed or replaced while it was open"):
        sqlite_outbox.enqueue([entry("b")], worker=mine, now=NOW)

    assert not sqlite_outbox.extend(mine, now=NOW, until=at(60))
    mine = worker(sqlite_outbox)
    assert list(sqlite_outbox.enqueue([entry("c", lane=OTHER)], worker=mine, now=NOW)) == [True]
    assert statuses(sqlite_outbox) == {"c": "pending"}
    assert not sqlite_outbox.settle(mine, [ending("c")], now=NOW)


@pytest.mark.parametrize("beside", ["-wal", "-shm"])
def test_a_file_beside_it_that_is_gone(path, sqlite_outbox, beside):
    """The last commits are in one, and other processes find them by the other: it is told in the same way."""
    link = path.with_name("link.db")
    link.symlink_to(path)
    outbox = SqliteOutbox(link)
    outbox.enqueue([entry("a")], worker=None, now=NOW)
    Path(f"{path}{beside}").unlink()

    with pytest.raises(OutboxUnavailableError, match=f"alarms.db{beside} was removed or replaced"):
        outbox.enqueue([entry("b")], worker=None, now=NOW)

    outbox.enqueue([entry("c")], worker=None, now=NOW)
    assert statuses(outbox) == {"a": "pending", "c": "pending"}
    assert in_child(lambda: list(statuses(sqlite_outbox))) == "['a', 'c']"
    outbox.close()


@pytest.mark.parametrize("gone", ["", "-wal", "-shm", "folder"])
def test_a_file_that_goes_from_a_folder_that_was_quiet(tmp_path, gone):
    """As long as the folder is as it was, so are the files in it; a change there has them all looked at."""
    folder = tmp_path / "folder"
    folder.mkdir()
    names = {end: folder / f"alarms.db{end}" for end in ("", "-wal", "-shm")}
    for file in names.values():
        file.touch()
    os.utime(folder, (1, 1))
    files = Whereabouts(str(names[""]))
    assert [files.moved() for _ in range(3)] == [""] * 3
    (folder / "another").touch()
    assert [files.moved() for _ in range(2)] == [""] * 2

    if gone == "folder":
        folder.rename(tmp_path / "other")
    else:
        names[gone].unlink()

    assert files.moved() == str(names["" if gone == "folder" else gone])


def test_a_process_that_changes_its_folder(tmp_path, monkeypatch):
    """As a daemon does: the file stays where it was."""
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path)
    outbox = SqliteOutbox("alarms.db")
    outbox.enqueue([entry("a")], worker=None, now=NOW)

    monkeypatch.chdir(tmp_path / "elsewhere")
    outbox.enqueue([entry("b")], worker=None, now=NOW)
    outbox.close()

    assert statuses(outbox) == {"a": "pending", "b": "pending"}
    assert not list((tmp_path / "elsewhere").iterdir())
    outbox.close()


def test_a_file_that_goes_while_it_is_written(path, sqlite_outbox):
    """What was written to the lost file is not acknowledged."""
    mine = worker(sqlite_outbox)

    with pytest.raises(OutboxUnavailableError, match="while it was written"), sqlite_outbox.transaction():  # noqa: PT012
        sqlite_outbox.enqueue([entry("a")], worker=mine, now=NOW)
        path.unlink()
        sqlite_outbox.enqueue([entry("b")], worker=mine, now=NOW)

    assert statuses(sqlite_outbox) == {}


def test_a_file_that_goes_while_it_is_opened(path, monkeypatch):
    """Between opening and looking where it is."""
    outbox = SqliteOutbox(path)
    made = outbox._connect

    def connect():
        connection = made()
        path.unlink()
        return connection

    monkeypatch.setattr(outbox._database, "_connect", connect)

    with pytest.raises(OutboxUnavailableError, match="cannot be opened"):
        statuses(outbox)


def test_a_locked_file(path):
    """It is waited for as long as is said, then told; afterwards all goes on."""
    outbox = SqliteOutbox(path, busy_timeout=0.01)
    mine = worker(outbox)
    locker = sqlite3.connect(path, isolation_level=None)
    locker.execute("BEGIN IMMEDIATE")

    with pytest.raises(OutboxUnavailableError, match="locked by another process"):
        outbox.enqueue([entry("a")], worker=mine, now=NOW)
    assert statuses(outbox) == {}
    locker.close()

    assert list(outbox.enqueue([entry("a")], worker=mine, now=NOW)) == [True]
    outbox.close()


def test_a_file_that_another_has_for_itself(path, sqlite_outbox):
    """Not even its version can be read then."""
    statuses(sqlite_outbox)
    sqlite_outbox.close()
    locker = sqlite3.connect(path, isolation_level=None)
    locker.execute("PRAGMA locking_mode = EXCLUSIVE")
    locker.execute("BEGIN IMMEDIATE")
    outbox = SqliteOutbox(path, busy_timeout=0.01)

    with pytest.raises(OutboxUnavailableError, match="locked"):
        statuses(outbox)
    locker.close()


def test_a_full_disk(path):
    """A limit of the file's size, so that a real write fails: nothing of the batch is there, the rest is."""
    program = f"""
import resource, signal, sys
from alarm_dispatch.errors import OutboxUnavailableError
from alarm_dispatch.outbox import SqliteOutbox
from tests.outbox.made import NOW, entry, worker, statuses, ending
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
outbox = SqliteOutbox({str(path)!r})
mine = worker(outbox)
resource.setrlimit(resource.RLIMIT_FSIZE, (400_000, resource.RLIM_INFINITY))
taken = []
try:
    for number in range(1000):
        batch = [entry(f"{{number}}-{{one}}", content=bytes(1000)) for one in range(10)]
        outbox.enqueue(batch, worker=mine, now=NOW)
        taken += [one.id for one in batch]
except OutboxUnavailableError as error:
    print(error)
assert taken
assert list(statuses(outbox)) == taken
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
assert not outbox.settle(mine, [ending(taken[0])], now=NOW)
outbox.enqueue([entry("after")], worker=mine, now=NOW)
assert list(statuses(outbox)) == [*taken, "after"]
"""
    pytest.importorskip("resource")

    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, cwd=ROOT, check=False
    )

    assert done.stderr == ""
    assert "cannot be read or written" in done.stdout or "disk is full" in done.stdout


@needs_fork
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_file_that_may_not_be_written():
    """Root may write anything, so the process is nobody's then."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "alarms.db"
        outbox = SqliteOutbox(path)
        outbox.enqueue([entry("a")], worker=None, now=NOW)
        outbox.close()
        path.chmod(0o444)
        Path(folder).chmod(0o555)

        def write() -> None:
            if not os.getuid():
                os.setgroups([])
                os.setgid(65534)
                os.setuid(65534)
            outbox.enqueue([entry("b")], worker=None, now=NOW)

        told = in_child(write)
        Path(folder).chmod(0o755)

        assert told.startswith("OutboxUnavailableError")
        assert statuses(outbox) == {"a": "pending"}
        outbox.close()


def test_flipped_bytes_in_what_is_sent(path, sqlite_outbox):
    """That delivery says so, and the others are as they were."""
    for name in "abc":
        sqlite_outbox.enqueue(
            [entry(name, content=b'{"alarm":"of ' + name.encode() * 50 + b'"}')], worker=None, now=NOW
        )
    sqlite_outbox.close()
    content = path.read_bytes()
    place = content.index(b"b" * 50)
    path.write_bytes(content[:place] + b"\xff\x00" + content[place + 2 :])

    held = sqlite_outbox.claim(worker(sqlite_outbox), {LANE: 9}, now=NOW).held

    assert [(one.entry.id, bool(one.unreadable)) for one in held] == [("a", False), ("b", True), ("c", False)]
    assert "checksum" in held[1].unreadable
    assert [bool(one.error) for one in sqlite_outbox.list()] == [False, True, False]


@pytest.mark.parametrize(
    "damage",
    [
        "UPDATE alarm_dispatch_content SET content = 'text' WHERE seq = 1",
        "UPDATE alarm_dispatch_content SET content = NULL WHERE seq = 1",
        "DELETE FROM alarm_dispatch_content WHERE seq = 1",
        "UPDATE alarm_dispatch_delivery SET created_at = 9000000000000000000 WHERE seq = 1",
        "UPDATE alarm_dispatch_delivery SET created_at = x'ff' WHERE seq = 1",
        "UPDATE alarm_dispatch_delivery SET history = '[\"z\",1]' WHERE seq = 1",
        "UPDATE alarm_dispatch_delivery SET history = '[\"a\",1]' WHERE seq = 1",
        "UPDATE alarm_dispatch_delivery SET history = '{' WHERE seq = 1",
        "UPDATE alarm_dispatch_delivery SET history = x'ff00' WHERE seq = 1",
        'UPDATE alarm_dispatch_delivery SET history = \'["a",1,0,0,"moonlit",null,"",null]\' WHERE seq = 1',
        "UPDATE alarm_dispatch_delivery SET passed = '7' WHERE seq = 1",
        "UPDATE alarm_dispatch_delivery SET alarm = x'ff' WHERE seq = 1",
    ],
)
def test_a_row_that_cannot_be_read(path, sqlite_outbox, damage):
    """What is damaged, or of a newer version, can be settled with its reason, and blocks nobody."""
    sqlite_outbox.enqueue([entry("a"), entry("b")], worker=None, now=NOW)
    sqlite_outbox.close()
    query(path, "PRAGMA ignore_check_constraints = 1", damage.replace("content = NULL", "content = x''"))
    mine = worker(sqlite_outbox)

    held = sqlite_outbox.claim(mine, {LANE: 9}, now=NOW).held

    found = {one.entry.id: one for one in held}
    assert found["a"].unreadable
    assert not found["b"].unreadable
    assert len(list(sqlite_outbox.list())) == 2
    end = ending("a", found["a"].number, DEAD, attempt=None, error=found["a"].unreadable)
    assert not sqlite_outbox.settle(mine, [end], now=NOW)


@pytest.mark.parametrize(("due_at", "given"), [(-9 * 10**18, ["a", "b"]), (9 * 10**18, ["b"])])
def test_a_row_with_no_time_that_the_calendar_knows(path, sqlite_outbox, due_at, given):
    """It holds up nobody else, and is listed."""
    sqlite_outbox.enqueue([entry("a"), entry("b")], worker=None, now=NOW)
    sqlite_outbox.close()
    query(path, f"UPDATE alarm_dispatch_delivery SET due_at = {due_at} WHERE seq = 1")
    mine = worker(sqlite_outbox)

    assert claimed(sqlite_outbox, mine) == given
    assert claimed(sqlite_outbox, mine) == []
    query(path, "UPDATE alarm_dispatch_delivery SET status = 1, settled_at = 9000000000000000000")
    assert [one.settled_at for one in sqlite_outbox.list()] == [rows.moment(0)] * 2
    assert rows.moment_or_epoch(None) == rows.moment(0)


def test_a_lane_that_is_neither_taken_nor_found(path, sqlite_outbox):
    """Where its index has it and its table has not: that is told as damage."""
    statuses(sqlite_outbox)
    query(path, "CREATE TRIGGER no BEFORE INSERT ON alarm_dispatch_lane BEGIN SELECT raise(IGNORE); END")

    with pytest.raises(OutboxCorruptError, match=r"cannot find the lane .*blueking"):
        sqlite_outbox.enqueue([entry("a")], worker=None, now=NOW)


def test_a_damaged_schema_that_cannot_be_told(path, sqlite_outbox):
    """SQLite's own words on it are no text then, over which Python's module stumbles."""
    statuses(sqlite_outbox)
    sqlite_outbox.close()
    content = path.read_bytes()
    name = b"tablealarm_dispatch_worker"
    path.write_bytes(content.replace(name, name[:-1] + b"\xff"))

    with pytest.raises(OutboxCorruptError, match="is damaged"):
        statuses(sqlite_outbox)


def test_a_lane_without_a_name(path, sqlite_outbox):
    """A row whose lane is damaged is listed all the same."""
    sqlite_outbox.enqueue([entry("a")], worker=None, now=NOW)
    sqlite_outbox.close()
    query(path, "DELETE FROM alarm_dispatch_lane")

    (one,) = sqlite_outbox.list()

    assert (one.entry.lane.group, one.entry.lane.callback) == ("", "")
    assert "checksum" in one.error


def test_damaged_pages(path, sqlite_outbox):
    """Where SQLite itself cannot find its way it is an error that says so."""
    sqlite_outbox.enqueue([entry(f"{number}") for number in range(500)], worker=None, now=NOW)
    sqlite_outbox.close()
    content = bytearray(path.read_bytes())
    content[4096:] = zlib.compress(bytes(content))[:64].ljust(64, b"\xff") * (len(content[4096:]) // 64)
    path.write_bytes(content)

    with pytest.raises(OutboxCorruptError, match="is damaged"):
        statuses(sqlite_outbox)


def test_no_secret_is_in_the_file(path, sqlite_outbox):
    """Neither of a URL nor of a header, in any of its files."""
    from alarm_dispatch import AlarmGroup, Callback

    token = "s3cr3tt0k3n0f0urs4bcdef"
    group = AlarmGroup(
        "oncall",
        callbacks=[
            Callback(
                f"https://user:{token}@ops.example.com/{token}?key={token}#x",
                format="tencent",
                headers={"X-Token": token},
            )
        ],
    )
    own = sqlite3.connect(path)
    sqlite_outbox.put(own, full_alarm(), group)
    own.commit()

    files = [file.read_bytes() for file in path.parent.iterdir()]
    own.close()
    assert any(b"ops.example.com" in content for content in files)
    assert not any(token.encode() in content for content in files)


# -- its size


def test_it_does_not_grow_for_ever(tmp_path):
    """By count, in small steps, and the file gets smaller again."""
    outbox = SqliteOutbox(tmp_path / "alarms.db", max_settled=100, max_dead=10)
    mine = worker(outbox, lasts=1e6)
    big = [entry(f"{number}", content=bytes(8_000)) for number in range(1_600)]
    with outbox.transaction():
        outbox.enqueue(big, worker=mine, now=NOW)
        outbox.settle(mine, [ending(one.id) for one in big[:1_500]], now=NOW)
        outbox.settle(mine, [ending(one.id, status=DEAD) for one in big[1_500:1_590]], now=NOW)
    query(tmp_path / "alarms.db", "PRAGMA wal_checkpoint(TRUNCATE)")
    size = (tmp_path / "alarms.db").stat().st_size

    steps = 1
    while outbox.trim(now=at(1)):
        steps += 1
    query(tmp_path / "alarms.db", "PRAGMA wal_checkpoint(TRUNCATE)")

    found = list(statuses(outbox).values())
    assert (found.count("delivered"), found.count("dead"), found.count("pending")) == (100, 10, 10)
    assert 3 <= steps <= 20
    assert (tmp_path / "alarms.db").stat().st_size < size / 2
    assert query(tmp_path / "alarms.db", "SELECT count(*) FROM alarm_dispatch_content") == [(120,)]
    with outbox.transaction():
        outbox.trim(now=at(2))
    outbox.close()


def test_workers_that_are_gone_are_forgotten(path, sqlite_outbox):
    """When they have left nothing."""
    first, second = worker(sqlite_outbox, lasts=1), worker(sqlite_outbox, lasts=1)
    sqlite_outbox.enqueue([entry("a")], worker=first, now=NOW)
    sqlite_outbox.retry_at(first, [retry("a", 1, 50)], now=NOW)
    assert second

    sqlite_outbox.trim(now=at(5))

    assert query(path, "SELECT count(*) FROM alarm_dispatch_worker") == [(1,)]


def test_a_lane_that_was_rolled_back(path, sqlite_outbox):
    """Its number is not used for rows that come later: others would not find the lane."""
    with contextlib.suppress(KeyError), sqlite_outbox.transaction():
        sqlite_outbox.enqueue([entry("a")], worker=None, now=NOW)
        raise KeyError
    sqlite_outbox.enqueue([entry("b")], worker=None, now=NOW)

    other = SqliteOutbox(path)
    assert [one.entry.lane for one in other.list()] == [LANE]
    other.close()


def test_every_commit_reaches_the_disk(sqlite_outbox):
    """Also where SQLite was built to do less, and where the system keeps back what was synced."""
    with sqlite_outbox._database.reading() as connection:
        assert connection.execute("PRAGMA synchronous").fetchone() == (2,)
        assert connection.execute("PRAGMA fullfsync").fetchone() == (1,)
        assert connection.execute("PRAGMA checkpoint_fullfsync").fetchone() == (1,)


def test_many_held_ones_are_not_all_remembered(sqlite_outbox, monkeypatch):
    """The rest is looked up."""
    monkeypatch.setattr(sqlite, "_REMEMBERED", 3)
    mine = worker(sqlite_outbox)
    names = list("abcdefg")
    for name in names:
        sqlite_outbox.enqueue([entry(name)], worker=mine, now=NOW)

    assert len(sqlite_outbox._seqs) <= 3
    assert not sqlite_outbox.settle(mine, [ending(name) for name in names], now=NOW)


def test_replayed_contents_go_with_their_rows(path, sqlite_outbox):
    """A replayed delivery's content stays where it was, and is removed with it."""
    mine = worker(sqlite_outbox)
    sqlite_outbox.enqueue([entry("a"), entry("b")], worker=mine, now=NOW)
    sqlite_outbox.settle(mine, [ending("a", status=DEAD)], now=NOW)
    for number in (2, 3):
        sqlite_outbox.replay("a", now=NOW)
        assert claimed(sqlite_outbox, mine, 1) == ["a"]
        sqlite_outbox.settle(mine, [ending("a", number, DEAD)], now=NOW)
    sqlite_outbox.enqueue([entry("c")], worker=mine, now=NOW)

    assert [one.entry.content for one in sqlite_outbox.list()] == [entry(name).content for name in "bac"]
    sqlite_outbox.purge(at(9))
    assert query(path, "SELECT count(*) FROM alarm_dispatch_content") == [(2,)]


def test_a_number_is_never_given_twice(path, sqlite_outbox):
    """Not even that of a replayed delivery that is gone: somebody may remember it."""
    mine = worker(sqlite_outbox)
    sqlite_outbox.enqueue([entry("a")], worker=mine, now=NOW)
    sqlite_outbox.settle(mine, [ending("a", status=DEAD)], now=NOW)
    sqlite_outbox.replay("a", now=NOW)
    assert claimed(sqlite_outbox, mine) == ["a"]
    sqlite_outbox.settle(mine, [ending("a", 2)], now=NOW)
    sqlite_outbox.purge(at(1))

    sqlite_outbox.enqueue([entry("b")], worker=mine, now=NOW)

    assert query(path, "SELECT id, seq FROM alarm_dispatch_delivery") == [("b", 3)]


def test_a_copied_file_is_an_outbox(path, tmp_path, sqlite_outbox):
    """After it was closed there is nothing beside it."""
    sqlite_outbox.enqueue([entry("a")], worker=None, now=NOW)
    sqlite_outbox.close()
    shutil.copy(path, tmp_path / "copy.db")

    assert [file.name for file in tmp_path.iterdir() if "-" in file.name] == []
    other = SqliteOutbox(tmp_path / "copy.db")
    assert statuses(other) == {"a": "pending"}
    other.close()


def test_texts_that_sqlite_does_not_take(sqlite_outbox):
    """A fault that tells half a character, or a NUL, is told without it."""
    mine = worker(sqlite_outbox)
    sqlite_outbox.enqueue([entry("a")], worker=mine, now=NOW)

    refused = sqlite_outbox.settle(mine, [ending("a", 1, DEAD, error="ours\0: \ud800x")], now=NOW)

    assert not refused
    assert next(sqlite_outbox.list()).error == "ours�: ?x"


def test_times_beyond_the_calendar():
    """Rows hold integers, whatever they are."""
    assert rows.microseconds(rows.moment(12_345)) == 12_345

"""Deliveries that are put in a user's own transaction."""

from __future__ import annotations

import sqlite3
import sys

import pytest

from alarm_dispatch import AlarmGroup, Callback
from alarm_dispatch.alarm_json import read_alarm
from alarm_dispatch.errors import BuildError, OutboxError, OutboxUnavailableError, OutboxVersionError
from alarm_dispatch.outbox import LaneKey, SqliteOutbox, sqlite

from ..unit.made import alarm, full_alarm
from .made import NOW, claimed, entry, statuses, worker

GROUP = AlarmGroup(
    "oncall",
    callbacks=[
        Callback("https://ops.example.com/alarms", format="tencent_legacy", name="ops"),
        Callback("https://hooks.example.com/cm", format="tencent", name="cm"),
    ],
)


@pytest.fixture
def theirs(tmp_path):
    """A connection of a user's own, with a table of their own."""
    connection = sqlite3.connect(tmp_path / "alarms.db")
    connection.execute("CREATE TABLE incident (name TEXT)")
    yield connection
    connection.close()


def incidents(path) -> list[str]:
    """What another connection sees of the user's table."""
    other = sqlite3.connect(path)
    try:
        return [name for (name,) in other.execute("SELECT name FROM incident")]
    finally:
        other.close()


def test_they_commit_with_the_users_rows(theirs, sqlite_outbox, tmp_path):
    """Not before, and the tables are made on the way."""
    theirs.execute("INSERT INTO incident VALUES ('disk')")
    ids = sqlite_outbox.put(theirs, full_alarm(), GROUP, now=NOW)
    assert theirs.in_transaction
    assert incidents(tmp_path / "alarms.db") == []
    theirs.commit()

    assert incidents(tmp_path / "alarms.db") == ["disk"]
    assert list(statuses(sqlite_outbox)) == list(ids)
    first, second = sqlite_outbox.list()
    assert (first.entry.lane, second.entry.lane) == (LaneKey("oncall", "ops"), LaneKey("oncall", "cm"))
    assert (first.entry.level, first.entry.created_at) == (0, NOW)
    assert read_alarm(first.entry.content) == full_alarm()
    assert claimed(sqlite_outbox, worker(sqlite_outbox), 1, lane=LaneKey("oncall", "ops")) == [ids[0]]


def test_they_are_rolled_back_with_the_users_rows(theirs, sqlite_outbox):
    """And the lanes' numbers that it would have given are not used by what comes later."""
    assert statuses(sqlite_outbox) == {}
    sqlite_outbox.put(theirs, full_alarm(), GROUP)
    theirs.rollback()
    assert list(sqlite_outbox.list()) == []

    lane = LaneKey("oncall", "ops")
    sqlite_outbox.enqueue([entry("a", lane=lane)], worker=None, now=NOW)
    other = SqliteOutbox(sqlite_outbox.path)
    assert [one.entry.lane for one in other.list()] == [lane]
    other.close()


def test_the_first_statement_begins_a_transaction(theirs, sqlite_outbox):
    """As an INSERT of theirs would."""
    sqlite_outbox.put(theirs, full_alarm(), GROUP)

    assert theirs.in_transaction
    theirs.rollback()
    assert list(sqlite_outbox.list()) == []


def test_a_connection_that_commits_by_itself(tmp_path, sqlite_outbox):
    """It is one step; and within a BEGIN of theirs a part of that."""
    own = sqlite3.connect(tmp_path / "alarms.db", isolation_level=None)

    sqlite_outbox.put(own, full_alarm(), GROUP)
    assert not own.in_transaction
    assert len(list(sqlite_outbox.list())) == 2
    own.execute("BEGIN")
    sqlite_outbox.put(own, full_alarm(), GROUP)
    own.execute("ROLLBACK")

    assert len(list(sqlite_outbox.list())) == 2
    own.close()


def test_the_connection_stays_as_it_was(theirs, sqlite_outbox):
    """Whatever rows and texts it makes."""
    theirs.row_factory = lambda _cursor, row: {"row": row}
    theirs.text_factory = bytes

    sqlite_outbox.put(theirs, full_alarm(), GROUP)
    sqlite_outbox.put(theirs, full_alarm(), GROUP)

    assert theirs.execute("SELECT count(*) FROM alarm_dispatch_delivery").fetchone() == {"row": (4,)}
    assert theirs.execute("SELECT 'x'").fetchone() == {"row": (b"x",)}
    assert theirs.isolation_level == ""
    theirs.rollback()


def test_a_notification_with_a_name_is_put_once(theirs, sqlite_outbox):
    """Again it is the same ids, for each callback one, and so it is in every version."""
    first = sqlite_outbox.put(theirs, full_alarm(), GROUP, id="incident 7")
    again = sqlite_outbox.put(theirs, full_alarm(), GROUP, id="incident 7")
    other = sqlite_outbox.put(theirs, full_alarm(), GROUP, id="incident 8")
    theirs.commit()

    assert first == again
    assert first[0] == "ffe46f2c28f496979798ee8b"
    assert len({*first, *other}) == 4
    assert list(statuses(sqlite_outbox)) == [*first, *other]


def test_an_alarm_that_cannot_be_built_is_refused(theirs, sqlite_outbox):
    """Before anything is written, though the other callback's format could build it."""
    theirs.execute("INSERT INTO incident VALUES ('disk')")
    with pytest.raises(BuildError):
        sqlite_outbox.put(theirs, alarm(), GROUP)
    theirs.commit()

    assert list(sqlite_outbox.list()) == []
    assert theirs.execute("SELECT count(*) FROM incident").fetchone() == (1,)


def test_what_fails_undoes_only_its_own(theirs, sqlite_outbox):
    """The user's transaction goes on."""
    sqlite_outbox.create(theirs)
    theirs.execute(
        "CREATE TRIGGER no BEFORE INSERT ON alarm_dispatch_content BEGIN SELECT raise(ABORT, 'no'); END"
    )
    theirs.execute("INSERT INTO incident VALUES ('disk')")

    with pytest.raises(OutboxError, match="no"):
        sqlite_outbox.put(theirs, full_alarm(), GROUP)
    theirs.commit()

    assert theirs.execute("SELECT count(*) FROM alarm_dispatch_delivery").fetchone() == (0,)
    assert theirs.execute("SELECT count(*) FROM incident").fetchone() == (1,)


@pytest.mark.parametrize("made", [True, False])
def test_a_connection_to_another_file(tmp_path, sqlite_outbox, made):
    """It would be put where nobody looks."""
    if made:
        list(sqlite_outbox.list())
    for path, shown in ((tmp_path / "other.db", "other.db"), (":memory:", "no file")):
        other = sqlite3.connect(path)
        with pytest.raises(OutboxError, match=shown):
            sqlite_outbox.put(other, full_alarm(), GROUP)
        other.close()


def test_a_file_that_neither_has_made_yet(tmp_path, sqlite_outbox):
    """The first statement of a connection may be this one."""
    own = sqlite3.connect(tmp_path / "alarms.db")

    ids = sqlite_outbox.put(own, full_alarm(), GROUP)
    own.commit()
    own.close()

    assert list(statuses(sqlite_outbox)) == list(ids)


def test_a_locked_file_is_told(theirs, sqlite_outbox, tmp_path):
    """By the same errors as everywhere."""
    sqlite_outbox.create(theirs)
    theirs.commit()
    locker = sqlite3.connect(tmp_path / "alarms.db", isolation_level=None)
    locker.execute("BEGIN IMMEDIATE")
    theirs.execute("PRAGMA busy_timeout = 0")

    with pytest.raises(OutboxUnavailableError, match="locked"):
        sqlite_outbox.put(theirs, full_alarm(), GROUP)
    locker.close()


def test_tables_of_a_newer_version(theirs, sqlite_outbox):
    """They are left alone."""
    sqlite_outbox.create(theirs)
    theirs.execute("UPDATE alarm_dispatch_version SET version = 99")

    with pytest.raises(OutboxVersionError):
        sqlite_outbox.put(theirs, full_alarm(), GROUP)
    with pytest.raises(OutboxVersionError):
        sqlite_outbox.create(theirs)
    theirs.rollback()


def test_a_new_outbox_reads_what_was_put(theirs, tmp_path, sqlite_outbox):
    """The user's process need not be the worker's."""
    ids = sqlite_outbox.put(theirs, full_alarm(), GROUP)
    theirs.commit()

    other = SqliteOutbox(tmp_path / "alarms.db")

    assert list(statuses(other)) == list(ids)
    other.close()


def _with_autocommit(value):
    return pytest.param(
        {"autocommit": value},
        (),
        marks=pytest.mark.skipif(sys.version_info < (3, 12), reason="sqlite3 has no autocommit yet"),
    )


@pytest.mark.parametrize(
    ("settings", "first"),
    [
        ({}, ()),
        ({"isolation_level": None}, ()),
        ({"isolation_level": None}, ("BEGIN",)),
        ({"isolation_level": "EXCLUSIVE"}, ()),
        _with_autocommit(True),
        _with_autocommit(False),
    ],
)
def test_nobody_writes_between_what_it_reads_and_writes(
    tmp_path, sqlite_outbox, monkeypatch, settings, first
):
    """What SQLite would refuse to write then, at once, is written whatever others write."""
    assert statuses(sqlite_outbox) == {}
    own = sqlite3.connect(tmp_path / "alarms.db", **settings)
    for statement in first:
        own.execute(statement)
    other = sqlite3.connect(tmp_path / "alarms.db", isolation_level=None, timeout=0)
    ensured = sqlite.ensure_tables

    def ensure(*arguments, **options):
        ensured(*arguments, **options)
        with pytest.raises(sqlite3.OperationalError, match="locked"):
            other.execute("BEGIN IMMEDIATE")

    monkeypatch.setattr(sqlite, "ensure_tables", ensure)

    ids = sqlite_outbox.put(own, full_alarm(), GROUP)
    if own.in_transaction:
        own.commit()

    assert list(statuses(sqlite_outbox)) == list(ids)
    other.close()
    own.close()


def test_a_transaction_that_has_read_what_is_out_of_date(theirs, sqlite_outbox):
    """It cannot write any more, whatever it waits for: that says how it is begun."""
    assert statuses(sqlite_outbox) == {}
    theirs.execute("BEGIN")
    assert theirs.execute("SELECT count(*) FROM incident").fetchone() == (0,)
    sqlite_outbox.enqueue([entry("a")], worker=None, now=NOW)

    with pytest.raises(OutboxUnavailableError, match="begin it with BEGIN IMMEDIATE"):
        sqlite_outbox.put(theirs, full_alarm(), GROUP)
    theirs.rollback()


@pytest.mark.parametrize("isolation_level", ["", None])
@pytest.mark.parametrize("what", ["ABORT", "ROLLBACK"])
def test_what_fails_leaves_no_transaction_open(tmp_path, sqlite_outbox, isolation_level, what):
    """Where none was; also when SQLite itself has rolled it back, as it does on a full disk."""
    own = sqlite3.connect(tmp_path / "alarms.db", isolation_level=isolation_level)
    sqlite_outbox.create(own)
    own.execute(
        f"CREATE TRIGGER no BEFORE INSERT ON alarm_dispatch_content BEGIN SELECT raise({what}, 'no'); END"
    )
    own.commit()

    with pytest.raises(OutboxError, match=r"alarms\.db: no$"):
        sqlite_outbox.put(own, full_alarm(), GROUP)

    assert not own.in_transaction
    assert statuses(sqlite_outbox) == {}
    own.close()

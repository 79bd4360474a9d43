"""Which tables an outbox has in its SQLite file, and how those of older versions become them."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence

from alarm_dispatch.errors import OutboxCorruptError, OutboxError, OutboxVersionError

__all__ = ["APPLICATION_ID", "MIGRATIONS", "are_current", "ensure_tables", "set_up"]

APPLICATION_ID = 0x616C6472
"""Marks a file that has nothing but an outbox in it."""

_FIRST = (
    # A lane is written once and named by its number, as its names are long and stand in every index.
    """
    CREATE TABLE alarm_dispatch_lane (
        id INTEGER PRIMARY KEY,
        group_name TEXT NOT NULL,
        callback TEXT NOT NULL,
        UNIQUE (group_name, callback)
    )
    """,
    # Times are microseconds since 1970.  A lease that has ended for good ends at 0.
    """
    CREATE TABLE alarm_dispatch_worker (
        id INTEGER PRIMARY KEY,
        renewed_at INTEGER NOT NULL,
        expires_at INTEGER NOT NULL
    )
    """,
    # seq is the order; it is never given twice, so that one which is remembered cannot be another's.
    # status: 0 pending, 1 delivered, 2 dead, 3 superseded.  head: whether it is the first unsettled one of
    # its alarm in its lane.  owner: the worker that holds it, 0 for none; a worker may be gone, and nothing
    # is rewritten then.  set_at: when due_at was set.  number: of the last attempt that is known of.
    # body: the content's seq where that is another, which replaying makes so.  step: the call that wrote it.
    """
    CREATE TABLE alarm_dispatch_delivery (
        seq INTEGER PRIMARY KEY AUTOINCREMENT,
        id TEXT NOT NULL,
        lane INTEGER NOT NULL,
        alarm TEXT NOT NULL,
        level INTEGER NOT NULL,
        status INTEGER NOT NULL DEFAULT 0,
        head INTEGER NOT NULL,
        owner INTEGER NOT NULL,
        due_at INTEGER NOT NULL,
        set_at INTEGER NOT NULL,
        number INTEGER NOT NULL DEFAULT 0,
        created_at INTEGER NOT NULL,
        settled_at INTEGER,
        body INTEGER,
        step INTEGER NOT NULL DEFAULT 0,
        origin TEXT NOT NULL,
        passed TEXT NOT NULL,
        error TEXT NOT NULL DEFAULT '',
        history TEXT NOT NULL DEFAULT ''
    )
    """,
    # Apart from what changes, so that settling writes small rows, many to a page.
    """
    CREATE TABLE alarm_dispatch_content (
        seq INTEGER PRIMARY KEY,
        checksum INTEGER NOT NULL,
        content BLOB NOT NULL
    )
    """,
    "CREATE UNIQUE INDEX alarm_dispatch_by_id ON alarm_dispatch_delivery (id)",
    # Those that are settled, and those behind others, are in no index that a claim reads.
    "CREATE INDEX alarm_dispatch_unsettled ON alarm_dispatch_delivery (lane, alarm) WHERE status = 0",
    "CREATE INDEX alarm_dispatch_heads ON alarm_dispatch_delivery (lane, owner, due_at) WHERE head = 1",
    """
    CREATE INDEX alarm_dispatch_settled ON alarm_dispatch_delivery (status = 2, settled_at) WHERE status > 0
    """,
)

_REPEATS = (
    # What is known of an unresolved alarm in a group, from evaluation to evaluation.  told: 0 triggered,
    # 1 no data.
    """
    CREATE TABLE alarm_dispatch_repeat (
        alarm TEXT NOT NULL,
        group_name TEXT NOT NULL,
        told INTEGER NOT NULL,
        told_at INTEGER NOT NULL,
        started_at INTEGER,
        firing INTEGER NOT NULL,
        level TEXT,
        resolved_since INTEGER,
        seen_at INTEGER NOT NULL,
        PRIMARY KEY (alarm, group_name)
    )
    """,
    "CREATE INDEX alarm_dispatch_repeat_seen ON alarm_dispatch_repeat (seen_at)",
)

MIGRATIONS: tuple[Sequence[str], ...] = (_FIRST, _REPEATS)
"""The statements that lead from version n to n + 1, at index n."""


_NO_VERSION = "is damaged: it has tables of an outbox, and their version is gone"


def _check_there(connection: sqlite3.Connection, path: str) -> None:
    """Nothing for a file with tables of any version, else an OutboxCorruptError."""
    # The tables first: others may be making them, in one step with their version.
    told = _NO_VERSION if _tables(connection)[1] else "has no outbox in it"
    if not _version(connection):
        raise OutboxCorruptError(f"{path} {told}")


def _tables(connection: sqlite3.Connection) -> tuple[int, int]:
    """How many tables and indexes the file has, and how many of them are ours."""
    cursor = connection.cursor()
    cursor.row_factory = None
    found: tuple[int, int] = cursor.execute(
        "SELECT count(*), count(CASE WHEN name GLOB 'alarm_dispatch_*' THEN 1 END) FROM sqlite_master"
    ).fetchone()
    return found


def are_current(connection: sqlite3.Connection) -> bool:
    """Whether the tables are there and of this version."""
    return _version(connection) == len(MIGRATIONS)


def _version(connection: sqlite3.Connection, *, writing: bool = False) -> int:
    # A table of our own, since user_version may be the user's, whose tables may be in the same file.
    try:
        cursor = connection.cursor()
        cursor.row_factory = None
        if writing:
            # So that the transaction writes from its first statement on.  One that has read may write no more
            # once another has written, and no timeout helps: SQLITE_BUSY_SNAPSHOT in
            # https://www.sqlite.org/rescode.html
            cursor.execute("DELETE FROM alarm_dispatch_version WHERE 0")
        (found,) = cursor.execute("SELECT max(version) FROM alarm_dispatch_version").fetchone()
    except sqlite3.OperationalError as error:
        if "no such table" in str(error):
            return 0
        raise
    return max(int(found or 0), 0)


def ensure_tables(
    connection: sqlite3.Connection,
    path: str,
    *,
    adopt: bool,
) -> None:
    """Make the tables, or those of an older version the present ones, in the transaction that is open.

    ``adopt`` allows it in a file that another application has marked as its own.  Raises
    :class:`~alarm_dispatch.errors.OutboxVersionError` for a newer version's.
    """
    version = _version(connection, writing=True)
    if version > len(MIGRATIONS):
        raise OutboxVersionError(path, version, len(MIGRATIONS))
    if version == len(MIGRATIONS):
        return
    cursor = connection.cursor()
    cursor.row_factory = None
    if not version:
        (mark,) = cursor.execute("PRAGMA application_id").fetchone()
        tables, ours = _tables(connection)
        if ours:
            raise OutboxCorruptError(f"{path} {_NO_VERSION}")
        if mark not in {0, APPLICATION_ID} and not adopt:
            raise OutboxError(
                f"{path} is another application's database; to have an outbox in it, call create(connection)"
            )
        if not tables:
            cursor.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        cursor.execute("CREATE TABLE alarm_dispatch_version (version INTEGER NOT NULL)")
    for statements in MIGRATIONS[version:]:
        for statement in statements:
            cursor.execute(statement)
    cursor.execute("DELETE FROM alarm_dispatch_version")
    cursor.execute("INSERT INTO alarm_dispatch_version (version) VALUES (?)", (len(MIGRATIONS),))


_SETTINGS = (
    "PRAGMA synchronous = FULL",
    # Without these, macOS leaves in the drive's memory what was to reach the disk; elsewhere they are idle.
    "PRAGMA fullfsync = 1",
    "PRAGMA checkpoint_fullfsync = 1",
    "PRAGMA cache_size = -16000",
    "PRAGMA journal_size_limit = 16777216",
    "PRAGMA temp_store = MEMORY",
)


def set_up(connection: sqlite3.Connection, path: str, *, must_exist: bool) -> None:
    """Make a new connection ready, and the tables where they are not there yet.

    With ``must_exist`` it is an error when they are not.
    """
    if must_exist:
        _check_there(connection, path)
    # Before the first table, or it has no effect; but it would wait for whoever is writing.
    (pages,) = connection.execute("PRAGMA page_count").fetchone()
    if not pages:
        connection.execute("PRAGMA auto_vacuum = INCREMENTAL")
    for setting in _SETTINGS:
        connection.execute(setting)
    connection.execute("PRAGMA journal_mode = WAL")
    if not are_current(connection):
        connection.execute("BEGIN IMMEDIATE")
        ensure_tables(connection, path, adopt=False)
        connection.execute("COMMIT")

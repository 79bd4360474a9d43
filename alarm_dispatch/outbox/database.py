"""A database file that threads share: one connection for each, and sqlite3's exceptions end here."""

from __future__ import annotations

import contextlib
import os
import sqlite3
import threading
import weakref
from collections.abc import Callable, Iterator

from attrs import define, field

from alarm_dispatch.errors import (
    ForkedProcessError,
    OutboxCorruptError,
    OutboxError,
    OutboxUnavailableError,
)
from alarm_dispatch.outbox.whereabouts import Whereabouts

__all__ = ["Database", "saved", "told"]

# Primary result codes, https://www.sqlite.org/rescode.html
_UNAVAILABLE = {
    sqlite3.SQLITE_BUSY: "is locked by another process for too long",
    sqlite3.SQLITE_LOCKED: "is locked by another connection for too long",
    sqlite3.SQLITE_FULL: "cannot grow: the disk is full",
    sqlite3.SQLITE_READONLY: "is read-only",
    sqlite3.SQLITE_CANTOPEN: "cannot be opened",
    sqlite3.SQLITE_IOERR: "cannot be read or written",
    sqlite3.SQLITE_PERM: "may not be used",
    sqlite3.SQLITE_AUTH: "may not be used",
    sqlite3.SQLITE_NOMEM: "cannot be read: memory is short",
    sqlite3.SQLITE_PROTOCOL: "is locked by others for too long",
}
_CORRUPT = {
    sqlite3.SQLITE_CORRUPT: "is damaged",
    sqlite3.SQLITE_NOTADB: "is no SQLite database",
}
# Nobody waits for anything then: what the transaction has read is out of date for good.
_SNAPSHOT = "was written by another since the transaction read it; begin it with BEGIN IMMEDIATE"

# Seconds that a fork waits for what other threads are writing.
_FORK_PATIENCE = 5.0


@contextlib.contextmanager
def told(path: str) -> Iterator[None]:
    """Turn what sqlite3 raises into an :class:`~alarm_dispatch.errors.OutboxError` on this file."""
    try:
        yield
    except sqlite3.Error as error:
        code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR)
        if code == sqlite3.SQLITE_BUSY_SNAPSHOT:
            raise OutboxUnavailableError(f"{path} {_SNAPSHOT} ({error})") from error
        code &= 0xFF
        if code in _UNAVAILABLE:
            raise OutboxUnavailableError(f"{path} {_UNAVAILABLE[code]} ({error})") from error
        if code in _CORRUPT or "no such table" in str(error):  # somebody has dropped one of ours
            raise OutboxCorruptError(f"{path} {_CORRUPT.get(code, 'is damaged')} ({error})") from error
        raise OutboxError(f"{path}: {error}") from error


@define(eq=False)
class _Link:
    """A thread's connection, and the files that it was opened on."""

    connection: sqlite3.Connection
    files: Whereabouts
    lock: threading.RLock = field(factory=threading.RLock)
    inside: bool = False
    spoilt: bool = False
    closed: bool = False
    process: int = field(factory=os.getpid)
    _end: weakref.finalize[..., _Link] = field(init=False, repr=False)

    def __attrs_post_init__(self) -> None:
        # For a thread that has ended, and at the end of the process.  Not __del__: in a circle of garbage the
        # connection may be the first to go, and tell that nobody had closed it.
        self._end = weakref.finalize(self, _let_go, self.connection, self.lock, self.process)

    def close(self) -> None:
        self.closed = True
        self._end()


def _let_go(connection: sqlite3.Connection, lock: threading.RLock, process: int) -> None:
    """Close a connection; one that a fork left here must stay as it is, even unclosed."""
    if process != os.getpid():
        _LEFT_BY_FORKS.append(connection)
    # When the process ends a thread may be within a statement: closed under it, SQLite would crash.  The
    # thread itself keeps the connection from being collected.
    elif lock.acquire(blocking=False):
        connection.close()
        lock.release()


@contextlib.contextmanager
def saved(connection: sqlite3.Connection) -> Iterator[None]:
    """A part of the connection's transaction that is done or not done as a whole.

    One that is begun here writes from the start, and is committed where the connection commits by itself.
    """
    begun = not connection.in_transaction
    commits_itself = connection.isolation_level is None or getattr(connection, "autocommit", -1) is True
    if begun:
        # Not DEFERRED, as what has read must not write then: see schema._version().
        kind = "EXCLUSIVE" if connection.isolation_level == "EXCLUSIVE" else "IMMEDIATE"
        connection.execute(f"BEGIN {kind}")
    else:
        connection.execute("SAVEPOINT alarm_dispatch")
    try:
        yield
        if not begun:
            connection.execute("RELEASE alarm_dispatch")
        elif commits_itself:
            connection.execute("COMMIT")
    except BaseException:
        if not connection.in_transaction:
            pass  # what failed has rolled back all of it, as a full disk may
        elif begun:
            connection.execute("ROLLBACK")
        else:
            connection.execute("ROLLBACK TO alarm_dispatch")
            connection.execute("RELEASE alarm_dispatch")
        raise


# https://www.sqlite.org/howtocorrupt.html, section 2.6: a child must not even close them.
_LEFT_BY_FORKS: list[sqlite3.Connection] = []


class Database:
    """Connections to the file at ``path``, made by ``connect`` when a thread first needs one.

    ``forget`` is called when what is remembered of the file may no longer be so: before a transaction is
    rolled back, while nobody else can write yet, and when the file is lost.
    """

    def __init__(
        self, path: str, connect: Callable[[], sqlite3.Connection], forget: Callable[[], None]
    ) -> None:
        self.path = path
        self._connect = connect
        self._forget = forget
        self._own = threading.local()
        self._links: weakref.WeakSet[_Link] = weakref.WeakSet()
        self._opening = threading.Lock()
        _DATABASES.add(self)

    @contextlib.contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """The thread's connection; what it reads is of the open transaction, if there is one."""
        link = self._locked_link()
        try:
            with told(self.path):
                yield link.connection
        finally:
            link.lock.release()

    @contextlib.contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """The thread's connection in a transaction, which the outermost block ends.

        When an inner block raises, the outer one comes to nothing too.
        """
        link = self._locked_link()
        try:
            if link.inside:
                with self._inner(link):
                    yield link.connection
                return
            with told(self.path):
                link.connection.execute("BEGIN IMMEDIATE")
            link.inside = True
            try:
                with told(self.path):
                    yield link.connection
                    self._check_whole(link)
                    link.connection.execute("COMMIT")
            except BaseException:
                self._forget()
                if link.process == os.getpid():
                    with contextlib.suppress(sqlite3.Error):
                        link.connection.execute("ROLLBACK")
                raise
            finally:
                link.inside = link.spoilt = False
            if moved := link.files.moved():
                self._drop(link)
                raise OutboxUnavailableError(f"{moved} was removed or replaced while it was written")
        finally:
            link.lock.release()

    def _check_whole(self, link: _Link) -> None:
        if link.process != os.getpid():
            raise ForkedProcessError("the transaction is the parent process's")
        if link.spoilt:
            raise OutboxUnavailableError(f"{self.path}: a step of the transaction failed")

    @contextlib.contextmanager
    def _inner(self, link: _Link) -> Iterator[None]:
        self._check_whole(link)
        try:
            with told(self.path):
                yield
        except BaseException:
            link.spoilt = True
            raise

    def close(self) -> None:
        """Close every thread's connection that is not in a transaction."""
        with self._opening:
            for link in list(self._links):
                if link.process != os.getpid():
                    continue  # a fork left it here, with a lock that nobody gives back
                with link.lock:
                    if not link.inside:
                        self._links.discard(link)
                        link.close()

    def _locked_link(self) -> _Link:
        while True:
            link = self._link()
            link.lock.acquire()
            if not link.closed:
                return link
            link.lock.release()  # a fork, or another thread's close(), came between

    def _link(self) -> _Link:
        link: _Link | None = getattr(self._own, "link", None)
        if link is not None and not link.closed and link.process == os.getpid():
            if link.inside or not (moved := link.files.moved()):
                return link
            self._drop(link)
            raise OutboxUnavailableError(f"{moved} was removed or replaced while it was open")
        with self._opening, told(self.path):
            try:
                connection = self._connect()
            except (
                UnicodeDecodeError
            ) as error:  # sqlite3 stumbles over what it has to tell of a damaged schema
                raise OutboxCorruptError(f"{self.path} is damaged ({error})") from error
            try:
                link = _Link(connection, Whereabouts(self.path))
            except OSError as error:
                connection.close()
                raise OutboxUnavailableError(f"{self.path} cannot be opened ({error})") from error
            self._links.add(link)
        self._own.link = link
        return link

    def _drop(self, link: _Link) -> None:
        # It stays among the links until it is collected: others may be going through them now.
        link.close()
        self._forget()

    # -- a fork

    def before_fork(self) -> None:
        """Leave no open connection to the child, whose SQLite would take our locks for its own."""
        self._opening.acquire()
        for link in list(self._links):
            if link.lock.acquire(timeout=_FORK_PATIENCE):
                if not link.inside:
                    self._links.discard(link)
                    link.close()
                link.lock.release()

    def after_fork(self) -> None:
        """Let connections be opened again."""
        self._opening.release()


_DATABASES: weakref.WeakSet[Database] = weakref.WeakSet()


class _Forks:
    """The databases of a fork that is under way: those that were there before are there after."""

    held: tuple[Database, ...] = ()

    def before(self) -> None:
        held = tuple(_DATABASES)
        for database in held:
            database.before_fork()
        # Only now, as another thread may have waited for a fork of its own.
        self.held = held

    def after(self) -> None:
        held, self.held = self.held, ()
        for database in held:
            database.after_fork()


_forks = _Forks()
if hasattr(os, "register_at_fork"):  # pragma: no branch - not on Windows, which has no fork
    os.register_at_fork(before=_forks.before, after_in_parent=_forks.after, after_in_child=_forks.after)

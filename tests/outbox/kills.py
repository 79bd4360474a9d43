"""Dispatchers on one file, killed and stopped under load: what was lost, came twice or out of order."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import logging
import os
import random
import re
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import attrs
from attrs import define, field, frozen

from alarm_dispatch import AlarmGroup, Attempt, Callback, Dispatcher, Reply, Request, RetrySchedule
from alarm_dispatch.errors import BacklogFullError
from alarm_dispatch.outbox import SqliteOutbox
from alarm_dispatch.transports.httpx import HttpxTransport

from ..dispatch.alarms import numbered
from ..paths import ROOT

__all__ = ["Found", "rounds", "stops"]

LIMIT = 12
"""Requests in flight of one dispatcher."""
LEASE = 2.0
_NAMES = ("a", "b")
_THREADS = 4
_SLOTS = 2
_ALARMS = 120  # of each thread; few enough that notifications of one alarm wait for each other
_BACKLOG = 150
_SCHEDULE = RetrySchedule(attempts=40, delays=(0.05, 0.1, 0.2))
_LONGEST = 0.5  # seconds from the start of a child's work to its end
_PATIENCE = 60.0


@frozen(kw_only=True)
class Found:
    """What came of it, in deliveries.

    ``in_flight`` are the requests under way at the kills, and as many as there may be for each lease that
    was lost; ``most`` is how many of them one dispatcher had, ``left`` tells of what is in the file and not
    delivered.
    """

    acknowledged: int
    lost: int
    twice: int
    in_flight: int
    most: int
    out_of_order: int
    left: tuple[str, ...]


# -- the child


class _Counted:
    """A transport that tells of each request before it is sent."""

    def __init__(self, inner: Any) -> None:
        self._inner = inner
        self.keeps_deadline = getattr(inner, "keeps_deadline", False)

    async def send(self, request: Request, *, deadline: float) -> Reply:
        _say("sent", request.delivery_id)
        return cast("Reply", await self._inner.send(request, deadline=deadline))

    async def aclose(self) -> None:
        await self._inner.aclose()


class _Losses(logging.Handler):
    """Tells that the lease was lost: what was in flight may come twice."""

    def emit(self, record: logging.LogRecord) -> None:
        if "lease" in record.msg:
            _say("lost")


def _say(*words: object) -> None:
    # One write each, so that a kill leaves no half line behind those that were written.
    os.write(1, (" ".join(map(str, words)) + "\n").encode())


def _transport() -> Any:
    try:
        from alarm_dispatch.transports.aiohttp import AiohttpTransport
    except ImportError:
        return HttpxTransport()
    return AiohttpTransport()


def _group(url: str) -> AlarmGroup:
    callbacks = [
        Callback(f"{url}/{name}", format="tencent", name=name, timeout=5.0, schedule=_SCHEDULE)
        for name in _NAMES
    ]
    return AlarmGroup("oncall", callbacks=callbacks)


def _told(event: object) -> None:
    if isinstance(event, Attempt):
        _say("noted", event.delivery_id)


def child(path: str, url: str, first: int, submits: bool) -> None:
    """Work on the file from the first line on that comes in, until killed, or until nothing is left.

    The line is the number of its slot: those of one slot follow each other and submit the same alarms.
    """
    transport = _transport()
    logging.getLogger("alarm_dispatch").addHandler(_Losses())
    _say("loaded")
    slot = int(sys.stdin.readline())
    outbox, group = SqliteOutbox(path), _group(url)
    dispatcher = Dispatcher(
        transport=_Counted(transport),
        outbox=outbox,
        groups=[group],
        limit=LIMIT,
        backlog=_BACKLOG,
        lease=LEASE,
        hooks=[_told],
    )
    with dispatcher:
        _say("ready")
        if submits:
            for thread in range(_THREADS):
                threading.Thread(
                    target=_submit, args=(dispatcher, group, first, thread * _SLOTS + slot), daemon=True
                ).start()
            sys.stdin.readline()
        while next(outbox.list(status="pending", limit=1), None) is not None:
            time.sleep(0.05)
    outbox.close()
    _say("done")


def _submit(dispatcher: Dispatcher, group: AlarmGroup, first: int, own: int) -> None:
    rng = random.Random(first + own)
    for count in itertools.count():
        number = rng.randrange(_ALARMS) * _THREADS * _SLOTS + own
        # What the receiver reads of it: the alarm's number, and one that grows.
        serial = (first + count) * 1_000 + number
        alarm = attrs.evolve(numbered(number), duration=serial)
        while True:
            try:
                dispatcher.submit(alarm, group)
                break
            except BacklogFullError:
                time.sleep(0.002)
        _say("acknowledged", serial)


# -- the parent


class _Receiver(asyncio.Protocol):
    """Confirms after a moment; every sixteenth delivery only when it comes again."""

    def __init__(self, log: _Log) -> None:
        self._log = log
        self._rest = b""
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None

    def data_received(self, data: bytes) -> None:
        self._rest += data
        while (end := self._rest.find(b"\r\n\r\n")) >= 0:
            head = self._rest[:end]
            found = re.search(rb"(?i)content-length: *(\d+)", head)
            whole = end + 4 + int(found[1] if found else 0)
            if len(self._rest) < whole:
                return
            status = self._log.arrived(head.split(b" ", 2)[1][1:].decode(), self._rest[end + 4 : whole])
            self._rest = self._rest[whole:]
            asyncio.get_running_loop().call_later(random.random() * 0.004, self._answer, status)

    def _answer(self, status: bytes) -> None:
        if self._transport is not None:
            self._transport.write(b"HTTP/1.1 " + status + b"\r\nContent-Length: 11\r\n\r\n" + b'{"code": 0}')


class _Log:
    """What the receiver got, as it comes; written on its thread and read when that has ended."""

    def __init__(self) -> None:
        self.confirmed: set[tuple[str, int]] = set()
        self.taken: set[str] = set()
        self.refused: set[str] = set()
        self.latest: dict[tuple[str, int], int] = {}
        self.twice = 0
        self.out_of_order = 0

    def arrived(self, name: str, body: bytes) -> bytes:
        """Note a request; the status to answer it with."""
        found = re.search(rb'"sessionId": *"([^"]+)"', body), re.search(rb'"durationTime": *(\d+)', body)
        assert found[0]
        assert found[1]
        delivery, serial = found[0][1].decode(), int(found[1][1])
        order = (name, serial % 1_000)
        self.out_of_order += serial < self.latest.get(order, 0)
        self.latest[order] = max(serial, self.latest.get(order, 0))
        if delivery.endswith("0") and delivery not in self.refused:
            self.refused.add(delivery)
            return b"500 No"
        self.twice += delivery in self.taken
        self.taken.add(delivery)
        self.confirmed.add((name, serial))
        return b"200 OK"


@contextlib.contextmanager
def _receiving(log: _Log) -> Iterator[str]:
    """The URL of a receiver in a thread of its own."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()

    async def listen() -> asyncio.Server:
        return await loop.create_server(lambda: _Receiver(log), "127.0.0.1", 0, backlog=512)

    async def end(server: asyncio.Server) -> None:
        server.close()

    server = asyncio.run_coroutine_threadsafe(listen(), loop).result()
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        asyncio.run_coroutine_threadsafe(end(server), loop).result()
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


@define(eq=False)
class _Child:
    """A process with a dispatcher, which waits until it is told to begin."""

    process: subprocess.Popen[str]
    acknowledged: set[int] = field(factory=set)
    under_way: Counter[str] = field(factory=Counter)
    losses: int = 0
    loaded: threading.Event = field(factory=threading.Event)
    ready: threading.Event = field(factory=threading.Event)
    _reader: threading.Thread | None = None

    @classmethod
    def start(cls, path: Path, url: str, first: int, *, submits: bool = True) -> _Child:
        """Start it; it loads what it needs meanwhile."""
        program = f"from tests.outbox.kills import child; child({str(path)!r}, {url!r}, {first}, {submits})"
        process = subprocess.Popen(
            [sys.executable, "-c", program],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=ROOT,
        )
        made = cls(process)
        made._reader = threading.Thread(target=made._read, daemon=True)
        made._reader.start()
        return made

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            what, *words = line.split() if line.endswith("\n") else [""]
            if what == "acknowledged":
                self.acknowledged.add(int(words[0]))
            elif what == "sent":
                self.under_way[words[0]] += 1
            elif what == "noted":
                self.under_way[words[0]] -= 1
            elif what == "loaded":
                self.loaded.set()
            elif what == "ready":
                self.ready.set()
            elif what == "lost":
                self.losses += 1

    def requests(self) -> int:
        """How many it has under way, by what it said."""
        return sum(count > 0 for count in self.under_way.values())

    def begin(self, slot: int = 0) -> None:
        """Let it work, as soon as it has loaded what it needs."""
        assert self.loaded.wait(_PATIENCE)
        assert self.process.stdin is not None
        self.process.stdin.write(f"{slot}\n")
        self.process.stdin.flush()

    def signal(self, number: int) -> None:
        """Send it a signal."""
        self.process.send_signal(number)

    def end(self) -> None:
        """Wait for its end, and for all that it said."""
        self.process.wait(_PATIENCE)
        assert self._reader is not None
        self._reader.join(_PATIENCE)
        for stream in (self.process.stdin, self.process.stdout):
            assert stream is not None
            with contextlib.suppress(BrokenPipeError):
                stream.close()


@define(eq=False)
class _Ground:
    """The file, the receiver, and what the children said."""

    path: Path
    url: str
    log: _Log
    children: list[_Child] = field(factory=list)
    firsts: Iterator[int] = field(factory=lambda: itertools.count(10_000, 10_000))
    in_flight: int = 0
    most: int = 0

    def child(self) -> _Child:
        """One more."""
        self.children.append(_Child.start(self.path, self.url, next(self.firsts)))
        return self.children[-1]

    def kill(self, one: _Child) -> None:
        """As ``kill -9`` does."""
        one.signal(signal.SIGKILL)
        one.end()
        self.in_flight += one.requests()
        self.most = max(self.most, one.requests())

    def found(self) -> Found:
        """Let all that is left be delivered, and count."""
        last = _Child.start(self.path, self.url, 0, submits=False)
        self.children.append(last)
        last.begin()
        assert last.process.wait(_PATIENCE) == 0
        last.end()
        outbox = SqliteOutbox(self.path)
        left = [f"{one.status}: {one.error}" for one in outbox.list() if one.status != "delivered"]
        outbox.close()
        acknowledged = set().union(*(one.acknowledged for one in self.children))
        wanted = {(name, serial) for serial in acknowledged for name in _NAMES}
        return Found(
            acknowledged=len(wanted),
            lost=len(wanted - self.log.confirmed),
            twice=self.log.twice,
            in_flight=self.in_flight + LIMIT * sum(one.losses for one in self.children),
            most=self.most,
            out_of_order=self.log.out_of_order,
            left=tuple(left),
        )


@contextlib.contextmanager
def _ground() -> Iterator[_Ground]:
    with tempfile.TemporaryDirectory() as folder, _receiving(log := _Log()) as url:
        made = _Ground(Path(folder) / "alarms.db", url, log)
        try:
            yield made
        finally:
            for one in made.children:
                if one.process.poll() is None:
                    one.signal(signal.SIGKILL)
                    one.end()


def rounds(count: int, *, workers: int = 1, seed: int = 0) -> Found:
    """Kill a dispatcher so many times at a random moment, each time with ``workers`` of them at work."""
    rng = random.Random(seed)
    with _ground() as ground:
        waiting = ground.child()
        working: dict[int, _Child] = {}
        for turn in range(count):
            for slot in range(workers):
                if slot not in working:
                    waiting.begin(slot)
                    working[slot] = waiting
                    waiting = ground.child()
            # Every other time it gets to work, however slow the machine is.
            for one in working.values() if turn % 2 else ():
                one.ready.wait(_PATIENCE)
            time.sleep(rng.random() * _LONGEST)
            ground.kill(working.pop(rng.randrange(workers)))
        for one in (*working.values(), waiting):
            ground.kill(one)
        return ground.found()


def stops(count: int, *, seed: int = 0) -> Found:
    """Stop a dispatcher so many times for longer than its lease, while another takes over."""
    rng = random.Random(seed)
    with _ground() as ground:
        working = [ground.child(), ground.child()]
        for slot, one in enumerate(working):
            one.begin(slot)
        for _ in range(count):
            time.sleep(0.2 + rng.random() * _LONGEST)
            stopped = rng.choice(working)
            stopped.signal(signal.SIGSTOP)
            time.sleep(LEASE + 0.5)
            stopped.signal(signal.SIGCONT)
        time.sleep(_LONGEST)
        for one in working:
            ground.kill(one)
        return ground.found()

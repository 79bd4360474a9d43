"""``demo``: one alarm to four receivers that fail in different ways first, and confirm in the end."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import ssl
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime

import attrs
from attrs import define, field, frozen

from alarm_dispatch import formats
from alarm_dispatch.callbacks import Callback
from alarm_dispatch.cli.demo_alarm import demo_alarm
from alarm_dispatch.cli.documents import report_document
from alarm_dispatch.cli.grids import (
    Column,
    Grid,
    Row,
    attempt_line,
    first_start,
    since,
    status,
    verdict_part,
    wait,
)
from alarm_dispatch.cli.screen import Screen, print_json
from alarm_dispatch.delivery import Delivery, DispatchReport
from alarm_dispatch.dispatcher import AsyncDispatcher
from alarm_dispatch.exchange import Attempt
from alarm_dispatch.groups import AlarmGroup
from alarm_dispatch.receiver import LoopbackServer
from alarm_dispatch.transports.httpx import HttpxTransport

__all__ = ["Pace", "run"]


@frozen
class _Receiver:
    """What one of the receivers does, as a script and in words."""

    script: str
    told: str


_COLUMNS = (
    Column("format"),
    Column("#", right=True),
    Column("at", right=True),
    Column("status", right=True),
    Column("verdict"),
    Column("reason", flexible=True),
    Column("next in", right=True),
)

# The older Tencent receiver twice answers 200 without confirming: there the status alone would lie.
_RECEIVERS: Mapping[str, _Receiver] = {
    "blueking": _Receiver("500,timeout,200", "status 500, then no answer, then 200"),
    "tencent": _Receiver("timeout,redirect,200", "no answer, then a redirect, then 200"),
    "tencent_legacy": _Receiver(
        'json:{"retCode":1},200,confirm', "retCode 1, then an empty 200, then retCode 0"
    ),
    "aliyun": _Receiver("503,reset,huge,200", "503, a reset connection, an endless answer, then 200"),
}


@frozen(kw_only=True)
class Pace:
    """What part of the documented waits and timeouts is kept."""

    waits: float
    timeouts: float

    def callback(self, name: str, url: str) -> Callback:
        """The callback of that format, at this pace."""
        rules = formats.get(name).rules
        delays = rules.schedule.delays or ()
        return Callback(
            f"{url}/{name}",
            format=name,
            name=name,
            timeout=rules.timeout * self.timeouts,
            schedule=attrs.evolve(rules.schedule, delays=[delay * self.waits for delay in delays]),
        )


REAL = Pace(waits=1.0, timeouts=1.0)
# A timeout is shortened less: on a busy machine a receiver that answers must not be too late.
SHORT = Pace(waits=1 / 20, timeouts=1 / 5)


def run(*, real_time: bool = False, as_json: bool = False) -> int:
    """Run the demonstration; 0 when all four receivers confirmed."""
    return asyncio.run(_demonstrate(REAL if real_time else SHORT, as_json=as_json))


async def _demonstrate(pace: Pace, *, as_json: bool) -> int:
    screen = Screen()
    if not as_json:
        _introduce(screen, pace)
    scripts = {f"/{name}": receiver.script for name, receiver in _RECEIVERS.items()}
    async with LoopbackServer(scripts=scripts) as server:
        group = AlarmGroup("demo", callbacks=[pace.callback(name, server.url) for name in _RECEIVERS])
        board = _Board()
        # Loading the authorities takes a tenth of a second, which would look like the receivers' lateness.
        transport = HttpxTransport(tls=ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT))
        with board.shown(screen, moving=screen.moves and not as_json, table=not as_json):
            async with AsyncDispatcher(transport=transport, hooks=[board]) as dispatcher:
                report = await dispatcher.dispatch(demo_alarm(datetime.now(UTC)), group)
    if as_json:
        document = report_document(report)
        print_json({**document, "pace": {"waits": pace.waits, "timeouts": pace.timeouts}})
    else:
        _sum_up(screen, report)
    return 0 if report.ok else 1


def _introduce(screen: Screen, pace: Pace) -> None:
    screen.paragraph("One alarm goes to four receivers on this machine, and each fails first:")
    for name, receiver in _RECEIVERS.items():
        screen.line((f"  {name:<16}", "bold"), receiver.told)
    if pace == REAL:
        screen.paragraph("Waits and timeouts are the documented ones, so this takes about 40 seconds.")
    else:
        screen.paragraph(
            ("Shortened: ", "bold yellow"),
            f"waits to 1/{1 / pace.waits:g}, timeouts to 1/{1 / pace.timeouts:g} of the documented time "
            "(--real-time keeps them).",
        )
    screen.line()


def _sum_up(screen: Screen, report: DispatchReport) -> None:
    attempts = [attempt for delivery in report.deliveries for attempt in delivery.attempts]
    delivered = len(report.deliveries) - len(report.failed)
    failed = sum(not attempt.confirmed for attempt in attempts)
    screen.paragraph(
        (f"{delivered} of {len(report.deliveries)} delivered", "bold green" if report.ok else "bold red"),
        f" after {len(attempts)} attempts, {failed} of which failed.",
    )


@define
class _Board:
    """A hook that keeps every attempt by its callback, and shows the table as it grows."""

    _attempts: dict[str, list[Attempt]] = field(factory=lambda: {name: [] for name in _RECEIVERS})
    _began: datetime = field(factory=lambda: datetime.now(UTC))
    _show: Callable[[Attempt], object] = field(default=lambda _attempt: None)

    def __call__(self, event: Attempt | Delivery) -> None:
        """Take an attempt that ended; a settled delivery tells nothing new."""
        if isinstance(event, Attempt):
            self._attempts[event.callback].append(event)
            self._show(event)

    @contextlib.contextmanager
    def shown(self, screen: Screen, *, moving: bool, table: bool) -> Iterator[None]:
        """Draw the table over itself where that can be done, else follow along on standard error."""
        if moving:
            with screen.live() as draw:
                draw(self._grid())
                self._show = lambda _attempt: draw(self._grid())
                yield
            screen.line()
            return
        errors = Screen(error=True)
        self._show = lambda attempt: errors.line(*attempt_line(attempt, self._began))
        yield
        if table:
            screen.table(self._grid())

    def _grid(self) -> Grid:
        origin = first_start(itertools.chain.from_iterable(self._attempts.values()))
        return Grid(
            columns=_COLUMNS,
            sections=tuple(tuple(_rows(name, attempts, origin)) for name, attempts in self._attempts.items()),
        )


def _rows(name: str, attempts: Sequence[Attempt], origin: datetime | None) -> Iterator[Row]:
    """A callback's attempts, and its next one as long as there is one."""
    for attempt in attempts:
        yield (
            (name if attempt.number == 1 else "", "bold"),
            str(attempt.number),
            since(attempt, origin),
            status(attempt),
            verdict_part(attempt.verdict),
            attempt.reason,
            wait(attempt.retry_in),
        )
    if not attempts:
        yield ((name, "bold"), "1", "", "", ("sending", "dim"), "", "")
    elif attempts[-1].retry_in is not None:
        yield ("", str(len(attempts) + 1), "", "", ("to come", "dim"), "", "")

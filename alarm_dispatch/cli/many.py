"""``send --many``: the alarms of a file, one in a line, to a callback or an alarm group."""

from __future__ import annotations

import asyncio
import contextlib
import sys
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any, Self

import attrs
from attrs import define, field

from alarm_dispatch.cli.carriage import TRANSPORTS, loop_factory, transport_named
from alarm_dispatch.cli.documents import delivery_document
from alarm_dispatch.cli.errors import CommandError
from alarm_dispatch.cli.inputs import Destination, RuleOptions, alarm_in
from alarm_dispatch.cli.keeping import Keeping, keeping
from alarm_dispatch.cli.lines import LONGEST_LINE, STANDARD_INPUT, Line, count_lines, lines_of, opened
from alarm_dispatch.cli.screen import Screen, print_json
from alarm_dispatch.cli.send import FAILED, INTERRUPTED, NOTHING_TO_SEND
from alarm_dispatch.cli.tally import Tally
from alarm_dispatch.delivery import Delivery, DeliveryStatus
from alarm_dispatch.dispatcher import DEFAULT_LIMIT, AsyncDispatcher
from alarm_dispatch.egress import INTERNAL, EgressPolicy
from alarm_dispatch.errors import ConfigurationError, OutboxError
from alarm_dispatch.exchange import Attempt
from alarm_dispatch.groups import AlarmGroup
from alarm_dispatch.model import Alarm

__all__ = ["DEFAULT_BACKLOG", "run"]

DEFAULT_BACKLOG = 20_000
"""Unsettled deliveries, read ahead of what is settled: some 50 MB."""

# Seconds between two looks at the counts, on a terminal and elsewhere.
_TO_DRAW = 0.1
_TO_TELL = 5.0
# Failed deliveries that people are told one by one.
_TOLD_FAILURES = 20
# Lines that are read before the event loop has its turn.
_LINES_A_TURN = 16


def run(
    source: str,
    destination: Destination,
    rules: RuleOptions,
    *,
    in_flight: int | None = None,
    backlog: int = DEFAULT_BACKLOG,
    transport: str = TRANSPORTS[0],
    egress: EgressPolicy = INTERNAL,
    outbox: str | None = None,
    as_json: bool = False,
) -> int:
    """Send all of them; 0 when nothing failed, 1 when something did, 2 when no line was an alarm."""
    group, *fallbacks = destination.with_fallbacks()
    group = rules.applied(group)
    if in_flight is not None:
        group = attrs.evolve(
            group, callbacks=[attrs.evolve(callback, limit=in_flight) for callback in group.callbacks]
        )
    if backlog < len(group.callbacks):
        raise CommandError(f"--backlog: an alarm makes {len(group.callbacks)} deliveries here, one each")
    carrier, new_loop = transport_named(transport), loop_factory(transport)
    interrupted = False
    with (
        keeping(outbox, (group, *fallbacks)) as kept,
        opened(source) as stream,
        _Storm(source=source, group=group, kept=kept, as_json=as_json).shown() as storm,
        asyncio.Runner(loop_factory=new_loop) as runner,
    ):
        try:
            # Half of the process's limit is for receivers that answer: one alone can then have its own.
            limit = max(DEFAULT_LIMIT, 2 * (in_flight or 0))
            runner.run(storm.send(stream, transport=carrier, egress=egress, limit=limit, backlog=backlog))
        except KeyboardInterrupt:
            interrupted = True
    storm.sum_up(interrupted=interrupted)
    if interrupted:
        return INTERRUPTED
    if not storm.tally.alarms:
        return NOTHING_TO_SEND
    return FAILED if storm.tally.failed or storm.tally.bad_lines or storm.broke_off else 0


@define(kw_only=True)
class _Storm:
    """One run: reads, sends, counts and tells."""

    source: str
    group: AlarmGroup
    kept: Keeping
    as_json: bool
    broke_off: bool = False
    tally: Tally = field(init=False)
    _screen: Screen = field(factory=lambda: Screen(error=True))
    _began: float = field(factory=time.monotonic)
    _draw: Callable[[], None] = field(init=False)
    _draw_every: float = field(init=False)
    _settled: asyncio.Event = field(factory=asyncio.Event)

    def __attrs_post_init__(self) -> None:
        self.tally = Tally(callbacks=len(self.group.callbacks))

    # -- what is seen on the way

    @contextlib.contextmanager
    def shown(self) -> Iterator[Self]:
        """A bar where one can be drawn, else a line now and then."""
        # Beside it nothing else may write to the same terminal.
        if self._screen.moves and not (self.as_json and _shares_terminal()):
            with self._screen.bar() as draw:
                tally = self.tally
                self._draw = lambda: draw(tally.done, tally.total, tally.now(self._elapsed()))
                self._draw_every = _TO_DRAW
                self._draw()
                yield self
                self._draw()  # what was settled since the last look
        else:
            self._draw = lambda: self._screen.line(*self.tally.line(self._elapsed()))
            self._draw_every = _TO_TELL
            yield self

    def _elapsed(self) -> float:
        return time.monotonic() - self._began

    async def _keep_drawing(self) -> None:
        while True:
            await asyncio.sleep(self._draw_every)
            self._draw()

    def _count_lines(self) -> None:
        with contextlib.suppress(OSError):  # reading tells it
            self.tally.lines = count_lines(self.source)

    # -- the work

    async def send(self, stream: object, **settings: Any) -> None:
        """Send the alarms of the stream, with these settings, and wait until every delivery is settled."""
        # Beside the sending, which need not wait for it; a daemon, which need not be waited for.
        threading.Thread(target=self._count_lines, daemon=True).start()
        drawing = asyncio.create_task(self._keep_drawing())
        try:
            async with AsyncDispatcher(hooks=[self._note], **settings, **self.kept.settings) as dispatcher:
                await self._submit_all(stream, dispatcher)
                self.tally.read_to_end = True
                self._look_for_end()
                # Not until the dispatcher is drained: an outbox may have more and more of others'.
                await self._settled.wait()
        finally:
            drawing.cancel()

    async def _submit_all(self, stream: object, dispatcher: AsyncDispatcher) -> None:
        try:
            async with contextlib.aclosing(lines_of(stream)) as lines:
                async for line in lines:
                    await self._submit(line, dispatcher)
                    if line.number % _LINES_A_TURN == 0:
                        await asyncio.sleep(0)
        except OSError as error:
            self.broke_off = True
            self._tell_problem(f"{self._name} cannot be read further: {error.strerror or error}")
        except OutboxError as error:
            self.broke_off = True
            self._tell_problem(f"the rest is not sent: {error}")

    async def _submit(self, line: Line, dispatcher: AsyncDispatcher) -> None:
        tally = self.tally
        if line.content is not None and not line.content.strip():
            tally.skipped += 1
            return
        try:
            alarm = _alarm_in(line)
        except ConfigurationError as error:
            tally.skipped += 1
            tally.bad_lines += 1
            for path, problem in error.problems:
                self._tell_problem(f"line {line.number}: {path}: {problem}")
            return
        self.kept.expect(len(self.group.callbacks))
        try:
            await dispatcher.submit(alarm, self.group, wait=True)
        except OutboxError:
            tally.alarms += 1  # its deliveries have failed, and are counted as such
            raise
        tally.alarms += 1

    @property
    def _name(self) -> str:
        return "standard input" if self.source == STANDARD_INPUT else self.source

    # -- what came of it

    def _look_for_end(self) -> None:
        if self.tally.read_to_end and self.tally.done >= self.tally.submitted:
            self._settled.set()

    def _note(self, event: Attempt | Delivery) -> None:
        if not self.kept.is_own(event):
            return
        self.tally.note(event)
        self._look_for_end()
        if isinstance(event, Attempt) or event.status is not DeliveryStatus.FAILED:
            return
        if self.as_json:
            print_json({"alarm_id": event.alarm_id, **delivery_document(event)}, indent=None)
        elif self.tally.failed <= _TOLD_FAILURES:
            self._screen.line(f"{event.alarm_id} to {event.callback}: ", (event.outcome, "red"))
        elif self.tally.failed == _TOLD_FAILURES + 1:
            self._screen.line(("further failures are only counted; --json tells each", "dim"))

    def _tell_problem(self, problem: str) -> None:
        self._screen.line((problem, "red"))

    def sum_up(self, *, interrupted: bool) -> None:
        """Print the counts."""
        tally, elapsed = self.tally, self._elapsed()
        if self.as_json:
            ok = not interrupted and not self.broke_off and not tally.failed and not tally.bad_lines
            told = {"ok": ok and bool(tally.alarms), "interrupted": interrupted, **tally.document(elapsed)}
            print_json(told, indent=None)
            return
        if interrupted:
            unsettled = "stays in the outbox" if self.kept.keeps else "has failed"
            self._tell_problem(
                f"interrupted: what was not settled {unsettled}, what was not read was not sent"
            )
        elif not tally.alarms:
            self._tell_problem(f"{self._name} has no alarm")
        screen = Screen()
        for line in tally.summary(elapsed):
            screen.line(*line)


def _shares_terminal() -> bool:
    return sys.stdout.isatty()


def _alarm_in(line: Line) -> Alarm:
    name = f"line {line.number}"
    if line.content is None:
        raise ConfigurationError(name, [("$", f"is longer than {LONGEST_LINE} bytes")])
    return alarm_in(line.content, name)

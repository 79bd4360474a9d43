"""``send``: one alarm to one callback, or to an alarm group."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from attrs import define, field

from alarm_dispatch.cli.carriage import TRANSPORTS, transport_named
from alarm_dispatch.cli.documents import report_document
from alarm_dispatch.cli.errors import CommandError
from alarm_dispatch.cli.grids import attempt_line, attempts_grid, delivery_line, first_start
from alarm_dispatch.cli.inputs import Destination, RuleOptions, alarm_from
from alarm_dispatch.cli.keeping import Keeping, keeping
from alarm_dispatch.cli.screen import Screen, print_json
from alarm_dispatch.delivery import Delivery, DispatchReport
from alarm_dispatch.dispatcher import AsyncDispatcher
from alarm_dispatch.egress import INTERNAL, EgressPolicy
from alarm_dispatch.errors import BuildError
from alarm_dispatch.exchange import Attempt
from alarm_dispatch.groups import AlarmGroup
from alarm_dispatch.model import Alarm

__all__ = ["FAILED", "INTERRUPTED", "NOTHING_TO_SEND", "Follower", "exit_code", "print_report", "run"]

INTERRUPTED = 130
"""The exit code after Ctrl-C, as shells have it."""

FAILED = 1
"""The exit code after a delivery that failed."""

NOTHING_TO_SEND = 2
"""The exit code when there was nothing that could be sent."""


@define
class Follower:
    """A hook that tells what happens on standard error, and keeps what is settled."""

    _kept: Keeping
    settled: list[Delivery] = field(factory=list)
    _screen: Screen = field(factory=lambda: Screen(error=True))
    _began: datetime = field(factory=lambda: datetime.now(UTC))

    def __call__(self, event: Attempt | Delivery) -> None:
        """Take an attempt that ended, or a delivery that settled."""
        if not self._kept.is_own(event):
            return
        if isinstance(event, Attempt):
            self._screen.line(*attempt_line(event, self._began))
            return
        self.settled.append(event)
        if event.error is not None:
            self._screen.line(f"{event.callback}: ", (event.outcome, "red"))


def run(
    source: str,
    destination: Destination,
    rules: RuleOptions,
    *,
    session_id: str | None = None,
    transport: str = TRANSPORTS[0],
    egress: EgressPolicy = INTERNAL,
    outbox: str | None = None,
    as_json: bool = False,
) -> int:
    """Send, and print the report; 0 when all is delivered, 2 when no callback's body can be built.

    With an outbox what is not settled stays in its file.
    """
    group, *fallbacks = destination.with_fallbacks()
    group = rules.applied(group)
    if session_id is not None and len(group.callbacks) > 1:
        raise CommandError("--session-id names one delivery, and this group has several callbacks")
    alarm = alarm_from(source)
    carrier = transport_named(transport)
    with keeping(outbox, (group, *fallbacks), session_id) as kept:
        follower = Follower(kept)
        try:
            report = asyncio.run(
                _dispatched(alarm, group, follower, kept, {"transport": carrier, "egress": egress})
            )
        except KeyboardInterrupt:
            # The dispatcher has settled everything on its way out.
            if follower.settled:
                print_report(_report_of(follower.settled, alarm, group), as_json=as_json)
            return INTERRUPTED
    print_report(report, as_json=as_json)
    return exit_code(report)


def exit_code(report: DispatchReport) -> int:
    """0 when all is delivered, 2 when no callback's body could be built, else 1."""
    if report.ok:
        return 0
    unbuilt = all(isinstance(delivery.error, BuildError) for delivery in report.deliveries)
    return NOTHING_TO_SEND if unbuilt else FAILED


async def _dispatched(
    alarm: Alarm, group: AlarmGroup, follower: Follower, kept: Keeping, carriage: dict[str, Any]
) -> DispatchReport:
    async with AsyncDispatcher(hooks=[follower], **carriage, **kept.settings) as dispatcher:
        kept.expect(len(group.callbacks))
        return await dispatcher.dispatch(alarm, group)


def _report_of(settled: Sequence[Delivery], alarm: Alarm, group: AlarmGroup) -> DispatchReport:
    in_order = sorted(settled, key=lambda delivery: group.callbacks.index(delivery.callback))
    return DispatchReport(alarm_id=alarm.id, group=group.name, deliveries=tuple(in_order))


def print_report(report: DispatchReport, *, as_json: bool) -> None:
    """Tell on standard output what became of it, for people or as JSON."""
    if as_json:
        print_json(report_document(report))
        return
    screen = Screen()
    origin = first_start(itertools.chain.from_iterable(delivery.attempts for delivery in report.deliveries))
    for delivery in report.deliveries:
        screen.line(*delivery_line(delivery))
        if delivery.attempts:
            screen.table(attempts_grid(delivery.attempts, origin))

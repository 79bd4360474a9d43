"""``drill``: a test alarm to each callback of a group, in its own format."""

from __future__ import annotations

import asyncio

import attrs

from alarm_dispatch.cli.carriage import TRANSPORTS, transport_named
from alarm_dispatch.cli.inputs import Destination, RuleOptions
from alarm_dispatch.cli.keeping import Keeping
from alarm_dispatch.cli.send import Follower, exit_code, print_report
from alarm_dispatch.delivery import DispatchReport
from alarm_dispatch.dispatcher import AsyncDispatcher
from alarm_dispatch.egress import INTERNAL, EgressPolicy
from alarm_dispatch.exchange import Transport
from alarm_dispatch.groups import AlarmGroup

__all__ = ["run"]


def run(
    destination: Destination,
    rules: RuleOptions,
    *,
    transport: str = TRANSPORTS[0],
    egress: EgressPolicy = INTERNAL,
    as_json: bool = False,
) -> int:
    """Send the test alarm and print the report; 0 when every callback confirmed it."""
    group = rules.applied(destination.alarm_group())
    # A drill tells of each callback itself, and nobody else is alarmed by its failure.
    alone = [attrs.evolve(callback, fallback=None) for callback in group.callbacks]
    group = attrs.evolve(group, callbacks=alone)
    report = asyncio.run(_drilled(group, transport_named(transport), egress))
    print_report(report, as_json=as_json)
    return exit_code(report)


async def _drilled(group: AlarmGroup, transport: Transport, egress: EgressPolicy) -> DispatchReport:
    hook = Follower(Keeping({}))
    async with AsyncDispatcher(hooks=[hook], transport=transport, egress=egress) as dispatcher:
        return await dispatcher.drill(group)

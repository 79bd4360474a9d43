"""``verify``: the vendors' URL verification, one request to each callback."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from alarm_dispatch.cli.documents import verifications_document
from alarm_dispatch.cli.grids import verifications_grid
from alarm_dispatch.cli.inputs import Destination
from alarm_dispatch.cli.screen import Screen, print_json
from alarm_dispatch.delivery import Delivery
from alarm_dispatch.dispatcher import AsyncDispatcher
from alarm_dispatch.egress import INTERNAL, EgressPolicy
from alarm_dispatch.groups import AlarmGroup

__all__ = ["run"]


def run(destination: Destination, *, egress: EgressPolicy = INTERNAL, as_json: bool = False) -> int:
    """Verify all callbacks at once and print what came of it; 0 when each is verified, else 1."""
    found = asyncio.run(_verified(destination.alarm_group(), egress))
    if as_json:
        print_json(verifications_document(found))
    else:
        Screen().table(verifications_grid(found))
    return 0 if all(delivery.ok for delivery in found) else 1


async def _verified(group: AlarmGroup, egress: EgressPolicy) -> Sequence[Delivery]:
    async with AsyncDispatcher(egress=egress) as dispatcher:
        return await asyncio.gather(*map(dispatcher.verify, group.callbacks))

"""How ``send`` keeps its deliveries in an outbox, and tells them from those that were there before."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Any

from attrs import define, field

from alarm_dispatch.cli.errors import CommandError
from alarm_dispatch.cli.outbox import opened
from alarm_dispatch.delivery import Delivery
from alarm_dispatch.exchange import Attempt
from alarm_dispatch.groups import AlarmGroup
from alarm_dispatch.outbox import Outbox
from alarm_dispatch.outbox.putting import new_id

__all__ = ["Keeping", "keeping"]


@define
class Keeping:
    """One run's dealings with its outbox, if it has one.

    ``settings`` are for the dispatcher, ``session_id`` is the first delivery's id.
    """

    settings: dict[str, Any]
    session_id: str | None = None
    _expected: int = 0
    _ids: set[str] = field(factory=set)

    def __attrs_post_init__(self) -> None:
        if self.settings or self.session_id is not None:
            self.settings["new_id"] = self._new_id

    @property
    def keeps(self) -> bool:
        """Whether there is an outbox."""
        return "outbox" in self.settings

    def expect(self, count: int) -> None:
        """The next so many ids are of this run's deliveries; a fallback's is not."""
        self._expected = count

    def _new_id(self) -> str:
        if not self._expected:
            return new_id(datetime.now(UTC))
        self._expected -= 1
        own = self.session_id or new_id(datetime.now(UTC))
        self._ids.add(own)
        return own

    def is_own(self, event: Attempt | Delivery) -> bool:
        """Whether it is of one of this run's deliveries; asked once of each that is settled."""
        if not self.keeps:
            return True
        if isinstance(event, Attempt):
            return event.delivery_id in self._ids
        own = event.id in self._ids
        self._ids.discard(event.id)
        return own


@contextlib.contextmanager
def keeping(
    outbox: str | None, groups: Sequence[AlarmGroup], session_id: str | None = None
) -> Iterator[Keeping]:
    """With the outbox in that file for the deliveries to these groups; with None it keeps nothing."""
    if outbox is not None:
        with opened(outbox, must_exist=False) as store:
            used: Outbox = store
            yield Keeping({"outbox": used, "groups": groups}, session_id)
        return
    for callback in (callback for group in groups for callback in group.callbacks):
        if callback.fallback is not None:
            raise CommandError(f"callback {callback} has a fallback, which takes --outbox FILE")
    yield Keeping({}, session_id)

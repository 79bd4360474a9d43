"""Where deliveries wait so that a crash loses none."""

from __future__ import annotations

from typing import TYPE_CHECKING

from alarm_dispatch.outbox.base import (
    Claim,
    Ending,
    Entry,
    Filter,
    Held,
    LaneKey,
    Outbox,
    Retry,
    StoredDelivery,
    StoredStatus,
)

if TYPE_CHECKING:
    from alarm_dispatch.outbox.sqlite import SqliteOutbox

__all__ = [
    "Claim",
    "Ending",
    "Entry",
    "Filter",
    "Held",
    "LaneKey",
    "Outbox",
    "Retry",
    "SqliteOutbox",
    "StoredDelivery",
    "StoredStatus",
]


def __getattr__(name: str) -> object:
    # On demand: a Python may have been built without sqlite3, and stores of others do not need it.
    if name == "SqliteOutbox":
        from alarm_dispatch.outbox.sqlite import SqliteOutbox  # noqa: PLC0415

        return SqliteOutbox
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")

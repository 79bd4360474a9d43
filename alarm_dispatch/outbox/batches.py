"""What of a worker's batch goes into one statement, and the worker's number."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TypeVar

from alarm_dispatch.outbox.base import Ending, Retry
from alarm_dispatch.outbox.sql import ROW_BATCHES

__all__ = ["rounds", "worker_number"]

_T = TypeVar("_T", Retry, Ending)


def worker_number(worker: str) -> int:
    """The number of a worker's name; one that nobody has for a name that was never given."""
    try:
        return int(worker, 16)
    except ValueError:
        return -1


def rounds(items: Sequence[_T]) -> Iterator[list[_T]]:
    """The items in batches for one statement, each delivery once: what happened to it first comes first."""
    rest = list(items)
    while rest:
        batch: dict[str, _T] = {}
        later = []
        for item in rest:
            if item.id in batch or len(batch) == ROW_BATCHES[-1]:
                later.append(item)
            else:
                batch[item.id] = item
        yield list(batch.values())
        rest = later

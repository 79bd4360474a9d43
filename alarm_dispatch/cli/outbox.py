"""``outbox``: look at what is stored, replay it, remove it."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import attrs

from alarm_dispatch.cli.errors import CommandError
from alarm_dispatch.cli.grids import counted
from alarm_dispatch.cli.inputs import time_or_age
from alarm_dispatch.cli.screen import Screen, print_json
from alarm_dispatch.cli.stored import attempts_so_far, stored_document, stored_grid, stored_lines
from alarm_dispatch.outbox import Filter

if TYPE_CHECKING:
    from alarm_dispatch.outbox import SqliteOutbox

__all__ = ["SHOWN", "list_stored", "opened", "purge", "replay", "show"]

SHOWN = 50
"""Deliveries in a table, unless another number is asked for."""


@contextlib.contextmanager
def opened(path: str, *, must_exist: bool = True) -> Iterator[SqliteOutbox]:
    """The outbox in this file; without ``must_exist`` it is made if there is none."""
    # Here and not above: a Python may have been built without sqlite3, and only these commands need it.
    from alarm_dispatch.outbox import SqliteOutbox  # noqa: PLC0415

    found = SqliteOutbox(path, must_exist=must_exist)
    try:
        # What cannot be used is told before anything else is.
        next(iter(found.list(limit=1)), None)
        yield found
    finally:
        found.close()


def list_stored(
    *,
    outbox: str,
    group: str | None = None,
    callback: str | None = None,
    alarm: str | None = None,
    status: str | None = None,
    since: str | None = None,
    before: str | None = None,
    limit: int | None = None,
    as_json: bool = False,
) -> int:
    """Print those that match: a table, or a line of JSON for each."""
    now = datetime.now(UTC)
    wanted = _filter(group, callback, alarm, since, before, now, status=status)
    with opened(outbox) as store:
        if as_json:
            for stored in store.list(_limited(wanted, limit)):
                print_json(stored_document(stored), indent=None)
            return 0
        most = SHOWN if limit is None else limit
        found = list(store.list(_limited(wanted, most + 1)))
    screen = Screen()
    if not found:
        screen.line("No delivery matches.")
        return 0
    screen.table(stored_grid(found[-most:], now))
    if len(found) > most:
        screen.line((f"These are the newest {most}; --limit shows more.", "dim"))
    return 0


def show(delivery_id: str, *, outbox: str, as_json: bool = False) -> int:
    """Print one delivery with its attempts and its alarm."""
    with opened(outbox) as store:
        stored = next(iter(store.list(ids=delivery_id)), None)
    if stored is None:
        raise CommandError(f"{outbox} has no delivery of the id {delivery_id!r}")
    if as_json:
        print_json(stored_document(stored, with_alarm=True), indent=None)
        return 0
    screen = Screen()
    for line in stored_lines(stored):
        screen.line(*line)
    if stored.attempts:
        screen.line("")
        screen.table(attempts_so_far(stored))
    return 0


def replay(
    ids: Sequence[str] = (),
    *,
    outbox: str,
    every: bool = False,
    group: str | None = None,
    callback: str | None = None,
    alarm: str | None = None,
    since: str | None = None,
    before: str | None = None,
    as_json: bool = False,
) -> int:
    """Have dead deliveries sent again, and print how many they are."""
    wanted = _filter(group, callback, alarm, since, before, datetime.now(UTC))
    narrowed = wanted != Filter()
    if ids and (every or narrowed):
        raise CommandError("ids name the deliveries, so they go together with no other choice")
    if not ids and not every and not narrowed:
        raise CommandError("say which to replay: ids, --all, or such as --since TIME")
    with opened(outbox) as store:
        count = store.replay(ids) if ids else store.replay(wanted, all=every)
    if as_json:
        print_json({"replayed": count}, indent=None)
    else:
        Screen().line(f"{counted(count, 'delivery', 'deliveries')} to be sent again")
    return 0


def purge(*, outbox: str, before: str, as_json: bool = False) -> int:
    """Remove what was settled before then, and print how many that was."""
    time = time_or_age(before, "--before", datetime.now(UTC))
    assert time is not None  # noqa: S101 - for mypy: a text was given
    with opened(outbox) as store:
        count = store.purge(time)
    if as_json:
        print_json({"removed": count}, indent=None)
    else:
        Screen().line(f"{counted(count, 'delivery', 'deliveries')} removed")
    return 0


def _filter(
    group: str | None,
    callback: str | None,
    alarm: str | None,
    since: str | None,
    before: str | None,
    now: datetime,
    *,
    status: str | None = None,
) -> Filter:
    return Filter(
        group=group,
        callback=callback,
        alarm_id=alarm,
        status=status,
        since=time_or_age(since, "--since", now),
        before=time_or_age(before, "--before", now),
    )


def _limited(wanted: Filter, limit: int | None) -> Filter:
    return attrs.evolve(wanted, limit=limit)

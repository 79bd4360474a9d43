"""Tables as plain values, and how attempts are put into them; drawing them is the screen's work."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import TypeAlias

from attrs import field, frozen

from alarm_dispatch.delivery import Delivery
from alarm_dispatch.exchange import Attempt, Verdict

__all__ = [
    "ATTEMPT_COLUMNS",
    "STYLES",
    "Column",
    "Grid",
    "Line",
    "Names",
    "Part",
    "Row",
    "attempt_line",
    "attempts_grid",
    "attempts_section",
    "counted",
    "delivery_line",
    "first_start",
    "seconds",
    "since",
    "status",
    "verdict_part",
    "verifications_grid",
    "wait",
]

Part: TypeAlias = str | tuple[str, str]
"""A text, or a text and its style."""

Line: TypeAlias = tuple[Part, ...]


@frozen
class Names:
    """Names with a slash between each two.

    Where there is too little room, each has a line of its own, and what is too long is cut in its middle.
    """

    names: tuple[str, ...]


Row: TypeAlias = tuple[Part | Names, ...]

STYLES = {
    Verdict.CONFIRMED: "green",
    Verdict.REJECTED: "red",
    Verdict.UNCONFIRMED: "yellow",
    Verdict.UNKNOWN: "magenta",
    Verdict.UNREACHABLE: "red",
    Verdict.REFUSED: "bold red",
}


@frozen
class Column:
    """A column's heading; ``right`` aligns it to the right, ``flexible`` lets long texts wrap."""

    title: str
    right: bool = field(default=False, kw_only=True)
    flexible: bool = field(default=False, kw_only=True)


@frozen(kw_only=True)
class Grid:
    """A table: columns, and sections of rows with a line between each two."""

    columns: tuple[Column, ...]
    sections: tuple[tuple[Row, ...], ...]


_NONE = "-"
ATTEMPT_COLUMNS = (
    Column("#", right=True),
    Column("at", right=True),
    Column("took", right=True),
    Column("status", right=True),
    Column("verdict"),
    Column("reason", flexible=True),
    Column("next in", right=True),
)


def counted(count: int, one: str, many: str) -> str:
    """The number and its word."""
    return f"{count} {one if count == 1 else many}"


def seconds(value: float) -> str:
    """A time for people, to the hundredth."""
    return f"{value:.2f} s"


def wait(value: float | None) -> str:
    """The wait before the next attempt, "" for none."""
    return "" if value is None else f"{value:.3g} s"


def verdict_part(verdict: Verdict) -> Part:
    """The verdict in its colour."""
    return (str(verdict), STYLES[verdict])


def first_start(attempts: Iterable[Attempt]) -> datetime | None:
    """When the first of them began, None when there are none."""
    return min((attempt.started_at for attempt in attempts), default=None)


def since(attempt: Attempt, origin: datetime | None) -> str:
    """When the attempt began, counted from ``origin``."""
    return seconds((attempt.started_at - (origin or attempt.started_at)).total_seconds())


def status(attempt: Attempt) -> str:
    """The status code, or a mark for none."""
    return _NONE if attempt.status_code is None else str(attempt.status_code)


def attempts_section(attempts: Iterable[Attempt], origin: datetime | None) -> tuple[Row, ...]:
    """A row for each attempt; ``origin`` is what its seconds are counted from."""
    return tuple(
        (
            str(attempt.number),
            since(attempt, origin),
            seconds(attempt.duration),
            status(attempt),
            verdict_part(attempt.verdict),
            attempt.reason,
            wait(attempt.retry_in),
        )
        for attempt in attempts
    )


def attempts_grid(attempts: Sequence[Attempt], origin: datetime | None) -> Grid:
    """The attempts of one delivery."""
    return Grid(columns=ATTEMPT_COLUMNS, sections=(attempts_section(attempts, origin),))


def attempt_line(attempt: Attempt, origin: datetime) -> Line:
    """One attempt, with the time when it ended, for following along."""
    ended = (attempt.started_at - origin).total_seconds() + attempt.duration
    told = f" ({attempt.reason})" if attempt.reason else ""
    then = "" if attempt.retry_in is None else f", next in {wait(attempt.retry_in)}"
    return (
        (f"{seconds(ended):>8}  ", "dim"),
        f"{attempt.callback}: attempt {attempt.number} ",
        verdict_part(attempt.verdict),
        f"{told}{then}",
    )


def delivery_line(delivery: Delivery) -> Line:
    """How a delivery ended, above its attempts."""
    style = "bold green" if delivery.ok else "bold red"
    error = f": {delivery.outcome}" if delivery.error is not None else ""
    return ((str(delivery.status), style), f"  {delivery.callback}", (f"  id {delivery.id}", "dim"), error)


_VERIFICATION_COLUMNS = (
    Column("callback", flexible=True),
    Column("result"),
    Column("status", right=True),
    Column("took", right=True),
    Column("reason", flexible=True),
)


def verifications_grid(deliveries: Iterable[Delivery]) -> Grid:
    """A row for each verified callback."""
    return Grid(columns=_VERIFICATION_COLUMNS, sections=(tuple(map(_verification, deliveries)),))


def _verification(delivery: Delivery) -> Row:
    result = ("verified", "green") if delivery.ok else ("not verified", "red")
    if not delivery.attempts:
        return (delivery.callback.name, result, _NONE, _NONE, delivery.outcome)
    attempt = delivery.attempts[-1]
    reason = attempt.reason if delivery.error is None else delivery.outcome
    return (delivery.callback.name, result, status(attempt), seconds(attempt.duration), reason)

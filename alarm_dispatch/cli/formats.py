"""``formats``: which formats there are, and by which rules each is delivered."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from attrs import frozen

from alarm_dispatch import formats
from alarm_dispatch.cli.grids import Column, Grid, Part, Row
from alarm_dispatch.cli.screen import Screen, print_json
from alarm_dispatch.errors import InvalidFieldError
from alarm_dispatch.formats import About, BuildContext, DeliveryRules, Dialect, Format
from alarm_dispatch.formats.abilities import about_of, limits_of, rate_of
from alarm_dispatch.formats.registry import maker
from alarm_dispatch.limits import Rate

__all__ = ["run"]

_RULE_COLUMNS = (
    Column("format"),
    Column("dialect"),
    Column("timeout", right=True),
    Column("schedule", flexible=True),
    Column("confirmed when", flexible=True),
)
# A table of its own: in the other one it would be broken in the middle of a word.
_CONTENT_TYPE_COLUMNS = (Column("format"), Column("content type"))
_LIMIT_COLUMNS = (Column("format"), Column("rate"), Column("limits of a message", flexible=True))
_NEED_COLUMNS = (Column("format"), Column("options it needs", flexible=True), Column("extra", flexible=True))


@frozen(kw_only=True)
class _Entry:
    """A registered format: its rules by dialect (``""`` where it has none), or why they cannot be told.

    ``rate`` is what its receivers take unless a callback says otherwise, "" where they take any.  ``about``
    says what has to be given or installed for it.
    """

    name: str
    about: About
    content_type: str = ""
    rate: str = ""
    limits: tuple[str, ...] = ()
    rules: Mapping[str, DeliveryRules]
    problem: str | None = None


def run(*, as_json: bool = False) -> int:
    """Print all registered formats; one that cannot be loaded hides no other."""
    entries = [_entry(name) for name in formats.names()]
    if as_json:
        print_json([_document(entry) for entry in entries])
    else:
        screen = Screen()
        screen.table(_rules_grid(entries))
        screen.table(_content_types_grid(entries))
        for grid in (_limits_grid(entries), _needs_grid(entries)):
            if any(grid.sections):
                screen.table(grid)
    return 0


def _entry(name: str) -> _Entry:
    about = About()
    try:
        about = about_of(maker(name))
        can_be_made = about.installed and not about.needs
        return _made(name, about) if can_be_made else _unmade(name, about)
    except Exception as error:  # noqa: BLE001 - somebody else's package may raise anything when it is loaded
        cause = error.__cause__ or error
        return _Entry(name=name, about=about, rules={}, problem=f"{type(cause).__name__}: {cause}")


def _made(name: str, about: About) -> _Entry:
    made = formats.get(name)
    context = BuildContext(session_id="", now=datetime.now(UTC))
    return _Entry(
        name=name,
        about=about,
        content_type=about.content_type or made.verification(context).payload.content_type,
        rate=_rate(rate_of(made)),
        limits=limits_of(made),
        rules=_rules_by_dialect(name, made),
    )


def _unmade(name: str, about: About) -> _Entry:
    return _Entry(
        name=name,
        about=about,
        content_type=about.content_type,
        rate=_rate(about.rate),
        limits=about.limits,
        rules={} if about.rules is None else {"": about.rules},
    )


def _rate(rate: Rate | None) -> str:
    return "" if rate is None else str(rate)


def _rules_by_dialect(name: str, made: Format) -> dict[str, DeliveryRules]:
    try:
        return {str(dialect): formats.get(name, dialect=dialect).rules for dialect in Dialect}
    except InvalidFieldError:
        return {"": made.rules}


def _told(rules: DeliveryRules) -> tuple[str, str, str]:
    # "5s" and not "5 s": a line of a narrow table must not begin with the unit.
    schedule = re.sub(r"(\d) s\b", r"\1s", str(rules.schedule))
    return f"{rules.timeout:g}s", schedule, rules.confirmation.text


def _rules_grid(entries: Sequence[_Entry]) -> Grid:
    return Grid(columns=_RULE_COLUMNS, sections=tuple(tuple(_rows(entry)) for entry in entries))


def _rows(entry: _Entry) -> Iterator[Row]:
    """A row for each dialect, with nothing repeated that is the same in both."""
    name: Part = (entry.name, "bold")
    if not entry.rules:
        told: Part = ("not told", "dim") if entry.problem is None else (entry.problem, "red")
        yield (name, "", "", "", told)
    before = ("", "", "")
    for dialect, rules in entry.rules.items():
        row = _told(rules)
        yield (name, dialect, *(("same", "dim") if a == b else a for a, b in zip(row, before, strict=True)))
        name, before = "", row


def _content_types_grid(entries: Sequence[_Entry]) -> Grid:
    rows: tuple[Row, ...] = tuple(
        ((entry.name, "bold"), entry.content_type) for entry in entries if entry.content_type
    )
    return Grid(columns=_CONTENT_TYPE_COLUMNS, sections=(rows,))


def _limits_grid(entries: Sequence[_Entry]) -> Grid:
    rows: tuple[Row, ...] = tuple(
        ((entry.name, "bold"), entry.rate, "; ".join(entry.limits))
        for entry in entries
        if entry.rate or entry.limits
    )
    return Grid(columns=_LIMIT_COLUMNS, sections=(rows,))


def _needs_grid(entries: Sequence[_Entry]) -> Grid:
    rows: tuple[Row, ...] = tuple(
        ((entry.name, "bold"), ", ".join(entry.about.needs), _extra(entry.about))
        for entry in entries
        if entry.about.needs or entry.about.extra
    )
    return Grid(columns=_NEED_COLUMNS, sections=(rows,))


def _extra(about: About) -> Part:
    return about.extra if about.installed else (f"{about.extra}: not installed", "red")


def _document(entry: _Entry) -> dict[str, Any]:
    return {
        "name": entry.name,
        "content_type": entry.content_type,
        "problem": entry.problem,
        "rate": entry.rate or None,
        "limits": list(entry.limits),
        "needs": list(entry.about.needs),
        "extra": entry.about.extra or None,
        "installed": entry.about.installed,
        "rules": [
            {
                "dialect": dialect or None,
                "timeout": rules.timeout,
                "attempts": rules.schedule.attempts,
                "delays": None if rules.schedule.delays is None else list(rules.schedule.delays),
                "schedule": str(rules.schedule),
                "confirmed_when": rules.confirmation.text,
            }
            for dialect, rules in entry.rules.items()
        ],
    }

"""What the terminal shows, and in which colours: the one file that knows rich."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Iterator
from typing import Any

from rich import box
from rich.cells import cell_len, set_cell_size
from rich.console import Console, ConsoleOptions, RenderResult
from rich.live import Live
from rich.measure import Measurement
from rich.progress import BarColumn, MofNCompleteColumn, Progress, ProgressColumn, Task
from rich.table import Table
from rich.text import Text

from alarm_dispatch.cli.escaping import json_text, printable
from alarm_dispatch.cli.grids import Grid, Line, Names, Part

__all__ = ["Screen", "print_json"]

# Columns that a name keeps, however little room there is.
_LEAST = 8


def print_json(value: Any, *, indent: int | None = 2) -> None:
    """Write one JSON document to standard output, at once."""
    sys.stdout.write(json_text(value, indent=indent) + "\n")
    sys.stdout.flush()


def _text(*parts: Part) -> Text:
    # Never rich's markup: a "[red]" in a receiver's answer is text like any other.
    styled = ((part, "") if isinstance(part, str) else part for part in parts)
    return Text.assemble(*((printable(text), style) for text, style in styled))


class _Names:
    """Draws names in the room that there is."""

    def __init__(self, names: Names) -> None:
        self._lines = [printable(name) for name in names.names]
        self._whole = " / ".join(self._lines)

    def __rich_measure__(self, console: Console, options: ConsoleOptions) -> Measurement:
        longest = cell_len(self._whole)
        return Measurement(min(longest, _LEAST), longest)

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        if cell_len(self._whole) <= options.max_width:
            yield Text(self._whole)
            return
        *above, last = self._lines
        for name in above:
            yield Text(f"{_cut(name, options.max_width - 2)} /")
        yield Text(_cut(last, options.max_width))


def _cut(text: str, width: int) -> str:
    """The text with its middle left out where it is too wide."""
    if cell_len(text) <= width:
        return text
    end = set_cell_size(text[::-1], width // 2).rstrip()[::-1]
    return f"{set_cell_size(text, (width - 1) - width // 2).rstrip()}…{end}"


def _table(grid: Grid) -> Table:
    table = Table(
        box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, 1, 0, 0), header_style="bold"
    )
    for column in grid.columns:
        table.add_column(
            column.title,
            justify="right" if column.right else "left",
            no_wrap=not column.flexible,
            overflow="fold" if column.flexible else "ellipsis",
        )
    for section in grid.sections:
        for row in section:
            table.add_row(*(_Names(part) if isinstance(part, Names) else _text(part) for part in row))
        table.add_section()
    return table


class _Told(ProgressColumn):
    """The text beside a bar."""

    def render(self, task: Task) -> Text:
        return task.fields.get("told") or Text()


class Screen:
    """Standard output, or standard error; colours only where a terminal shows them.

    Every text is escaped on its way.
    """

    def __init__(self, *, error: bool = False) -> None:
        self._console = Console(stderr=error, highlight=False, markup=False, emoji=False)

    @property
    def moves(self) -> bool:
        """Whether what is shown can be drawn over."""
        return self._console.is_terminal and not self._console.is_dumb_terminal

    def paragraph(self, *parts: Part) -> None:
        """Print a text, wrapped between words where it is too long."""
        self._console.print(_text(*parts))

    def line(self, *parts: Part) -> None:
        """Print a line that stays one line, for copying and for grep."""
        self._console.print(_text(*parts), soft_wrap=True)

    def table(self, grid: Grid) -> None:
        """Print a table, and an empty line after it."""
        self._console.print(_table(grid), "")

    @contextlib.contextmanager
    def live(self) -> Iterator[Callable[[Grid], None]]:
        """Gives a function that draws a table over the one it drew before."""
        with Live(
            console=self._console, auto_refresh=False, redirect_stdout=False, redirect_stderr=False
        ) as live:
            yield lambda grid: live.update(_table(grid), refresh=True)

    @contextlib.contextmanager
    def bar(self) -> Iterator[Callable[[int, int | None, Line], None]]:
        """Gives a function that draws a bar with done, total (None: not known) and a text beside it.

        Lines that are printed meanwhile come above it; in the end it is gone.
        """
        columns = (BarColumn(20), MofNCompleteColumn(), _Told())
        with Progress(
            *columns,
            console=self._console,
            auto_refresh=False,
            redirect_stdout=False,
            redirect_stderr=False,
            transient=True,
        ) as progress:
            task = progress.add_task("", total=None)

            def draw(done: int, total: int | None, told: Line) -> None:
                progress.update(task, completed=done, total=total, told=_text(*told), refresh=True)

            yield draw

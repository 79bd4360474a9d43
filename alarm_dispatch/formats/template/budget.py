"""How much a template may do: no template runs for ever or fills the memory."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

__all__ = [
    "LARGEST_INTEGER",
    "LONGEST_RANGE",
    "LONGEST_SOURCE",
    "MOST_CHARACTERS",
    "MOST_ITEMS",
    "MOST_STEPS",
    "NotAllowedError",
    "OverBudgetError",
    "budget",
    "spend",
    "spend_on",
]

LONGEST_SOURCE = 65_536
"""Characters of a template."""

MOST_STEPS = 50_000
"""Parts of the template that loops may go through: rounds, each by the number of parts in its body."""

MOST_CHARACTERS = 16_000_000
"""Characters that all operations may look at and make together."""

MOST_ITEMS = 50_000
"""Values in lists and mappings that all operations may look at together."""

LONGEST_RANGE = 1_000
"""Numbers in a ``range``."""

LARGEST_INTEGER = 2**1024


class NotAllowedError(Exception):
    """The template does what it may not; the text says what, for people."""


class OverBudgetError(NotAllowedError):
    """The template does too much."""


class _Budget:
    __slots__ = ("characters", "items", "steps")

    def __init__(self) -> None:
        self.steps, self.characters, self.items = MOST_STEPS, MOST_CHARACTERS, MOST_ITEMS


# A format is asked from many threads at a time.
_current: ContextVar[_Budget] = ContextVar("budget")


@contextmanager
def budget() -> Iterator[None]:
    """A new budget for what is done within."""
    token = _current.set(_Budget())
    try:
        yield
    finally:
        _current.reset(token)


def spend(*, steps: int = 0, characters: int = 0, items: int = 0) -> None:
    """Take this from the budget; raises :class:`OverBudgetError` when it is not left."""
    left = _current.get()
    left.steps -= steps
    left.characters -= characters
    left.items -= items
    if left.steps < 0:
        raise OverBudgetError(f"goes through more than {MOST_STEPS:,} parts of the template in its loops")
    if left.characters < 0:
        raise OverBudgetError(f"takes more than {MOST_CHARACTERS:,} characters through its operations")

    if left.items < 0:
        raise OverBudgetError(f"takes more than {MOST_ITEMS:,} values of lists through its operations")


def spend_on(value: object) -> None:
    """Take what it costs to go through a value: a text by its characters, a list with all that is in it."""
    waiting = [value]
    while waiting:
        one = waiting.pop()
        if isinstance(one, str):
            spend(characters=len(one))
        elif isinstance(one, list | tuple | set | range):
            spend(items=len(one))  # before all of them are put aside
            waiting.extend(one)
        elif isinstance(one, dict):
            spend(items=len(one))
            waiting.extend(one.keys())
            waiting.extend(one.values())

"""What an engine has noted for its outbox, until it is written or answered."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

from attrs import define, field

from alarm_dispatch.errors import OutboxError
from alarm_dispatch.outbox.base import Ending, Entry, Retry

__all__ = ["Batch", "Change", "Put", "Question"]


@define(eq=False)
class Put:
    """Deliveries to be put; ``decide`` says in the transaction, at its time, which they are."""

    entries: Sequence[Entry]
    stored: Callable[[OutboxError | None], object]
    then: Callable[[Sequence[bool] | OutboxError], object]
    decide: Callable[[datetime], Sequence[Entry]] | None = None


@define(eq=False)
class Change:
    """An attempt or an end to be noted."""

    change: Retry | Ending
    then: Callable[[bool | None], object]
    warned: bool = False


@define(eq=False)
class Question:
    """What the outbox is to be asked, in the worker's name and at the time of asking."""

    ask: Callable[[str, datetime], Any]
    then: Callable[[Any], object]


@define(eq=False)
class Batch:
    """What is written in one step."""

    puts: list[Put] = field(factory=list)
    changes: list[Change] = field(factory=list)
    questions: list[Question] = field(factory=list)

    def add(self, note: Put | Change | Question) -> None:
        """Put it to its kind."""
        if isinstance(note, Change):
            self.changes.append(note)
        elif isinstance(note, Put):
            self.puts.append(note)
        else:
            self.questions.append(note)

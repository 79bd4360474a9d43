"""How lines are cut into parts within a limit: between lines, and within one only where it is too long."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from attrs import Factory, define, frozen

from alarm_dispatch.formats.robots.graphemes import units
from alarm_dispatch.formats.robots.sizes import Cost

__all__ = ["Line", "TooLongError", "cut"]

_MOST_OF_ONE = 6  # bytes of a character, as JSON escapes one


class TooLongError(Exception):
    """Something that cannot be cut takes more bytes than there is room for."""


@frozen
class Line:
    """A line of a message.

    Only ``text`` may be cut.  ``before`` stands in front of it, ``again`` in front of what goes on in the
    next part, and ``after`` behind each piece, so that markup around the text is whole in every part.
    ``instead`` is what stands for a line that must not be cut at all, should it be too long.
    """

    text: str
    before: str = ""
    again: str = ""
    after: str = ""
    instead: Line | None = None

    @property
    def whole(self) -> str:
        """The line as it is where it need not be cut."""
        return f"{self.before}{self.text}{self.after}"


def cut(lines: Iterable[Line], *, room: Callable[[int], int], cost: Cost, joint: str) -> list[str]:
    """The texts of the parts, each with the line break ``joint`` between its lines.

    ``room`` is how many bytes part number 0, 1, … may have.  Raises :class:`TooLongError`.
    """
    parts = _Parts(room, cost, joint, cost(joint))
    for line in lines:
        parts.add(line)
    return parts.finished()


@define
class _Parts:
    room: Callable[[int], int]
    cost: Cost
    joint: str
    joint_cost: int
    done: list[str] = Factory(list)
    current: list[str] = Factory(list)
    used: int = 0

    def add(self, line: Line) -> None:
        size = self.cost(line.whole)
        if not self._fits(size):
            if size > self.room(len(self.done) + bool(self.current)):
                if line.instead is None:
                    self._add_cut(line)
                else:
                    self.add(line.instead)
                return
            self._close()
        self._put(line.whole, size)

    def finished(self) -> list[str]:
        if self.current:
            self._close()
        return self.done

    def _add_cut(self, line: Line) -> None:
        """The line in as many pieces as it takes, the first of them in what is left of this part."""
        before, after = line.before, line.after
        size = self.cost(before) + self.cost(after)
        taken: list[str] = []
        for unit in self._cut_units(line):
            more = self.cost(unit)
            if not self._fits(size + more):
                if taken:
                    self._put(f"{before}{''.join(taken)}{after}", size)
                    taken, before = [], line.again
                    size = self.cost(before) + self.cost(after)
                if self.current:
                    self._close()
                if not self._fits(size + more):
                    raise TooLongError
            taken.append(unit)
            size += more
        if not taken:
            raise TooLongError
        self._put(f"{before}{''.join(taken)}{after}", size)

    def _cut_units(self, line: Line) -> Iterator[str]:
        """What is put whole: of a letter with more marks than a part can have, each, as it must be told."""
        beside = max(self.cost(line.before), self.cost(line.again)) + self.cost(line.after)
        most = min(self.room(0), self.room(1)) - beside
        for unit in units(line.text):
            # No character has more bytes than this.
            if len(unit) * _MOST_OF_ONE > most and self.cost(unit) > most:
                yield from unit
            else:
                yield unit

    def _fits(self, size: int) -> bool:
        joint = self.joint_cost if self.current else 0
        return self.used + joint + size <= self.room(len(self.done))

    def _put(self, text: str, size: int) -> None:
        self.used += size + (self.joint_cost if self.current else 0)
        self.current.append(text)

    def _close(self) -> None:
        self.done.append(self.joint.join(self.current))
        self.current, self.used = [], 0

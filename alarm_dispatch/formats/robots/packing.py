"""Which alarms go into which messages: whole alarms together up to the limit, a long one into several."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from attrs import frozen

from alarm_dispatch.errors import UnsupportedAlarmError
from alarm_dispatch.formats.abilities import Bundle
from alarm_dispatch.formats.base import Payload
from alarm_dispatch.formats.robots.cutting import Line, TooLongError, cut
from alarm_dispatch.formats.robots.escaping import Escape
from alarm_dispatch.formats.robots.sizes import Cost, clipped
from alarm_dispatch.formats.robots.telling import Told, several
from alarm_dispatch.formats.wording import Language

__all__ = ["Message", "Shape", "packed"]

_MOST_TITLE = 200  # bytes of a title that only says which alarm it is


@frozen(kw_only=True)
class Message:
    """One message: ``text`` is its content, ``title`` a plain line for what shows no more.

    ``mark`` is ``(1/3)`` where there are several for one alarm, else "".  ``mentioning`` says that it
    mentions people.
    """

    text: str
    title: str
    told: tuple[Told, ...]
    mark: str = ""
    mentioning: bool = True

    @property
    def marked_title(self) -> str:
        """The title behind the mark, where there is one."""
        return f"{self.mark} {self.title}" if self.mark else self.title


@frozen(kw_only=True)
class Shape:
    """A vendor's kind of message.

    ``limit`` is in bytes, as ``cost`` counts a text, and ``limited`` says of what, for people.  ``empty`` is
    how many of them a message takes beside its text.  ``joint`` breaks a line.  ``mention`` is the line that
    mentions people, where the text has to have one.  ``titled`` says that the title stands above the text.
    """

    name: str
    limit: int
    limited: str
    cost: Cost
    empty: Callable[[Message], int]
    write: Callable[[Message], Payload]
    escaped: Escape
    language: Language
    joint: str = "\n"
    mention: str = ""
    titled: bool = False

    def fits(self, message: Message) -> bool:
        """Whether a message is within the limit."""
        return self.empty(message) + self.cost(message.text) <= self.limit

    def with_mention(self, text: str) -> str:
        """The text, and the line that mentions people."""
        return f"{text}{self.joint}{self.mention}" if self.mention else text


def packed(alarms: Sequence[Told], shape: Shape) -> tuple[Bundle, ...]:
    """The messages for these alarms, in their order.

    Raises :class:`~alarm_dispatch.errors.BuildError` when one cannot be brought below the limit.
    """
    bundles: list[Bundle] = []
    texts = [shape.joint.join(line.whole for line in told.lines) for told in alarms]
    places: list[int] = []
    message: Message | None = None
    for place, told in enumerate(alarms):
        together = _together([*places, place], alarms, texts, shape)
        if message is not None and not shape.fits(together):
            bundles.append(Bundle(alarms=places, messages=[shape.write(message)]))
            places, message, together = [], None, _together([place], alarms, texts, shape)
        if shape.fits(together):
            places, message = [*places, place], together
        else:
            bundles.append(Bundle(alarms=[place], messages=_in_parts(told, shape)))
    if message is not None:
        bundles.append(Bundle(alarms=places, messages=[shape.write(message)]))
    return tuple(bundles)


def _together(places: Sequence[int], alarms: Sequence[Told], texts: Sequence[str], shape: Shape) -> Message:
    """One message for these of the alarms, whether or not it is too long."""
    told = tuple(alarms[place] for place in places)
    if len(told) > 1:
        title = several(len(told), shape.language)
        text = (shape.joint * 2).join(texts[place] for place in places)
    else:
        title = clipped(told[0].title, _MOST_TITLE)
        text = shape.joint.join(line.whole for line in _lines(told[0], shape))
    return Message(text=shape.with_mention(text), title=title, told=told)


def _lines(told: Told, shape: Shape) -> Sequence[Line]:
    """An alarm's lines in a message of its own."""
    titled = shape.titled and clipped(told.title, _MOST_TITLE) == told.title
    return told.under_title if titled else told.lines


def _in_parts(told: Told, shape: Shape) -> list[Payload]:
    """The messages of an alarm that is too long for one, each marked; the first of them mentions people."""
    title = clipped(told.title, _MOST_TITLE)

    def part(mark: str, text: str, number: int) -> Message:
        if not shape.titled:
            # In a chat other messages may come between, so each part says of what it is.
            head = mark if number == 0 else f"{mark} {shape.escaped(title, False)}"
            text = f"{head}{shape.joint}{text}"
        text = shape.with_mention(text) if number == 0 else text
        return Message(text=text, title=title, told=(told,), mark=mark, mentioning=number == 0)

    digits = len(str(sum(shape.cost(line.whole) for line in _lines(told, shape)) // shape.limit))
    while True:
        widest = f"({'9' * digits}/{'9' * digits})"
        taken = [_taken(part(widest, "", number), shape) for number in (0, 1)]
        try:
            texts = cut(
                _lines(told, shape),
                room=lambda number, taken=taken: shape.limit - taken[min(number, 1)],  # type: ignore[misc]
                cost=shape.cost,
                joint=shape.joint,
            )
        except TooLongError:
            told_why = f"cannot tell this alarm within {shape.limited}: a part of it cannot be cut"
            raise UnsupportedAlarmError(shape.name, told_why) from None
        if len(str(len(texts))) <= digits:
            break
        digits += 1
    return [
        shape.write(part(f"({number + 1}/{len(texts)})", text, number)) for number, text in enumerate(texts)
    ]


def _taken(message: Message, shape: Shape) -> int:
    return shape.empty(message) + shape.cost(message.text)

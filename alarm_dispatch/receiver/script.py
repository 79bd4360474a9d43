"""What a scripted receiver does with its first request, its second, and all after."""

from __future__ import annotations

import enum
import json
import math
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, TypeAlias

import attrs
from attrs import field, frozen

from alarm_dispatch.confirmation import read_json
from alarm_dispatch.errors import InvalidFieldError
from alarm_dispatch.shown import a_kind

__all__ = ["Script", "ScriptLike", "Step", "StepKind", "StepLike", "as_script", "as_step"]

_FIRST_STATUS, _LAST_STATUS = 100, 599
_FIRST_FINAL_STATUS = 200
_BODILESS = (204, 304)


class StepKind(enum.StrEnum):
    """What a step does, under the word that a script has for it."""

    CONFIRM = "confirm"
    """200, and what the older Tencent format wants: the request's ``sessionId`` with ``retCode`` 0."""
    STATUS = "status"
    """A status, with a body or without."""
    TIMEOUT = "timeout"
    """Reads the request and never answers."""
    RESET = "reset"
    """Reads the request and resets the connection."""
    CLOSE = "close"
    """Reads the request and closes the connection without an answer."""
    EARLY = "early"
    """Starts an answer and closes before its end."""
    GARBAGE = "garbage"
    """Answers with bytes that are not HTTP."""
    DRIP = "drip"
    """A valid answer, one byte at a time."""
    HUGE = "huge"
    """An answer whose body does not end."""
    INFORMATIONAL = "informational"
    """Interim answers (102) without end."""
    REDIRECT = "redirect"
    """302, to itself when no location is given."""
    REFUSED = "refused"
    """Nobody listens: only in memory, as who is asked on the wire listens already."""
    UNREACHABLE = "unreachable"
    """No way to the host: only in memory."""


_BARE = frozenset(StepKind) - {StepKind.STATUS}
_IN_INTERVALS = (StepKind.DRIP, StepKind.INFORMATIONAL)
_ALLOWED = (
    "a status code from 100 to 599 (500, or 200:{…} with a JSON body), json:{…}, "
    + ", ".join(kind for kind in StepKind if kind is not StepKind.STATUS)
    + ", drip:SECONDS, informational:SECONDS, redirect:LOCATION, delay:SECONDS, delay:SECONDS:STEP"
)


def _check_status(_step: object, _attribute: object, value: Any) -> None:
    if isinstance(value, bool) or not isinstance(value, int) or not _FIRST_STATUS <= value <= _LAST_STATUS:
        raise InvalidFieldError("script", f"status {value!r} is not a whole number from 100 to 599")


def _seconds(value: Any) -> float:
    try:
        seconds = float(value)
    except (TypeError, ValueError):
        seconds = math.nan
    if not (math.isfinite(seconds) and seconds >= 0):
        raise InvalidFieldError("script", f"{value!r} is not a time in seconds, such as 2.5")
    return seconds


def _check_location(_step: object, _attribute: object, value: str) -> None:
    if not all("!" <= character <= "~" for character in value):
        raise InvalidFieldError("script", f"location {value!r} may have printable ASCII only, and no space")


@frozen(kw_only=True)
class Step:
    """What to do with one request.

    ``delay`` is the time in seconds before the answer begins, ``interval`` the seconds between two bytes of
    ``drip`` or two interim answers of ``informational``.  ``status_code`` and ``content`` count for
    ``status``, ``location`` for ``redirect`` ("" is the request's own target).
    """

    kind: StepKind
    status_code: int = field(default=200, validator=_check_status)
    content: bytes = b""
    delay: float = field(default=0.0, converter=_seconds)
    interval: float = field(converter=_seconds)
    location: str = field(default="", validator=_check_location)

    @interval.default
    def _usual_interval(self) -> float:
        return 0.01 if self.kind is StepKind.INFORMATIONAL else 1.0

    def __attrs_post_init__(self) -> None:
        if self.content and (self.status_code < _FIRST_FINAL_STATUS or self.status_code in _BODILESS):
            raise InvalidFieldError("script", f"an answer with status {self.status_code} has no body")

    def __str__(self) -> str:
        """The step as a script has it."""
        words = [f"delay:{_told(self.delay)}"] if self.delay else []
        if self.kind is StepKind.STATUS:
            words.append(str(self.status_code))
            if self.content:
                words.append(self.content.decode())
        else:
            words.append(self.kind)
        if self.kind in _IN_INTERVALS:
            words.append(_told(self.interval))
        if self.location:
            words.append(self.location)
        return ":".join(words)


StepLike: TypeAlias = "Step | str | int | Mapping[str, Any]"
"""A step, its text (``"timeout"``), a status, or the JSON object to answer with."""


def _told(seconds: float) -> str:
    return repr(seconds).removesuffix(".0")


def _json_step(status_code: int, text: str) -> Step:
    try:
        content = text.strip().encode()
        read_json(content)
    except ValueError:
        raise InvalidFieldError("script", f"{text!r} is not JSON") from None
    return Step(kind=StepKind.STATUS, status_code=status_code, content=content)


def _parse_step(text: str) -> Step:
    word, colon, argument = text.strip().partition(":")
    if word.isascii() and word.isdigit():
        status_code = int(word)
        return _json_step(status_code, argument) if colon else as_step(status_code)
    if word == "json" and colon:
        return _json_step(_FIRST_FINAL_STATUS, argument)
    if word == "delay" and colon:
        seconds, _, rest = argument.partition(":")
        step = _parse_step(rest or StepKind.CONFIRM)
        return attrs.evolve(step, delay=_seconds(seconds) + step.delay)
    if word in _IN_INTERVALS and colon:
        return Step(kind=StepKind(word), interval=argument)
    if word == StepKind.REDIRECT and colon:
        return Step(kind=StepKind.REDIRECT, location=argument)
    if word in _BARE and not colon:
        return Step(kind=StepKind(word))
    raise InvalidFieldError("script", f"{text.strip()!r} is no step; allowed are: {_ALLOWED}")


def as_step(value: StepLike) -> Step:
    """The step that is meant; :class:`~alarm_dispatch.errors.InvalidFieldError` when it is none."""
    if isinstance(value, Step):
        return value
    if isinstance(value, str):
        return _parse_step(value)
    if isinstance(value, int):
        return Step(kind=StepKind.STATUS, status_code=value)
    if isinstance(value, Mapping):
        try:
            text = json.dumps(dict(value), ensure_ascii=False)
        except (TypeError, ValueError) as error:
            raise InvalidFieldError("script", f"a step's body is not JSON: {error}") from None
        return _json_step(_FIRST_FINAL_STATUS, text)
    raise InvalidFieldError("script", f"{a_kind(type(value).__name__)} is no step; allowed are: {_ALLOWED}")


def _split(text: str) -> Iterator[str]:
    """The parts between commas, save those inside a JSON value."""
    start, depth, quoted, escaped = 0, 0, False, False
    for index, character in enumerate(text):
        if quoted:
            quoted = escaped or character != '"'
            escaped = character == "\\" and not escaped
        elif character == '"':
            quoted = True
        elif character in "{[":
            depth += 1
        elif character in "}]":
            depth -= 1
        elif character == "," and depth <= 0:
            yield text[start:index]
            start = index + 1
    yield text[start:]


def _as_steps(value: str | Iterable[StepLike]) -> tuple[Step, ...]:
    steps = tuple(as_step(item) for item in (_split(value) if isinstance(value, str) else value))
    if not steps:
        raise InvalidFieldError("script", f"has no step; allowed are: {_ALLOWED}")
    return steps


@frozen
class Script:
    """A list of steps, one for each request; the last one serves for all further requests.

    ``Script("500,timeout,200")`` and ``Script([500, "timeout", 200])`` are the same.  ``then`` is another
    step for all further requests, ``cycle`` starts over instead.  A script has no position of its own, so
    one value serves any number of receivers.

    Raises :class:`~alarm_dispatch.errors.InvalidFieldError`, with the allowed words, for any other step.
    """

    steps: tuple[Step, ...] = field(converter=_as_steps)
    then: Step | None = field(default=None, kw_only=True, converter=attrs.converters.optional(as_step))
    cycle: bool = field(default=False, kw_only=True)

    def __attrs_post_init__(self) -> None:
        if self.cycle and self.then is not None:
            raise InvalidFieldError("script", "then is given beside cycle; only one of them is allowed")

    @classmethod
    def parse(cls, text: str, *, then: StepLike | None = None, cycle: bool = False) -> Script:
        """The script of that text: steps with commas between; commas inside a JSON body belong to it."""
        return cls(text, then=then, cycle=cycle)

    def step(self, index: int) -> Step:
        """What to do with the request ``index``, counted from 0."""
        if self.cycle:
            return self.steps[index % len(self.steps)]
        if index < len(self.steps):
            return self.steps[index]
        return self.steps[-1] if self.then is None else self.then

    def __str__(self) -> str:
        """The steps as :meth:`parse` reads them."""
        return ",".join(map(str, self.steps))


ScriptLike: TypeAlias = "Script | StepLike | Iterable[StepLike]"
"""A script, its text, one step, or several."""


def as_script(value: ScriptLike) -> Script:
    """The script that is meant; :class:`~alarm_dispatch.errors.InvalidFieldError` when it is none."""
    if isinstance(value, Script):
        return value
    return Script([value] if isinstance(value, Step | int | Mapping) else value)

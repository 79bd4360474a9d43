"""The user's own body as a format: its options, and what its template is given."""

from __future__ import annotations

import functools
import json
import os
from collections.abc import Iterable, Mapping
from datetime import UTC, tzinfo
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import attrs
from attrs import field, frozen

from alarm_dispatch import values
from alarm_dispatch.confirmation import any_2xx
from alarm_dispatch.errors import BuildError, InvalidFieldError, ParseError
from alarm_dispatch.formats.abilities import About
from alarm_dispatch.formats.base import BuildContext, DeliveryRules, Payload, Verification
from alarm_dispatch.formats.fields import JSON_TYPE, local_text, seconds_lasted
from alarm_dispatch.formats.open_rules import open_rules
from alarm_dispatch.formats.template.samples import CONTEXT, sample_alarms
from alarm_dispatch.formats.texts import is_json
from alarm_dispatch.formats.wording import Fact, Language, as_language, as_zone, facts, headline
from alarm_dispatch.http_values import check_headers
from alarm_dispatch.model import Alarm
from alarm_dispatch.states import AlarmState

if TYPE_CHECKING:
    from alarm_dispatch.formats.template.sandbox import Program, ProgramError

__all__ = ["NAME", "Format"]

NAME = "template"

_RULES = open_rules(any_2xx())

_MOST_BYTES = 1024 * 1024
_MOST_BYTES_OF_A_FILE = 4 * 65_536
_NEAR = 20


def _headers(value: Mapping[str, str] | Iterable[tuple[str, str]]) -> tuple[tuple[str, str], ...]:
    given: Any = value.items() if isinstance(value, Mapping) else value
    if not isinstance(given, str | bytes) and isinstance(given, Iterable):
        given = tuple(given)  # an iterator is read once
    return tuple((name, str(text)) for name, text in check_headers(given, "Format.headers"))


def _path(value: str | os.PathLike[str] | None) -> str | None:
    return None if value is None else values.check_text(os.fspath(value), "Format.file", empty=False)


def _content_type(_instance: object, _attribute: object, value: Any) -> None:
    Payload(content=b"", content_type=value)


def _limits(most: int) -> tuple[str, ...]:
    return (f"{most} bytes of a body",)


def _length(text: str) -> str:
    return f"<{len(text)} characters>"


@frozen(kw_only=True)
class Format:
    """A body of your own, rendered from a Jinja template; needs the extra ``template``.

    The template is ``text``, or what is in ``file`` (UTF-8), which is read once, when the format is made.
    ``content_type`` is sent as it is; where it is JSON, what is rendered is checked to be that.  ``headers``
    are sent with each body.  ``language`` and ``zone`` are those of the helpers that tell it to people.
    A body may have ``max_bytes`` at most.

    The template is checked when the format is made, and tried with alarms that have all that one can have.

    Delivery: confirmed by any 2xx, unless the callback says otherwise; timeout and waits are ours.  Raises
    :class:`~alarm_dispatch.errors.InvalidFieldError`, which names the line of the template.
    """

    about: ClassVar[About] = About(
        needs=("text or file",),
        extra="alarm-dispatch[template]",
        module="jinja2",
        rules=_RULES,
        content_type=JSON_TYPE,
        limits=_limits(_MOST_BYTES),
    )

    text: str = field(default="", validator=values.text(), repr=_length)
    file: str | None = field(default=None, converter=_path)
    content_type: str = field(default=JSON_TYPE, validator=_content_type)
    headers: tuple[tuple[str, str], ...] = field(default=(), converter=_headers, repr=False)
    language: Language = field(default=Language.ENGLISH, converter=as_language)
    zone: tzinfo = field(default=UTC, converter=as_zone)
    max_bytes: int = field(default=_MOST_BYTES, validator=values.non_negative(whole=True, least=1))
    _source: str = field(init=False, repr=False)
    _program: Program = field(init=False, repr=False, eq=False)

    def __attrs_post_init__(self) -> None:
        object.__setattr__(self, "_source", self.text if self.file is None else self._read(self.file))
        object.__setattr__(self, "_program", self._compiled())
        for state in (AlarmState.TRIGGERED, AlarmState.RESOLVED):
            self._try(state)

    def _read(self, file: str) -> str:
        if self.text:
            raise InvalidFieldError("Format.file", "cannot be given together with text")
        try:
            with Path(file).open("rb") as opened:
                content = opened.read(_MOST_BYTES_OF_A_FILE + 1)
        except (OSError, ValueError) as error:
            why = getattr(error, "strerror", None) or error
            raise InvalidFieldError("Format.file", f"{file} cannot be read: {why}") from None
        if len(content) > _MOST_BYTES_OF_A_FILE:
            raise InvalidFieldError("Format.file", f"{file} is larger than {_MOST_BYTES_OF_A_FILE:,} bytes")
        try:
            return content.decode()
        except UnicodeDecodeError as error:
            raise InvalidFieldError("Format.file", f"{file} is not UTF-8 at byte {error.start}") from None

    @property
    def _place(self) -> str:
        return "Format.text" if self.file is None else f"Format.file {self.file}"

    def _compiled(self) -> Program:
        if not self._source:
            raise InvalidFieldError(self._place, "is empty; give the template as text or as a file")
        try:
            # Here, as the library comes with an extra.
            from alarm_dispatch.formats.template.sandbox import Program, ProgramError  # noqa: PLC0415
        except ImportError as error:
            raise InvalidFieldError("Format", str(error)) from error
        try:
            return Program.compiled(self._source, frozenset(self._variables(None, CONTEXT)))
        except ProgramError as error:
            raise InvalidFieldError(self._place, str(error)) from error

    def _try(self, state: AlarmState) -> None:
        """Raise when the template can be rendered for no alarm at all."""
        first: BuildError | None = None
        for alarm in sample_alarms(state):
            try:
                self.build(alarm, CONTEXT)
            except BuildError as error:
                first = first or error
                if getattr(error.__cause__, "too_much", False):
                    break
            else:
                return
        told = str(first).removeprefix(f"format {NAME} ")
        raise InvalidFieldError(self._place, f"{told} (tried with a sample alarm, {state})") from first

    @property
    def name(self) -> str:
        """``template``."""
        return NAME

    @property
    def rules(self) -> DeliveryRules:
        """Any 2xx confirms, as nobody knows what the receiver answers."""
        return _RULES

    @property
    def limits(self) -> tuple[str, ...]:
        """How large a body may be."""
        return _limits(self.max_bytes)

    def _variables(self, alarm: Alarm | None, context: BuildContext) -> dict[str, Any]:
        """What the template sees; without an alarm only the names count."""
        language, zone = self.language, self.zone

        # Once each, however often a loop of the template asks for it.
        @functools.cache
        def told_in(asked: Language) -> str:
            assert alarm is not None  # noqa: S101 - for mypy: a template is only rendered for one
            return headline(alarm, asked)

        @functools.cache
        def known_in(asked: Language) -> tuple[Fact, ...]:
            assert alarm is not None  # noqa: S101 - as above
            return facts(alarm, context.now, asked, zone)

        def told(given: str | None = None) -> str:
            return told_in(language if given is None else as_language(given))

        def known(given: str | None = None) -> tuple[Fact, ...]:
            return known_in(language if given is None else as_language(given))

        def local_time(time: Any) -> str:
            return local_text(time, zone)

        return {
            "alarm": alarm,
            "session_id": context.session_id,
            "now": context.now,
            "lasted": None if alarm is None else seconds_lasted(alarm, context.now),
            "headline": told,
            "facts": known,
            "local_time": local_time,
        }

    def build(self, alarm: Alarm, context: BuildContext) -> Payload:
        """The rendered body.

        Raises :class:`~alarm_dispatch.errors.BuildError`, which names the line of the template, or of
        the body where that is not JSON.
        """
        try:
            rendered = self._program.render(self._variables(alarm, context), self.max_bytes)
            content = rendered.encode()
        except UnicodeEncodeError as error:
            raise BuildError(
                f"format {NAME} makes a body that UTF-8 cannot carry, at character {error.start}"
            ) from error
        except _program_error() as error:
            raise BuildError(f"format {NAME} cannot render the alarm: {error}") from error
        if len(content) > self.max_bytes:
            raise BuildError(f"format {NAME} makes a body of more than {self.max_bytes:,} bytes")
        if is_json(self.content_type):
            _check_json(rendered)
        return Payload(content=content, content_type=self.content_type, headers=self.headers)

    def parse(self, content: bytes, content_type: str) -> object:
        """The JSON value of a body, or its text where the format's content type is not JSON.

        Raises :class:`~alarm_dispatch.errors.ParseError`.
        """
        if is_json(content_type) != is_json(self.content_type):
            told = f"must be one such as {self.content_type}, not {content_type!r}"
            raise ParseError(NAME, [("content type", told)])
        try:
            text = content.decode()
            return json.loads(text, parse_constant=_not_json) if is_json(self.content_type) else text
        except UnicodeDecodeError as error:
            raise ParseError(NAME, [("$", f"is not UTF-8: byte {error.start} is wrong")]) from error
        except ValueError as error:
            raise ParseError(NAME, [("$", f"is not JSON: {error}")]) from error
        except RecursionError:
            raise ParseError(NAME, [("$", "is nested too deeply")]) from None

    def verification(self, context: BuildContext) -> Verification:  # noqa: ARG002 - the same for every URL
        """A POST of an empty JSON object, or of nothing where the body is not JSON; any 2xx confirms."""
        content = b"{}" if is_json(self.content_type) else b""
        payload = Payload(content=content, content_type=self.content_type, headers=self.headers)
        return Verification(payload=payload, confirmation=any_2xx())

    def __reduce__(self) -> tuple[Any, tuple[Any, ...]]:
        # A compiled template cannot be pickled, and what was read from the file may not be there any more.
        given = {one.name: getattr(self, one.name) for one in attrs.fields(type(self)) if one.init}
        return _made, (type(self), {**given, "text": self._source, "file": None})


def _made(kind: type[Format], given: dict[str, Any]) -> Format:
    return kind(**given)


def _program_error() -> type[ProgramError]:
    from alarm_dispatch.formats.template.sandbox import ProgramError  # noqa: PLC0415 - as above

    return ProgramError


def _check_json(text: str) -> None:
    try:
        json.loads(text, parse_constant=_not_json)
    except json.JSONDecodeError as error:
        near = ascii(text[max(0, error.pos - _NEAR) : error.pos + _NEAR])
        told = f"{error.msg} at line {error.lineno} column {error.colno}, near {near}"
        raise BuildError(f"format {NAME} makes a body that is not JSON: {told}") from error
    except ValueError as error:
        raise BuildError(f"format {NAME} makes a body that is not JSON: {error}") from error
    except RecursionError:
        raise BuildError(f"format {NAME} makes a body that is nested too deeply for JSON") from None


def _not_json(constant: str) -> float:
    raise ValueError(f"{constant} is no JSON number")

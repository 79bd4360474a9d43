"""CloudEvents as a format: its options, its delivery rules, its events in either mode."""

from __future__ import annotations

import base64
import enum
import re
from collections.abc import Mapping
from typing import Any, ClassVar

from attrs import field, frozen

from alarm_dispatch import values
from alarm_dispatch.alarm_json import dump_alarm, read_alarm
from alarm_dispatch.confirmation import any_2xx
from alarm_dispatch.errors import InvalidFieldError, ParseError, UnsuitableFieldError, UnsupportedAlarmError
from alarm_dispatch.formats.abilities import About, finisher_of, limits_of, messages_of, secrets_of
from alarm_dispatch.formats.base import BuildContext, DeliveryRules, Payload, Verification
from alarm_dispatch.formats.base import Format as AnyFormat
from alarm_dispatch.formats.cloudevents import wire
from alarm_dispatch.formats.cloudevents.handshake import REQUEST_ORIGIN, handshake
from alarm_dispatch.formats.cloudevents.headers import PREFIX, to_header
from alarm_dispatch.formats.cloudevents.reading import read_event
from alarm_dispatch.formats.fields import JSON_TYPE
from alarm_dispatch.formats.open_rules import final_on, open_rules
from alarm_dispatch.formats.registry import get, resolve
from alarm_dispatch.formats.texts import is_json, media_type, rfc3339
from alarm_dispatch.json_text import json_bytes
from alarm_dispatch.limits import Rate
from alarm_dispatch.model import Alarm
from alarm_dispatch.values import JsonObject

__all__ = ["Format", "Mode"]

# HTTP 1.1 Web Hooks for Event Delivery, section 2.2: after a 410 nothing more is to be sent, and a 415 says
# that the receiver does not understand what would be sent again.
_RULES = open_rules(final_on(any_2xx(), 410, 415))

# RFC 3986, section 2: what a URI reference is made of.
_URI_REFERENCE = re.compile(r"[A-Za-z0-9\-._~:/?#\[\]@!$&'()*+,;=%]+")
_TYPE_PREFIX = re.compile(r"[A-Za-z0-9\-._~:/]+")
# RFC 1123, section 2.1.
_DNS_NAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9.\-]{0,251}[A-Za-z0-9])?")


class Mode(enum.StrEnum):
    """Where an event's attributes are."""

    STRUCTURED = "structured"
    """In the body, around the data."""
    BINARY = "binary"
    """In headers; the body is the data alone."""


def _mode(value: Mode | str) -> Mode:
    return values.enum_member(Mode, value, "Format.mode")


def _matching(pattern: re.Pattern[str], allowed: str) -> Any:
    def validate(_instance: object, attribute: Any, value: Any) -> None:
        name = f"Format.{attribute.name}"
        if value is not None and not pattern.fullmatch(values.check_text(value, name)):
            raise InvalidFieldError(name, f"{value!r} is none; allowed is {allowed}")

    return validate


def _data(value: AnyFormat | str | Mapping[str, Any] | None) -> AnyFormat | None:
    if value is None:
        return None
    if isinstance(value, Mapping):
        options = {str(key): option for key, option in value.items()}
        made = get(values.check_text(options.pop("name", None), "Format.data.name"), **options)
    else:
        made = resolve(value)
    if isinstance(made, Format):
        raise InvalidFieldError("Format.data", "is an event already")
    if finisher_of(made) is not None:
        told = f"cannot be {made.name}: its messages are signed one by one, and the event would not be"
        raise InvalidFieldError("Format.data", told)
    return made


def _extensions(value: Mapping[str, str | int | bool]) -> Mapping[str, str | int | bool]:
    given: object = value
    if not isinstance(given, Mapping):
        raise InvalidFieldError("Format.extensions", f"must be a mapping, not {type(given).__name__}")
    for name, item in given.items():
        wire.check_extension_name(values.check_text(name, "Format.extensions"), "Format.extensions")
        where = f"Format.extensions[{name!r}]"
        # The specification's Integer has 32 bits.
        fits = isinstance(item, str) or (isinstance(item, int) and -(2**31) <= item < 2**31)
        if not fits or (isinstance(item, str) and not wire.has_only_allowed_characters(item)):
            raise InvalidFieldError(
                where, "must be text without control characters, a bool or an integer of 32 bits"
            )
    return JsonObject(given, field="Format.extensions")  # type: ignore[return-value]  # its values were looked at


@frozen(kw_only=True)
class Format:
    """CloudEvents 1.0 over HTTP: an event for each notification.

    ``mode`` is ``"structured"`` (all of the event in a JSON body) or ``"binary"`` (the attributes in ``ce-``
    headers, and the body is the data).  ``source`` names the sender, a URI reference.  The event's type is
    ``{type_prefix}.alarm.{state}``; the specification wants a reverse domain name as the prefix.  ``data`` is
    another format, or its name, whose payload the event carries; without one it is the alarm as JSON, as
    :func:`~alarm_dispatch.load_alarm` reads it.  ``extensions`` are attributes of your own.

    ``origin`` is the DNS name of the sending system, sent with each request as ``WebHook-Request-Origin``;
    :meth:`verification` needs it.  ``per_minute`` is how many requests a minute are asked for there.

    Delivery: confirmed by any 2xx; 410 and 415 are final; a 429 is tried again after its ``Retry-After``.
    Timeout and waits are ours.  Raises :class:`~alarm_dispatch.errors.InvalidFieldError`.
    """

    # It can be made without an origin, but tells no verification then.
    about: ClassVar[About] = About(content_type=wire.EVENT_TYPE)

    mode: Mode = field(default=Mode.STRUCTURED, converter=_mode)
    source: str = field(default="/alarm-dispatch", validator=_matching(_URI_REFERENCE, "a URI reference"))
    type_prefix: str = field(
        default="alarm_dispatch",
        validator=_matching(_TYPE_PREFIX, "a reverse domain name, such as com.example"),
    )
    data: AnyFormat | None = field(default=None, converter=_data)
    extensions: Mapping[str, str | int | bool] = field(factory=JsonObject, converter=_extensions)
    origin: str | None = field(
        default=None, validator=_matching(_DNS_NAME, "a DNS name, such as alarms.example.com")
    )
    per_minute: int | None = field(
        default=None, validator=values.non_negative(optional=True, whole=True, least=1)
    )

    @property
    def name(self) -> str:
        """``cloudevents``."""
        return wire.NAME

    @property
    def rules(self) -> DeliveryRules:
        """Any 2xx confirms; 410 and 415 end the delivery."""
        return _RULES

    @property
    def rate(self) -> Rate | None:
        """What is asked for in the handshake."""
        return None if self.per_minute is None else Rate(self.per_minute, 60.0)

    @property
    def secrets(self) -> tuple[str, ...]:
        """Those of the data's format."""
        return () if self.data is None else secrets_of(self.data)

    @property
    def limits(self) -> tuple[str, ...]:
        """What the specification has every intermediary forward, and the limits of the data's format."""
        own = ("an event of at most 64 KB is forwarded by every intermediary",)
        return own if self.data is None else own + limits_of(self.data)

    def build(self, alarm: Alarm, context: BuildContext) -> Payload:
        """The event; its id is ``context.session_id``, its subject the alarm's id.

        Raises :class:`~alarm_dispatch.errors.BuildError` for an id that no attribute can hold, and as the
        data's format does.
        """
        if self.data is None:
            data = Payload(content=dump_alarm(alarm), content_type=JSON_TYPE)
        else:
            data = self._other(self.data, alarm, context)
        attributes = self._attributes(alarm, context)
        headers = data.headers if self.origin is None else (*data.headers, (REQUEST_ORIGIN, self.origin))
        if self.mode is Mode.STRUCTURED:
            content = _structured(attributes, data)
            return Payload(content=content, content_type=wire.EVENT_TYPE, headers=headers)
        own = ((f"{PREFIX}{name}", to_header(_canonical(value))) for name, value in attributes.items())
        return Payload(content=data.content, content_type=data.content_type, headers=(*own, *headers))

    def _other(self, other: AnyFormat, alarm: Alarm, context: BuildContext) -> Payload:
        messages = messages_of(other, alarm, context)
        if len(messages) > 1:
            told = f"carries one message, and {other.name} makes {len(messages)} of this alarm"
            raise UnsupportedAlarmError(wire.NAME, told)
        return messages[0]

    def _attributes(self, alarm: Alarm, context: BuildContext) -> dict[str, str | int | bool]:
        texts = {"subject": (alarm.id, "alarm.id"), "id": (context.session_id, "the delivery's id")}
        for attribute, (text, model_field) in texts.items():
            if not text or not wire.has_only_allowed_characters(text):
                told = "an attribute is not empty and has no control characters or noncharacters"
                raise UnsuitableFieldError(wire.NAME, attribute, model_field, told)
        at = alarm.evaluated_at or (alarm.ended_at if alarm.state.ended else None) or alarm.started_at
        return {
            "specversion": wire.SPEC_VERSION,
            "id": context.session_id,
            "source": self.source,
            "type": f"{self.type_prefix}.alarm.{alarm.state}",
            "subject": alarm.id,
            "time": rfc3339(at),
            **self.extensions,
        }

    def parse(self, content: bytes, content_type: str) -> object:
        """The :class:`~alarm_dispatch.formats.cloudevents.Event` in a body that holds all of one.

        In binary mode the body is the data alone: the alarm, or what the data's format reads.  With the
        headers at hand, :func:`~alarm_dispatch.formats.cloudevents.read_event` reads the event, in any mode.

        Raises :class:`~alarm_dispatch.errors.ParseError`.
        """
        if self.mode is Mode.STRUCTURED:
            if media_type(content_type) != wire.EVENT_TYPE:
                told = f"must be {wire.EVENT_TYPE}, not {content_type!r}"
                raise ParseError(wire.NAME, [("content type", told)])
            return read_event(content, {"Content-Type": content_type})
        if self.data is not None:
            return self.data.parse(content, content_type)
        try:
            return read_alarm(content)
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
            told = f"is no alarm: {type(error).__name__}: {error}"
            raise ParseError(wire.NAME, [("$", told)]) from error

    def verification(self, context: BuildContext) -> Verification:  # noqa: ARG002 - the same for every URL
        """The handshake: ``OPTIONS``, confirmed by ``WebHook-Allowed-Origin``.

        Raises :class:`~alarm_dispatch.errors.InvalidFieldError` without an ``origin``.
        """
        if self.origin is None:
            told = "is not set; a URL is verified by asking whether this origin may send: a DNS name of yours"
            raise InvalidFieldError("Format.origin", told)
        return handshake(self.origin, self.per_minute)


def _canonical(value: str | int | bool) -> str:
    # CloudEvents 1.0.2, "Type system": the string forms of its types.
    return str(value).lower() if isinstance(value, bool) else str(value)


def _structured(attributes: Mapping[str, Any], data: Payload) -> bytes:
    """The JSON event format: JSON data stand in it as they are, texts as texts, all else in base64."""
    head = json_bytes({**attributes, "datacontenttype": data.content_type})[:-1]
    if is_json(data.content_type):
        # The bytes as they are: numbers keep every digit, and nothing is parsed to be written again.
        return head + b',"data":' + data.content + b"}"
    try:
        return head + b',"data":' + json_bytes(data.content.decode()) + b"}"
    except UnicodeDecodeError:
        return head + b',"data_base64":' + json_bytes(base64.b64encode(data.content).decode()) + b"}"

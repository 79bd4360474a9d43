"""Feishu's (Lark's) custom robot: cards or text, signed anew in each attempt."""

from __future__ import annotations

import base64
import enum
import hashlib
import hmac
from collections.abc import Sequence
from typing import Any

import attrs
from attrs import field, frozen

from alarm_dispatch import values
from alarm_dispatch.errors import InvalidFieldError, SigningError
from alarm_dispatch.exchange import Request
from alarm_dispatch.formats import fields
from alarm_dispatch.formats.abilities import Bundle
from alarm_dispatch.formats.base import BuildContext, DeliveryRules, Payload, Verification
from alarm_dispatch.formats.robots.answers import Codes, robot_rules
from alarm_dispatch.formats.robots.escaping import escaped_markdown, without_at_tags
from alarm_dispatch.formats.robots.packing import Message, Shape, packed
from alarm_dispatch.formats.robots.reading import message_of
from alarm_dispatch.formats.robots.sizes import json_cost
from alarm_dispatch.formats.robots.telling import Markup, Robot, Told, test_text
from alarm_dispatch.formats.secret_options import secret_option, secret_texts
from alarm_dispatch.limits import Rate
from alarm_dispatch.model import Alarm
from alarm_dispatch.secret import Secret
from alarm_dispatch.states import AlarmState, Level, rank_of

__all__ = ["NAME", "Format", "Kind", "TextContent", "WireMessage"]

NAME = "feishu"


class Kind(enum.StrEnum):
    """A kind of message."""

    INTERACTIVE = "interactive"
    """A card, with markdown in it."""
    TEXT = "text"


@frozen(kw_only=True)
class TextContent:
    """The content of a text message."""

    text: str


@frozen(kw_only=True)
class WireMessage:
    """The whole body; a card is what the vendor's card builder makes, JSON as it is."""

    timestamp: str | None = None
    sign: str | None = None
    msg_type: str
    content: TextContent | None = None
    card: dict[str, Any] | None = None


_converter = fields.wire_converter()
_PARTS = {"interactive": "card", "text": "content"}

# "自定义机器人使用指南" (open.feishu.cn, open.larkoffice.com): a body of at most 20 KB, 100 messages a minute
# and 5 a second, 11232 when there are too many.  It does not say which KB, so the smaller one is kept.
_LIMIT = 20_000
_LIMITED = "20000 bytes of body"
# Five in any 3 s are a hundred in any minute, and never more than five in a second.
_RATE = Rate(5, 3)
# What `finish` puts in front: a time of ten digits, and 32 bytes in base64.
_SIGNED = len(f'"timestamp":"{"0" * 10}","sign":"{"0" * 44}",')

_MARKUP = {
    Kind.INTERACTIVE: Markup(escaped=escaped_markdown, bold="**", again="…", links=True),
    Kind.TEXT: Markup(escaped=without_at_tags),
}

# 11232 is of the guide above; 99991400 and the header of "频控策略" (rate limits), which comes with status
# 429 or 400.  Of the rest, as robots were seen to answer: the token is unknown (19001), the signature or its
# time is wrong (19021), the address is not on the list (19022), the keyword is missing (19024).
_CODES = Codes(
    code="code",
    message="msg",
    pauses={11232: 60.0, 99991400: 60.0},
    final=frozenset({19001, 19021, 19022, 19024}),
    reset="x-ogw-ratelimit-reset",
)
_RULES = robot_rules(_CODES)

_COLOURS = {Level.FATAL: "red", Level.WARNING: "orange", Level.INFO: "blue", None: "blue"}


def _kind(value: Kind | str) -> Kind:
    return values.enum_member(Kind, value, "Format.kind")


def _secret(value: Secret | str | None) -> Secret | None:
    return None if value is None else secret_option(value, "Format.secret")


@frozen(kw_only=True)
class Format(Robot):
    """Feishu's custom robot, which is Lark's too.

    ``kind`` is ``"interactive"``, a card, or ``"text"``.  ``secret`` is what the robot's page shows for
    signatures; each attempt gets a signature of its own.  People are mentioned by their open id (``ou_…``) or
    user id, or all of them; not by mobile number.  For the other options see
    :class:`~alarm_dispatch.formats.robots.Robot`.

    Confirmed when the reply's ``code`` is 0; the waits and the three attempts of 5 s are ours.  Raises
    :class:`~alarm_dispatch.errors.InvalidFieldError`.
    """

    kind: Kind = field(default=Kind.INTERACTIVE, converter=_kind)
    secret: Secret | None = field(default=None, converter=_secret)

    def __attrs_post_init__(self) -> None:
        if self.mentions.mobiles:
            told = "cannot be used: this robot mentions people by their open id or user id"
            raise InvalidFieldError("Format.mentions.mobiles", told)

    @property
    def name(self) -> str:
        """``feishu``."""
        return NAME

    @property
    def rules(self) -> DeliveryRules:
        """Three attempts of 5 s, confirmed by the code in the reply's body."""
        return _RULES

    @property
    def rate(self) -> Rate:
        """5 messages in 3 s, which keeps the 100 a minute and the 5 a second."""
        return _RATE

    @property
    def limits(self) -> tuple[str, ...]:
        """The bytes of a message."""
        return (_LIMITED,)

    @property
    def secrets(self) -> tuple[str, ...]:
        """The secret."""
        return secret_texts(self.secret)

    def build(self, alarm: Alarm, context: BuildContext) -> Payload:
        """The first of the messages that tell the alarm, nearly always the only one.

        Raises :class:`~alarm_dispatch.errors.BuildError` when what cannot be cut is over the limit.
        """
        return self.bundles([alarm], context)[0].messages[0]

    def bundles(self, alarms: Sequence[Alarm], context: BuildContext) -> tuple[Bundle, ...]:
        """Whole alarms together up to the limit, in their order; a longer one in several messages."""
        markup = _MARKUP[self.kind]
        shape = Shape(
            name=NAME,
            limit=_LIMIT,
            limited=_LIMITED,
            cost=json_cost,
            empty=self._empty,
            write=self._written,
            escaped=markup.escaped,
            language=self.language,
            mention=self._mention(),
            titled=self.kind is Kind.INTERACTIVE,
        )
        return packed([self.tell(alarm, context.now, markup, NAME) for alarm in alarms], shape)

    def _mention(self) -> str:
        users = (*self.mentions.users, "all") if self.mentions.everybody else self.mentions.users
        if self.kind is Kind.INTERACTIVE:
            return " ".join(f"<at id={user}></at>" for user in users)
        return " ".join(f'<at user_id="{user}"></at>' for user in users)

    def _empty(self, message: Message) -> int:
        size = len(self._written(attrs.evolve(message, text="")).content)
        return size if self.secret is None else size + _SIGNED

    def _written(self, message: Message) -> Payload:
        return self._payload(message.marked_title, message.text, _colour(message.told))

    def _payload(self, title: str, text: str, colour: str) -> Payload:
        body: dict[str, Any] = {"msg_type": self.kind.value}
        if self.kind is Kind.TEXT:
            body["content"] = {"text": text}
        else:
            body["card"] = {
                "header": {"title": {"tag": "plain_text", "content": title}, "template": colour},
                "elements": [{"tag": "markdown", "content": text}],
            }
        return fields.json_payload(body)

    def finish(self, request: Request) -> Request:
        """The request with the time and the signature in its body, where there is a secret.

        Its formula is the vendor's: HMAC-SHA256 of nothing, by the time in seconds, a line break and the
        secret.  They are strings; the robot takes them for an hour.
        """
        if self.secret is None:
            return request
        if request.started_at is None:
            raise SigningError("a request without a time cannot be signed")
        timestamp = str(fields.epoch_seconds(request.started_at))
        key = f"{timestamp}\n{self.secret.reveal()}".encode()
        sign = base64.b64encode(hmac.new(key, b"", hashlib.sha256).digest()).decode()
        signed = f'{{"timestamp":"{timestamp}","sign":"{sign}",'.encode()
        return attrs.evolve(request, content=signed + request.content.removeprefix(b"{"))

    def parse(self, content: bytes, content_type: str) -> WireMessage:
        """The message in a body; raises :class:`~alarm_dispatch.errors.ParseError`."""
        return message_of(_converter, content, content_type, WireMessage, NAME, by="msg_type", parts=_PARTS)

    def verification(self, context: BuildContext) -> Verification:  # noqa: ARG002 - the same for every URL
        """A message that says that it is a test: a robot has no other request that checks its URL."""
        text = test_text(self.language)
        payload = self._payload(text, text, _COLOURS[None])
        return Verification(payload=payload, timeout=_RULES.timeout, confirmation=_RULES.confirmation)


def _colour(told: Sequence[Told]) -> str:
    """That of the worst that goes on; green when all is over."""
    going_on = [each.alarm for each in told if not each.alarm.state.ended]
    if not going_on:
        return "green" if all(each.alarm.state is AlarmState.RESOLVED for each in told) else "grey"
    return _COLOURS[min((alarm.level for alarm in going_on), key=rank_of)]

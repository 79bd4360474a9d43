"""DingTalk's custom robot: markdown or text, signed anew in each attempt."""

from __future__ import annotations

import base64
import enum
import hashlib
import hmac
from collections.abc import Sequence
from typing import Any
from urllib.parse import quote

import attrs
from attrs import field, frozen

from alarm_dispatch import values
from alarm_dispatch.errors import SigningError
from alarm_dispatch.exchange import Request
from alarm_dispatch.formats import fields
from alarm_dispatch.formats.abilities import Bundle
from alarm_dispatch.formats.base import BuildContext, DeliveryRules, Payload, Verification
from alarm_dispatch.formats.robots.answers import Codes, robot_rules
from alarm_dispatch.formats.robots.escaping import as_it_is, escaped_markdown
from alarm_dispatch.formats.robots.packing import Message, Shape, packed
from alarm_dispatch.formats.robots.reading import message_of
from alarm_dispatch.formats.robots.sizes import json_cost
from alarm_dispatch.formats.robots.telling import Markup, Robot, test_text
from alarm_dispatch.formats.secret_options import secret_option, secret_texts
from alarm_dispatch.limits import Rate
from alarm_dispatch.model import Alarm
from alarm_dispatch.secret import Secret

__all__ = ["NAME", "At", "Format", "Kind", "MarkdownContent", "TextContent", "WireMessage"]

NAME = "dingtalk"


class Kind(enum.StrEnum):
    """A kind of message."""

    MARKDOWN = "markdown"
    TEXT = "text"


@frozen(kw_only=True)
class MarkdownContent:
    """The content of a markdown message; the title is what lists of chats show."""

    title: str
    text: str


@frozen(kw_only=True)
class TextContent:
    """The content of a text message."""

    content: str


@frozen(kw_only=True)
class At:
    """Whom the message mentions."""

    atMobiles: list[str] | None = None  # noqa: N815 - the vendor's key
    atUserIds: list[str] | None = None  # noqa: N815 - the vendor's key
    isAtAll: bool | None = None  # noqa: N815 - the vendor's key


@frozen(kw_only=True)
class WireMessage:
    """The whole body; the field that ``msgtype`` names is the one that is there."""

    msgtype: str
    markdown: MarkdownContent | None = None
    text: TextContent | None = None
    at: At | None = None


_converter = fields.wire_converter()
_PARTS = {kind.value: kind.value for kind in Kind}

# No page of the vendor's was found that tells it.  Its robots answer "message too long, exceed 20000 bytes",
# as public clients quote them; what they count is not told, so it is the whole body here.
_LIMIT = 20_000
_LIMITED = "20000 bytes of body"
# "自定义机器人接入" (open.dingtalk.com): 20 messages a minute, and above that nothing for 10 minutes.
_RATE = Rate(20, 60)
_THROTTLED = 600.0

# One line break does not break a line in its markdown, an empty line does in every renderer.
_JOINTS = {Kind.MARKDOWN: "\n\n", Kind.TEXT: "\n"}
_MARKUP = {
    Kind.MARKDOWN: Markup(escaped=escaped_markdown, bold="**", again="…", links=True),
    # A text mentions nobody who is not in `at`.
    Kind.TEXT: Markup(escaped=as_it_is),
}

# The vendor's table for "自定义机器人发送群消息", as public clients have it, with the codes that its
# robots were seen to answer.  Throttled: 410100, 130101.  Final: no such token (300001, 300005, 400101), the
# chat is dissolved (400013), the robot is stopped (400102) or gone (400106), a kind that it does not take
# (400105), a parameter that it lacks (40035), the security settings refuse it (310000: keyword, signature or
# address), its content is not allowed (430101 to 430104).
_CODES = Codes(
    code="errcode",
    message="errmsg",
    pauses={410100: _THROTTLED, 130101: _THROTTLED},
    final=frozenset(
        {40035, 300001, 300005, 310000, 400013, 400101, 400102, 400105, 400106, *range(430101, 430105)}
    ),
)
_RULES = robot_rules(_CODES)


def _kind(value: Kind | str) -> Kind:
    return values.enum_member(Kind, value, "Format.kind")


def _secret(value: Secret | str | None) -> Secret | None:
    return None if value is None else secret_option(value, "Format.secret")


@frozen(kw_only=True)
class Format(Robot):
    """DingTalk's custom robot.

    ``kind`` is ``"markdown"`` or ``"text"``.  ``secret`` (``SEC…``) is what the robot's page shows for
    signatures; each attempt gets a signature of its own.  For the other options see
    :class:`~alarm_dispatch.formats.robots.Robot`.

    Confirmed when the reply's ``errcode`` is 0; the waits and the three attempts of 5 s are ours.  Raises
    :class:`~alarm_dispatch.errors.InvalidFieldError`.
    """

    kind: Kind = field(default=Kind.MARKDOWN, converter=_kind)
    secret: Secret | None = field(default=None, converter=_secret)

    @property
    def name(self) -> str:
        """``dingtalk``."""
        return NAME

    @property
    def rules(self) -> DeliveryRules:
        """Three attempts of 5 s, confirmed by the code in the reply's body."""
        return _RULES

    @property
    def rate(self) -> Rate:
        """20 messages a minute."""
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
            joint=_JOINTS[self.kind],
            # They are told of it only when the text has them, too.
            mention=" ".join(f"@{one}" for one in (*self.mentions.mobiles, *self.mentions.users)),
        )
        return packed([self.tell(alarm, context.now, markup, NAME) for alarm in alarms], shape)

    def _empty(self, message: Message) -> int:
        return len(self._written(attrs.evolve(message, text="")).content)

    def _written(self, message: Message) -> Payload:
        return self._payload(message.marked_title, message.text, mentioning=message.mentioning)

    def _payload(self, title: str, text: str, *, mentioning: bool) -> Payload:
        inner = {"title": title, "text": text} if self.kind is Kind.MARKDOWN else {"content": text}
        body: dict[str, Any] = {"msgtype": self.kind.value, self.kind.value: inner}
        if mentioning and self.mentions:
            at = {
                "atMobiles": self.mentions.mobiles or None,
                "atUserIds": self.mentions.users or None,
                "isAtAll": self.mentions.everybody or None,
            }
            body["at"] = fields.present(at, *at)
        return fields.json_payload(body)

    def finish(self, request: Request) -> Request:
        """The request with the time and the signature in its URL, where there is a secret.

        Its formula is the vendor's: HMAC-SHA256 of the time in milliseconds, a line break and the secret.
        """
        if self.secret is None:
            return request
        if request.started_at is None:
            raise SigningError("a request without a time cannot be signed")
        secret = self.secret.reveal()
        timestamp = str(fields.epoch_milliseconds(request.started_at))
        made = hmac.new(secret.encode(), f"{timestamp}\n{secret}".encode(), hashlib.sha256).digest()
        sign = quote(base64.b64encode(made), safe="")
        joint = "&" if "?" in request.url else "?"
        return attrs.evolve(request, url=f"{request.url}{joint}timestamp={timestamp}&sign={sign}")

    def parse(self, content: bytes, content_type: str) -> WireMessage:
        """The message in a body; raises :class:`~alarm_dispatch.errors.ParseError`."""
        return message_of(_converter, content, content_type, WireMessage, NAME, by="msgtype", parts=_PARTS)

    def verification(self, context: BuildContext) -> Verification:  # noqa: ARG002 - the same for every URL
        """A message that says that it is a test: a robot has no other request that checks its URL."""
        text = test_text(self.language)
        payload = self._payload(text, text, mentioning=False)
        return Verification(payload=payload, timeout=_RULES.timeout, confirmation=_RULES.confirmation)

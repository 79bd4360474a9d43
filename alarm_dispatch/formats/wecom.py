"""WeCom's group robot: markdown or text, within the bytes that it takes."""

from __future__ import annotations

import enum
from collections.abc import Sequence
from typing import Any

from attrs import field, frozen

from alarm_dispatch import values
from alarm_dispatch.errors import InvalidFieldError
from alarm_dispatch.formats import fields
from alarm_dispatch.formats.abilities import Bundle
from alarm_dispatch.formats.base import BuildContext, DeliveryRules, Payload, Verification
from alarm_dispatch.formats.robots.answers import Codes, robot_rules
from alarm_dispatch.formats.robots.escaping import escaped_markdown, without_user_tags
from alarm_dispatch.formats.robots.packing import Message, Shape, packed
from alarm_dispatch.formats.robots.reading import message_of
from alarm_dispatch.formats.robots.sizes import utf8_cost
from alarm_dispatch.formats.robots.telling import Markup, Robot, test_text
from alarm_dispatch.limits import Rate
from alarm_dispatch.model import Alarm

__all__ = ["NAME", "Format", "Kind", "MarkdownContent", "TextContent", "WireMessage"]

NAME = "wecom"


class Kind(enum.StrEnum):
    """A kind of message."""

    MARKDOWN = "markdown"
    TEXT = "text"


@frozen(kw_only=True)
class MarkdownContent:
    """The content of a markdown message."""

    content: str


@frozen(kw_only=True)
class TextContent:
    """The content of a text message, and whom it mentions; ``@all`` is everybody."""

    content: str
    mentioned_list: list[str] | None = None
    mentioned_mobile_list: list[str] | None = None


@frozen(kw_only=True)
class WireMessage:
    """The whole body; the field that ``msgtype`` names is the one that is there."""

    msgtype: str
    markdown: MarkdownContent | None = None
    text: TextContent | None = None


_converter = fields.wire_converter()
_PARTS = {kind.value: kind.value for kind in Kind}

# "群机器人配置说明" (developer.work.weixin.qq.com/document/path/91770): the two limits of `content`, in bytes
# of UTF-8, the 20 messages a minute, `<@userid>` in both kinds and the two lists in text messages.
_LIMITS = {
    Kind.MARKDOWN: (4096, "4096 bytes of UTF-8 in markdown.content"),
    Kind.TEXT: (2048, "2048 bytes of UTF-8 in text.content"),
}
_RATE = Rate(20, 60)
_MARKUP = {
    Kind.MARKDOWN: Markup(escaped=escaped_markdown, bold="**", again="…", links=True),
    Kind.TEXT: Markup(escaped=without_user_tags),
}

# The vendor's robot page lists no codes.  93000 (no such robot, or it is out of the chat), 93004 (stopped)
# and 93008 (not in the chat) are of its table of global errors (document/path/90313), in whose wording public
# clients agree; 44004 (empty content), 45009 (too many) and 93000 were seen in replies of robots, as public
# clients quote them.  After 45009 the minute of the rate has to pass; the others are the same at every
# attempt.  Most of the table is of other interfaces, so nothing else of it is final.
_CODES = Codes(
    code="errcode",
    message="errmsg",
    pauses={45009: 60.0},
    final=frozenset({44004, 93000, 93004, 93008}),
)
_RULES = robot_rules(_CODES)


def _kind(value: Kind | str) -> Kind:
    return values.enum_member(Kind, value, "Format.kind")


@frozen(kw_only=True)
class Format(Robot):
    """WeCom's group robot.

    ``kind`` is ``"markdown"`` or ``"text"``.  A markdown message mentions people by their user id; a text
    message also by their mobile number, and everybody.  For the other options see
    :class:`~alarm_dispatch.formats.robots.Robot`.

    Confirmed when the reply's ``errcode`` is 0; the waits and the three attempts of 5 s are ours.  Raises
    :class:`~alarm_dispatch.errors.InvalidFieldError`.
    """

    kind: Kind = field(default=Kind.MARKDOWN, converter=_kind)

    def __attrs_post_init__(self) -> None:
        if self.kind is Kind.MARKDOWN and (self.mentions.mobiles or self.mentions.everybody):
            told = "a markdown message mentions users only; kind='text' also takes mobiles and everybody"
            raise InvalidFieldError("Format.mentions", told)

    @property
    def name(self) -> str:
        """``wecom``."""
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
        return (_LIMITS[self.kind][1],)

    def build(self, alarm: Alarm, context: BuildContext) -> Payload:
        """The first of the messages that tell the alarm, nearly always the only one.

        Raises :class:`~alarm_dispatch.errors.BuildError` when what cannot be cut is over the limit.
        """
        return self.bundles([alarm], context)[0].messages[0]

    def bundles(self, alarms: Sequence[Alarm], context: BuildContext) -> tuple[Bundle, ...]:
        """Whole alarms together up to the limit, in their order; a longer one in several messages."""
        markup = _MARKUP[self.kind]
        limit, limited = _LIMITS[self.kind]
        shape = Shape(
            name=NAME,
            limit=limit,
            limited=limited,
            cost=utf8_cost,
            empty=_nothing,
            write=self._written,
            escaped=markup.escaped,
            language=self.language,
            mention=" ".join(f"<@{user}>" for user in self.mentions.users)
            if self.kind is Kind.MARKDOWN
            else "",
        )
        return packed([self.tell(alarm, context.now, markup, NAME) for alarm in alarms], shape)

    def _written(self, message: Message) -> Payload:
        return self._payload(message.text, mentioning=message.mentioning)

    def _payload(self, content: str, *, mentioning: bool) -> Payload:
        inner: dict[str, Any] = {"content": content}
        if self.kind is Kind.TEXT and mentioning:
            everybody = ["@all"] if self.mentions.everybody else []
            if users := [*self.mentions.users, *everybody]:
                inner["mentioned_list"] = users
            if self.mentions.mobiles:
                inner["mentioned_mobile_list"] = self.mentions.mobiles
        return fields.json_payload({"msgtype": self.kind.value, self.kind.value: inner})

    def parse(self, content: bytes, content_type: str) -> WireMessage:
        """The message in a body; raises :class:`~alarm_dispatch.errors.ParseError`."""
        return message_of(_converter, content, content_type, WireMessage, NAME, by="msgtype", parts=_PARTS)

    def verification(self, context: BuildContext) -> Verification:  # noqa: ARG002 - the same for every URL
        """A message that says that it is a test: a robot has no other request that checks its URL."""
        payload = self._payload(test_text(self.language), mentioning=False)
        return Verification(payload=payload, timeout=_RULES.timeout, confirmation=_RULES.confirmation)


def _nothing(_message: Message) -> int:
    return 0

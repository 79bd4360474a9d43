"""The format for Apprise: its options, its delivery rules, its bodies."""

from __future__ import annotations

from datetime import UTC, tzinfo
from typing import ClassVar

from attrs import field, frozen

from alarm_dispatch.confirmation import Confirmation, status_is
from alarm_dispatch.exchange import Judgement, Reply
from alarm_dispatch.formats.abilities import About
from alarm_dispatch.formats.apprise import build, wire
from alarm_dispatch.formats.apprise.build import TextFormat, as_text_format
from alarm_dispatch.formats.base import BuildContext, DeliveryRules, Payload, Verification
from alarm_dispatch.formats.fields import json_payload, read_json, structured
from alarm_dispatch.formats.wording import Language, as_language, as_zone
from alarm_dispatch.model import Alarm
from alarm_dispatch.schedule import RetrySchedule
from alarm_dispatch.service_urls import NAME
from alarm_dispatch.verdicts import Verdict

__all__ = ["NAME", "Format"]

_STATUS = status_is(200)


def _judged(reply: Reply) -> Judgement:
    judgement = _STATUS(reply)
    if judgement.verdict is Verdict.REJECTED and reply.header("content-type") == "text/plain":
        # The transport's, and it tells what Apprise told; a page of a server in between is none.
        return Judgement(Verdict.REJECTED, reply.content.decode(errors="replace"))
    return judgement


_CONFIRMATION = Confirmation(_judged, _STATUS.text, reads_request=False)
_RULES = DeliveryRules(
    timeout=15.0, schedule=RetrySchedule(attempts=3, delays=(10, 60)), confirmation=_CONFIRMATION
)


@frozen(kw_only=True)
class Format:
    """A message for people, which :class:`~alarm_dispatch.transports.apprise.AppriseTransport` tells.

    ``language`` is "en" or "zh", ``zone`` that of the times (``"UTC"``, ``"+08:00"``, ``"Asia/Shanghai"``),
    ``text_format`` what the body is written in: "text", or "markdown" for services that show it.

    Delivery, for want of any document our own: 15 s for an attempt, a second one 10 s and a third 60 s later,
    confirmed by status 200, which the transport answers for Apprise's yes.  Raises
    :class:`~alarm_dispatch.errors.InvalidFieldError`.
    """

    about: ClassVar[About] = About(
        extra="alarm-dispatch[apprise]",
        module=NAME,
        rules=_RULES,
        content_type="application/json",
    )

    language: Language = field(default=Language.ENGLISH, converter=as_language)
    zone: tzinfo = field(default=UTC, converter=as_zone)
    text_format: TextFormat = field(default=TextFormat.TEXT, converter=as_text_format)

    @property
    def name(self) -> str:
        """``apprise``."""
        return NAME

    @property
    def rules(self) -> DeliveryRules:
        """Three attempts of 15 s."""
        return _RULES

    def build(self, alarm: Alarm, context: BuildContext) -> Payload:
        """The JSON body; any alarm can be told."""
        message = build.message(alarm, context.now, self.language, self.zone, self.text_format)
        return json_payload(wire.converter.unstructure(message))

    def parse(self, content: bytes, content_type: str) -> wire.Message:
        """The message in a body; raises :class:`~alarm_dispatch.errors.ParseError`."""
        return structured(wire.converter, read_json(content, content_type, NAME), wire.Message, NAME)

    def verification(self, context: BuildContext) -> Verification:  # noqa: ARG002 - the same for every URL
        """A message that says that it is a test: services know no other way to find out."""
        payload = json_payload(wire.converter.unstructure(build.trial(self.language)))
        return Verification(payload=payload, timeout=_RULES.timeout, confirmation=_CONFIRMATION)

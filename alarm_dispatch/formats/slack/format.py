"""Slack's format: its options, its delivery rules, its messages of one alarm or many."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, tzinfo

from attrs import field, frozen

from alarm_dispatch.formats.abilities import Bundle
from alarm_dispatch.formats.base import BuildContext, DeliveryRules, Payload, Verification
from alarm_dispatch.formats.fields import json_payload, read_json, structured
from alarm_dispatch.formats.open_rules import open_rules
from alarm_dispatch.formats.slack.build import DIVIDER, blocks_of, fits, messages_of, notice
from alarm_dispatch.formats.slack.replies import answered_ok, takes_messages
from alarm_dispatch.formats.slack.wire import (
    LONGEST_HEADER,
    LONGEST_SECTION,
    MOST_BLOCKS,
    NAME,
    Block,
    Message,
    converter,
)
from alarm_dispatch.formats.wording import Language, as_language, as_zone
from alarm_dispatch.limits import Rate
from alarm_dispatch.model import Alarm

__all__ = ["Format"]

_RULES = open_rules(answered_ok)

# Slack, "Rate limits": one message a second, with short bursts above it.
_RATE = Rate(1, 1.0)


@frozen(kw_only=True)
class Format:
    """Slack's incoming webhook: ``text`` for notifications, and blocks with the alarm's facts.

    People read it in ``language`` (``"en"`` or ``"zh"``) and its times in ``zone``: a tzinfo, ``"UTC"``,
    ``"+08:00"``, ``"Asia/Shanghai"``.  What is more than a message may hold comes in the next one; several
    alarms share a message where they fit.

    Delivery: confirmed by status 200 with the body ``ok``; the errors that Slack documents are final, as none
    goes away by itself; a 429 is tried again after its ``Retry-After``.  At most one message a second.
    Timeout and waits are ours.  Raises :class:`~alarm_dispatch.errors.InvalidFieldError`.
    """

    language: Language = field(default=Language.ENGLISH, converter=as_language)
    zone: tzinfo = field(default=UTC, converter=as_zone)

    @property
    def name(self) -> str:
        """``slack``."""
        return NAME

    @property
    def rules(self) -> DeliveryRules:
        """Status 200 with the body ``ok`` confirms; a documented error ends the delivery."""
        return _RULES

    @property
    def rate(self) -> Rate:
        """One message a second."""
        return _RATE

    @property
    def limits(self) -> tuple[str, ...]:
        """Slack's, by its documentation."""
        return (
            f"header: {LONGEST_HEADER} characters",
            f"section: {LONGEST_SECTION} characters",
            f"{MOST_BLOCKS} blocks in a message",
            "1 message a second",
        )

    def build(self, alarm: Alarm, context: BuildContext) -> Payload:
        """The message of one alarm, the first where it takes several."""
        return self._payload(self._messages(alarm, context)[0])

    def bundles(self, alarms: Sequence[Alarm], context: BuildContext) -> Sequence[Bundle]:
        """Alarms that follow each other share a message while they fit; a long one has several alone."""
        return list(self._bundles(alarms, context))

    def _bundles(self, alarms: Sequence[Alarm], context: BuildContext) -> Iterator[Bundle]:
        places: list[int] = []
        shared: list[Block] = []
        for place, alarm in enumerate(alarms):
            blocks = blocks_of(alarm, context, self.language, self.zone)
            if places and not fits([*shared, DIVIDER, *blocks]):
                yield self._bundle(alarms, places, shared)
                places, shared = [], []
            places.append(place)
            shared = [*shared, DIVIDER, *blocks] if shared else blocks
        if places:
            yield self._bundle(alarms, places, shared)

    def _bundle(self, alarms: Sequence[Alarm], places: Sequence[int], blocks: Sequence[Block]) -> Bundle:
        text = notice(alarms[places[0]], self.language)
        if len(places) > 1:
            text = f"{text} (+{len(places) - 1})"
        return Bundle(alarms=places, messages=map(self._payload, messages_of(text, blocks)))

    def _messages(self, alarm: Alarm, context: BuildContext) -> list[Message]:
        return messages_of(notice(alarm, self.language), blocks_of(alarm, context, self.language, self.zone))

    def _payload(self, message: Message) -> Payload:
        return json_payload(converter.unstructure(message))

    def parse(self, content: bytes, content_type: str) -> Message:
        """The message in a body; raises :class:`~alarm_dispatch.errors.ParseError`."""
        return structured(converter, read_json(content, content_type, NAME), Message, NAME)

    def verification(self, context: BuildContext) -> Verification:  # noqa: ARG002 - the same for every URL
        """A message without text: where Slack knows the webhook it answers ``no_text``, and posts nothing."""
        return Verification(payload=self._payload(Message(text="")), confirmation=takes_messages)

"""PagerDuty's format: its options, its delivery rules, its events."""

from __future__ import annotations

from datetime import UTC, tzinfo
from typing import ClassVar

import attrs
from attrs import field, frozen

from alarm_dispatch import values
from alarm_dispatch.confirmation import status_is
from alarm_dispatch.formats.abilities import About
from alarm_dispatch.formats.base import BuildContext, DeliveryRules, Payload, Verification
from alarm_dispatch.formats.fields import JSON_TYPE, json_payload, read_json, structured
from alarm_dispatch.formats.open_rules import open_rules, retried_on_busy_only
from alarm_dispatch.formats.pagerduty.build import (
    LONGEST_KEY,
    LONGEST_SUMMARY,
    dedup_key,
    resolved,
    triggered,
)
from alarm_dispatch.formats.pagerduty.size import LARGEST_EVENT, sized
from alarm_dispatch.formats.pagerduty.wire import NAME, Event, converter
from alarm_dispatch.formats.secret_options import needed, secret_option, secret_texts
from alarm_dispatch.formats.wording import Language, as_language, as_zone
from alarm_dispatch.model import Alarm
from alarm_dispatch.secret import Secret

__all__ = ["Format"]

# "API Response Codes & Retry Logic" in PagerDuty's schema: 202 is success; 429, 5xx and networking errors
# are to be tried again.
_CONFIRMATION = status_is(202)
_RULES = open_rules(retried_on_busy_only(_CONFIRMATION))
_LIMITS = (
    f"summary: {LONGEST_SUMMARY} characters",
    f"dedup_key: {LONGEST_KEY} characters",
    f"{LARGEST_EVENT} bytes of body",
)


def _routing_key(value: Secret | str) -> Secret:
    return secret_option(value, "Format.routing_key")


@frozen(kw_only=True)
class Format:
    """PagerDuty's Events API v2; its URL, the callback's, is ``https://events.pagerduty.com/v2/enqueue``.

    ``routing_key`` is the integration's key: a :class:`~alarm_dispatch.secret.Secret`, ``"env:NAME"``,
    ``"file:PATH"``, or a text, which is hidden like one.  ``client`` and ``client_url`` name the monitoring
    system.  People read the event in ``language`` (``"en"`` or ``"zh"``) and its times in ``zone``.

    A triggered alarm and one without data open an incident or add to it, an ended one resolves it; all under
    one ``dedup_key``, the alarm's id.

    Delivery: confirmed by 202, tried again on 429 and 5xx only; timeout and waits are ours.  Raises
    :class:`~alarm_dispatch.errors.InvalidFieldError`.
    """

    about: ClassVar[About] = About(
        needs=("routing_key",), rules=_RULES, content_type=JSON_TYPE, limits=_LIMITS
    )

    routing_key: Secret = field(converter=_routing_key)
    client: str | None = field(default=None, validator=values.text(optional=True, empty=False))
    client_url: str | None = field(default=None, validator=values.text(optional=True, empty=False))
    language: Language = field(default=Language.ENGLISH, converter=as_language)
    zone: tzinfo = field(default=UTC, converter=as_zone)

    @property
    def name(self) -> str:
        """``pagerduty``."""
        return NAME

    @property
    def rules(self) -> DeliveryRules:
        """202 confirms; other statuses than 429 and 5xx end the delivery."""
        return _RULES

    @property
    def secrets(self) -> tuple[str, ...]:
        """The routing key."""
        return secret_texts(self.routing_key)

    @property
    def limits(self) -> tuple[str, ...]:
        """PagerDuty's, by its documentation."""
        return _LIMITS

    def build(self, alarm: Alarm, context: BuildContext) -> Payload:
        """The event.

        Raises :class:`~alarm_dispatch.errors.BuildError` for an alarm that goes on without a level, or whose
        target has neither a name nor dimensions nor a namespace, or that is too large without its details.
        """
        key = needed(self.routing_key, NAME)
        if alarm.state.ended:
            return self._payload(resolved(dedup_key(alarm.id), key))
        event = triggered(alarm, context, key, self.language, self.zone)
        return sized(attrs.evolve(event, client=self.client, client_url=self.client_url))

    def _payload(self, event: Event) -> Payload:
        return json_payload(converter.unstructure(event))

    def parse(self, content: bytes, content_type: str) -> Event:
        """The event in a body; raises :class:`~alarm_dispatch.errors.ParseError`."""
        return structured(converter, read_json(content, content_type, NAME), Event, NAME)

    def verification(self, context: BuildContext) -> Verification:
        """A resolution of an incident that there is not: PagerDuty checks the key, and discards it.

        So nobody is paged and nothing is opened.
        """
        event = resolved(f"verification {context.session_id}", needed(self.routing_key, NAME))
        return Verification(payload=self._payload(event), confirmation=_CONFIRMATION)

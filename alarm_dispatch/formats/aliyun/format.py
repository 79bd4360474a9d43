"""Alibaba's format: its options, its delivery rules, its bodies."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

from attrs import evolve, field, frozen

from alarm_dispatch.confirmation import any_2xx, status_is
from alarm_dispatch.errors import InvalidFieldError
from alarm_dispatch.formats.aliyun import build, wire
from alarm_dispatch.formats.aliyun.build import NAME
from alarm_dispatch.formats.base import (
    BuildContext,
    DeliveryRules,
    Dialect,
    Payload,
    Verification,
    as_dialect,
)
from alarm_dispatch.formats.fields import form_payload, form_verification, read_form, structured
from alarm_dispatch.formats.wording.words import Language, as_language
from alarm_dispatch.model import Alarm
from alarm_dispatch.schedule import RetrySchedule

__all__ = ["NAME", "Format", "Signer"]

Signer: TypeAlias = Callable[[tuple[tuple[str, str], ...]], str]
"""Gets the parameters in their order, all but the signature, and returns the signature's text."""

_SCHEDULE = RetrySchedule(attempts=4, delays=(5, 10, 20))

_RULES = {
    Dialect.DOCUMENTED: DeliveryRules(timeout=5.0, schedule=_SCHEDULE, confirmation=status_is(200)),
    Dialect.OBSERVED: DeliveryRules(timeout=5.0, schedule=_SCHEDULE, confirmation=any_2xx()),
}


def _check_signer(value: Signer | None) -> Signer | None:
    if value is not None and not callable(value):
        raise InvalidFieldError(
            "Format.signer", f"must be callable with the parameters, not {type(value).__name__}"
        )
    return value


@frozen(kw_only=True)
class Format:
    """Alibaba CloudMonitor's alert callback, a form body for metric alarms only.

    ``signer`` makes the ``signature`` parameter of the document's sample, whose algorithm and key are
    undocumented: without one there is none (observed: the text ``null``).  ``language`` is that of the
    observed ``lastTime``, "zh" or "en".

    Delivery, from the Alibaba document: 5 s for an attempt and 3 retries; the waits of 5 s, 10 s and 20 s
    are ours, because it states none.  Confirmed by status 200, observed by any 2xx.  Raises
    :class:`~alarm_dispatch.errors.InvalidFieldError`.
    """

    dialect: Dialect = field(default=Dialect.DOCUMENTED, converter=as_dialect)
    # Not in the repr: a signer may be a partial that shows its key.
    signer: Signer | None = field(default=None, converter=_check_signer, repr=False)
    language: Language = field(default=Language.CHINESE, converter=as_language)

    @property
    def name(self) -> str:
        """``aliyun``."""
        return NAME

    @property
    def rules(self) -> DeliveryRules:
        """Four attempts of 5 s; which status confirms depends on the dialect."""
        return _RULES[self.dialect]

    def build(self, alarm: Alarm, context: BuildContext) -> Payload:
        """The form body of a metric alarm.

        Raises :class:`~alarm_dispatch.errors.BuildError` for an event and, in the documented dialect, for a
        missing value.
        """
        if self.dialect is Dialect.OBSERVED:
            notice, signature = build.observed(alarm, context.now, self.language), build.NULL
        else:
            notice, signature = build.documented(alarm), None
        if self.signer is not None:
            signature = self.signer(_parameters(notice))
        return form_payload(_parameters(evolve(notice, signature=signature)))

    def parse(self, content: bytes, content_type: str) -> wire.Notice:
        """The form of either dialect; raises :class:`~alarm_dispatch.errors.ParseError`."""
        return structured(wire.converter, read_form(content, content_type, NAME), wire.Notice, NAME)

    def verification(self, context: BuildContext) -> Verification:  # noqa: ARG002 - the same for every URL
        """A POST of an empty form."""
        return form_verification()


def _parameters(notice: wire.Notice) -> tuple[tuple[str, str], ...]:
    return tuple(wire.converter.unstructure(notice).items())

"""What a format is: a value that builds one vendor's payload and knows its delivery rules."""

from __future__ import annotations

import enum
import functools
from datetime import datetime
from typing import Protocol, runtime_checkable

from attrs import field, frozen

from alarm_dispatch import values
from alarm_dispatch.confirmation import Confirmation, status_is
from alarm_dispatch.errors import InvalidFieldError
from alarm_dispatch.http_values import check_headers
from alarm_dispatch.model import Alarm
from alarm_dispatch.redaction import redact_url
from alarm_dispatch.schedule import RetrySchedule

__all__ = ["BuildContext", "DeliveryRules", "Dialect", "Format", "Payload", "Verification", "as_dialect"]


class Dialect(enum.StrEnum):
    """Which of a vendor's truths a format follows."""

    DOCUMENTED = "documented"
    """Exactly what the vendor's document shows."""
    OBSERVED = "observed"
    """What the vendor's systems send and what real receivers accept."""


def as_dialect(value: Dialect | str) -> Dialect:
    """The dialect of that name, or :class:`~alarm_dispatch.errors.InvalidFieldError` with the known ones."""
    return values.enum_member(Dialect, value, "Format.dialect")


@functools.lru_cache(maxsize=64)
def _is_header_value(text: str) -> bool:
    return bool(text) and all(" " <= character <= "~" for character in text)


@frozen(kw_only=True)
class Payload:
    """The exact bytes of a body, their content type, and what a format sends in headers beside it.

    Headers that the callback sets itself win over ``headers``.
    """

    content: bytes
    content_type: str
    headers: tuple[tuple[str, str], ...] = ()

    def __attrs_post_init__(self) -> None:
        # Not validators, as below.
        content: object = self.content
        content_type: object = self.content_type
        if not isinstance(content, bytes):
            raise InvalidFieldError("Payload.content", f"must be bytes, not {type(content).__name__}")
        if not isinstance(content_type, str) or not _is_header_value(content_type):
            raise InvalidFieldError(
                "Payload.content_type", "must be printable ASCII text, such as application/json"
            )
        if self.headers:
            object.__setattr__(self, "headers", check_headers(self.headers, "Payload.headers"))


@frozen(kw_only=True)
class BuildContext:
    """What a delivery adds to the alarm.

    ``session_id`` names the delivery and is the same in all its attempts; ``now`` is the aware time of the
    sending; ``url`` is the callback's.
    """

    session_id: str
    now: datetime
    url: str = field(default="", repr=redact_url)

    def __attrs_post_init__(self) -> None:
        # Not validators: this is made for every delivery, and the calls would cost more than the checks.
        values.check_text(self.session_id, "BuildContext.session_id")
        if getattr(self.now, "tzinfo", None) is None:
            raise InvalidFieldError("BuildContext.now", "must be an aware datetime")


@frozen(kw_only=True)
class DeliveryRules:
    """How a delivery goes when nothing overrides it; ``timeout`` is in seconds for a whole attempt."""

    timeout: float
    schedule: RetrySchedule
    confirmation: Confirmation


@frozen(kw_only=True)
class Verification:
    """The one request that checks a callback's URL; ``timeout`` is in seconds.

    The source of the 5 s and of status 200 is the Tencent document: the URL is verified once, when it is
    saved.  The others document no verification, so theirs is the same.
    """

    payload: Payload
    method: str = "POST"
    timeout: float = 5.0
    confirmation: Confirmation = field(factory=lambda: status_is(200))


@runtime_checkable
class Format(Protocol):
    """One vendor's callback format.

    A value with these members is a format; the built-in ones are frozen attrs classes.
    """

    @property
    def name(self) -> str:
        """The name it is registered under."""
        ...

    @property
    def rules(self) -> DeliveryRules:
        """The vendor's delivery rules."""
        ...

    def build(self, alarm: Alarm, context: BuildContext) -> Payload:
        """The body for this alarm.

        Raises :class:`~alarm_dispatch.errors.BuildError` when the alarm cannot be told in this format.
        """
        ...

    def parse(self, content: bytes, content_type: str) -> object:
        """The wire object that a body of this format holds.

        Raises :class:`~alarm_dispatch.errors.ParseError` when it is not a body of this format.
        """
        ...

    def verification(self, context: BuildContext) -> Verification:
        """The request that verifies the callback's URL."""
        ...

"""What can go wrong, as one tree of exceptions.

::

    AlarmDispatchError
    ├── InvalidFieldError            (also ValueError)   a value that the model or a callback does not allow
    ├── ConfigurationError           (also ValueError)   a mapping or file that cannot be loaded
    ├── UnknownFormatError           (also ValueError)   a format name that nobody registered
    ├── BuildError                                       a format cannot build this alarm's payload
    │   ├── MissingFieldError                            the alarm lacks a value that must be sent
    │   ├── UnsuitableFieldError                         the alarm's value does not fit the wire field
    │   └── UnsupportedAlarmError                        the format has no payload for such an alarm
    ├── ParseError                   (also ValueError)   a body that is not of the format
    ├── TransportError                                   a request that got no whole reply
    │   └── EgressRefusedError                           a URL or an address that the egress policy forbids
    ├── SigningError                                     a request that cannot be signed, and is not sent
    ├── SignatureRefusedError        (also ValueError)   a received request that its sender did not sign
    ├── ForeignError                                     what others' code raised, without the secrets it told
    ├── DeliveryExpiredError                             a delivery older than its callback's ``max_age``
    ├── BacklogFullError             (also RuntimeError) as many unsettled deliveries as there may be
    ├── DispatchFailedError                              what ``report.raise_for_failure()`` raises
    ├── DispatcherClosedError        (also RuntimeError) the dispatcher is closed
    ├── OutboxError                  (also RuntimeError) the outbox cannot do this; nothing was changed
    │   ├── OutboxUnavailableError                       its file cannot be read or written now
    │   ├── OutboxCorruptError                           its file is damaged, or none of an outbox
    │   ├── OutboxVersionError                           its file was written by a newer version
    │   └── NotReplayableError                           ids that are unknown or not dead
    ├── WrongThreadError             (also RuntimeError) a blocking call from the dispatcher's own thread
    └── ForkedProcessError           (also RuntimeError) a handle that belongs to the parent process
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from alarm_dispatch.shown import shown
from alarm_dispatch.verdicts import Verdict

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from alarm_dispatch.delivery import DispatchReport
    from alarm_dispatch.signing.reasons import SignatureRefusal

__all__ = [
    "AlarmDispatchError",
    "BacklogFullError",
    "BuildError",
    "ConfigurationError",
    "DeliveryExpiredError",
    "DispatchFailedError",
    "DispatcherClosedError",
    "EgressRefusedError",
    "ForeignError",
    "ForkedProcessError",
    "InvalidFieldError",
    "MissingFieldError",
    "NotReplayableError",
    "OutboxCorruptError",
    "OutboxError",
    "OutboxUnavailableError",
    "OutboxVersionError",
    "ParseError",
    "SignatureRefusedError",
    "SigningError",
    "TransportError",
    "UnknownFormatError",
    "UnsuitableFieldError",
    "UnsupportedAlarmError",
    "WrongThreadError",
]

# Of what a configuration error tells; the longest list of allowed keys has 300 characters.
_LONGEST_PATH, _LONGEST_MESSAGE, _MOST_PROBLEMS = 300, 1_000, 50


class AlarmDispatchError(Exception):
    """The root: every exception of this package is one."""


class InvalidFieldError(AlarmDispatchError, ValueError):
    """A value that its field does not allow, found when the object was made.

    ``field`` is the field as a person writes it (``Alarm.started_at``), ``problem`` says what is wrong
    and what is allowed.  The value itself is only shown where it cannot be a secret.
    """

    def __init__(self, field: str, problem: str) -> None:
        super().__init__(f"{field}: {problem}")
        self.field = field
        self.problem = problem

    def __reduce__(self) -> tuple[type[InvalidFieldError], tuple[str, str]]:
        return type(self), (self.field, self.problem)


class ConfigurationError(AlarmDispatchError, ValueError):
    """A mapping or file that cannot be loaded; ``problems`` holds every ``(path, message)`` at once.

    All of it may be written by anybody, so control characters are escaped, and what is long is cut.
    """

    def __init__(self, source: str, problems: Iterable[tuple[str, str]]) -> None:
        self.source = shown(source, _LONGEST_PATH)
        self.problems: tuple[tuple[str, str], ...] = tuple(
            (shown(path, _LONGEST_PATH), shown(message, _LONGEST_MESSAGE)) for path, message in problems
        )
        lines = [f"  {path}: {message}" for path, message in self.problems[:_MOST_PROBLEMS]]
        if len(self.problems) > _MOST_PROBLEMS:
            lines.append(f"  and {len(self.problems) - _MOST_PROBLEMS} more")
        super().__init__("\n".join([f"{self.source} cannot be loaded:", *lines]))

    def __reduce__(self) -> tuple[type[ConfigurationError], tuple[str, tuple[tuple[str, str], ...]]]:
        return type(self), (self.source, self.problems)


class UnknownFormatError(AlarmDispatchError, ValueError):
    """A format name that no installed package registered."""

    def __init__(self, name: str, known: Sequence[str]) -> None:
        super().__init__(f"unknown format {name!r}; known are: {', '.join(known)}")
        self.name = name
        self.known = tuple(known)

    def __reduce__(self) -> tuple[type[UnknownFormatError], tuple[str, tuple[str, ...]]]:
        return type(self), (self.name, self.known)


class BuildError(AlarmDispatchError):
    """A format cannot build a payload from this alarm; nothing was sent."""


class MissingFieldError(BuildError):
    """The alarm lacks a value that the format must send.

    ``format`` is the format's name, ``wire_field`` the path in the payload, ``model_field`` the path in
    the alarm that would have to be set.
    """

    def __init__(self, format: str, wire_field: str, model_field: str) -> None:  # noqa: A002 - the field's word
        super().__init__(f"format {format} must send {wire_field!r}, but {model_field} is not set")
        self.format = format
        self.wire_field = wire_field
        self.model_field = model_field

    def __reduce__(self) -> tuple[type[MissingFieldError], tuple[str, str, str]]:
        return type(self), (self.format, self.wire_field, self.model_field)


class UnsuitableFieldError(BuildError):
    """The alarm has the value, but not of the kind that the wire field takes."""

    def __init__(self, format: str, wire_field: str, model_field: str, problem: str) -> None:  # noqa: A002 - the field's word
        super().__init__(f"format {format} cannot send {model_field} as {wire_field!r}: {problem}")
        self.format = format
        self.wire_field = wire_field
        self.model_field = model_field
        self.problem = problem

    def __reduce__(self) -> tuple[type[UnsuitableFieldError], tuple[str, str, str, str]]:
        return type(self), (self.format, self.wire_field, self.model_field, self.problem)


class UnsupportedAlarmError(BuildError):
    """The format has no payload for an alarm of this kind (an event, a state)."""

    def __init__(self, format: str, problem: str) -> None:  # noqa: A002 - the field's word
        super().__init__(f"format {format} {problem}")
        self.format = format
        self.problem = problem

    def __reduce__(self) -> tuple[type[UnsupportedAlarmError], tuple[str, str]]:
        return type(self), (self.format, self.problem)


class ParseError(AlarmDispatchError, ValueError):
    """A body that is not of the format; ``problems`` holds every ``(path, message)``."""

    def __init__(self, format: str, problems: Iterable[tuple[str, str]]) -> None:  # noqa: A002 - the field's word
        self.format = format
        self.problems: tuple[tuple[str, str], ...] = tuple(problems)
        told = "; ".join(f"{path}: {message}" for path, message in self.problems)
        super().__init__(f"not a body of format {format}: {told}")

    def __reduce__(self) -> tuple[type[ParseError], tuple[str, tuple[tuple[str, str], ...]]]:
        return type(self), (self.format, self.problems)


class TransportError(AlarmDispatchError):
    """What a transport raises when a request got no whole reply.

    ``verdict``: ``unreachable`` (nothing was sent), ``unknown`` (it may have arrived), ``refused`` (a rule).
    """

    def __init__(self, verdict: Verdict, reason: str) -> None:
        if verdict == "confirmed":
            raise ValueError("a request without a reply cannot be confirmed")
        super().__init__(reason)
        self.verdict = verdict
        self.reason = reason

    def __reduce__(self) -> tuple[type[TransportError], tuple[Verdict, str]]:
        return type(self), (self.verdict, self.reason)


class EgressRefusedError(TransportError):
    """The egress policy forbids this URL, or an address that its host leads to; nothing was sent.

    ``rule`` is a short and stable text ("link-local", "host not allowed"), ``url`` the redacted URL, ``hint``
    what can be done, if anything.  ``address`` is what was refused where the policy tells it, else None.
    """

    def __init__(self, rule: str, url: str, address: str | None = None, hint: str = "") -> None:
        where = url if address is None else f"{url} at {address}"
        told = f"refused by the egress policy ({rule}): {where}"
        super().__init__(Verdict.REFUSED, f"{told}; {hint}" if hint else told)
        self.rule = str(rule)  # a kind of address is a member of an enum, and shown as one
        self.url = url
        self.address = address
        self.hint = hint

    def __reduce__(self) -> tuple[type[EgressRefusedError], tuple[str, str, str | None, str]]:  # type: ignore[override]
        return type(self), (self.rule, self.url, self.address, self.hint)


class SigningError(AlarmDispatchError):
    """A request could not be signed and was not sent; the text holds no key."""


class SignatureRefusedError(AlarmDispatchError, ValueError):
    """What a verifier raises: the request is not what the holder of the key sent, or not now.

    ``reason`` is one of a closed set, ``told`` says it for people, without the signature or the key.
    """

    def __init__(self, reason: SignatureRefusal, told: str) -> None:
        super().__init__(f"{reason}: {told}")
        self.reason = reason
        self.told = told

    def __reduce__(self) -> tuple[type[SignatureRefusedError], tuple[SignatureRefusal, str]]:
        return type(self), (self.reason, self.told)


class ForeignError(AlarmDispatchError):
    """What somebody else's code raised (a format, a confirmation, a hook), without the secrets it told.

    It stands for one that shows, itself or by its causes, a URL, header or key.  ``kind`` names its class.
    """

    def __init__(self, kind: str, text: str) -> None:
        super().__init__(f"{kind}: {text}")
        self.kind = kind
        self.text = text

    def __reduce__(self) -> tuple[type[ForeignError], tuple[str, str]]:
        return type(self), (self.kind, self.text)


class DispatchFailedError(AlarmDispatchError):
    """At least one delivery of a report was not confirmed; ``report`` is the whole report."""

    def __init__(self, report: DispatchReport) -> None:
        failed = report.failed
        told = "; ".join(f"{delivery.callback}: {delivery.outcome}" for delivery in failed)
        super().__init__(f"{len(failed)} of {len(report.deliveries)} deliveries failed: {told}")
        self.report = report

    def __reduce__(self) -> tuple[type[DispatchFailedError], tuple[DispatchReport]]:
        return type(self), (self.report,)


class DeliveryExpiredError(AlarmDispatchError):
    """A notification was not delivered within its callback's ``max_age``, and is given up."""


class BacklogFullError(AlarmDispatchError, RuntimeError):
    """The dispatcher has as many unsettled deliveries as it may have; nothing was taken in.

    ``unsettled`` are there, ``wanted`` were to come, ``limit`` is allowed.
    """

    def __init__(self, unsettled: int, wanted: int, limit: int) -> None:
        super().__init__(
            f"{unsettled} deliveries are unsettled, {wanted} more came, and the backlog takes {limit}"
        )
        self.unsettled = unsettled
        self.wanted = wanted
        self.limit = limit

    def __reduce__(self) -> tuple[type[BacklogFullError], tuple[int, int, int]]:
        return type(self), (self.unsettled, self.wanted, self.limit)


class DispatcherClosedError(AlarmDispatchError, RuntimeError):
    """The dispatcher was closed before this could be done."""


class OutboxError(AlarmDispatchError, RuntimeError):
    """The outbox cannot do what it was asked; nothing was changed."""


class OutboxUnavailableError(OutboxError):
    """The outbox's file cannot be used now: disk full, read-only, locked too long, removed."""


class OutboxCorruptError(OutboxError):
    """The outbox's file is damaged, or it is no file of an outbox."""


class OutboxVersionError(OutboxError):
    """The outbox's file has the tables of a version that this one does not know.

    ``found`` is the file's version, ``known`` the newest that can be read.
    """

    def __init__(self, path: str, found: int, known: int) -> None:
        super().__init__(
            f"{path} has tables of version {found}, and this alarm_dispatch knows versions up to {known}"
        )
        self.path = path
        self.found = found
        self.known = known

    def __reduce__(self) -> tuple[type[OutboxVersionError], tuple[str, int, int]]:
        return type(self), (self.path, self.found, self.known)


class NotReplayableError(OutboxError):
    """Deliveries that were to be replayed are unknown or not dead; ``ids`` are theirs, none was replayed.

    ``narrowed`` says that more than ids were given, which they have to match as well.
    """

    def __init__(self, ids: Iterable[str], narrowed: bool = False) -> None:
        self.ids: tuple[str, ...] = tuple(ids)
        self.narrowed = narrowed
        which = "dead delivery that matches" if narrowed else "dead delivery"
        super().__init__(f"no {which} has the id {', '.join(map(repr, self.ids))}")

    def __reduce__(self) -> tuple[type[NotReplayableError], tuple[tuple[str, ...], bool]]:
        return type(self), (self.ids, self.narrowed)


class WrongThreadError(AlarmDispatchError, RuntimeError):
    """A blocking call was made from the dispatcher's own thread, where it would wait for itself."""


class ForkedProcessError(AlarmDispatchError, RuntimeError):
    """A handle was made before a fork: its delivery goes on in the parent process only."""

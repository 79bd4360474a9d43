"""What has to be sent: one job for each delivery, with what came of it so far."""

from __future__ import annotations

import enum
from collections.abc import Sequence
from datetime import datetime

import attrs
from attrs import define

from alarm_dispatch.callbacks import Callback
from alarm_dispatch.delivery import Delivery, DeliveryStatus
from alarm_dispatch.egress import INTERNAL, EgressPolicy
from alarm_dispatch.exchange import Attempt, Request, Transport, Verdict
from alarm_dispatch.foreign_logs import secrets_of
from alarm_dispatch.formats import DeliveryRules, Payload
from alarm_dispatch.model import Alarm
from alarm_dispatch.outbox.base import Entry
from alarm_dispatch.redaction import presentable, redact_headers, shown_error
from alarm_dispatch.request_headers import OWN_COUNT, own_headers
from alarm_dispatch.tickets import Ticket

__all__ = ["GATHERED", "Gathered", "Job", "JobState", "Kept", "Unbuilt"]

GATHERED = "\n"
"""The order of what is gathered: a message of several alarms has to wait for those before it."""


class JobState(enum.IntEnum):
    """Where an unsettled job is."""

    BEHIND = 0
    """Behind another delivery of its alarm."""
    READY = 1
    """In its lane's queue."""
    IN_FLIGHT = 2
    """Its request is out."""
    WAITING = 3
    """Waiting for the time of its next attempt."""
    ENDING = 4
    """Its end is being written into the outbox."""
    ELSEWHERE = 5
    """In the outbox, and not ours to send."""
    SETTLED = 6
    """At its end."""


@define(eq=False)
class Kept:
    """What a job that is in the outbox has beside the others.

    ``earlier`` is how many of its attempts were made before it was last replayed.  ``taken`` says that it
    came out of the outbox, ``awaited`` that a caller of ours has a handle on it.  ``held_back`` counts what
    must be written before it may be sent.
    """

    entry: Entry
    earlier: int = 0
    taken: bool = False
    awaited: bool = True
    held_back: int = 0


@define(eq=False, kw_only=True)
class Job:
    """One delivery on its way: what is sent, by which rules, and what came of it so far.

    ``content`` and ``headers`` are those of the message that is to be sent: number ``part``, from 0, of
    ``messages`` where there are several.  So many are confirmed; ``before`` is how many attempts were made
    before this one's, which its schedule does not count.

    ``ticket`` is told once, with the settled delivery.  ``order`` names those that are sent one after the
    other: the alarm, or for what is gathered the lane; the engine sets it.  ``next`` and ``tail`` are the
    lane's: the job behind this one in that order, and, on the first, the last of them.  ``submitted`` and
    ``first_started`` are times of the engine's loop.  ``kept`` is None for what is in no outbox,
    ``gathered`` for what is sent by itself.
    """

    delivery_id: str
    alarm_id: str
    callback: Callback
    rules: DeliveryRules
    content: bytes = attrs.field(repr=False)
    headers: tuple[tuple[str, str], ...] = attrs.field(repr=redact_headers)
    method: str
    level: int
    transport: Transport
    ticket: Ticket
    egress: EgressPolicy = INTERNAL
    index: int = 0
    state: JobState = JobState.BEHIND
    attempts: tuple[Attempt, ...] = ()
    submitted: float = 0.0
    first_started: float = 0.0
    waited: float = 0.0
    next: Job | None = None
    tail: Job | None = None
    kept: Kept | None = None
    order: str = attrs.field(default=attrs.Factory(lambda self: self.alarm_id, takes_self=True))
    messages: tuple[Payload, ...] = attrs.field(default=(), repr=False)
    part: int = 0
    before: int = 0
    gathered: Gathered | None = None

    @property
    def confirmed(self) -> bool:
        """Whether all of its messages were confirmed."""
        return self.part >= (len(self.messages) or 1)

    @property
    def deliveries(self) -> Sequence[Job]:
        """Those that its requests are for: itself."""
        return (self,)

    @property
    def alarm_ids(self) -> Sequence[str]:
        """The alarms that it was made of."""
        return (self.alarm_id,)

    @property
    def stored(self) -> bool:
        """Whether an outbox has it."""
        return self.kept is not None

    def noted(self, attempt: Attempt) -> Sequence[tuple[Job, Attempt]]:
        """The attempt as each of them has it."""
        return ((self, attempt),)

    def note(self, attempt: Attempt) -> None:
        """Add an attempt; when it was confirmed, the next message is to be sent, if there is one."""
        self.attempts = (*self.attempts, attempt)
        if attempt.verdict is Verdict.CONFIRMED:
            self.part += 1
            self.before, self.waited = len(self.attempts), 0.0
            self._turn_to_part()

    def resume(self, attempts: tuple[Attempt, ...], earlier: int) -> Sequence[Attempt]:
        """Go on after these attempts, ``earlier`` of which count no more; those of the present message."""
        self.attempts, self.part, self.before = attempts, 0, earlier
        for count, attempt in enumerate(attempts[earlier:], start=earlier + 1):
            if attempt.verdict is Verdict.CONFIRMED:
                self.part, self.before = self.part + 1, count
        if self.confirmed:
            # The format makes fewer messages of it than it did: what those had told is not known.
            self.part = 0
        self._turn_to_part()
        since = attempts[self.before :]
        self.waited = sum(attempt.retry_in or 0.0 for attempt in since)
        return since

    def _turn_to_part(self) -> None:
        if self.part < len(self.messages):
            message = self.messages[self.part]
            self.content, self.headers = message.content, self.callback.headers_for(message)

    @property
    def message_id(self) -> str:
        """What names the message: the delivery's id, and which one it is where there are several."""
        return f"{self.delivery_id}~{self.part + 1}" if self.messages else self.delivery_id

    def request(self, number: int, started_at: datetime) -> Request:
        """The request of attempt ``number``, not yet finished or signed; its bytes are the same each time."""
        message_id = self.message_id
        if self.part:
            number -= self.before  # what the receiver has seen of this message; a replay is counted on
        return Request(
            method=self.method,
            url=self.callback.address,
            headers=self.headers + own_headers(message_id, number, started_at),
            content=self.content,
            delivery_id=message_id,
            attempt=number,
            lane=self.callback.lane,
            egress=self.egress,
            started_at=started_at,
            changing=OWN_COUNT,
        )

    def told(self, text: str, headers: tuple[tuple[str, str], ...] = ()) -> str:
        """Foreign text about it, without the secrets of its callback, its transport and these headers."""
        also = (*self.callback.secrets, *secrets_of(self.transport))
        return presentable(text, self.callback.address, (*self.headers, *headers), also)

    def settled(self, error: BaseException | None, status: DeliveryStatus | None = None) -> Delivery:
        """The delivery, as it ended."""
        confirmed = self.confirmed
        if error is not None:
            error = shown_error(error, secrets_of(self.transport))  # the callback's are the delivery's affair
        ended = DeliveryStatus.DELIVERED if confirmed else DeliveryStatus.FAILED
        return Delivery(
            id=self.delivery_id,
            alarm_id=self.alarm_id,
            callback=self.callback,
            status=status or ended,
            attempts=self.attempts,
            error=None if confirmed else error,
        )


@define(eq=False)
class Gathered:
    """What a job that waits for others has beside the others.

    ``alarm`` is what it tells, ``window`` for how many seconds those of ``group`` are gathered.
    """

    alarm: Alarm
    group: str
    window: float


@define(eq=False)
class Unbuilt:
    """A delivery that its format could not build, so that it has failed before it was a job.

    ``entry`` is what an outbox keeps of it, as a dead letter; None where there is no outbox.
    """

    delivery: Delivery
    entry: Entry | None = None

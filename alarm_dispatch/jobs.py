"""What has to be sent: an alarm and a group become one job for each callback, before anything is sent."""

from __future__ import annotations

import enum
from collections.abc import Callable, Sequence
from datetime import datetime

import attrs
from attrs import define

from alarm_dispatch.alarm_json import dump_alarm, read_alarm
from alarm_dispatch.callbacks import AlarmGroup, Callback, Overrides, effective_rules
from alarm_dispatch.clock import Clock
from alarm_dispatch.delivery import Delivery, DeliveryStatus
from alarm_dispatch.egress import INTERNAL, EgressPolicy
from alarm_dispatch.exchange import Attempt, Request, Transport, Verdict
from alarm_dispatch.foreign_logs import secrets_of
from alarm_dispatch.formats import BuildContext, DeliveryRules, Payload
from alarm_dispatch.formats.abilities import can_bundle, messages_of
from alarm_dispatch.model import Alarm
from alarm_dispatch.outbox.base import Entry, LaneKey
from alarm_dispatch.redaction import presentable, redact_headers, shown_error
from alarm_dispatch.request_headers import OWN_COUNT, check_delivery_id, own_headers
from alarm_dispatch.schedule import RetrySchedule
from alarm_dispatch.service_urls import is_service_url
from alarm_dispatch.states import rank_of
from alarm_dispatch.tickets import Ticket

__all__ = ["GATHERED", "Gathered", "Job", "JobState", "Preparation", "Unbuilt"]

_ONCE = RetrySchedule(attempts=1)

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
    other: the alarm, or for what is gathered the lane.  ``next`` and ``tail`` are the lane's: the job
    behind this one in that order, and, on the first, the last of them.  ``submitted`` and
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
        message_id, number = self.message_id, number - self.before
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


@attrs.frozen(kw_only=True)
class Preparation:
    """Makes jobs, with a dispatcher's settings; it does no I/O and may be used from any thread.

    ``keeps`` says that they are to be put into an outbox.  ``services`` carries what is for Apprise where
    ``transport`` cannot.
    """

    defaults: Overrides
    transport: Transport
    services: Transport
    clock: Clock
    new_id: Callable[[], str]
    egress: EgressPolicy = INTERNAL
    keeps: bool = False

    def alarm(self, alarm: Alarm, group: AlarmGroup) -> tuple[Ticket, list[Job | Unbuilt]]:
        """A job for each of the group's callbacks, save where none can be built.

        Raises TypeError when the arguments are not an alarm and a group.
        """
        _check_kind(alarm, Alarm, "alarm")
        _check_kind(group, AlarmGroup, "group")

        ticket = Ticket(alarm.id, group.name, len(group.callbacks))
        level, build, now = rank_of(alarm.level), self._builder(alarm, group), self.clock.now()
        prepared = [
            self._prepare(callback, self.new_id(), now, alarm.id, level, ticket, index, build)
            for index, callback in enumerate(group.callbacks)
        ]
        if self.keeps:
            content = dump_alarm(alarm)
            for item, callback in zip(prepared, group.callbacks, strict=True):
                delivery_id = item.delivery_id if isinstance(item, Job) else item.delivery.id
                entry = Entry(
                    id=delivery_id,
                    lane=LaneKey(group.name, callback.name),
                    alarm_id=alarm.id,
                    level=level,
                    content=content,
                    created_at=now,
                )
                if isinstance(item, Job):
                    item.kept = Kept(entry)
                else:
                    item.entry = entry
        return ticket, prepared

    def stored(self, entry: Entry, group: AlarmGroup, callback: Callback) -> Job | Unbuilt:
        """The job of a delivery that was in an outbox, if it can still be built."""
        ticket = Ticket(entry.alarm_id, group.name, 1)

        def build(callback: Callback, context: BuildContext) -> _Built:
            return self._builder(read_alarm(entry.content), group)(callback, context)

        item = self._prepare(
            callback, entry.id, entry.created_at, entry.alarm_id, entry.level, ticket, 0, build
        )
        if isinstance(item, Job):
            item.kept = Kept(entry, awaited=False)
        return item

    def _builder(self, alarm: Alarm, group: AlarmGroup) -> _Build:
        def build(callback: Callback, context: BuildContext) -> _Built:
            messages = messages_of(callback.format, alarm, context)
            gathered = None
            if group.window is not None and can_bundle(callback.format):
                gathered = Gathered(alarm, group.name, group.window)
            return messages, "POST", effective_rules(callback, group, self.defaults), gathered

        return build

    def verification(self, callback: Callback) -> tuple[Ticket, Job | Unbuilt]:
        """The job that verifies a callback's URL: one attempt, by the format's own rules for it.

        Raises TypeError when the argument is not a callback.
        """
        _check_kind(callback, Callback, "callback")

        def build(callback: Callback, context: BuildContext) -> _Built:
            asked = callback.format.verification(context)
            rules = DeliveryRules(timeout=asked.timeout, schedule=_ONCE, confirmation=asked.confirmation)
            return (asked.payload,), asked.method, rules, None

        ticket = Ticket("", "", 1)
        return ticket, self._prepare(callback, self.new_id(), self.clock.now(), "", 0, ticket, 0, build)

    def _prepare(
        self,
        callback: Callback,
        delivery_id: str,
        now: datetime,
        alarm_id: str,
        level: int,
        ticket: Ticket,
        index: int,
        build: _Build,
    ) -> Job | Unbuilt:
        try:
            check_delivery_id(delivery_id)
            context = BuildContext(session_id=delivery_id, now=now, url=callback.url)
            messages, method, rules, gathered = build(callback, context)
            for payload in messages:
                _check_kind(payload, Payload, f"what format {callback.format.name} built")
            first = messages[0]
            return Job(
                delivery_id=delivery_id,
                alarm_id=alarm_id,
                callback=callback,
                rules=rules,
                content=first.content,
                headers=callback.headers_for(first),
                messages=messages if len(messages) > 1 else (),
                gathered=gathered,
                order=alarm_id if gathered is None else GATHERED,
                method=method,
                level=level,
                transport=self._carrier_of(callback),
                egress=self.egress if callback.egress is None else callback.egress,
                ticket=ticket,
                index=index,
            )
        except Exception as error:  # noqa: BLE001 - a format that raises fails its own delivery only
            return Unbuilt(
                Delivery(
                    id=delivery_id,
                    alarm_id=alarm_id,
                    callback=callback,
                    status=DeliveryStatus.FAILED,
                    error=error,
                )
            )

    def _carrier_of(self, callback: Callback) -> Transport:
        if callback.transport is not None:
            return callback.transport
        # Any other may carry it: one for tests, which is there so that nothing goes out.
        if is_service_url(callback.url) and getattr(self.transport, "only_http", False):
            return self.services
        return self.transport


_Built = tuple[tuple[Payload, ...], str, DeliveryRules, Gathered | None]
_Build = Callable[[Callback, BuildContext], _Built]


def _check_kind(value: object, kind: type, name: str) -> None:
    if not isinstance(value, kind):
        raise TypeError(f"{name} must be of type {kind.__name__}, not {type(value).__name__}")

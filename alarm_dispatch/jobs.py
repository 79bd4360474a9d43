"""What has to be sent: an alarm and a group become one job for each callback, before anything is sent."""

from __future__ import annotations

import enum
from collections.abc import Callable
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
from alarm_dispatch.model import Alarm
from alarm_dispatch.outbox.base import Entry, LaneKey
from alarm_dispatch.redaction import presentable, redact_headers, shown_error
from alarm_dispatch.request_headers import OWN_COUNT, check_delivery_id, own_headers
from alarm_dispatch.schedule import RetrySchedule
from alarm_dispatch.states import rank_of
from alarm_dispatch.tickets import Ticket

__all__ = ["Job", "JobState", "Preparation", "Unbuilt"]

_ONCE = RetrySchedule(attempts=1)


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

    ``ticket`` is told once, with the settled delivery.  ``next`` and ``tail`` are the lane's: the job
    behind this one in its alarm, and, on the first, the last of them.  ``submitted`` and
    ``first_started`` are times of the engine's loop.  ``kept`` is None for what is in no outbox.
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

    @property
    def confirmed(self) -> bool:
        """Whether the last attempt was confirmed."""
        return bool(self.attempts) and self.attempts[-1].verdict is Verdict.CONFIRMED

    def request(self, number: int, started_at: datetime) -> Request:
        """The request of attempt ``number``, not yet signed; its bytes are the same each time."""
        return Request(
            method=self.method,
            url=self.callback.address,
            headers=self.headers + own_headers(self.delivery_id, number, started_at),
            content=self.content,
            delivery_id=self.delivery_id,
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
class Unbuilt:
    """A delivery that its format could not build, so that it has failed before it was a job.

    ``entry`` is what an outbox keeps of it, as a dead letter; None where there is no outbox.
    """

    delivery: Delivery
    entry: Entry | None = None


@attrs.frozen(kw_only=True)
class Preparation:
    """Makes jobs, with a dispatcher's settings; it does no I/O and may be used from any thread.

    ``keeps`` says that they are to be put into an outbox.
    """

    defaults: Overrides
    transport: Transport
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

        def build(callback: Callback, context: BuildContext) -> tuple[Payload, str, DeliveryRules]:
            return self._builder(read_alarm(entry.content), group)(callback, context)

        item = self._prepare(
            callback, entry.id, entry.created_at, entry.alarm_id, entry.level, ticket, 0, build
        )
        if isinstance(item, Job):
            item.kept = Kept(entry, awaited=False)
        return item

    def _builder(self, alarm: Alarm, group: AlarmGroup) -> _Build:
        def build(callback: Callback, context: BuildContext) -> tuple[Payload, str, DeliveryRules]:
            payload = callback.format.build(alarm, context)
            return payload, "POST", effective_rules(callback, group, self.defaults)

        return build

    def verification(self, callback: Callback) -> tuple[Ticket, Job | Unbuilt]:
        """The job that verifies a callback's URL: one attempt, by the format's own rules for it.

        Raises TypeError when the argument is not a callback.
        """
        _check_kind(callback, Callback, "callback")

        def build(callback: Callback, context: BuildContext) -> tuple[Payload, str, DeliveryRules]:
            asked = callback.format.verification(context)
            rules = DeliveryRules(timeout=asked.timeout, schedule=_ONCE, confirmation=asked.confirmation)
            return asked.payload, asked.method, rules

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
            payload, method, rules = build(callback, context)
            _check_kind(payload, Payload, f"what format {callback.format.name} built")
            return Job(
                delivery_id=delivery_id,
                alarm_id=alarm_id,
                callback=callback,
                rules=rules,
                content=payload.content,
                headers=callback.headers_with(payload.content_type),
                method=method,
                level=level,
                transport=callback.transport or self.transport,
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


_Build = Callable[[Callback, BuildContext], tuple[Payload, str, DeliveryRules]]


def _check_kind(value: object, kind: type, name: str) -> None:
    if not isinstance(value, kind):
        raise TypeError(f"{name} must be of type {kind.__name__}, not {type(value).__name__}")

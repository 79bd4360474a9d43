"""How an alarm and a group become one job for each callback, before anything is sent."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

import attrs

from alarm_dispatch.alarm_json import dump_alarm, read_alarm
from alarm_dispatch.callbacks import Callback, Overrides
from alarm_dispatch.clock import Clock
from alarm_dispatch.delivery import Delivery, DeliveryStatus
from alarm_dispatch.egress import INTERNAL, EgressPolicy
from alarm_dispatch.exchange import Transport
from alarm_dispatch.formats import BuildContext, DeliveryRules, Payload
from alarm_dispatch.formats.abilities import can_bundle, messages_of
from alarm_dispatch.groups import AlarmGroup, effective_rules
from alarm_dispatch.jobs import Gathered, Job, Kept, Unbuilt
from alarm_dispatch.model import Alarm
from alarm_dispatch.outbox.base import Entry, LaneKey
from alarm_dispatch.request_headers import check_delivery_id
from alarm_dispatch.schedule import RetrySchedule
from alarm_dispatch.service_urls import is_service_url
from alarm_dispatch.states import rank_of
from alarm_dispatch.tickets import Ticket

__all__ = ["Preparation"]

_ONCE = RetrySchedule(attempts=1)


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

"""What has to be sent: an alarm and a group become one job for each callback, before anything is sent."""

from __future__ import annotations

from collections.abc import Callable
from importlib.metadata import version

import attrs
from attrs import define, field

from alarm_dispatch.callbacks import AlarmGroup, Callback, Overrides, effective_rules
from alarm_dispatch.clock import Clock
from alarm_dispatch.delivery import Delivery, DeliveryStatus
from alarm_dispatch.exchange import Attempt, Request, Transport
from alarm_dispatch.formats import BuildContext, DeliveryRules, Payload
from alarm_dispatch.http_values import split_user_info
from alarm_dispatch.model import Alarm
from alarm_dispatch.schedule import RetrySchedule

__all__ = ["Job", "Preparation"]

_USER_AGENT = f"alarm-dispatch/{version('alarm-dispatch')}"
_ONCE = RetrySchedule(attempts=1)


@define(eq=False, kw_only=True)
class Job:
    """One delivery on its way: what is sent, by which rules, and what came of it so far.

    ``on_settled`` is called once, with the settled delivery.
    """

    delivery_id: str
    alarm_id: str
    callback: Callback
    transport: Transport
    request: Request
    rules: DeliveryRules
    on_settled: Callable[[Delivery], None] = field(default=lambda _delivery: None)
    attempts: list[Attempt] = field(factory=list)
    first_started: float = 0.0
    waited: float = 0.0
    done: bool = False

    def settled(self, error: BaseException | None) -> Delivery:
        """The delivery, as it ended."""
        confirmed = bool(self.attempts) and self.attempts[-1].confirmed
        return Delivery(
            id=self.delivery_id,
            alarm_id=self.alarm_id,
            callback=self.callback,
            status=DeliveryStatus.DELIVERED if confirmed else DeliveryStatus.FAILED,
            attempts=tuple(self.attempts),
            error=None if confirmed else error,
        )


@attrs.frozen(kw_only=True)
class Preparation:
    """Makes jobs, with a dispatcher's settings; it does no I/O and may be used from any thread."""

    defaults: Overrides
    transport: Transport
    clock: Clock
    new_id: Callable[[], str]

    def alarm(self, alarm: Alarm, group: AlarmGroup) -> list[Job | Delivery]:
        """A job for each of the group's callbacks; a failed delivery where none can be built.

        Raises TypeError when the arguments are not an alarm and a group.
        """
        _check_kind(alarm, Alarm, "alarm")
        _check_kind(group, AlarmGroup, "group")

        def build(callback: Callback, context: BuildContext) -> tuple[Payload, str, DeliveryRules]:
            payload = callback.format.build(alarm, context)
            return payload, "POST", effective_rules(callback, group, self.defaults)

        return [self._prepare(callback, alarm.id, build) for callback in group.callbacks]

    def verification(self, callback: Callback) -> Job | Delivery:
        """The job that verifies a callback's URL: one attempt, by the format's own rules for it.

        Raises TypeError when the argument is not a callback.
        """
        _check_kind(callback, Callback, "callback")

        def build(callback: Callback, context: BuildContext) -> tuple[Payload, str, DeliveryRules]:
            asked = callback.format.verification(context)
            rules = DeliveryRules(timeout=asked.timeout, schedule=_ONCE, confirmation=asked.confirmation)
            return asked.payload, asked.method, rules

        return self._prepare(callback, "", build)

    def _prepare(self, callback: Callback, alarm_id: str, build: _Build) -> Job | Delivery:
        delivery_id = self.new_id()
        try:
            context = BuildContext(session_id=delivery_id, now=self.clock.now(), url=callback.url)
            payload, method, rules = build(callback, context)
            request = _request(callback, payload, method, delivery_id)
        except Exception as error:  # noqa: BLE001 - a format that raises fails its own delivery only
            return Delivery(
                id=delivery_id,
                alarm_id=alarm_id,
                callback=callback,
                status=DeliveryStatus.FAILED,
                error=error,
            )
        return Job(
            delivery_id=delivery_id,
            alarm_id=alarm_id,
            callback=callback,
            transport=callback.transport or self.transport,
            request=request,
            rules=rules,
        )


_Build = Callable[[Callback, BuildContext], tuple[Payload, str, DeliveryRules]]


def _check_kind(value: object, kind: type, name: str) -> None:
    if not isinstance(value, kind):
        raise TypeError(f"{name} must be of type {kind.__name__}, not {type(value).__name__}")


def _request(callback: Callback, payload: Payload, method: str, delivery_id: str) -> Request:
    _check_kind(payload, Payload, f"what format {callback.format.name} built")
    url, authorization = split_user_info(callback.url)
    headers = {
        "content-type": ("Content-Type", payload.content_type),
        "user-agent": ("User-Agent", _USER_AGENT),
    }
    if authorization is not None:
        headers["authorization"] = ("Authorization", authorization)
    for name, value in callback.headers:
        headers[name.lower()] = (name, value)
    return Request(
        method=method,
        url=url,
        headers=tuple(headers.values()),
        content=payload.content,
        delivery_id=delivery_id,
        lane=callback.lane,
    )

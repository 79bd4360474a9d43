"""What both dispatchers take, and how they hand their work to the engine."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import attrs

from alarm_dispatch.callbacks import Overrides, check_transport
from alarm_dispatch.clock import Clock, SystemClock
from alarm_dispatch.confirmation import ConfirmationLike, confirmed_by
from alarm_dispatch.dispatcher.ids import DeliveryIds
from alarm_dispatch.dispatcher.observing import Evaluation, tracker_for
from alarm_dispatch.egress import INTERNAL, EgressPolicy
from alarm_dispatch.engine import Engine, EngineSettings, Hook
from alarm_dispatch.engine.backlog import Backlog
from alarm_dispatch.engine.durable import DurableEngine
from alarm_dispatch.engine.keeping import LEASE, KeepingSettings
from alarm_dispatch.errors import InvalidFieldError, OutboxError
from alarm_dispatch.exchange import Transport
from alarm_dispatch.groups import AlarmGroup
from alarm_dispatch.jobs import Job, Unbuilt
from alarm_dispatch.limits import DEFAULT_MAX_RETRY_AFTER, Circuit, as_circuit
from alarm_dispatch.model import Alarm
from alarm_dispatch.outbox.base import Outbox
from alarm_dispatch.preparation import Preparation
from alarm_dispatch.repeats import RepeatTracker
from alarm_dispatch.schedule import RetrySchedule
from alarm_dispatch.shown import a_kind
from alarm_dispatch.tickets import Ticket
from alarm_dispatch.transports.apprise import AppriseTransport
from alarm_dispatch.transports.httpx import HttpxTransport
from alarm_dispatch.values import check_kind, check_number

__all__ = [
    "DEFAULT_BACKLOG",
    "DEFAULT_CLOSE_TIMEOUT",
    "DEFAULT_LIMIT",
    "DispatcherSettings",
    "check_every",
    "check_timeout",
    "close_timeout",
    "enter",
    "enter_kept",
]

DEFAULT_LIMIT = 512
"""Requests in flight over all callbacks."""

DEFAULT_BACKLOG = 200_000
"""Unsettled deliveries; each that waits for a retry takes about 1 KB beside its payload."""

DEFAULT_CLOSE_TIMEOUT = 10.0
"""Seconds that due deliveries get when a dispatcher is closed."""


class DispatcherSettings:
    """What both dispatchers take."""

    _own_loop = False

    def __init__(  # noqa: PLR0913 - each is a keyword of its own to the user
        self,
        *,
        transport: Transport | None = None,
        timeout: float | None = None,
        schedule: RetrySchedule | None = None,
        confirmation: ConfirmationLike | None = None,
        egress: EgressPolicy | None = None,
        limit: int = DEFAULT_LIMIT,
        backlog: int = DEFAULT_BACKLOG,
        circuit: Circuit | bool | None = None,
        max_retry_after: float = DEFAULT_MAX_RETRY_AFTER,
        hooks: Iterable[Hook] = (),
        outbox: Outbox | None = None,
        groups: Iterable[AlarmGroup] = (),
        lease: float = LEASE,
        min_hold: float = 0.0,
        clock: Clock | None = None,
        new_id: Callable[[], str] | None = None,
        rng: random.Random | None = None,
    ) -> None:
        check_transport(transport, "transport")
        for hook in (hooks := tuple(hooks)):
            if not callable(hook):
                raise InvalidFieldError("hooks", f"must be callable; {a_kind(type(hook).__name__)} is not")
        self._clock = _checked_clock(clock)
        self._backlog = Backlog(_at_least_one(backlog, "backlog"))
        self._settings = EngineSettings(
            clock=self._clock,
            rng=rng or random.Random(),  # noqa: S311 - spreads retries, guards nothing
            backlog=self._backlog,
            hooks=hooks,
            limit=_at_least_one(limit, "limit"),
            circuit=as_circuit(circuit, "circuit"),
            max_retry_after=_seconds(max_retry_after, "max_retry_after"),
            own_loop=self._own_loop,
        )
        if new_id is None:
            new_id = DeliveryIds(None if outbox is None else self._clock)
        self._preparation = Preparation(
            defaults=Overrides(
                timeout=timeout,
                schedule=schedule,
                confirmation=None if confirmation is None else confirmed_by(confirmation),
            ),
            transport=transport or HttpxTransport(),
            services=AppriseTransport(),
            clock=self._clock,
            new_id=new_id,
            egress=_checked_egress(egress),
            keeps=outbox is not None,
        )
        check_every(lease, "lease")
        self._keeping = _keeping(outbox, self._clock, self._preparation, groups, lease)
        self._min_hold = _seconds(min_hold, "min_hold")
        self._tracker = self._new_tracker()
        self._open()

    def _new_engine(self) -> Engine:
        """An engine for the running loop."""
        if self._keeping is None:
            return Engine(self._settings)
        return DurableEngine(self._settings, self._keeping)

    def _prepared(self, alarm: Alarm, group: AlarmGroup) -> tuple[Ticket, list[Job | Unbuilt]]:
        """What there is to do for an alarm."""
        found = self._preparation.alarm(alarm, group)
        self._learn(group)
        return found

    def _learn(self, group: AlarmGroup) -> None:
        if self._keeping is not None:
            self._keeping.learn(group)
        elif any(callback.fallback is not None for callback in group.callbacks):
            raise InvalidFieldError("Callback.fallback", "takes a dispatcher with an outbox")

    def _new_tracker(self) -> RepeatTracker | None:
        """What follows alarms from evaluation to evaluation; None for an outbox that keeps no repeats."""
        outbox = None if self._keeping is None else self._keeping.outbox
        return tracker_for(outbox, self._min_hold, self._clock)

    def _evaluation(self, alarm: Alarm, group: AlarmGroup) -> Evaluation:
        """An evaluation that can be decided on."""
        check_kind(alarm, (Alarm,), "observe.alarm")
        check_kind(group, (AlarmGroup,), "observe.group")
        self._learn(group)
        if self._tracker is None:
            raise InvalidFieldError("outbox", "keeps no repeats: to observe, one with `repeats` is needed")
        return Evaluation(alarm, group, self._tracker, self._prepared)

    def _start_afresh(self) -> None:
        """Forget the deliveries of a loop or a process that is gone."""
        self._backlog = Backlog(self._backlog.limit)
        self._settings = attrs.evolve(self._settings, backlog=self._backlog)

    def _open(self) -> None:
        """Set up what each kind of dispatcher keeps beside the settings."""


def _keeping(
    outbox: Outbox | None,
    clock: Clock,
    preparation: Preparation,
    groups: Iterable[AlarmGroup],
    lease: float,
) -> KeepingSettings | None:
    given: object = groups
    if isinstance(given, str | bytes) or not isinstance(given, Iterable):
        raise InvalidFieldError("groups", f"must be a list of alarm groups, not {type(given).__name__}")
    groups = tuple(groups)
    if outbox is None:
        if groups:
            raise InvalidFieldError("groups", "picks up what an outbox holds, so give an outbox too")
        return None
    # A class has its instances' methods too, so the protocol alone would take it.
    if isinstance(outbox, type):
        raise InvalidFieldError("outbox", f"is the class {outbox.__name__}; give an object of it")
    if not isinstance(outbox, Outbox):
        raise InvalidFieldError("outbox", f"must be an outbox; {a_kind(type(outbox).__name__)} is none")
    for index, group in enumerate(groups):
        if not isinstance(group, AlarmGroup):
            raise InvalidFieldError(f"groups[{index}]", f"must be an AlarmGroup, not {type(group).__name__}")
    return KeepingSettings(outbox, clock, preparation, groups, lease=lease)


def _at_least_one(value: Any, name: str) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise InvalidFieldError(name, f"must be an integer of at least 1, not {value!r}")
    return value


def _seconds(value: float, name: str) -> float:
    if check_number(value, name) < 0:
        raise InvalidFieldError(name, f"must be at least 0 seconds, not {value!r}")
    return value


def check_every(value: float, name: str) -> None:
    """Nothing for more than 0 seconds, else :class:`~alarm_dispatch.errors.InvalidFieldError`."""
    if check_number(value, name) <= 0:
        raise InvalidFieldError(name, f"must be more than 0 seconds, not {value!r}")


def check_timeout(value: float | None, name: str, *, optional: bool = False) -> None:
    """Nothing for seconds to wait, else :class:`~alarm_dispatch.errors.InvalidFieldError`."""
    if not (optional and value is None):
        _seconds(value, name)  # type: ignore[arg-type]  # None is what it refuses


def _checked_clock(clock: Clock | None) -> Clock:
    if clock is None:
        return SystemClock()
    if not (hasattr(clock, "now") and hasattr(clock, "new_event_loop")):
        told = f"must have now() and new_event_loop(); {a_kind(type(clock).__name__)} has not"
        raise InvalidFieldError("clock", told)
    return clock


def _checked_egress(egress: EgressPolicy | None) -> EgressPolicy:
    given: object = egress
    if egress is None:
        return INTERNAL
    if not isinstance(given, EgressPolicy):
        raise InvalidFieldError("egress", f"must be an EgressPolicy, not {type(given).__name__}")
    return egress


def enter(
    engine: Engine, ticket: Ticket, prepared: Iterable[Job | Unbuilt], *, at_once: bool = False
) -> None:
    """Hand jobs to the engine; what could not be built is settled at once.

    ``at_once`` is for what waits for no other: the verification of a URL.
    """
    for index, item in enumerate(prepared):
        if isinstance(item, Unbuilt):
            engine.settle_unbuilt(item.delivery)
            ticket.settle(index, item.delivery)
        elif at_once:
            engine.add_now(item)
        else:
            engine.add(item)


def enter_kept(
    engine: Engine,
    ticket: Ticket,
    prepared: Sequence[Job | Unbuilt],
    *,
    stored: Callable[[OutboxError | None], object] = lambda _: None,
    told: Callable[[OutboxError | None], object] = lambda _: None,
) -> None:
    """Put deliveries into the engine's outbox; ``stored`` is told, on any thread, when it is done or why not.

    ``told`` is told the same on the engine's loop.  What could not be built is settled then, and the outbox
    has it as a dead letter; when nothing could be written, everything is settled as failed.
    """

    def then(error: OutboxError | None) -> None:
        told(error)
        for index, item in enumerate(prepared):
            if isinstance(item, Unbuilt):
                engine.settle_unbuilt(item.delivery)
                ticket.settle(index, item.delivery)
            elif error is not None:
                refused = item.settled(error)
                engine.settle_unbuilt(refused)
                ticket.settle(index, refused)

    assert isinstance(engine, DurableEngine)  # noqa: S101 - for mypy: others have nothing to keep
    jobs = [item for item in prepared if isinstance(item, Job)]
    unbuilt = [item for item in prepared if isinstance(item, Unbuilt)]
    engine.put(jobs, unbuilt, stored, then)


def close_timeout(error_type: type[BaseException] | None, normal: float) -> float:
    """An interrupt or a cancellation wants out at once; anything else lets due deliveries end."""
    at_once = error_type is not None and not issubclass(error_type, Exception)
    return 0.0 if at_once else normal

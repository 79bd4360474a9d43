"""What both dispatchers take, and how they hand their work to the engine."""

from __future__ import annotations

import os
import random
from collections.abc import Callable, Iterable
from typing import Any

import attrs

from alarm_dispatch.callbacks import Overrides, check_transport
from alarm_dispatch.clock import Clock, SystemClock
from alarm_dispatch.confirmation import ConfirmationLike, confirmed_by
from alarm_dispatch.delivery import Delivery
from alarm_dispatch.engine import Engine, EngineSettings, Hook
from alarm_dispatch.engine.backlog import Backlog
from alarm_dispatch.errors import InvalidFieldError
from alarm_dispatch.exchange import Transport
from alarm_dispatch.jobs import Job, Preparation
from alarm_dispatch.limits import DEFAULT_MAX_RETRY_AFTER, Circuit, as_circuit
from alarm_dispatch.schedule import RetrySchedule
from alarm_dispatch.tickets import Ticket
from alarm_dispatch.transports.httpx import HttpxTransport
from alarm_dispatch.values import check_number

__all__ = [
    "DEFAULT_BACKLOG",
    "DEFAULT_CLOSE_TIMEOUT",
    "DEFAULT_LIMIT",
    "DispatcherSettings",
    "check_timeout",
    "close_timeout",
    "enter",
]

DEFAULT_LIMIT = 512
"""Requests in flight over all callbacks."""

DEFAULT_BACKLOG = 200_000
"""Unsettled deliveries; each that waits for a retry takes about 1 KB beside its payload."""

DEFAULT_CLOSE_TIMEOUT = 10.0
"""Seconds that due deliveries get when a dispatcher is closed."""


def _new_id() -> str:
    # As long as the ids in the Tencent document; os.urandom under it is safe after a fork.
    return os.urandom(12).hex()


class DispatcherSettings:
    """What both dispatchers take."""

    _own_loop = False

    def __init__(
        self,
        *,
        transport: Transport | None = None,
        timeout: float | None = None,
        schedule: RetrySchedule | None = None,
        confirmation: ConfirmationLike | None = None,
        limit: int = DEFAULT_LIMIT,
        backlog: int = DEFAULT_BACKLOG,
        circuit: Circuit | bool | None = None,
        max_retry_after: float = DEFAULT_MAX_RETRY_AFTER,
        hooks: Iterable[Hook] = (),
        clock: Clock | None = None,
        new_id: Callable[[], str] = _new_id,
        rng: random.Random | None = None,
    ) -> None:
        check_transport(transport, "transport")
        for hook in (hooks := tuple(hooks)):
            if not callable(hook):
                raise InvalidFieldError("hooks", f"must be callable; a {type(hook).__name__} is not")
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
        self._preparation = Preparation(
            defaults=Overrides(
                timeout=timeout,
                schedule=schedule,
                confirmation=None if confirmation is None else confirmed_by(confirmation),
            ),
            transport=transport or HttpxTransport(),
            clock=self._clock,
            new_id=new_id,
        )
        self._open()

    def _start_afresh(self) -> None:
        """Forget the deliveries of a loop or a process that is gone."""
        self._backlog = Backlog(self._backlog.limit)
        self._settings = attrs.evolve(self._settings, backlog=self._backlog)

    def _open(self) -> None:
        """Set up what each kind of dispatcher keeps beside the settings."""


def _at_least_one(value: Any, name: str) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise InvalidFieldError(name, f"must be an integer of at least 1, not {value!r}")
    return value


def _seconds(value: float, name: str) -> float:
    if check_number(value, name) < 0:
        raise InvalidFieldError(name, f"must be at least 0 seconds, not {value!r}")
    return value


def check_timeout(value: float | None, name: str, *, optional: bool = False) -> None:
    """Nothing for seconds to wait, else :class:`~alarm_dispatch.errors.InvalidFieldError`."""
    if not (optional and value is None):
        _seconds(value, name)  # type: ignore[arg-type]  # None is what it refuses


def _checked_clock(clock: Clock | None) -> Clock:
    if clock is None:
        return SystemClock()
    if not (hasattr(clock, "now") and hasattr(clock, "new_event_loop")):
        told = f"must have now() and new_event_loop(); a {type(clock).__name__} has not"
        raise InvalidFieldError("clock", told)
    return clock


def enter(
    engine: Engine, ticket: Ticket, prepared: Iterable[Job | Delivery], *, at_once: bool = False
) -> None:
    """Hand jobs to the engine; what could not be built is settled at once.

    ``at_once`` is for what waits for no other: the verification of a URL.
    """
    for index, item in enumerate(prepared):
        if isinstance(item, Delivery):
            engine.settle_unbuilt(item)
            ticket.settle(index, item)
        elif at_once:
            engine.add_now(item)
        else:
            engine.add(item)


def close_timeout(error_type: type[BaseException] | None, normal: float) -> float:
    """An interrupt or a cancellation wants out at once; anything else lets due deliveries end."""
    at_once = error_type is not None and not issubclass(error_type, Exception)
    return 0.0 if at_once else normal

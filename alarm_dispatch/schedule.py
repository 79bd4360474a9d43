"""How many attempts a delivery gets, and how long it waits before each."""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Iterable
from typing import Any, TypeAlias

import tenacity
from attrs import field, frozen

from alarm_dispatch.errors import InvalidFieldError, TransportError
from alarm_dispatch.exchange import Attempt
from alarm_dispatch.values import check_number

__all__ = ["RetrySchedule", "StopStrategy", "WaitStrategy"]

StopStrategy: TypeAlias = Callable[[tenacity.RetryCallState], bool]
"""Whether to stop: any of tenacity's ``stop_…``, combined with ``|`` and ``&``."""

WaitStrategy: TypeAlias = Callable[[tenacity.RetryCallState], float]
"""How many seconds to wait: any of tenacity's ``wait_…``, combined with ``+``."""

_DEFAULT_ATTEMPTS = 3
_DEFAULT_DELAYS = (5.0, 10.0)
_SHOWN_WAITS = 8


def _check_attempts(value: int | None) -> int | None:
    if value is None:
        return None
    if not isinstance(check_number(value, "RetrySchedule.attempts"), int) or value < 1:
        raise InvalidFieldError("RetrySchedule.attempts", f"must be an integer of at least 1, not {value!r}")
    return value


def _seconds(value: Any, name: str) -> float:
    seconds = float(check_number(value, name))
    if seconds < 0:
        raise InvalidFieldError(name, f"must be at least 0 seconds, not {value!r}")
    return seconds


def _check_delays(value: Iterable[float] | None) -> tuple[float, ...] | None:
    if value is None:
        return None
    given: object = value
    if isinstance(given, str | bytes) or not isinstance(given, Iterable):
        raise InvalidFieldError("RetrySchedule.delays", f"must be a list of seconds, not {value!r}")
    return tuple(_seconds(delay, f"RetrySchedule.delays[{index}]") for index, delay in enumerate(value))


def _check_jitter(value: float) -> float:
    return _seconds(value, "RetrySchedule.jitter")


def _check_strategy(_instance: object, attribute: Any, value: object) -> None:
    if value is not None and not callable(value):
        raise InvalidFieldError(
            f"RetrySchedule.{attribute.name}", f"must be a tenacity strategy, not {type(value).__name__}"
        )


@frozen(kw_only=True)
class RetrySchedule:
    """When the next attempt follows, if any.

    The short form is a number of attempts and the waits between them in seconds; the last wait serves for
    all further ones.  ``RetrySchedule(attempts=3, delays=(5, 10))`` tries at 0, 5 and 15 s after an
    attempt that takes no time: each wait begins when the attempt before it has ended.  With ``delays``
    alone there is one attempt more than waits; with neither it is the form above, as the BlueKing document
    has it.

    ``stop`` and ``wait`` take any of tenacity's strategies instead (``tenacity.stop_after_delay(60)``,
    ``tenacity.wait_exponential(multiplier=2)``).  They see the attempt number, the seconds since the
    delivery's first attempt began, the seconds waited so far and the upcoming wait; the outcome is a
    :class:`~alarm_dispatch.errors.TransportError` with the verdict.

    ``jitter`` adds a random part of up to that many seconds to each wait.
    """

    attempts: int | None = field(default=None, converter=_check_attempts)
    delays: tuple[float, ...] | None = field(default=None, converter=_check_delays)
    jitter: float = field(default=0.0, converter=_check_jitter)
    stop: StopStrategy | None = field(default=None, validator=_check_strategy)
    wait: WaitStrategy | None = field(default=None, validator=_check_strategy)

    def __attrs_post_init__(self) -> None:
        if self.attempts is not None and self.stop is not None:
            raise InvalidFieldError(
                "RetrySchedule.stop", "is given beside attempts; only one of them is allowed"
            )
        if self.delays is not None and self.wait is not None:
            raise InvalidFieldError(
                "RetrySchedule.wait", "is given beside delays; only one of them is allowed"
            )

    @property
    def stop_strategy(self) -> StopStrategy:
        """Tenacity's strategy that ends the attempts."""
        if self.stop is not None:
            return self.stop
        if self.attempts is not None:
            return tenacity.stop_after_attempt(self.attempts)
        return tenacity.stop_after_attempt(_DEFAULT_ATTEMPTS if self.delays is None else len(self.delays) + 1)

    @property
    def wait_strategy(self) -> WaitStrategy:
        """Tenacity's strategy for the wait before the next attempt, without the jitter."""
        if self.wait is not None:
            return self.wait
        delays = _DEFAULT_DELAYS if self.delays is None else self.delays
        if not delays:
            return tenacity.wait_none()
        return tenacity.wait_chain(*map(tenacity.wait_fixed, delays))

    def next_delay(
        self, last: Attempt, *, elapsed: float = 0.0, waited: float = 0.0, rng: random.Random | None = None
    ) -> float | None:
        """Seconds to wait after the attempt ``last``, or None when it was the last one.

        ``elapsed`` is the time in seconds from the start of the first attempt to the end of this one,
        ``waited`` the waits so far.  ``rng`` draws the jitter; without it there is none.

        Raises ValueError when a strategy of a user's own answers with a wait that is no time.
        """
        state = tenacity.RetryCallState(retry_object=_NO_RETRYING, fn=None, args=(), kwargs={})
        state.attempt_number = last.number
        state.idle_for = waited
        outcome = tenacity.Future(last.number)
        outcome.set_exception(TransportError(last.verdict, last.reason))
        state.outcome = outcome
        state.start_time, state.outcome_timestamp = 0.0, elapsed
        delay = float(self.wait_strategy(state))
        if not math.isfinite(delay) or delay < 0:
            raise ValueError(f"the wait strategy answered {delay!r} seconds")
        if self.jitter and rng is not None:
            delay += rng.uniform(0.0, self.jitter)
        state.upcoming_sleep = delay
        return None if self.stop_strategy(state) else delay

    def __str__(self) -> str:
        """For people: how many attempts and which waits."""
        jitter = f", up to {self.jitter:g} s more each" if self.jitter else ""
        if self.stop is not None or self.wait is not None:
            return f"{type(self.stop_strategy).__name__}, {type(self.wait_strategy).__name__}{jitter}"
        delays = (_DEFAULT_DELAYS if self.delays is None else self.delays) or (0.0,)
        gaps = self._gaps()
        waits = [f"{delays[min(index, len(delays) - 1)]:g} s" for index in range(min(gaps, _SHOWN_WAITS))]
        told = f", waits {', '.join(waits)}{', …' if gaps > len(waits) else ''}" if waits else ""
        return f"{gaps + 1} attempt{'s' if gaps else ''}{told}{jitter if gaps else ''}"

    def _gaps(self) -> int:
        if self.attempts is not None:
            return self.attempts - 1
        return len(_DEFAULT_DELAYS if self.delays is None else self.delays)


# Strategies may look at the retry object of a state; this one never runs anything.
_NO_RETRYING = tenacity.Retrying()

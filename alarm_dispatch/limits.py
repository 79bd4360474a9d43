"""How a receiver is spared: the rate it takes, and the circuit that pauses it after failures."""

from __future__ import annotations

import math
import re
from datetime import datetime
from email.utils import parsedate_to_datetime
from typing import Any

from attrs import field, frozen

from alarm_dispatch import values
from alarm_dispatch.errors import InvalidFieldError

__all__ = ["DEFAULT_MAX_RETRY_AFTER", "Circuit", "Rate", "as_circuit", "as_rate", "retry_after"]

DEFAULT_MAX_RETRY_AFTER = 60.0
"""Seconds that a receiver's Retry-After can put off an attempt at most, unless a dispatcher says more."""


def _positive(instance: object, attribute: Any, value: Any) -> None:
    name = f"{type(instance).__name__}.{attribute.name}"
    if values.check_number(value, name) <= 0:
        raise InvalidFieldError(name, f"must be more than 0 seconds, not {value!r}")


@frozen
class Rate:
    """At most ``count`` requests in any ``period`` of seconds, retries included."""

    count: int = field(validator=values.non_negative(whole=True, least=1))
    period: float = field(default=1.0, validator=_positive)

    def __str__(self) -> str:
        """As it is written in a configuration: ``20/60``."""
        return f"{self.count}/{self.period:g}"


_RATE = re.compile(r"([0-9]{1,9})/([0-9]{1,9}(?:\.[0-9]{1,9})?)")


def as_rate(value: Any, name: str) -> Rate:
    """A rate out of ``Rate(20, 60)``, the text ``"20/60"``, or a number of requests a second.

    A number is kept evenly: ``20 / 60`` is one request in any 3 s.

    Raises :class:`~alarm_dispatch.errors.InvalidFieldError` for anything else.
    """
    if isinstance(value, Rate):
        return value
    if isinstance(value, str):
        found = _RATE.fullmatch(value)
        if found and int(found[1]) and float(found[2]):
            return Rate(int(found[1]), float(found[2]))
    elif isinstance(value, int | float) and not isinstance(value, bool) and 0 < value < math.inf:
        return Rate(1, 1 / value)
    raise InvalidFieldError(
        name,
        f'is no rate: {value!r}; allowed are Rate(20, 60), "20/60" (requests/seconds), or requests a second',
    )


@frozen(kw_only=True)
class Circuit:
    """After ``failures`` failed attempts in a row a receiver is left alone for ``pause`` seconds.

    Then one delivery is tried; when it is confirmed all go on, else the pause begins anew.
    """

    failures: int = field(default=5, validator=values.non_negative(whole=True, least=1))
    pause: float = field(default=30.0, validator=_positive)


def as_circuit(value: Circuit | bool | None, name: str) -> Circuit | None:
    """A circuit; True is one with the usual figures, False and None are none."""
    if value is None or value is False:
        return None
    if value is True:
        return Circuit()
    if isinstance(value, Circuit):
        return value
    raise InvalidFieldError(name, f"must be a Circuit, True or False, not {type(value).__name__}")


def retry_after(text: str, now: datetime, cap: float) -> tuple[float | None, str]:
    """The seconds that a Retry-After header asks for, at most ``cap``, and what to note of it.

    Both forms of RFC 9110, section 10.2.3, count: seconds, and a date.  What is neither, or negative, is
    ignored: None.
    """
    shown = ascii(text if len(text) <= _SHOWN else text[:_SHOWN] + "…")
    seconds: float
    if text.isascii() and text.isdigit():
        seconds = float(text)  # however many digits: infinity is capped too
    else:
        try:
            date = parsedate_to_datetime(text)
            # RFC 9110: a date without a zone is in GMT, as all HTTP dates are.
            date = date if date.tzinfo else date.replace(tzinfo=now.tzinfo)
            seconds = (date - now).total_seconds()
        except (ValueError, OverflowError):
            return None, f"Retry-After {shown} ignored"
    if seconds < 0:
        return None, f"Retry-After {shown} ignored, it is in the past"
    if seconds > cap:
        return cap, f"Retry-After {shown} capped at {cap:g} s"
    return seconds, f"Retry-After {seconds:g} s"


_SHOWN = 40

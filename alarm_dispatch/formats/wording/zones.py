"""Which zone people read times in, and how a time is written there."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from zoneinfo import ZoneInfo

from alarm_dispatch.errors import InvalidFieldError
from alarm_dispatch.formats.fields import local_text

__all__ = ["as_zone", "time_text"]

_OFFSET = re.compile(r"([+-])(\d{2}):(\d{2})", re.ASCII)
_MINUTE = timedelta(minutes=1)


def as_zone(value: tzinfo | str) -> tzinfo:
    """A zone out of ``"UTC"``, an offset such as ``"+08:00"``, a name such as ``"Asia/Shanghai"``, or itself.

    Raises :class:`~alarm_dispatch.errors.InvalidFieldError`.
    """
    given: object = value
    if isinstance(given, tzinfo):
        return given
    if not isinstance(given, str):
        told = f'must be a tzinfo, an offset such as "+08:00" or a name, not {type(given).__name__}'
        raise InvalidFieldError("Format.zone", told)
    if given == "UTC":
        return UTC
    found = _OFFSET.fullmatch(given)
    try:
        if found:
            offset = timedelta(hours=int(found[2]), minutes=int(found[3]))
            return timezone(offset if found[1] == "+" else -offset)
        return ZoneInfo(given)
    except (ValueError, OSError, KeyError) as error:  # what is not found is a KeyError
        known = '"UTC", an offset such as "+08:00", a name such as "Asia/Shanghai"'
        told = f"is no zone that is known here: {given!r}; allowed are {known}"
        raise InvalidFieldError("Format.zone", told) from error


def time_text(time: datetime, zone: tzinfo) -> str:
    """``2026-01-31 19:50:00 UTC+08:00``, so that nobody has to guess whose clock it is; fractions cut off."""
    local = time.astimezone(zone)
    minutes = (local.utcoffset() or timedelta()) // _MINUTE
    sign, minutes = ("-", -minutes) if minutes < 0 else ("+", minutes)
    shown = f"UTC{sign}{minutes // 60:02}:{minutes % 60:02}" if minutes else "UTC"
    return f"{local_text(time, zone)} {shown}"

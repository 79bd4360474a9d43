"""What the arguments mean: alarms, formats, and alarm groups, from files, standard input and options."""

from __future__ import annotations

import json
import math
import re
import sys
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any, TypeVar

import attrs
from attrs import field, frozen

from alarm_dispatch import formats
from alarm_dispatch.callbacks import Callback
from alarm_dispatch.cli.errors import CommandError
from alarm_dispatch.cli.keys import signer_by
from alarm_dispatch.errors import ConfigurationError, InvalidFieldError
from alarm_dispatch.formats import Format
from alarm_dispatch.groups import AlarmGroup
from alarm_dispatch.loading import load_alarm, load_groups
from alarm_dispatch.loading.source import read_json_text
from alarm_dispatch.model import Alarm
from alarm_dispatch.secret import Secret, resolve_secret, revealed
from alarm_dispatch.service_urls import NAME as APPRISE
from alarm_dispatch.service_urls import is_service_url

__all__ = [
    "Destination",
    "RuleOptions",
    "alarm_from",
    "alarm_in",
    "aware_time",
    "format_from",
    "groups_from",
    "key_values",
    "time_or_age",
]

_T = TypeVar("_T")

_STANDARD_INPUT = "-"


def alarm_from(source: str) -> Alarm:
    """The alarm in a .json or .toml file, or in the JSON on standard input (``-``)."""
    if source != _STANDARD_INPUT:
        return _loaded(load_alarm, source)
    return alarm_in(sys.stdin.buffer.read(), "standard input")


def alarm_in(text: bytes, name: str) -> Alarm:
    """The alarm in JSON text; ``name`` is what errors call it."""
    try:
        content = read_json_text(text.decode())
    except (ValueError, RecursionError) as error:
        raise ConfigurationError(name, [("$", f"is not JSON: {error}")]) from error
    if not isinstance(content, Mapping):
        raise ConfigurationError(name, [("$", "must be a JSON object")])
    return load_alarm(content)


def _loaded(load: Callable[[str], _T], path: str) -> _T:
    try:
        return load(path)
    except OSError as error:
        raise CommandError(f"{path} cannot be read: {error.strerror or error}") from error


def aware_time(text: str, option: str) -> datetime:
    """The time in ISO 8601 that was given for ``option``; it must say its offset from UTC."""
    time = _aware(text)
    if time is None:
        raise CommandError(f"{option}: {text!r} is no {_TIME}")
    return time


def time_or_age(text: str | None, option: str, now: datetime) -> datetime | None:
    """The same, or the time that is so long ago; None when none was given."""
    if text is None:
        return None
    age = _AGE.fullmatch(text)
    if age is None:
        time = _aware(text)
    else:
        try:
            time = now - float(age[1]) * _UNITS[age[2]]
        except OverflowError:
            raise CommandError(f"{option}: {text} ago is before all times") from None
    if time is None:
        raise CommandError(f"{option}: {text!r} is no {_TIME}, and no age such as 30min, 12h or 7d")
    return time


_TIME = "time in ISO 8601 with an offset, such as 2026-01-31T08:00:00+08:00"
_UNITS = {
    "s": timedelta(seconds=1),
    "min": timedelta(minutes=1),
    "h": timedelta(hours=1),
    "d": timedelta(days=1),
    "w": timedelta(weeks=1),
}
_AGE = re.compile(rf"([0-9]+(?:\.[0-9]+)?)({'|'.join(_UNITS)})")


def _aware(text: str) -> datetime | None:
    try:
        time = datetime.fromisoformat(text)
    except ValueError:
        return None
    return None if time.utcoffset() is None else time


def key_values(pairs: Iterable[str]) -> dict[str, Any]:
    """``KEY=VALUE`` arguments; a value is read as JSON where it is JSON, else it is text.

    A text such as ``env:NAME`` says where a secret is kept.
    """
    found: dict[str, Any] = {}
    for pair in pairs:
        key, equals, text = pair.partition("=")
        if not equals or not key:
            raise CommandError(f"--option: {pair!r} must be KEY=VALUE, such as utc_offset=0")
        try:
            found[key] = json.loads(text)
        except (ValueError, RecursionError):
            found[key] = resolve_secret(text, f"--option {key}")
    return found


def format_from(
    name: str,
    *,
    dialect: str | None = None,
    options: Mapping[str, Any] | None = None,
    signature: str | None = None,
) -> Format:
    """The format of that name; ``signature`` is what its signer is to return."""
    given = dict(options or {})
    if dialect is not None:
        given["dialect"] = dialect
    made = formats.get(name, **given)
    if signature is None:
        return made
    try:
        return formats.get(name, **given, signer=lambda _parameters: signature)
    except InvalidFieldError as error:
        raise CommandError(f"--signature: the format {name} has no signature") from error


def _headers(given: Iterable[str]) -> list[tuple[str, Secret | str]]:
    """``NAME: VALUE`` arguments; an error does not repeat them, as any may hold a secret."""
    found = []
    for line in given:
        name, colon, value = line.partition(":")
        if not colon or not name.strip():
            told = '"NAME: VALUE" in quotation marks, such as "Authorization: env:ALARM_TOKEN"'
            raise CommandError(f"--header: must be {told}")
        found.append((name.strip(), resolve_secret(value.strip(), "--header")))
    return found


@frozen(kw_only=True)
class RuleOptions:
    """Delivery rules from the command line, which win over every other; None keeps what is there.

    ``timeout`` is in seconds, ``delays`` are seconds with commas between.
    """

    timeout: float | None = None
    attempts: int | None = None
    delays: str | None = None

    def applied(self, group: AlarmGroup) -> AlarmGroup:
        """The same group with these rules in each of its callbacks."""
        return attrs.evolve(group, callbacks=[self._for(callback, group) for callback in group.callbacks])

    def _for(self, callback: Callback, group: AlarmGroup) -> Callback:
        if self.timeout is not None:
            callback = attrs.evolve(callback, timeout=self.timeout)
        if self.attempts is None and self.delays is None:
            return callback
        schedule = callback.schedule or group.schedule or callback.format.rules.schedule
        if self.delays is not None:
            schedule = attrs.evolve(schedule, delays=_seconds(self.delays), attempts=None)
        if self.attempts is not None:
            schedule = attrs.evolve(schedule, attempts=self.attempts)
        return attrs.evolve(callback, schedule=schedule)


def _seconds(text: str) -> tuple[float, ...]:
    try:
        delays = tuple(float(part) for part in text.split(",")) if text else ()
        if all(map(math.isfinite, delays)):
            return delays
    except ValueError:
        pass
    raise CommandError(f"--delays: {text!r} must be seconds with commas between, such as 5,10")


@frozen(kw_only=True)
class Destination:
    """Where to send: one callback by its format and URL, or an alarm group of a file.

    ``kept`` says that the deliveries will be in an outbox.
    """

    format_name: str | None = None
    url: str | None = field(default=None, repr=False)
    headers: tuple[str, ...] = field(default=(), repr=False)
    dialect: str | None = None
    options: tuple[str, ...] = ()
    sign_keys: tuple[str, ...] = field(default=(), repr=False)
    groups: str | None = None
    group: str | None = None
    kept: bool = False

    def alarm_group(self) -> AlarmGroup:
        """The alarm group that is meant; one of a single callback for a URL."""
        return self.with_fallbacks()[0]

    def with_fallbacks(self) -> tuple[AlarmGroup, ...]:
        """The same first, and behind it the groups that may get the alarm when its callbacks fail."""
        for_url = [self.format_name, self.url, self.dialect]
        for_url += [given[0] for given in (self.options, self.headers, self.sign_keys) if given]
        for_file = [self.groups, self.group]
        if any(given is not None for given in for_url) and any(given is not None for given in for_file):
            raise CommandError(
                "--groups and --group do not go together with --format, --url, --header, --dialect, --option "
                "and --sign-key: a callback of a file has its own"
            )
        if self.groups is not None:
            return _groups_from(self.groups, self.group)
        url = None if self.url is None else resolve_secret(self.url, "--url")
        format_name = self.format_name
        if format_name is None and url is not None and is_service_url(revealed(url)):
            format_name = APPRISE
        if format_name is None or url is None:
            raise CommandError("say where to: --format FORMAT --url URL, or --groups FILE --group NAME")
        made = format_from(format_name, dialect=self.dialect, options=key_values(self.options))
        headers, signer = _headers(self.headers), signer_by(self.sign_keys)
        callback = Callback(url, format=made, headers=headers, signer=signer)
        # In an outbox a group's name stands for its callbacks, so each has one of its own.
        return (AlarmGroup(callback.name if self.kept else "command line", callbacks=[callback]),)


def groups_from(path: str) -> dict[str, AlarmGroup]:
    """The alarm groups of a .json or .toml file, by name."""
    return _loaded(load_groups, path)


def _groups_from(path: str, name: str | None) -> tuple[AlarmGroup, ...]:
    groups = groups_from(path)
    first = _named(groups, name, path)
    found = {first.name: first}
    following = [first]
    while following:
        for callback in following.pop().callbacks:
            if callback.fallback is not None and callback.fallback not in found:
                found[callback.fallback] = groups[callback.fallback]
                following.append(groups[callback.fallback])
    return tuple(found.values())


def _named(groups: Mapping[str, AlarmGroup], name: str | None, path: str) -> AlarmGroup:
    if name is None and len(groups) == 1:
        return next(iter(groups.values()))
    known = ", ".join(groups) or "none"
    if name is None:
        raise CommandError(f"--group: {path} has {len(groups)} groups, say which; there are: {known}")
    if name not in groups:
        raise CommandError(f"--group: {path} has no group {name!r}; there are: {known}")
    return groups[name]

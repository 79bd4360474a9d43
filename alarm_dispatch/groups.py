"""Who is told together: the alarm groups that callbacks are in, and whose settings win."""

from __future__ import annotations

from collections.abc import Iterable

from attrs import field, frozen

from alarm_dispatch import values
from alarm_dispatch.callbacks import Callback, Overrides, check_timeout
from alarm_dispatch.errors import InvalidFieldError
from alarm_dispatch.formats import DeliveryRules
from alarm_dispatch.formats.abilities import can_bundle

__all__ = ["AlarmGroup", "check_distinct", "effective_rules"]


def _callbacks(value: Iterable[Callback]) -> tuple[Callback, ...]:
    given: object = value
    if isinstance(given, Callback):
        return (given,)
    if isinstance(given, str | bytes) or not isinstance(given, Iterable):
        raise InvalidFieldError(
            "AlarmGroup.callbacks", f"must be a list of callbacks, not {type(value).__name__}"
        )
    return tuple(value)


@frozen
class AlarmGroup(Overrides):
    """A named list of callbacks; its ``timeout``, ``schedule`` and ``confirmation`` hold for all of them.

    ``window`` is for how many seconds alarms are gathered, from the first one on, before they are sent in one
    message; where a format has one alarm in a message, nothing is gathered.  It has to be shorter than the
    ``max_age`` of the callbacks for which it is.

    A group without callbacks is an error: nobody would be told, and nobody would notice.
    """

    name: str = field(validator=values.text(empty=False))
    callbacks: tuple[Callback, ...] = field(
        kw_only=True, converter=_callbacks, validator=values.instances(Callback)
    )
    window: float | None = field(kw_only=True, default=None, validator=check_timeout)

    def __attrs_post_init__(self) -> None:
        if not self.callbacks:
            raise InvalidFieldError(
                "AlarmGroup.callbacks", "is empty; an alarm group needs at least one callback"
            )
        if self.window is not None:
            self._check_window(self.window)

    def _check_window(self, window: float) -> None:
        for callback in self.callbacks:
            max_age = callback.max_age
            if max_age is not None and max_age <= window and can_bundle(callback.format):
                told = f"must be less than the max_age of callback {callback.name!r}, {max_age:g} s"
                raise InvalidFieldError("AlarmGroup.window", f"{told}: what it gathers would be too old")


def check_distinct(group: AlarmGroup, field: str) -> None:
    """Nothing when an outbox can tell the group's callbacks apart.

    Else :class:`~alarm_dispatch.errors.InvalidFieldError` on ``field``.
    """
    names: set[str] = set()
    for callback in group.callbacks:
        if callback.name in names:
            told = "has callbacks of one name, which the outbox could not tell apart; give each a name"
            raise InvalidFieldError(f"{field}.callbacks[{callback.name!r}]", told)
        names.add(callback.name)


def effective_rules(callback: Callback, group: AlarmGroup, defaults: Overrides) -> DeliveryRules:
    """One delivery's rules: the callback's, else the group's, else the dispatcher's, else the format's."""
    rules = callback.format.rules
    timeout, schedule, confirmation = rules.timeout, rules.schedule, rules.confirmation
    for overrides in (defaults, group, callback):
        timeout = timeout if overrides.timeout is None else overrides.timeout
        schedule = overrides.schedule or schedule
        confirmation = overrides.confirmation or confirmation
    if timeout == rules.timeout and schedule is rules.schedule and confirmation is rules.confirmation:
        return rules  # shared by all deliveries of a storm
    return DeliveryRules(timeout=timeout, schedule=schedule, confirmation=confirmation)

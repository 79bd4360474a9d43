"""Whom a robot's message mentions, so that their chat tells them at once."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any, TypeAlias

from attrs import field, fields, frozen

from alarm_dispatch.errors import InvalidFieldError
from alarm_dispatch.values import check_kind, check_text

__all__ = ["Mentions", "MentionsLike", "as_mentions"]

# An id stands within a tag or behind an @, which it must not end.
_USER = re.compile(r"[^\s<>\"'`&/\\()\[\]*]+")
_MOBILE = re.compile(r"\+?[0-9]+(?:-[0-9]+)*")


def _users(value: Iterable[str]) -> tuple[str, ...]:
    return _checked(value, "users", _USER, "a user id without white space, quotes or any of <>&/\\()[]*`")


def _mobiles(value: Iterable[str]) -> tuple[str, ...]:
    return _checked(value, "mobiles", _MOBILE, 'a number such as "13800001111" or "+86-13800001111"')


def _check_everybody(_instance: object, _attribute: object, value: Any) -> None:
    check_kind(value, (bool,), "Format.mentions.everybody")


@frozen(kw_only=True)
class Mentions:
    """The people to mention: by the vendor's user id, by their mobile number, or everybody of the chat.

    In a configuration a table: ``{users = ["wang"], mobiles = ["13800001111"], everybody = true}``; a list is
    of user ids.  Raises :class:`~alarm_dispatch.errors.InvalidFieldError`.
    """

    users: tuple[str, ...] = field(default=(), converter=_users)
    mobiles: tuple[str, ...] = field(default=(), converter=_mobiles)
    everybody: bool = field(default=False, validator=_check_everybody)

    def __bool__(self) -> bool:
        """Whether there is anybody to mention."""
        return bool(self.users or self.mobiles or self.everybody)


MentionsLike: TypeAlias = "Mentions | Mapping[str, Any] | Iterable[str]"


def as_mentions(value: MentionsLike) -> Mentions:
    """The mentions that a list of user ids or a table describes."""
    if isinstance(value, Mentions):
        return value
    if not isinstance(value, Mapping):
        return Mentions(users=value)
    known = [each.name for each in fields(Mentions)]
    for key in value:
        if key not in known:
            told = f"unknown key; allowed are: {', '.join(known)}"
            raise InvalidFieldError(f"Format.mentions.{key}", told)
    return Mentions(**value)


def _checked(value: Iterable[str], name: str, allowed: re.Pattern[str], told: str) -> tuple[str, ...]:
    path = f"Format.mentions.{name}"
    given: object = value
    if isinstance(given, str | bytes | Mapping) or not isinstance(given, Iterable):
        raise InvalidFieldError(path, f"must be a list of texts, not {type(given).__name__}")
    items = tuple(given)
    for index, item in enumerate(items):
        if not allowed.fullmatch(check_text(item, f"{path}[{index}]")):
            raise InvalidFieldError(f"{path}[{index}]", f"must be {told}, not {item!r}")
    return items

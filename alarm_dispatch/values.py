"""Which plain values the model takes: the validators and the frozen JSON object its classes share."""

from __future__ import annotations

import enum
import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any, TypeAlias, TypeVar

import attrs

from alarm_dispatch.errors import InvalidFieldError
from alarm_dispatch.shown import a_kind

__all__ = [
    "JsonObject",
    "JsonValue",
    "Number",
    "aware_time",
    "check_at_least",
    "check_aware_time",
    "check_kind",
    "check_number",
    "check_text",
    "enum_member",
    "freeze_object",
    "identifier",
    "instance",
    "instances",
    "non_negative",
    "number",
    "text",
    "text_tuple",
]

Number: TypeAlias = int | float
"""An integer or a finite float; both are at most 1.8e308 in size, as JSON receivers read doubles."""

JsonValue: TypeAlias = "str | int | float | bool | tuple[JsonValue, ...] | JsonObject | None"
"""What a JSON document can hold, in its immutable form."""

_E = TypeVar("_E", bound=enum.StrEnum)

# An alarm's times are shifted into the vendors' zones, so a day at each end of the calendar is kept free.
_EARLIEST = datetime(1, 1, 2, tzinfo=UTC)
_LATEST = datetime(9999, 12, 30, tzinfo=UTC)

# Hashing, comparing, pickling and JSON all recurse, so an endless nesting must not get in.
_MAX_DEPTH = 100


class JsonObject(Mapping[str, JsonValue]):
    """An immutable, hashable mapping that keeps its order; nested lists are tuples.

    Raises :class:`~alarm_dispatch.errors.InvalidFieldError` for what is no JSON value, and for objects and
    lists that are nested more than ``room`` deep.
    """

    __slots__ = ("_depth", "_items")

    def __init__(
        self,
        items: Mapping[str, Any] | None = None,
        /,
        *,
        field: str = "JsonObject",
        room: int = _MAX_DEPTH,
    ) -> None:
        self._items: dict[str, JsonValue] = {
            check_text(key, f"{field} key"): _freeze(value, f"{field}[{key!r}]", room - 1)
            for key, value in (items or {}).items()
        }
        self._depth = 1 + max(map(_depth, self._items.values()), default=0)

    def __getitem__(self, key: str) -> JsonValue:
        return self._items[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self._items)

    def __len__(self) -> int:
        return len(self._items)

    def __hash__(self) -> int:
        return hash(frozenset(self._items.items()))

    def __repr__(self) -> str:
        return repr(self._items)

    def __reduce__(self) -> tuple[type[JsonObject], tuple[dict[str, Any]]]:
        return type(self), (self.thaw(),)

    @property
    def items_as_they_are(self) -> dict[str, JsonValue]:
        """The content with its nested tuples and objects, for encoders that only read; not a copy."""
        return self._items

    def thaw(self) -> dict[str, Any]:
        """The same content as plain dicts and lists, ready for ``json.dumps``."""
        return {key: _thaw(value) for key, value in self._items.items()}


def _freeze(value: Any, field: str, room: int) -> JsonValue:
    """The immutable form of a value that may be nested ``room`` deep."""
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, str):
        return check_text(value, field)
    if isinstance(value, int | float):
        return check_number(value, field)
    if isinstance(value, Mapping | list | tuple):
        return _freeze_nested(value, field, room)
    raise InvalidFieldError(
        field,
        f"{a_kind(type(value).__name__)} is no JSON value; "
        "allowed are text, numbers, bool, None, lists, mappings",
    )


def _freeze_nested(value: Any, field: str, room: int) -> JsonValue:
    if room < (value._depth if isinstance(value, JsonObject) else 1):
        # The field's path is as deep as the value, so only its beginning helps.
        top = field.partition("[")[0]
        raise InvalidFieldError(top, f"is nested too deeply; at most {_MAX_DEPTH} levels are allowed")
    if isinstance(value, JsonObject):
        return value
    if isinstance(value, Mapping):
        return JsonObject(value, field=field, room=room)
    return tuple(_freeze(item, f"{field}[{index}]", room - 1) for index, item in enumerate(value))


def _depth(value: JsonValue) -> int:
    if isinstance(value, JsonObject):
        return value._depth
    return 1 + max(map(_depth, value), default=0) if isinstance(value, tuple) else 0


def _thaw(value: JsonValue) -> Any:
    # By exact type, since most values are texts and each alarm's are asked for in every delivery.
    kind = type(value)
    if kind is str:
        return value
    if kind is JsonObject:
        return value.thaw()  # type: ignore[union-attr]  # its type is known by identity
    if isinstance(value, tuple):
        return [_thaw(item) for item in value]
    return value


def check_text(value: Any, field: str, *, empty: bool = True) -> str:
    """``value`` when it is text that UTF-8 can carry, else :class:`InvalidFieldError`."""
    if not isinstance(value, str):
        raise InvalidFieldError(field, f"must be text, not {type(value).__name__}")
    if not empty and not value:
        raise InvalidFieldError(field, "must not be empty")
    try:
        value.encode()
    except UnicodeEncodeError as error:
        raise InvalidFieldError(
            field, f"has a lone surrogate at position {error.start}; text must be encodable as UTF-8"
        ) from None
    return value


def check_number(value: Any, field: str) -> Number:
    """``value`` when it is an int or a finite float (never a bool), else :class:`InvalidFieldError`."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise InvalidFieldError(field, f"must be an int or a float, not {type(value).__name__}")
    try:
        finite = math.isfinite(value)
    except OverflowError:
        raise InvalidFieldError(field, "is too large; at most 1.8e308 in size is allowed") from None
    if not finite:
        raise InvalidFieldError(field, f"must be finite, not {value!r}")
    return value


def check_kind(value: Any, kinds: tuple[type, ...], field: str) -> None:
    """Nothing for an object of one of these classes, else :class:`InvalidFieldError`."""
    if not isinstance(value, kinds):
        raise InvalidFieldError(field, f"must be {_told(kinds)}, not {type(value).__name__}")


def check_aware_time(value: Any, field: str) -> None:
    """Nothing for an aware datetime, else :class:`InvalidFieldError`."""
    if not isinstance(value, datetime):
        raise InvalidFieldError(field, f"must be an aware datetime, not {type(value).__name__}")
    if value.utcoffset() is None:
        raise InvalidFieldError(
            field,
            f"is a naive datetime ({value.isoformat()}); give it a zone: tzinfo=UTC in code, +08:00 in text",
        )
    if not _EARLIEST <= value <= _LATEST:
        raise InvalidFieldError(field, "must lie between 0001-01-02 and 9999-12-30 UTC")


def _name(instance: object, attribute: attrs.Attribute[Any]) -> str:
    return f"{type(instance).__name__}.{attribute.name}"


_Validator: TypeAlias = Callable[[Any, "attrs.Attribute[Any]", Any], None]


def text(*, optional: bool = False, empty: bool = True) -> _Validator:
    """A validator for text; ``optional`` allows None, ``empty=False`` forbids ""."""

    def validate(instance: object, attribute: attrs.Attribute[Any], value: Any) -> None:
        if not (optional and value is None):
            check_text(value, _name(instance, attribute), empty=empty)

    return validate


def text_tuple(instance: object, attribute: attrs.Attribute[Any], value: Any) -> None:
    """A validator for a tuple of texts."""
    for index, item in enumerate(value):
        check_text(item, f"{_name(instance, attribute)}[{index}]")


def identifier(*, optional: bool = False) -> _Validator:
    """A validator for an id: non-empty text or an integer."""

    def validate(instance: object, attribute: attrs.Attribute[Any], value: Any) -> None:
        if optional and value is None:
            return
        field = _name(instance, attribute)
        if isinstance(value, int) and not isinstance(value, bool):
            check_number(value, field)
        elif isinstance(value, str):
            check_text(value, field, empty=False)
        else:
            raise InvalidFieldError(field, f"must be text or an integer, not {type(value).__name__}")

    return validate


def number(*, optional: bool = False) -> _Validator:
    """A validator for a finite number."""

    def validate(instance: object, attribute: attrs.Attribute[Any], value: Any) -> None:
        if not (optional and value is None):
            check_number(value, _name(instance, attribute))

    return validate


def check_at_least(value: Any, field: str, least: int = 0, *, whole: bool = False) -> None:
    """Nothing for a number of at least ``least``, else :class:`InvalidFieldError`."""
    if whole and (isinstance(value, bool) or not isinstance(value, int)):
        raise InvalidFieldError(field, f"must be an integer, not {value!r}")
    if check_number(value, field) < least:
        raise InvalidFieldError(field, f"must be at least {least}, not {value!r}")


def non_negative(*, optional: bool = False, whole: bool = False, least: int = 0) -> _Validator:
    """A validator for a number that is at least ``least``; ``whole`` asks for an int."""

    def validate(instance: object, attribute: attrs.Attribute[Any], value: Any) -> None:
        if not (optional and value is None):
            check_at_least(value, _name(instance, attribute), least, whole=whole)

    return validate


def _told(kinds: tuple[type, ...]) -> str:
    return a_kind(" or ".join(kind.__name__ for kind in kinds))


def instance(*kinds: type, optional: bool = False) -> _Validator:
    """A validator for an object of one of these classes."""

    def validate(instance: object, attribute: attrs.Attribute[Any], value: Any) -> None:
        if not (optional and value is None):
            check_kind(value, kinds, _name(instance, attribute))

    return validate


def instances(kind: type) -> _Validator:
    """A validator for a tuple of objects of this class."""

    def validate(instance: object, attribute: attrs.Attribute[Any], value: Any) -> None:
        for index, item in enumerate(value):
            check_kind(item, (kind,), f"{_name(instance, attribute)}[{index}]")

    return validate


def aware_time(*, optional: bool = False) -> _Validator:
    """A validator for an aware datetime."""

    def validate(instance: object, attribute: attrs.Attribute[Any], value: Any) -> None:
        if not (optional and value is None):
            check_aware_time(value, _name(instance, attribute))

    return validate


def enum_member(kind: type[_E], value: _E | str, field: str, *, also: Iterable[str] = ()) -> _E:
    """``value`` as a member of ``kind``; the error names these values, and ``also``."""
    given: object = value
    problem = f"must be text, not {type(given).__name__}"
    if isinstance(given, str):
        try:
            return kind(given)
        except ValueError:
            problem = f"is {given!r}"
    known = ", ".join([*(member.value for member in kind), *also])
    raise InvalidFieldError(field, f"{problem}; allowed are: {known}")


def freeze_object(value: Mapping[str, Any], field: str) -> JsonObject:
    """An immutable copy of a mapping of JSON values."""
    if isinstance(value, JsonObject):
        return value
    if not isinstance(value, Mapping):
        raise InvalidFieldError(field, f"must be a mapping, not {type(value).__name__}")
    return JsonObject(value, field=field)

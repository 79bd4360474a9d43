"""Which formats there are: found by name through the entry-point group ``alarm_dispatch.formats``."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from importlib.metadata import EntryPoint, entry_points
from typing import Any

import attrs

from alarm_dispatch.errors import InvalidFieldError, UnknownFormatError
from alarm_dispatch.formats.base import Format

__all__ = ["ENTRY_POINT_GROUP", "get", "maker", "names", "resolve"]

ENTRY_POINT_GROUP = "alarm_dispatch.formats"


@functools.cache
def _registered() -> Mapping[str, EntryPoint]:
    return {point.name: point for point in entry_points(group=ENTRY_POINT_GROUP)}


def names() -> tuple[str, ...]:
    """The names of all formats that installed packages registered, sorted."""
    return tuple(sorted(_registered()))


def maker(name: str, /) -> Callable[..., Any]:
    """What is registered as ``name``: it makes a format when it is called with options.

    Raises :class:`~alarm_dispatch.errors.UnknownFormatError` with the known names, and
    :class:`~alarm_dispatch.errors.InvalidFieldError` where it cannot be loaded.
    """
    point = _registered().get(name)
    if point is None:
        raise UnknownFormatError(name, names())
    try:
        make: Callable[..., Any] = point.load()
    except Exception as error:
        raise InvalidFieldError(f"format {name}", f"cannot be loaded: {error!r}") from error
    return make


def get(name: str, /, **options: Any) -> Format:
    """The format registered as ``name``, made with its options (``dialect="observed"``).

    Raises :class:`~alarm_dispatch.errors.UnknownFormatError` with the known names, and
    :class:`~alarm_dispatch.errors.InvalidFieldError` for an option that the format does not take, and for
    one that it cannot do without.
    """
    make = maker(name)
    if isinstance(make, type) and attrs.has(make):
        known = [one.alias or one.name for one in attrs.fields(make) if one.init]
        for option in options:
            if option not in known:
                told = f"unknown option; allowed are: {', '.join(known)}"
                raise InvalidFieldError(f"Format.{option}", told)
        for one in attrs.fields(make):
            option = one.alias or one.name
            if one.init and one.default is attrs.NOTHING and option not in options:
                raise InvalidFieldError(f"Format.{option}", f"is missing; the format {name} needs it")
    try:
        made = make(**options)
    except TypeError as error:
        told = f"cannot be made with {', '.join(options) or 'no options'}: {error}"
        raise InvalidFieldError(f"format {name}", told) from error
    return _checked(made, f"format {name}")


def resolve(spec: str | Format) -> Format:
    """``spec`` itself when it is a format, else the one registered under that name."""
    return get(spec) if isinstance(spec, str) else _checked(spec, "format")


def _checked(value: object, field: str) -> Format:
    # A class has its instances' attributes too, so the protocol alone would take it.
    if isinstance(value, type):
        raise InvalidFieldError(
            field, f"is the class {value.__name__}; make a format of it: {value.__name__}()"
        )
    if not isinstance(value, Format):
        raise InvalidFieldError(field, f"must be a format or its name, not {type(value).__name__}")
    return value

"""How JSON-like values become attrs objects and back, strictly, and where they are wrong."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from types import UnionType
from typing import Any, get_args

import attrs
import cattrs
from cattrs.cols import (
    homogenous_tuple_structure_factory,
    is_mapping,
    is_mutable_sequence,
    list_structure_factory,
    mapping_structure_factory,
)
from cattrs.preconf.json import JsonConverter, make_converter

from alarm_dispatch.errors import InvalidFieldError

__all__ = ["JsonConverter", "StructureError", "problems_of", "strict_converter"]

StructureError = (cattrs.BaseValidationError, InvalidFieldError, ValueError, TypeError, KeyError)
"""What structuring raises for input that does not fit."""


def strict_converter(*, forbid_extra_keys: bool = False) -> JsonConverter:
    """A converter that never turns one type into another ("5" is no number, 1 is no bool)."""
    converter = make_converter(
        detailed_validation=True,
        forbid_extra_keys=forbid_extra_keys,
        omit_if_default=True,
        prefer_attrib_converters=False,
    )
    converter.register_structure_hook(str, _text)
    converter.register_structure_hook(bool, _bool)
    converter.register_structure_hook(int, _int)
    converter.register_structure_hook(float, _float)
    # cattrs takes any iterable for a list ("abc" would be three tags), and True where a union has int.
    converter.register_structure_hook_factory(_is_scalar_union, _scalar_union)
    converter.register_structure_hook_factory(is_mutable_sequence, _guarded(list_structure_factory, _list))
    converter.register_structure_hook_factory(
        _is_plain_tuple, _guarded(homogenous_tuple_structure_factory, _list)
    )
    converter.register_structure_hook_factory(is_mapping, _guarded(mapping_structure_factory, _mapping))
    converter.register_structure_hook_factory(attrs.has, _guarded(_class_factory, _mapping))
    return converter


def _class_factory(kind: Any, converter: cattrs.Converter) -> Any:
    return converter.gen_structure_attrs_fromdict(kind)


def _guarded(factory: Callable[..., Any], check: Callable[[Any], None]) -> Any:
    """The factory's hook, which first checks of what kind the whole input is."""

    def make(kind: Any, converter: cattrs.Converter) -> Any:
        hook = factory(kind, converter)

        def structure(value: Any, target: Any) -> Any:
            check(value)
            return hook(value, target)

        return structure

    return make


def _list(value: Any) -> None:
    if not isinstance(value, list | tuple):
        raise TypeError(f"must be a list, not {_kind(value)}")


def _mapping(value: Any) -> None:
    if not isinstance(value, Mapping):
        raise TypeError(f"must be a mapping, not {_kind(value)}")


def _is_plain_tuple(kind: Any) -> bool:
    return getattr(kind, "__origin__", None) is tuple and kind.__args__[1:] == (...,)


_SCALARS = {str: "text", int: "an integer", float: "a number", bool: "true or false", type(None): "null"}


def _is_scalar_union(kind: Any) -> bool:
    return isinstance(kind, UnionType) and _SCALARS.keys() >= set(get_args(kind))


def _scalar_union(kind: Any) -> Any:
    allowed = set(get_args(kind))
    wanted = " or ".join(told for scalar, told in _SCALARS.items() if scalar in allowed - {type(None)})
    taken = allowed | {int} if float in allowed else allowed

    def structure(value: Any, _type: Any) -> Any:
        if value.__class__ in taken:
            return value
        raise TypeError(f"must be {wanted}, not {_kind(value)}")

    return structure


def _text(value: Any, _type: Any) -> str:
    if isinstance(value, str):
        return value
    raise TypeError(f"must be text, not {_kind(value)}")


def _bool(value: Any, _type: Any) -> bool:
    if isinstance(value, bool):
        return value
    raise TypeError(f"must be true or false, not {_kind(value)}")


def _int(value: Any, _type: Any) -> int:
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    raise TypeError(f"must be an integer, not {_kind(value)}")


def _float(value: Any, _type: Any) -> float:
    if isinstance(value, int | float) and not isinstance(value, bool):
        return value
    raise TypeError(f"must be a number, not {_kind(value)}")


_KINDS = {str: "text", bool: "a bool", int: "an integer", float: "a number", type(None): "null"}


def _kind(value: object) -> str:
    if isinstance(value, dict):
        return "a mapping"
    return "a list" if isinstance(value, list | tuple) else _KINDS.get(type(value), type(value).__name__)


def problems_of(error: BaseException, path: str = "$") -> Iterator[tuple[str, str]]:
    """Every ``(path, message)`` in what structuring raised."""
    if isinstance(error, cattrs.ClassValidationError | cattrs.IterableValidationError):
        with_notes, without = error.group_exceptions()
        for inner, note in with_notes:
            here = f"{path}.{note.name}" if hasattr(note, "name") else _at_index(path, note.index)
            yield from problems_of(inner, here)
        for inner in without:
            yield from problems_of(inner, path)
    elif isinstance(error, cattrs.ForbiddenExtraKeysError):
        allowed = ", ".join(_field_names(error.cl))
        for key in sorted(error.extra_fields):
            yield f"{path}.{key}", f"unknown key; allowed are: {allowed}"
    elif isinstance(error, InvalidFieldError):
        # The class's own name gives way to the path; what follows it still names the field.
        _, _, rest = error.field.partition(".")
        yield (f"{path}.{rest}" if rest and not path.endswith(f".{rest}") else path), error.problem
    elif isinstance(error, KeyError):
        yield path, "is missing"
    else:
        yield path, _told(error)


def _at_index(path: str, index: Any) -> str:
    return f"{path}[{index}]" if isinstance(index, int) else f"{path}.{index}"


def _field_names(cl: type) -> list[str]:
    return [attribute.name for attribute in getattr(cl, "__attrs_attrs__", ())]


def _told(error: BaseException) -> str:
    message = str(error.args[0]) if error.args else type(error).__name__
    if "object has no attribute 'items'" in message:
        return "must be a mapping"
    if "is not iterable" in message:
        return "must be a list"
    return message

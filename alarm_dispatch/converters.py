"""How JSON-like values become attrs objects and back, strictly, and where they are wrong."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from types import UnionType
from typing import Any, TypeVar, get_args

import attrs
import cattrs
from cattrs.cols import (
    homogenous_tuple_structure_factory,
    is_mapping,
    is_mutable_sequence,
    list_structure_factory,
    mapping_structure_factory,
)
from cattrs.fns import identity
from cattrs.preconf.json import JsonConverter, make_converter

from alarm_dispatch.errors import InvalidFieldError

_T = TypeVar("_T")

__all__ = [
    "JsonConverter",
    "StructureError",
    "at_key",
    "collecting_converter",
    "gathered",
    "identity",
    "problems_of",
    "strict_converter",
    "table",
]

StructureError = (cattrs.BaseValidationError, InvalidFieldError, ValueError, TypeError, KeyError)
"""What structuring raises for input that does not fit."""


def strict_converter() -> JsonConverter:
    """A converter that never turns one type into another ("5" is no number, 1 is no bool)."""
    converter = make_converter(
        detailed_validation=True,
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


def collecting_converter(*, leave_out: Mapping[type, frozenset[str]]) -> JsonConverter:
    """The same for what people write: unknown keys are wrong, and every wrong field is told at once.

    Beside the types it tries each field's own converter and validator, which an object's constructor
    would only do until the first that fails.  ``leave_out`` names fields that have no written form.
    """

    def hook_for(kind: Any, converter: cattrs.Converter) -> Any:
        return _collecting_hook(kind, converter, leave_out.get(kind, frozenset()))

    converter = strict_converter()
    converter.register_structure_hook_factory(is_mapping, _guarded(mapping_structure_factory, table))
    converter.register_structure_hook_factory(attrs.has, _guarded(hook_for, table))
    return converter


def _collecting_hook(kind: Any, converter: cattrs.Converter, leave_out: frozenset[str]) -> Any:
    attrs.resolve_types(kind)
    fields = {one.alias: one for one in attrs.fields(kind) if one.init and one.name not in leave_out}
    # Validators name the class of what they check; this stands for it until all fields are known.
    stand_in = object.__new__(kind)

    def structure(value: Mapping[str, Any], _type: Any) -> Any:
        arguments: dict[str, Any] = {}
        errors: list[Exception] = []
        for name, field in fields.items():
            try:
                if name in value:
                    arguments[name] = _field_value(field, value[name], converter, stand_in)
                elif field.default is attrs.NOTHING:
                    raise KeyError(name)  # noqa: TRY301 - told with the other fields' errors
            except Exception as error:  # noqa: BLE001 - all are told together, with the field's name
                error.add_note(cattrs.AttributeValidationNote("", name, field.type))
                errors.append(error)
        unknown = set(value) - set(fields)
        if unknown:
            errors.append(_unknown_keys(unknown, fields))
        if not errors:
            try:
                return kind(**arguments)
            except Exception as error:  # noqa: BLE001 - what concerns several fields is told like the rest
                errors.append(error)
        raise cattrs.ClassValidationError(f"while structuring {kind.__name__}", errors, kind)

    return structure


def _field_value(
    field: attrs.Attribute[Any], value: Any, converter: cattrs.Converter, stand_in: object
) -> Any:
    structured = converter.structure(value, field.type)  # type: ignore[arg-type]  # attrs resolved it
    if callable(field.converter):
        structured = field.converter(structured)
    if field.validator is not None:
        field.validator(stand_in, field, structured)
    return structured


class _UnknownKeysError(Exception):
    """Keys that a mapping may not have, with the ones it may."""

    def __init__(self, keys: list[str], allowed: str) -> None:
        super().__init__(keys, allowed)
        self.keys = keys
        self.allowed = allowed


def _unknown_keys(unknown: set[Any], fields: Mapping[str, Any]) -> _UnknownKeysError:
    return _UnknownKeysError(sorted(map(str, unknown)), ", ".join(fields))


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


def table(value: Any) -> None:
    """Nothing for a mapping, else TypeError, in the word of those who write files."""
    if not isinstance(value, Mapping):
        raise TypeError(f"must be a table (mapping), not {_kind(value)}")


def _is_plain_tuple(kind: Any) -> bool:
    return getattr(kind, "__origin__", None) is tuple and kind.__args__[1:] == (...,)


_SCALARS = {str: "text", int: "an integer", float: "a number", bool: "true or false", type(None): "null"}


def _is_scalar_union(kind: Any) -> bool:
    return isinstance(kind, UnionType) and _SCALARS.keys() >= set(get_args(kind))


def _scalar_union(kind: Any) -> Any:
    allowed = set(get_args(kind))
    taken = allowed | {int} if float in allowed else allowed
    named = allowed - ({type(None), int} if float in allowed else {type(None)})
    wanted = " or ".join(told for scalar, told in _SCALARS.items() if scalar in named)

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


def gathered(parts: Iterable[tuple[int | str, Callable[[], _T]]]) -> list[_T]:
    """What each part makes, by its index or key; all that they raise is raised together."""
    made: list[_T] = []
    errors: list[Exception] = []
    for index, make in parts:
        try:
            made.append(make())
        except Exception as error:  # noqa: BLE001 - all are told together, with the part's place
            error.add_note(cattrs.IterableValidationNote("", index, None))
            errors.append(error)
    if errors:
        raise cattrs.IterableValidationError("several parts are wrong", errors, list)
    return made


def problems_of(error: BaseException, path: str = "$") -> Iterator[tuple[str, str]]:
    """Every ``(path, message)`` in what structuring raised."""
    if isinstance(error, cattrs.ClassValidationError | cattrs.IterableValidationError):
        with_notes, without = error.group_exceptions()
        for inner, note in with_notes:
            here = f"{path}.{note.name}" if hasattr(note, "name") else _at_index(path, note.index)
            yield from problems_of(inner, here)
        for inner in without:
            yield from problems_of(inner, path)
    elif isinstance(error, _UnknownKeysError):
        for key in error.keys:
            yield at_key(path, key), f"unknown key; allowed are: {error.allowed}"
    elif isinstance(error, InvalidFieldError):
        yield _joined(path, error.field), error.problem
    elif isinstance(error, KeyError):
        yield path, "is missing"
    elif isinstance(error, RecursionError):
        yield path, "is nested too deeply"
    else:
        yield path, _told(error)


def _joined(path: str, field: str) -> str:
    """The path of an object's field: the class's own name gives way to the path that is known."""
    rest = field.partition(".")[2]
    name = re.split(r"[.\[ ]", rest, maxsplit=1)[0]
    if not name:
        return path
    return path + rest[len(name) :] if path.endswith(f".{name}") else f"{path}.{rest}"


def _at_index(path: str, index: Any) -> str:
    return f"{path}[{index}]" if isinstance(index, int) else at_key(path, index)


def at_key(path: str, key: object) -> str:
    """The path of a key under ``path``, quoted where a dot would not make it one printable word."""
    return f"{path}.{key}" if re.fullmatch(r"[\w-]+", str(key)) else f"{path}[{str(key)!r}]"


def _told(error: BaseException) -> str:
    return str(error) or type(error).__name__

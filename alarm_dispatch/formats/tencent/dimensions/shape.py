"""What a typed set of dimensions is: a frozen mapping from the vendor's keys to its attributes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, ClassVar, Self

import attrs
from attrs import frozen

from alarm_dispatch.errors import InvalidFieldError
from alarm_dispatch.values import JsonObject, JsonValue, check_number, check_text

__all__ = ["KEY", "Dimensions", "scalar", "text"]

KEY = "alarm_dispatch.tencent.key"
"""The metadata name of an attribute's vendor key; ``objDetail.vip`` stands inside ``objDetail``."""


def text(instance: object, attribute: attrs.Attribute[Any], value: Any) -> None:
    """A validator for text, or None where that is the default."""
    if not (value is None and attribute.default is None):
        check_text(value, _told(instance, attribute))


def scalar(instance: object, attribute: attrs.Attribute[Any], value: Any) -> None:
    """A validator for text or an integer: the samples show both for ports and numeric ids."""
    if isinstance(value, int):
        check_number(value, _told(instance, attribute))
    else:
        check_text(value, _told(instance, attribute))


def _told(instance: object, attribute: attrs.Attribute[Any]) -> str:
    return f"{type(instance).__name__}.{attribute.name} ({attribute.metadata[KEY]})"


@frozen(kw_only=True, eq=False)
class Dimensions(Mapping[str, JsonValue]):
    """The base of the typed dimensions of one product; pass one as ``Target(dimensions=...)``.

    As a mapping it has the vendor's exact keys in the document's order, without those that are None, and
    equals any mapping of the same content.  ``product`` and ``product_zh`` are the names that the English
    and the Chinese document give the product.
    """

    product: ClassVar[str]
    product_zh: ClassVar[str]

    @classmethod
    def from_mapping(cls, mapping: Mapping[str, Any]) -> Self:
        """The typed form of a plain mapping with the vendor's keys.

        Raises :class:`~alarm_dispatch.errors.InvalidFieldError` that names the missing and the unknown
        keys, or the attribute whose value is of the wrong kind.
        """
        given = _by_path(mapping, cls.__name__)
        known = {tuple(attribute.metadata[KEY].split(".")): attribute for attribute in attrs.fields(cls)}
        missing = [
            path
            for path, attribute in known.items()
            if attribute.default is attrs.NOTHING and path not in given
        ]
        unknown = [path for path in given if path not in known]
        problems = [
            f"{told}: {', '.join('.'.join(path) for path in paths)}"
            for told, paths in (("missing keys", missing), ("unknown keys", unknown))
            if paths
        ]
        if problems:
            raise InvalidFieldError(cls.__name__, "; ".join(problems))
        return cls(**{known[path].name: value for path, value in given.items()})

    def __getitem__(self, key: str) -> JsonValue:
        return self._items()[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self._items())

    def __len__(self) -> int:
        return len(self._items())

    def __hash__(self) -> int:
        return hash(self._items())

    def _items(self) -> JsonObject:
        items: dict[str, Any] = {}
        for attribute in attrs.fields(type(self)):
            value = getattr(self, attribute.name)
            if value is not None:
                outer, _, inner = attribute.metadata[KEY].partition(".")
                if inner:
                    items.setdefault(outer, {})[inner] = value
                else:
                    items[outer] = value
        return JsonObject(items)


def _by_path(mapping: Mapping[str, Any], name: str) -> dict[tuple[str, ...], Any]:
    if not isinstance(mapping, Mapping):
        raise InvalidFieldError(name, f"must be a mapping, not {type(mapping).__name__}")
    found: dict[tuple[str, ...], Any] = {}
    for key, value in mapping.items():
        if isinstance(value, Mapping):
            found |= {(str(key), str(inner)): item for inner, item in value.items()}
        else:
            found[str(key),] = value
    return found

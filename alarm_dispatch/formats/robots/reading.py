"""How a robot's message is read back out of its body."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

from alarm_dispatch.converters import JsonConverter
from alarm_dispatch.errors import ParseError
from alarm_dispatch.formats.fields import read_json, structured

__all__ = ["message_of"]

_T = TypeVar("_T")


def message_of(
    converter: JsonConverter,
    content: bytes,
    content_type: str,
    kind: type[_T],
    name: str,
    *,
    by: str,
    parts: Mapping[str, str],
) -> _T:
    """The wire object in a body, whose field ``by`` says which of ``parts`` has to be there.

    Raises :class:`~alarm_dispatch.errors.ParseError`.
    """
    body: dict[str, Any] = read_json(content, content_type, name)
    found = structured(converter, body, kind, name)
    part = parts.get(body[by])
    if part is None:
        raise ParseError(name, [(f"$.{by}", f"is {body[by]!r}; known are: {', '.join(parts)}")])
    if body.get(part) is None:
        raise ParseError(name, [(f"$.{part}", f"is missing, in a message whose {by} is {body[by]!r}")])
    return found

"""What an event looks like in JSON, key for key, and which attributes one may have."""

from __future__ import annotations

import re
from typing import Any

import attrs
from attrs import field, frozen

from alarm_dispatch.errors import InvalidFieldError
from alarm_dispatch.formats.fields import wire_converter

__all__ = [
    "EVENT_TYPE",
    "NAME",
    "SPEC_VERSION",
    "Event",
    "check_extension_name",
    "converter",
    "has_only_allowed_characters",
]

NAME = "cloudevents"

SPEC_VERSION = "1.0"

EVENT_TYPE = "application/cloudevents+json"
"""The content type of an event that is wholly in the body (JSON event format, section 3)."""

# CloudEvents 1.0.2, "Type system": what a String may not hold: control characters, and what Unicode calls
# noncharacters.  Surrogates cannot get into an alarm.
_FORBIDDEN = re.compile(
    "[\x00-\x1f\x7f-\x9f\ufdd0-\ufdef"
    + "".join(chr(0x10000 * plane + end) for plane in range(17) for end in (0xFFFE, 0xFFFF))
    + "]"
)
# "Naming conventions": lower-case letters and digits, and no more than 20 characters (a SHOULD there).
_EXTENSION_NAME = re.compile("[a-z0-9]{1,20}")


def has_only_allowed_characters(text: str) -> bool:
    """Whether an attribute may hold it."""
    return _FORBIDDEN.search(text) is None


@frozen(kw_only=True)
class Event:
    """One event; ``data`` is a JSON value, or a text where ``datacontenttype`` is not JSON.

    ``extensions`` is no key of the wire: it holds the attributes that the specification does not name.
    """

    specversion: str
    id: str
    source: str
    type: str
    subject: str | None = None
    time: str | None = None
    datacontenttype: str | None = None
    dataschema: str | None = None
    extensions: dict[str, Any] = field(factory=dict)
    data: Any = None
    data_base64: str | None = None


OWN_KEYS = frozenset(one.name for one in attrs.fields(Event)) - {"extensions"}

converter = wire_converter()
_read = converter.get_structure_hook(Event)


@converter.register_structure_hook
def _event(value: Any, kind: type[Event]) -> Event:
    if value.get("specversion", SPEC_VERSION) != SPEC_VERSION:
        raise ValueError(f"specversion is {value['specversion']!r}, not {SPEC_VERSION!r}")
    others = {key: item for key, item in value.items() if key not in OWN_KEYS}
    value = {**{key: item for key, item in value.items() if key in OWN_KEYS}, "extensions": others}
    read: Event = _read(value, kind)
    return read


def check_extension_name(name: str, field_name: str) -> None:
    """Nothing for a name that an extension attribute can have, else InvalidFieldError."""
    if not _EXTENSION_NAME.fullmatch(name) or name in OWN_KEYS:
        told = "allowed are 1 to 20 lower-case letters and digits, and no attribute of the specification"
        raise InvalidFieldError(field_name, f"{name!r} is no name of an extension; {told}")

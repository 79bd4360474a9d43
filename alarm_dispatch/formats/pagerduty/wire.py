"""What an event of PagerDuty's Events API v2 looks like, key for key."""

from __future__ import annotations

from typing import Any

from attrs import frozen

from alarm_dispatch.formats.fields import wire_converter

__all__ = ["NAME", "Event", "EventPayload", "Link", "converter"]

# Keys, types and what is required are those of PagerDuty's own schema (github.com/PagerDuty/api-schema,
# reference/events-v2/openapiv3.json); images are left out, as an alarm has none.
NAME = "pagerduty"


@frozen(kw_only=True)
class EventPayload:
    """What is told of the alarm."""

    summary: str
    source: str
    severity: str
    timestamp: str | None = None
    component: str | None = None
    group: str | None = None
    # "class" on the wire, which no attribute can be called.
    class_: str | None = None
    custom_details: dict[str, Any] | None = None


@frozen(kw_only=True)
class Link:
    """A link that people see."""

    href: str
    text: str | None = None


@frozen(kw_only=True)
class Event:
    """The whole body."""

    routing_key: str
    event_action: str
    dedup_key: str | None = None
    payload: EventPayload | None = None
    client: str | None = None
    client_url: str | None = None
    links: list[Link] | None = None


converter = wire_converter()
_read = converter.get_structure_hook(EventPayload)
_write = converter.get_unstructure_hook(EventPayload)


@converter.register_structure_hook
def _payload(value: Any, kind: type[EventPayload]) -> EventPayload:
    if isinstance(value, dict):
        value = {("class_" if key == "class" else key): item for key, item in value.items()}
    read: EventPayload = _read(value, kind)
    return read


@converter.register_unstructure_hook
def _unstructured(payload: EventPayload) -> dict[str, Any]:
    written: dict[str, Any] = _write(payload)
    return {("class" if key == "class_" else key): item for key, item in written.items()}

# ruff: noqa: N815 - the attributes are the Alertmanager's own keys, that is the point of wire classes
"""What the Alertmanager's webhook body of version 4 looks like, key for key."""

from __future__ import annotations

from typing import Any

from attrs import frozen

from alarm_dispatch.formats.fields import wire_converter

__all__ = ["NAME", "NOT_YET", "VERSION", "Alert", "Message", "converter"]

# Keys, types and order are those of "webhook_config" in the Alertmanager's documentation of its
# configuration; which of them are always there is in its notify/webhook/webhook.go and template/template.go.
NAME = "alertmanager"

VERSION = "4"

NOT_YET = "0001-01-01T00:00:00Z"
"""``endsAt`` of what goes on: Go's zero time."""


@frozen(kw_only=True)
class Alert:
    """One alarm."""

    status: str
    labels: dict[str, str]
    annotations: dict[str, str]
    startsAt: str
    endsAt: str
    generatorURL: str
    fingerprint: str


@frozen(kw_only=True)
class Message:
    """The whole body: alarms whose group labels are the same."""

    version: str
    groupKey: str
    truncatedAlerts: int
    status: str
    receiver: str
    groupLabels: dict[str, str]
    commonLabels: dict[str, str]
    commonAnnotations: dict[str, str]
    externalURL: str
    alerts: list[Alert]


converter = wire_converter()


_read = converter.get_structure_hook(Message)


@converter.register_structure_hook
def _message(value: Any, kind: type[Message]) -> Message:
    if value.get("version", VERSION) != VERSION:
        raise ValueError(f"version is {value['version']!r}, not {VERSION!r}")
    read: Message = _read(value, kind)
    return read

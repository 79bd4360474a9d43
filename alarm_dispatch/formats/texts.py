"""How an alarm's values are told as plain text in the open formats, and which content types are JSON."""

from __future__ import annotations

from datetime import UTC, datetime

from alarm_dispatch.formats.fields import JSON_TYPE, json_text, number_text
from alarm_dispatch.values import JsonObject, JsonValue

__all__ = ["is_json", "media_type", "rfc3339", "value_text"]


def rfc3339(time: datetime) -> str:
    """The moment in UTC as RFC 3339 has it (``2026-01-31T12:00:00Z``), with a fraction where there is one."""
    return f"{time.astimezone(UTC).replace(tzinfo=None).isoformat()}Z"


def value_text(value: JsonValue) -> str:
    """A JSON value as text: texts as they are, numbers at their shortest, lists and objects as JSON."""
    if isinstance(value, str):
        return value
    if isinstance(value, int | float) and not isinstance(value, bool):
        return number_text(value)
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    return json_text(JsonObject({"value": value}).thaw()["value"])


def media_type(content_type: str) -> str:
    """The content type without its parameters, in lower case."""
    return content_type.partition(";")[0].strip().lower()


def is_json(content_type: str) -> bool:
    """Whether what has this content type is JSON (RFC 6839 for the suffix)."""
    media = media_type(content_type)
    return media == JSON_TYPE or media.endswith("+json")

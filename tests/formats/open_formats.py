"""The open formats, each with the options that it cannot do without, or that have more of it tried."""

from __future__ import annotations

from typing import Any

__all__ = ["OPEN_FORMATS"]

OPEN_FORMATS: dict[str, dict[str, Any]] = {
    "alertmanager": {},
    "cloudevents": {},
    "pagerduty": {"routing_key": "e93facc04764012d7bfb002500d5d1a6"},
    "slack": {},
    "template": {"text": '{"id": {{ alarm.id|tojson }}, "told": {{ headline()|tojson }}}'},
}

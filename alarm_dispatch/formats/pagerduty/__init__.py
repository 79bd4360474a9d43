"""PagerDuty's Events API, version 2."""

from alarm_dispatch.formats.pagerduty.format import Format
from alarm_dispatch.formats.pagerduty.wire import NAME, Event, EventPayload, Link

__all__ = ["NAME", "Event", "EventPayload", "Format", "Link"]

"""CloudEvents 1.0 over HTTP: the alarm as an event, in the body or in headers beside it."""

from alarm_dispatch.formats.cloudevents.format import Format, Mode
from alarm_dispatch.formats.cloudevents.reading import read_event
from alarm_dispatch.formats.cloudevents.wire import NAME, Event

__all__ = ["NAME", "Event", "Format", "Mode", "read_event"]

"""A message for people, for the services that Apprise knows."""

from alarm_dispatch.formats.apprise.build import TextFormat
from alarm_dispatch.formats.apprise.format import NAME, Format
from alarm_dispatch.formats.apprise.wire import Message

__all__ = ["NAME", "Format", "Message", "TextFormat"]

"""What the chat robots' formats share: how an alarm becomes messages within a vendor's limits."""

from alarm_dispatch.formats.robots.escaping import escaped_markdown
from alarm_dispatch.formats.robots.mentions import Mentions
from alarm_dispatch.formats.robots.telling import Robot

__all__ = ["Mentions", "Robot", "escaped_markdown"]

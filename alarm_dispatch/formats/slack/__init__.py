"""Slack's incoming webhooks."""

from alarm_dispatch.formats.slack.format import Format
from alarm_dispatch.formats.slack.wire import NAME, Block, BlockText, Message

__all__ = ["NAME", "Block", "BlockText", "Format", "Message"]

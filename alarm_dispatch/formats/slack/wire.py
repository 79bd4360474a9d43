"""What a message to a Slack webhook looks like, key for key, and how much of everything it may hold."""

from __future__ import annotations

from attrs import frozen

from alarm_dispatch.formats.fields import wire_converter

__all__ = [
    "LONGEST_HEADER",
    "LONGEST_MESSAGE",
    "LONGEST_SECTION",
    "MOST_BLOCKS",
    "NAME",
    "Block",
    "BlockText",
    "Message",
    "converter",
]

NAME = "slack"

# Slack's reference of Block Kit: the text of a header and of a section, and the blocks of a message.
LONGEST_HEADER = 150
LONGEST_SECTION = 3000
MOST_BLOCKS = 50

# Ours: Slack refuses blocks of about 13,200 characters in all (msg_blocks_too_long), a limit that it does not
# document (github.com/slackapi/bolt-js/issues/2509).
LONGEST_MESSAGE = 12_000


@frozen(kw_only=True)
class BlockText:
    """A text object: ``plain_text`` or ``mrkdwn``."""

    type: str
    text: str
    emoji: bool | None = None
    verbatim: bool | None = None


@frozen(kw_only=True)
class Block:
    """A block of the types that are sent: ``header``, ``section``, ``divider`` (which has no text)."""

    type: str
    text: BlockText | None = None


@frozen(kw_only=True)
class Message:
    """The whole body; ``text`` is what notifications show, and programs that show no blocks."""

    text: str
    blocks: list[Block] | None = None


converter = wire_converter()

"""Which blocks tell an alarm, and which of them share a message."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import tzinfo

from alarm_dispatch.formats.base import BuildContext
from alarm_dispatch.formats.slack.mrkdwn import escaped, packed, split
from alarm_dispatch.formats.slack.wire import (
    LONGEST_HEADER,
    LONGEST_MESSAGE,
    LONGEST_SECTION,
    MOST_BLOCKS,
    Block,
    BlockText,
    Message,
)
from alarm_dispatch.formats.wording import Language, facts, headline
from alarm_dispatch.model import Alarm

__all__ = ["DIVIDER", "blocks_of", "fits", "messages_of", "notice"]

DIVIDER = Block(type="divider")

_MARK = "…"


def blocks_of(alarm: Alarm, context: BuildContext, language: Language, zone: tzinfo) -> list[Block]:
    """The headline and the facts; a headline that no header can hold stands in sections."""
    told = escaped(headline(alarm, language))
    if len(told) <= LONGEST_HEADER:
        head = [Block(type="header", text=BlockText(type="plain_text", text=told, emoji=False))]
    else:
        head = [_section(part) for part in split(told, LONGEST_SECTION)]
    lines = (
        f"*{escaped(fact.label)}:* {escaped(fact.value)}"
        for fact in facts(alarm, context.now, language, zone)
    )
    return [*head, *(_section(text) for text in packed(lines, LONGEST_SECTION))]


def _section(text: str) -> Block:
    # Verbatim: without it Slack makes links and mentions of what looks like one.
    return Block(type="section", text=BlockText(type="mrkdwn", text=text, verbatim=True))


def notice(alarm: Alarm, language: Language) -> str:
    """What a notification shows: the headline, or its beginning, as all of it is in the blocks."""
    told = escaped(headline(alarm, language))
    if len(told) <= LONGEST_SECTION:
        return told
    return next(split(told, LONGEST_SECTION - 1)) + _MARK


def fits(blocks: Sequence[Block]) -> bool:
    """Whether a message can hold them."""
    return len(blocks) <= MOST_BLOCKS and sum(map(_length, blocks)) <= LONGEST_MESSAGE


def _length(block: Block) -> int:
    return 0 if block.text is None else len(block.text.text)


def messages_of(text: str, blocks: Sequence[Block]) -> list[Message]:
    """The messages that these blocks take, in their order; where there are several, each says which it is."""
    parts = list(_parts(blocks))
    if len(parts) == 1:
        return [Message(text=text, blocks=parts[0])]
    return [
        Message(text=f"{text} ({number}/{len(parts)})", blocks=part)
        for number, part in enumerate(parts, start=1)
    ]


def _parts(blocks: Sequence[Block]) -> Iterator[list[Block]]:
    part: list[Block] = []
    for block in blocks:
        if part and not fits([*part, block]):
            yield part
            part = []
        part.append(block)
    yield part

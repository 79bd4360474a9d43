"""From the markup of chats to HTML, as far as their vendors document it and a message of ours may have it.

https://developer.work.weixin.qq.com/document/path/91770 (WeCom), "自定义机器人接入" on open.dingtalk.com
(DingTalk), "Markdown" among a card's components on open.feishu.cn (Feishu), and "Formatting text for app
surfaces" on docs.slack.dev (Slack).
"""

from __future__ import annotations

import html
import re
from collections.abc import Callable, Iterator

__all__ = ["markdown", "mrkdwn"]

# The first that is found wins; what is none of them is text.
_MARKDOWN = re.compile(
    r"\*\*(?P<bold>.+?)\*\*"
    r"|`(?P<code>[^`]+)`"
    r"|\[(?P<link>[^\]]+)\]\((?P<target>https?://[^\s)]+)\)"
    r"|<@(?P<user>[^<>\s]+)>"  # WeCom
    r"|<at id=(?P<at>[^<>\s]+)></at>"  # Feishu
    r'|<font color="(?P<colour>info|comment|warning)">(?P<coloured>.*?)</font>'  # WeCom
)
_MRKDWN = re.compile(
    r"\*(?P<bold>[^*\n]+)\*|`(?P<code>[^`\n]+)`|<(?P<target>https?://[^|>\s]+)(?:\|(?P<link>[^>]+))?>"
)
_HEADING = re.compile(r"(#{1,6}) (.*)")


def markdown(text: str, *, breaks: bool) -> str:
    """The text as HTML; ``breaks`` says whether one line break breaks a line, or only an empty line does."""
    lines = text.split("\n") if breaks else [part.replace("\n", " ") for part in text.split("\n\n")]
    return "\n".join(_line(line) for line in lines)


def _line(line: str) -> str:
    if heading := _HEADING.fullmatch(line):
        return f'<div class="heading h{len(heading[1])}">{_inline(heading[2])}</div>'
    if line.startswith("> "):
        return f"<blockquote>{_inline(line[2:])}</blockquote>"
    return f"<div>{_inline(line) or '&nbsp;'}</div>"


def _inline(text: str) -> str:
    return "".join(_pieces(text, _MARKDOWN, html.escape, _inline))


def mrkdwn(text: str) -> str:
    """Slack's markup as HTML; its control characters are escaped already, as HTML has them."""
    return "".join(
        f"<div>{''.join(_pieces(line, _MRKDWN, _as_it_is, _as_it_is))}</div>" for line in text.split("\n")
    )


def _as_it_is(text: str) -> str:
    return text


def _pieces(
    text: str, markup: re.Pattern[str], plain: Callable[[str], str], inner: Callable[[str], str]
) -> Iterator[str]:
    place = 0
    for found in markup.finditer(text):
        yield plain(text[place : found.start()])
        yield _piece(found.groupdict(), plain, inner)
        place = found.end()
    yield plain(text[place:])


def _piece(found: dict[str, str | None], plain: Callable[[str], str], inner: Callable[[str], str]) -> str:
    if (bold := found["bold"]) is not None:
        return f"<b>{inner(bold)}</b>"
    if (code := found["code"]) is not None:
        return f"<code>{plain(code)}</code>"
    if (target := found["target"]) is not None:
        return f'<a href="{plain(target)}">{plain(found["link"] or target)}</a>'
    if (person := found.get("user") or found.get("at")) is not None:
        return f'<span class="mention">@{plain(person)}</span>'
    return f'<span class="{found["colour"]}">{inner(found["coloured"] or "")}</span>'

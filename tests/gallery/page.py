"""Writes the page of the documentation: each picture, and below it the payloads that it was made of."""

from __future__ import annotations

import html
from collections.abc import Iterator

from ..paths import ROOT
from .alarms import FILE
from .pictures import PICTURES, Picture
from .shown import Shown, text_of

__all__ = ["PAGE", "STATIC", "page"]

PAGE = ROOT / "docs" / "reference" / "formats" / "gallery.md"
STATIC = ROOT / "docs" / "_static" / "gallery"

_HEAD = """\
% Written by python -m tests.gallery; a change here is lost.

# What each message looks like

One alarm in every format, firing and resolved.

The payloads are those that the formats build, and a test compares this page with them. Here JSON is spread
over lines, and a form has a line for each parameter; in what is sent that is not so.

The pictures are drawn from the same payloads, in the manner of each chat: `python -m tests.gallery` writes
HTML, and Chromium takes the pictures of it. What is said, and what is bold, a link or a mention, is the
message's own, and so is the colour of a Feishu card; all other looks are the script's. A vendor's program may
show them otherwise.
"""


def page() -> str:
    """The whole page."""
    parts = [_HEAD, _folded("The alarm", "json", FILE.read_text(encoding="utf-8").rstrip("\n"))]
    for picture in PICTURES:
        parts += _section(picture)
    return "\n".join(parts)


def _section(picture: Picture) -> Iterator[str]:
    yield f"## {picture.title}\n"
    yield f"{picture.text}\n"
    yield f"![{picture.described}](../../_static/gallery/{picture.name}.png)\n"
    messages = list(picture.messages())
    for name in dict.fromkeys(each.name for each in messages):
        for each in messages:
            if each.name == name:
                yield from _payloads(each)


def _payloads(each: Shown) -> Iterator[str]:
    for number, message in enumerate(each.messages, start=1):
        which = f" ({number}/{len(each.messages)})" if len(each.messages) > 1 else ""
        language = "json" if "json" in message.content_type else "text"
        code = html.escape(each.code, quote=False)
        summary = f"<code>{code}</code>, {each.case}{which}: <code>{message.content_type}</code>"
        yield _folded(summary, language, text_of(message))


def _folded(summary: str, language: str, text: str) -> str:
    """A block that is opened by a click.

    Its fence is of tildes: what stands between backquotes in JSON is configuration to the test of the pages.
    """
    return f"<details>\n<summary>{summary}</summary>\n\n~~~{language}\n{text}\n~~~\n\n</details>\n"

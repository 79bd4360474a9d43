"""The page shows what the formats build now, and the pictures are there."""

from __future__ import annotations

import html
import json
import re

import pytest

from alarm_dispatch.formats import Payload, names

from .drawing import DRAWN, drawing
from .markup import markdown, mrkdwn
from .page import PAGE, STATIC, page
from .pictures import PICTURES
from .shown import Shown, every_format, in_parts, shown, text_of

_MOST_BYTES = 1_000_000


def test_the_page_shows_what_the_formats_build():
    """Word for word; ``python -m tests.gallery`` writes it anew."""
    assert PAGE.read_text(encoding="utf-8") == page()


def test_every_format_is_shown_in_both_states():
    """Also one that has no drawing of its own."""
    found = {(each.name, each.case) for picture in PICTURES for each in picture.messages()}

    assert set(every_format()) <= set(names())
    assert found >= {(name, case) for name in every_format() for case in ("firing", "resolved")}
    assert set(every_format()) > DRAWN.keys()


def test_the_long_alarm_takes_several_messages():
    """Else there is nothing to see."""
    (parts,) = in_parts()

    assert [json.loads(message.content)["markdown"]["content"][:5] for message in parts.messages] == [
        "(1/2)",
        "(2/2)",
    ]


def test_the_pictures_are_there_and_small():
    """Each that the page shows and no other, and all together in less than a megabyte."""
    files = {file.name: file.stat().st_size for file in STATIC.iterdir()}

    assert files.keys() == {f"{picture.name}.png" for picture in PICTURES}
    assert sum(files.values()) < _MOST_BYTES
    assert all((STATIC / name).read_bytes().startswith(b"\x89PNG") for name in files)


@pytest.mark.parametrize("picture", PICTURES, ids=lambda picture: picture.name)
def test_a_drawn_page_loads_nothing(picture):
    """Its style is in it, and it has no script and no picture."""
    drawn = picture.html()

    assert "<style>" in drawn
    assert not re.search(r"<(?:script|img|link|iframe|object)\b|\bsrc=|url\(|@import", drawn)


@pytest.mark.parametrize("name", every_format())
def test_a_drawing_tells_of_the_alarm(name):
    """Its id or its headline, in each state."""
    for each in shown(name):
        drawn = html.unescape(drawing(each))

        assert name in drawn
        assert "Memory usage" in drawn or "memory-db-1-20260131" in drawn


def test_a_format_that_nobody_has_drawn_is_shown_as_its_text():
    """So is a body that is no JSON, and nothing in it is markup."""
    message = Payload(content=b"<b>db-1</b> & more", content_type="text/plain")

    drawn = drawing(Shown(name="new", case="firing", code="new.Format()", messages=[message]))

    assert "<pre>&lt;b&gt;db-1&lt;/b&gt; &amp; more</pre>" in drawn


@pytest.mark.parametrize("name", every_format())
def test_the_shown_text_is_the_payload(name):
    """With line breaks, and nothing else that is different."""
    for each in shown(name):
        for message in each.messages:
            text = text_of(message)
            if "json" in message.content_type:
                assert json.dumps(json.loads(text)) == json.dumps(json.loads(message.content))
            else:
                assert text.replace("\n", "") == message.content.decode()


@pytest.mark.parametrize(
    ("text", "drawn"),
    [
        ("**Level:** <b>", "<div><b>Level:</b> &lt;b&gt;</div>"),
        ("**［`a`］**", "<div><b>［<code>a</code>］</b></div>"),
        ("## Down", '<div class="heading h2">Down</div>'),
        ("> quoted", "<blockquote>quoted</blockquote>"),
        ("[Link](https://a.example/?b&c)", '<div><a href="https://a.example/?b&amp;c">Link</a></div>'),
        ("[Link](javascript:x)", "<div>[Link](javascript:x)</div>"),
        ("<@li.lei>", '<div><span class="mention">@li.lei</span></div>'),
        ("<at id=all></at>", '<div><span class="mention">@all</span></div>'),
        ('<font color="warning">97</font>', '<div><span class="warning">97</span></div>'),
        ("one\ntwo", "<div>one</div>\n<div>two</div>"),
        ("one\n\ntwo", "<div>one</div>\n<div>&nbsp;</div>\n<div>two</div>"),
    ],
)
def test_markdown(text, drawn):
    """What a robot's vendor documents is markup, everything else is text."""
    assert markdown(text, breaks=True) == drawn


def test_markdown_in_which_only_an_empty_line_breaks():
    """As DingTalk has it."""
    assert markdown("one\ntwo\n\nthree", breaks=False) == "<div>one two</div>\n<div>three</div>"


@pytest.mark.parametrize(
    ("text", "drawn"),
    [
        ("*Value:* &gt;= 95 &amp; more", "<div><b>Value:</b> &gt;= 95 &amp; more</div>"),
        ("<https://a.example|Link>", '<div><a href="https://a.example">Link</a></div>'),
        ("`a`\nb", "<div><code>a</code></div><div>b</div>"),
        ("https://a.example", "<div>https://a.example</div>"),
    ],
)
def test_mrkdwn(text, drawn):
    """Slack's own; a bare URL is no link in a section that is verbatim."""
    assert mrkdwn(text) == drawn

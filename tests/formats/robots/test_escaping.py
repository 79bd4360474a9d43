"""Values are data: nothing in them is markup."""

from __future__ import annotations

import re
import time

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from alarm_dispatch.formats.robots.escaping import (
    as_it_is,
    escaped_markdown,
    is_link,
    link_target,
    without_at_tags,
    without_user_tags,
)


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("plain 内存 text, 97.3%", "plain 内存 text, 97.3%"),
        ("<@all>", "＜@all>"),
        ("<at id=all></at>", "＜at id=all>＜/at>"),
        ("< at id=all>", "＜ at id=all>"),
        ('<font color="warning">', '＜font color="warning">'),
        ("<!-- x -->", "＜!-- x -->"),
        ("usage >= 95, 5 < 6, a <= b", "usage >= 95, 5 < 6, a <= b"),
        ("[here](https://evil.example)", "［here］(https://evil.example)"),
        ("![x](y)", "!［x］(y)"),
        ("**bold** ~~gone~~ `code`", "＊＊bold＊＊ ～～gone～～ ｀code｀"),
        ("disk_used_percent", "disk_used_percent"),
        ("内存_使用", "内存_使用"),
        ("_emphasis_ __init__", "＿emphasis＿ ＿＿init＿＿"),
        (r"C:\temp", r"C:\temp"),
        (r"\*x\_", "＼＊x＼＿"),
        ("ends\\", "ends＼"),
        ("&lt;@all&gt; a && b &", "＆lt;@all＆gt; a && b &"),
        ("&#60;", "＆#60;"),
        ("# heading", "＃ heading"),
        ("  ## heading", "  ＃# heading"),
        ("> quote", "＞ quote"),
        ("- item", "－ item"),
        ("+ item", "＋ item"),
        ("---", "－--"),
        ("===", "＝=="),
        ("| a | b |", "｜ a | b |"),
        ("1. item", "1． item"),
        ("12) item", "12） item"),
        ("1.5 percent", "1.5 percent"),
        ("a # b - c", "a # b - c"),
        ("first\n# second\n- third", "first\n＃ second\n－ third"),
        ("https://example.com/a_b", "https://example.com/a_b"),
        ("🚨 אזעקה", "🚨 אזעקה"),
    ],
)
def test_values_are_no_markup(value: str, shown: str) -> None:
    """What would be markup gets a full-width look-alike; what means nothing there stays."""
    assert escaped_markdown(value) == shown


def test_less_is_markup_where_no_line_begins() -> None:
    """``>= 95`` behind a label is no quotation; a value's further lines begin one."""
    assert escaped_markdown(">= 95", False) == ">= 95"
    assert escaped_markdown("# a\n# b *", False) == "# a\n＃ b ＊"


@example("&告;")  # no entity: their names are ASCII
@given(st.text(st.sampled_from("<>@[](){}*_~`\\&#-+=|1. \nab告/!?;")))
def test_no_value_holds_a_mention_a_link_or_emphasis(value: str) -> None:
    """Whatever is put together of their characters; the text keeps its length and its lines."""
    shown = escaped_markdown(value)

    assert not re.search(r"<\s*[A-Za-z/@!?]|[\[\]*`~]|&#?[A-Za-z0-9]+;|\\[!-/:-@\[-`{-~]", shown)
    assert not re.search(r"(?m)^[ \t]*(?:[#>+=|-]|\d+[.)](?:\s|$))", shown)
    assert len(shown) == len(value)
    assert shown.count("\n") == value.count("\n")


@pytest.mark.parametrize(
    ("url", "target"),
    [
        ("https://example.com/a_b?c=d&e=f#g", "https://example.com/a_b?c=d&e=f#g"),
        ("https://example.com/(x)", "https://example.com/%28x%29"),
        ("HTTP://example.com/<@all>", "HTTP://example.com/%3C@all%3E"),
        ('https://example.com/"\\`|[]', "https://example.com/%22%5C%60%7C%5B%5D"),
    ],
)
def test_a_link_cannot_be_ended_by_its_url(url: str, target: str) -> None:
    """What would end it is encoded."""
    assert is_link(url)
    assert link_target(url) == target


@pytest.mark.parametrize(
    "url", ["javascript:alert(1)", "https://", "https://a b", "a", "", "https://a\n", "file:///x"]
)
def test_what_is_no_link(url: str) -> None:
    """Only a URL of the web is one."""
    assert not is_link(url)


def test_a_plain_text_mentions_nobody() -> None:
    """In text messages only the vendors' tags for mentions mean something."""
    assert as_it_is("a <@all>", True) == "a <@all>"
    assert without_user_tags("a <@all> <b> [c](d)", True) == "a ＜@all> <b> [c](d)"
    assert without_at_tags('<at user_id="all">x</at> < AT> <attack> <@a>', True) == (
        '＜at user_id="all">x＜/at> ＜ AT> <attack> <@a>'
    )


def test_blanks_behind_a_bracket_are_looked_at_once() -> None:
    """They are from whoever writes the description, and these would take a quarter of an hour."""
    text = "<" + " " * 200_000 + "b"
    started = time.process_time()

    assert without_at_tags(text, False) == text

    assert time.process_time() - started < 5
    assert without_at_tags("< / at>< at\n><\n/\tAT", False) == "＜ / at>＜ at\n>＜\n/\tAT"

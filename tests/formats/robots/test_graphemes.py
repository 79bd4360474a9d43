"""Where a text may be cut."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alarm_dispatch.formats.robots.graphemes import units

FAMILY = "👩\u200d👩\u200d👧"
FLAG_OF_WALES = "\U0001f3f4\U000e0067\U000e0062\U000e0077\U000e006c\U000e0073\U000e007f"

# By UAX #29, sections 3.1 and 3.1.1.
CASES = {
    "nothing": ("", []),
    "letters": ("ab", ["a", "b"]),
    "chinese": ("告警", ["告", "警"]),
    "a mark": ("e\u0301a", ["e\u0301", "a"]),
    "several marks": ("a\u0300\u0316\u20dd", ["a\u0300\u0316\u20dd"]),
    "a spacing mark": ("का", ["का"]),
    "a mark of its own": ("\u0301a", ["\u0301", "a"]),
    "a mark behind a line break": ("\n\u0301", ["\n", "\u0301"]),
    "CR LF": ("\r\n\r\r", ["\r\n", "\r", "\r"]),
    "CR": ("\ra", ["\r", "a"]),
    "a skin tone": ("👍🏽👍", ["👍🏽", "👍"]),
    "a keycap": ("1\ufe0f\u20e32", ["1\ufe0f\u20e3", "2"]),
    "a family": (f"{FAMILY}x", [FAMILY, "x"]),
    "a picture that was a symbol": ("👩\u200d⚕️", ["👩\u200d⚕️"]),
    "a picture newer than the table": ("👩\u200d\U0001faf9", ["👩\u200d\U0001faf9"]),
    "a joiner at the end": ("👩\u200d", ["👩\u200d"]),
    "a joiner before a letter": ("👩\u200da", ["👩\u200d", "a"]),
    "a joiner before a mark": ("a\u200d\u0301", ["a\u200d\u0301"]),
    "no joiner": ("a\u200cb", ["a\u200c", "b"]),
    "flags": ("🇩🇪🇫🇷🇨", ["🇩🇪", "🇫🇷", "🇨"]),
    "a flag behind a letter": ("x🇩🇪", ["x", "🇩🇪"]),
    "a flag with a mark": ("🇩🇪\u0301🇫🇷", ["🇩🇪\u0301", "🇫🇷"]),
    "a region's flag": (f"{FLAG_OF_WALES}a", [FLAG_OF_WALES, "a"]),
    "hangul in parts": ("\u1112\u1161\u11ab\u1100\u1161", ["\u1112\u1161\u11ab", "\u1100\u1161"]),
    "hangul syllables": ("각가", ["각", "가"]),
    "hangul with an end": ("가\u11a8각\u11a8", ["가\u11a8", "각\u11a8"]),
    "hangul with a vowel": ("가\u1161각\u1161", ["가\u1161", "각", "\u1161"]),
    "old hangul": ("\ua960\ud7b0\ud7cb", ["\ua960\ud7b0\ud7cb"]),
    "a leading letter and a syllable": ("\u1100각", ["\u1100각"]),
    "two ends": ("\u11a8\u11a8a", ["\u11a8\u11a8", "a"]),
    "a conjunct": ("क्षि", ["क्षि"]),
    "a virama before a letter": ("क्a", ["क्", "a"]),
    "a prepended sign": ("\u0600١", ["\u0600١"]),
    "a prepended sign before a break": ("\u0600\n", ["\u0600", "\n"]),
    "half-width katakana": ("ｶﾞｷ", ["ｶﾞ", "ｷ"]),
    "arabic": ("مر", ["م", "ر"]),
    "an escape": (r"a\*b\\", ["a", r"\*", "b", r"\\"]),
    "a backslash": (r"C:\x", ["C", ":", "\\", "x"]),
    "a reference": ("&amp;&#42;&#x2A;", ["&amp;", "&#42;", "&#x2A;"]),
    "an ampersand": ("a&b", ["a", "&", "b"]),
    "an escape with a mark": ("\\*\u0301x", ["\\*\u0301", "x"]),
}


@pytest.mark.parametrize("case", CASES)
def test_what_must_not_be_cut(case: str) -> None:
    """What a reader takes for one character stays whole, and so does an escape."""
    text, wanted = CASES[case]

    assert list(units(text)) == wanted


MANY = "".join(text for text, _ in CASES.values())


@given(st.text() | st.text(st.sampled_from(MANY)))
def test_the_units_are_the_text(text: str) -> None:
    """Nothing is lost, added or empty."""
    found = list(units(text))

    assert "".join(found) == text
    assert all(found)

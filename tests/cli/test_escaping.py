"""What may reach a terminal: no control character in whatever text."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alarm_dispatch.cli.escaping import json_text, printable, printable_lines

TEXTS = st.text(st.characters(), max_size=40)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("磁盘 100 %", "磁盘 100 %"),
        ("\x1b[31m", "\\x1b[31m"),
        ("a\nb\t\x7f\x9b", "a\\nb\\t\\x7f\\x9b"),
        ("\u202e\u2028\ud800\U000e0001", "\\u202e\\u2028\\ud800\\U000e0001"),
        ("a\u3000b\u00a0c", "a\u3000b\u00a0c"),
    ],
)
def test_printable(text, shown):
    """Control, invisible and lone surrogate characters become escapes; other text stays."""
    assert printable(text) == shown


def test_lines_stay():
    """Line breaks of our own stay, what else ends a line does not."""
    assert printable_lines("a\nb\r\x85") == "a\nb\\r\\x85"


@given(TEXTS)
def test_printable_has_no_control_character(text):
    """Whatever the text, nothing is left that could move the cursor."""
    assert not any(ord(c) < 32 or 127 <= ord(c) < 160 for c in printable(text))


@given(st.dictionaries(TEXTS, TEXTS | st.integers() | st.none(), max_size=4), st.sampled_from([None, 2]))
def test_json_text_reads_back(value, indent):
    """The escaped JSON is the same value, and encodable."""
    text = json_text(value, indent=indent)

    assert json.loads(text) == value
    assert not any(ord(c) < 32 or 127 <= ord(c) < 160 for c in text.replace("\n", ""))
    text.encode()


def test_what_json_cannot_hold():
    """NaN is no JSON."""
    with pytest.raises(ValueError, match="not JSON compliant"):
        json_text(float("nan"))

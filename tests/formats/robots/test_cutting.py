"""How lines become parts within a limit."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alarm_dispatch.formats.robots.cutting import Line, TooLongError, cut
from alarm_dispatch.formats.robots.graphemes import units
from alarm_dispatch.formats.robots.sizes import clipped, json_cost, utf8_cost
from alarm_dispatch.json_text import json_bytes


def parts(lines: list[Line | str], *rooms: int, joint: str = "\n") -> list[str]:
    """The parts; the last room is that of all further ones."""
    return cut(
        [Line(line) if isinstance(line, str) else line for line in lines],
        room=lambda number: rooms[min(number, len(rooms) - 1)],
        cost=utf8_cost,
        joint=joint,
    )


BOLD = Line("abcdef", before="**", again="**", after="**")
CASES = {
    "all fits": ((["ab", "c"], 4), ["ab\nc"]),
    "between lines": ((["ab", "cd", "e"], 4), ["ab", "cd\ne"]),
    "an empty line": ((["ab", "", "c"], 4), ["ab\n", "c"]),
    "nothing at all": ((["", ""], 4), ["\n"]),
    "no lines": (([], 4), []),
    "within a line": ((["abcdef"], 4), ["abcd", "ef"]),
    "in what is left": ((["a", "bcdefgh"], 4), ["a\nbc", "defg", "h"]),
    "nothing is left": ((["abc", "defgh"], 4), ["abc", "defg", "h"]),
    "a room of its own": ((["abcdefgh"], 2, 4), ["ab", "cdef", "gh"]),
    "chinese": ((["告警告"], 7), ["告警", "告"]),
    "a label once": (([Line("abcdef", before="L: ")], 5), ["L: ab", "cdef"]),
    "a mark of what goes on": (([Line("abcdef", again="…")], 5), ["abcde", "…f"]),
    "a label that does not fit": ((["a", Line("bcdefg", before="L: ")], 5), ["a", "L: bc", "defg"]),
    "markup in each part": (([BOLD], 7), ["**abc**", "**def**"]),
    "what must not be cut": (([Line("[a](b)", instead=Line("a b"))], 6), ["[a](b)"]),
    "what is cut instead": (([Line("[a](b)", instead=Line("a b"))], 5), ["a b"]),
    "a wide joint": (((["ab", "c"], 4)), ["ab\nc"]),
}


@pytest.mark.parametrize("case", CASES)
def test_lines_are_cut_only_where_they_are_too_long(case: str) -> None:
    """Whole lines first, and markup around a text in every part of it."""
    (lines, *rooms), wanted = CASES[case]

    assert parts(lines, *rooms) == wanted


def test_the_line_break_counts() -> None:
    """Two line breaks take two bytes."""
    assert parts(["ab", "c"], 4, joint="\n\n") == ["ab", "c"]
    assert parts(["ab", "c"], 5, joint="\n\n") == ["ab\n\nc"]


@pytest.mark.parametrize(
    "line",
    [Line("a😀"), Line("ab", before="label"), Line("ab", after="****"), Line("", before="label")],
)
def test_what_cannot_be_cut_below_the_limit_is_an_error(line: Line) -> None:
    """One character may have more bytes than there is room for."""
    for lines in ([line], ["x", line]):
        with pytest.raises(TooLongError):
            parts(lines, 3)


def test_a_letter_with_too_many_marks_is_cut_between_them() -> None:
    """Whoever writes a description could otherwise keep the alarm from being told."""
    assert parts(["xa\u0301\u0302\u0301"], 4) == ["xa\u0301", "\u0302\u0301"]
    assert parts(["xa\u0301", "a\u0301"], 4) == ["xa\u0301", "a\u0301"]


texts = st.text(st.sampled_from("ab告é́👩\u200d👧🇩🇪\\*&;\u05d0"), max_size=30)


@given(st.lists(texts, min_size=1, max_size=6), st.integers(40, 60))
def test_nothing_is_lost(lines: list[str], room: int) -> None:
    """Each part is within the limit; together they are the lines, cut between units only."""
    found = cut(map(Line, lines), room=lambda _: room, cost=utf8_cost, joint="\n")

    assert all(len(part.encode()) <= room for part in found)
    whole = "\n".join(lines)
    assert "".join(found).replace("\n", "") == whole.replace("\n", "")
    at = 0
    allowed = {0, len(whole)}
    for line in lines:
        for unit in units(line):
            at += len(unit)
            allowed.add(at)
        at += 1
        allowed.add(at)
    at = 0
    for before, _ in pairwise([*found, ""]):
        at += len(before)
        assert at in allowed
        at += whole[at : at + 1] == "\n"


@given(st.text(), st.text())
def test_costs_are_those_of_the_bytes_and_add_up(first: str, second: str) -> None:
    """JSON's escapes count, whoever writes it."""
    for text in (first, second):
        assert json_cost(text) == len(json_bytes(text)) - 2
        assert utf8_cost(text) == len(text.encode())
    assert json_cost(first + second) == json_cost(first) + json_cost(second)


def test_escapes_of_json_count() -> None:
    """A line break takes two bytes, a bell six."""
    assert json_cost('a"\\\n\t\b\f\r') == 15
    assert json_cost("\x00\x07\x0b\x1f\x7f") == 25


@pytest.mark.parametrize(
    ("text", "most", "wanted"),
    [
        ("abc", 3, "abc"),
        ("abcd", 3, "…"),
        ("abcde", 4, "a…"),
        ("告警了吧", 9, "告警…"),
        ("e\u0301bc", 4, "…"),
    ],
)
def test_a_short_form_is_marked(text: str, most: int, wanted: str) -> None:
    """It is cut between units, and says that it is cut."""
    assert clipped(text, most) == wanted

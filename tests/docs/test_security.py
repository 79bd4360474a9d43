"""The threat model: each threat has tests, and each of these is there."""

from __future__ import annotations

import ast
import functools
import re

import pytest

from ..paths import ROOT

PAGE = ROOT / ".github" / "SECURITY.md"
_TEXT = PAGE.read_text("utf-8")
_HEAD = ["threat", "what defends", "what is left to you", "tests"]
# In code, with nothing but its path and its name.
_TEST = re.compile(r"`(tests/[\w/]+\.py)::(test_\w+)`")


def tables():
    """The tables, each a list of rows of cells, with its head."""
    for table in re.findall(r"^\|.*\|$(?:\n^\|.*\|$)+", _TEXT, re.MULTILINE):
        yield [[cell.strip() for cell in line.strip("|").split("|")] for line in table.splitlines()]


_ROWS = [row for table in tables() for row in table[2:]]


@functools.cache
def names_in(path):
    """The names of a file's functions, also of those in classes."""
    tree = ast.parse((ROOT / path).read_text("utf-8"))
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef)
    return {node.name for node in ast.walk(tree) if isinstance(node, kinds)}


def test_the_page_has_its_tables():
    """A change of their form would leave nothing to look at."""
    assert len(_ROWS) > 40
    assert all(table[0] == _HEAD for table in tables())
    assert all(len(row) == len(_HEAD) for row in _ROWS)


@pytest.mark.parametrize("row", _ROWS, ids=lambda row: row[0][:40])
def test_a_threat_is_covered(row):
    """Something is said in each cell, and the last one is tests that there are."""
    assert all(row)
    found = _TEST.findall(row[-1])

    assert found
    assert _TEST.sub("", row[-1]).split() == []
    assert len(found) == len(set(found))
    for path, name in found:
        assert name in names_in(path), f"{path}::{name}"

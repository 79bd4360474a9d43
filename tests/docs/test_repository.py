"""The pages that are read in the repository: what they link to and the commands they name are there."""

from __future__ import annotations

import importlib.util
import re
import tomllib

import pytest

from ..paths import ROOT

_README = ROOT / "README.md"
_CONTRIBUTING = ROOT / ".github" / "CONTRIBUTING.md"
_PAGES = [_README, *sorted((ROOT / ".github").glob("*.md"))]


def heading_ids(page):
    """The anchors of the headings, as GitHub makes them."""
    for heading in re.findall(r"^#+ (.+)$", page.read_text("utf-8"), re.MULTILINE):
        yield re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


@pytest.mark.parametrize("page", _PAGES, ids=lambda page: page.name)
def test_every_link_leads_somewhere(page):
    """To a file or a directory of the repository, and to a heading where it names one."""
    links = re.findall(r"\]\((?!https?:)([^)#]*)#?([^)]*)\)", page.read_text("utf-8"))

    assert links
    for path, heading in links:
        found = page.parent / path if path else page
        assert found.exists(), path
        assert not heading or heading in heading_ids(found), f"{path}#{heading}"


def test_the_commands_for_contributors_are_there():
    """Each module that is to be run, each extra that is to be installed."""
    text = _CONTRIBUTING.read_text("utf-8")
    modules = set(re.findall(r"python -m (tests\.\w+)", text))
    extras = re.findall(r"the extra `(\w+)`", text)
    for several in re.findall(r"'\.\[([\w,]+)\]'", text):
        extras += several.split(",")
    known = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["optional-dependencies"]

    assert modules == {"tests.audit", "tests.benchmarks", "tests.canary", "tests.fuzz", "tests.gallery"}
    for module in modules:
        assert importlib.util.find_spec(f"{module}.__main__"), module
    assert (ROOT / ".ci" / "run").is_file()
    assert set(extras) >= {"test", "lint", "docs"}
    assert set(extras) <= known.keys()

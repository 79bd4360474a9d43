"""The rules of the house that no linter knows."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from .paths import ROOT

PACKAGE = ROOT / "alarm_dispatch"
FILES = sorted(PACKAGE.rglob("*.py"))

# attrs is the material that values are made of; click and rich are the command line's own.
EVERYWHERE = {"alarm_dispatch", "attrs"}
WITHIN = {"click": "cli", "rich": "cli"}


def imported(file: Path) -> Iterator[str]:
    """The top-level names of the packages that a file imports, also inside functions."""
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module.partition(".")[0]


def test_each_library_is_imported_in_one_file():
    """So that one file changes when the library does."""
    homes: dict[str, set[str]] = {}
    for file in FILES:
        for name in set(imported(file)) - sys.stdlib_module_names - EVERYWHERE:
            part = file.relative_to(PACKAGE)
            within = WITHIN.get(name)
            homes.setdefault(name, set()).add(within if within == part.parts[0] else str(part))

    scattered = {name: sorted(files) for name, files in homes.items() if len(files) > 1}
    assert scattered == {}
    assert {"httpx", "tenacity", "cattrs"} <= homes.keys()


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(PACKAGE)))
def test_a_file_stays_small_and_says_what_it_does(file):
    """One question a file; its docstring's first line is one sentence."""
    source = file.read_text()
    docstring = ast.get_docstring(ast.parse(source))

    assert source.count("\n") <= 350
    assert docstring is not None
    first = docstring.splitlines()[0]
    assert first.endswith(".")
    assert len(first) <= 110


def test_the_core_needs_only_what_it_is_said_to_need():
    """Nothing of the core imports what belongs to an extra."""
    core = {"attrs", "alarm_dispatch", "httpx", "httpcore", "tenacity", "cattrs", "certifi", "idna"}
    rooms = {"cli", "receiver", "testing"}
    extras = {
        PACKAGE / "formats" / "template" / "sandbox.py",
        PACKAGE / "json_text.py",
        PACKAGE / "services.py",
        PACKAGE / "signing" / "ed25519.py",
        PACKAGE / "transports" / "aiohttp.py",
    }

    for file in FILES:
        if file.relative_to(PACKAGE).parts[0] not in rooms and file not in extras:
            assert set(imported(file)) - sys.stdlib_module_names <= core, file

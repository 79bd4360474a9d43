"""The code blocks of a Markdown page, run from top to bottom as a reader would.

Python is executed, what it prints is compared with the ``output`` block that follows, and TOML and JSON are
loaded; a block whose caption is a file name is kept under that name for the Python after it.
"""

from __future__ import annotations

import contextlib
import doctest
import io
import json
import re
import tempfile
import tomllib
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from sybil import Document, Example, Region, Sybil

from alarm_dispatch import load_alarm, load_groups

_BLOCK = re.compile(
    r"^```(?:\{code-block\} *)?(?P<language>[a-z]+)\n"
    r"(?::caption: (?P<caption>[^\n]+)\n\n)?"
    r"(?P<source>.*?)^```$",
    re.MULTILINE | re.DOTALL,
)
_PROJECT = "project"
# What a page may need that is not there on every platform.
_OF_EXTRAS = frozenset({"aiohttp", "uvloop"})


def sybil_for(directory: Path, pattern: str) -> Sybil:
    """Collects the pages of a directory."""
    return Sybil(
        parsers=[_blocks], path=str(directory), patterns=[pattern], setup=_set_up, teardown=_tear_down
    )


def blocks(text: str, language: str) -> Iterator[str]:
    """The sources of all blocks of one language."""
    for found in _BLOCK.finditer(text):
        if found["language"] == language:
            yield found["source"]


def captioned(text: str) -> Iterator[tuple[str, str]]:
    """The file names and the contents of all blocks that stand for a file."""
    for found in _BLOCK.finditer(text):
        if found["caption"]:
            yield found["caption"], found["source"]


def _blocks(document: Document) -> Iterator[Region]:
    for found in _BLOCK.finditer(document.text):
        if found["language"] in _RUNNERS:
            yield Region(found.start(), found.end(), parsed=found, evaluator=_evaluate)


def _set_up(namespace: dict[str, Any]) -> None:
    namespace["__files__"] = tempfile.TemporaryDirectory()
    namespace["__done__"] = set()


def _tear_down(namespace: dict[str, Any]) -> None:
    namespace["__files__"].cleanup()


def _evaluate(example: Example) -> None:
    """Run a block and those above it that have not run: a worker may be given only some of a page."""
    done: set[int] = example.namespace["__done__"]
    if missing := example.namespace.get("__missing__"):
        pytest.skip(f"{missing} is not installed")
    for earlier in example.document.examples():
        start = earlier.region.start
        if start <= example.region.start and start not in done:
            done.add(start)
            found: re.Match[str] = earlier.parsed
            _RUNNERS[found["language"]](found, earlier)


def _run_python(found: re.Match[str], example: Example) -> None:
    # As many lines before it as in the page, so that a traceback shows the page's own.
    line = example.document.text.count("\n", 0, found.start("source"))
    code = compile("\n" * line + found["source"], example.path, "exec", dont_inherit=True)
    printed = io.StringIO()
    with contextlib.chdir(example.namespace["__files__"].name), contextlib.redirect_stdout(printed):
        try:
            exec(code, example.namespace)
        except ModuleNotFoundError as error:
            if error.name not in _OF_EXTRAS:
                raise
            example.namespace["__missing__"] = error.name
            pytest.skip(f"{error.name} is not installed")
    example.namespace["__printed__"] = printed.getvalue()


def _compare_output(found: re.Match[str], example: Example) -> None:
    printed = example.namespace["__printed__"]
    checker = doctest.OutputChecker()
    if not checker.check_output(found["source"], printed, doctest.ELLIPSIS):
        raise AssertionError(f"the page says:\n{found['source']}\nbut the code above it prints:\n{printed}")


def _load(content: Mapping[str, Any]) -> None:
    if _PROJECT in content:
        return
    if "policy" in content:
        load_alarm(content)
    else:
        assert load_groups(content)


def _load_toml(found: re.Match[str], example: Example) -> None:
    _keep(found, example)
    _load(tomllib.loads(found["source"]))


def _load_json(found: re.Match[str], example: Example) -> None:
    _keep(found, example)
    _load(json.loads(found["source"]))


def _keep(found: re.Match[str], example: Example) -> None:
    if found["caption"]:
        Path(example.namespace["__files__"].name, found["caption"]).write_text(
            found["source"], encoding="utf-8"
        )


_RUNNERS: Mapping[str, Callable[[re.Match[str], Example], None]] = {
    "python": _run_python,
    "output": _compare_output,
    "toml": _load_toml,
    "json": _load_json,
}

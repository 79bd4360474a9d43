"""Where configuration comes from."""

from __future__ import annotations

from collections import OrderedDict
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pytest

from alarm_dispatch.errors import ConfigurationError
from alarm_dispatch.loading.source import read_source


@pytest.mark.parametrize(
    ("name", "text", "content"),
    [
        ("a.json", '{"a": [1, "ü", null]}', {"a": [1, "ü", None]}),
        ("a.json", "[1.5, true]", [1.5, True]),
        ("a.JSON", '"x"', "x"),
        ("a.toml", 'a = 1\nb = "ü"\n', {"a": 1, "b": "ü"}),
        ("a.Toml", "", {}),
    ],
)
@pytest.mark.parametrize("kind", [str, Path])
def test_files(name: str, text: str, content: Any, kind: Any, tmp_path: Path) -> None:
    """The suffix says what a file is, in any case."""
    (tmp_path / name).write_text(text, encoding="utf-8")

    found = read_source(kind(tmp_path / name), "alarm")

    assert found == (content, str(tmp_path / name))


@pytest.mark.parametrize("content", [{"a": 1}, OrderedDict(a=1), MappingProxyType({"a": 1}), [1], 5, None])
def test_mappings_stay_as_they_are(content: Any) -> None:
    """What is no path is the content itself."""
    assert read_source(content, "alarm") == (content, "the alarm")


@pytest.mark.parametrize(
    ("name", "text", "problem"),
    [
        ("a.yaml", b"a: 1", "must be a .json or .toml file, not .yaml"),
        ("a", b"{}", "must be a .json or .toml file, not without suffix"),
        ("a.json", b"", "Expecting value: line 1 column 1 (char 0)"),
        ("a.json", b"{a: 1}", "Expecting property name enclosed in double quotes: line 1 column 2 (char 1)"),
        ("a.json", b'{"a": 1} x', "Extra data: line 1 column 10 (char 9)"),
        ("a.json", b'{"a": 1, "b": {"c": 1, "c": 1}}', "the key 'c' occurs twice in one object"),
        ("a.json", b'{"a": 1, "b": 2, "a\\n": 1, "a\\n": 1}', r"the key 'a\n' occurs twice in one object"),
        ("a.json", b'{"a": NaN}', "NaN is no JSON value"),
        ("a.json", b"[-Infinity]", "-Infinity is no JSON value"),
        ("a.json", b'{"a": "\xff"}', "is not UTF-8 at byte 7"),
        ("a.json", b"\xff\xfe{\x00}\x00", "is not UTF-8 at byte 0"),
        ("a.json", b"\xef\xbb\xbf{}", "Unexpected UTF-8 BOM (decode using utf-8-sig)"),
        ("a.json", b"[" * 100_000, "is nested too deeply"),
        ("a.json", b'{"a":' * 100_000, "is nested too deeply"),
        ("a.json", b"9" * 5000, "Exceeds the limit (4300 digits) for integer string conversion"),
        ("a.toml", b"a = ", "Invalid value (at end of document)"),
        ("a.toml", b"a = 1\na = 2\n", "Cannot overwrite a value (at line 2, column 6)"),
        ("a.toml", b"a = \xff", "is not UTF-8 at byte 4"),
        ("a.toml", b"a = " + b"[" * 100_000, "is nested too deeply"),
    ],
)
def test_files_that_are_wrong(name: str, text: bytes, problem: str, tmp_path: Path) -> None:
    """The error names the file and says where it is wrong."""
    (tmp_path / name).write_bytes(text)

    with pytest.raises(ConfigurationError) as caught:
        read_source(tmp_path / name, "alarm")

    assert caught.value.source == str(tmp_path / name)
    ((path, told),) = caught.value.problems
    assert path == "$"
    if name == "a.toml" and "nested" not in problem and "UTF-8" not in problem:
        # tomllib's words differ between Python's releases.
        assert "(at " in told
    elif "BOM" in problem or "Expecting" in problem or "limit" in problem:
        assert told
    else:
        assert told == problem


@pytest.mark.parametrize(("name", "kind"), [("no.json", FileNotFoundError), ("dir.toml", OSError)])
def test_a_file_that_cannot_be_read(name: str, kind: type[OSError], tmp_path: Path) -> None:
    """It is the system's error, not one of the content."""
    (tmp_path / "dir.toml").mkdir()

    with pytest.raises(kind):
        read_source(tmp_path / name, "alarm")


def test_a_path_that_no_system_has() -> None:
    """A NUL in a path is a wrong path."""
    with pytest.raises(ConfigurationError, match="null byte"):
        read_source("a\0.json", "alarm")

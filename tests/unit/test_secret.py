"""A secret shows nothing, and says where it is kept."""

from __future__ import annotations

import copy
import json
import pickle
from pathlib import Path
from typing import Any

import attrs
import cattrs
import pytest

from alarm_dispatch.errors import InvalidFieldError
from alarm_dispatch.secret import MAX_LENGTH, Secret, resolve_secret, revealed

TEXT = "5ecret-canary"


@pytest.fixture
def kept(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> dict[str, Secret]:
    """The same secret by each of the ways in which it can be given."""
    monkeypatch.setenv("ALARM_TOKEN", TEXT)
    (tmp_path / "token").write_text(f"{TEXT}\n")
    return {
        "text": Secret(TEXT),
        "env": Secret.from_env("ALARM_TOKEN"),
        "file": Secret.from_file(tmp_path / "token"),
    }


@attrs.frozen
class Holder:
    secret: Secret


_SHOWN = {
    "repr": repr,
    "str": str,
    "format": "{}".format,
    "width": "{:>20}".format,
    "percent": lambda secret: "%s %r" % (secret, secret),  # noqa: UP031 - the old form is what is tried
    "asdict": lambda secret: str(attrs.asdict(Holder(secret))),
    "astuple": lambda secret: str(attrs.astuple(Holder(secret))),
    "cattrs": lambda secret: str(cattrs.unstructure(Holder(secret))),
    "json": lambda secret: json.dumps({"secret": secret}, default=str),
    "list": lambda secret: str([secret]),
}


@pytest.mark.parametrize("way", ["text", "env", "file"])
@pytest.mark.parametrize("show", _SHOWN.values(), ids=_SHOWN)
def test_nothing_shows_it(show: Any, way: str, kept: dict[str, Secret]) -> None:
    """Whatever makes a text of it, and wherever it came from."""
    shown = show(kept[way])

    assert TEXT not in shown
    assert kept[way].reveal() == TEXT


def test_it_is_no_json() -> None:
    """Who writes it by mistake is told so."""
    with pytest.raises(TypeError, match="Secret is not JSON serializable"):
        json.dumps(Secret(TEXT))


def test_what_is_shown_of_it(kept: dict[str, Secret]) -> None:
    """That it is one, and where it is kept."""
    assert repr(kept["text"]) == "Secret(***)"
    assert repr(kept["env"]) == "Secret(env:ALARM_TOKEN)"
    assert repr(kept["file"]).startswith("Secret(file:/")
    assert [kept["text"].reference, kept["env"].reference] == [None, "env:ALARM_TOKEN"]
    assert f"{kept['env']:>5}" == "  ***"


def test_secrets_compare_by_their_text(kept: dict[str, Secret]) -> None:
    """With other secrets only, so that no plain text of the same content is taken for one."""
    assert kept["text"] == kept["env"] == kept["file"]
    assert len(set(kept.values())) == 1
    assert kept["text"] != Secret("other")
    assert kept["text"] != TEXT


def test_it_cannot_be_changed() -> None:
    """It may be shared, also by its copies."""
    secret = Secret(TEXT)

    with pytest.raises(AttributeError, match="'_text' was to be set"):
        secret._text = "other"
    with pytest.raises(AttributeError, match="'_text' was to be deleted"):
        del secret._text
    assert copy.copy(secret) is secret
    assert copy.deepcopy([secret])[0] is secret


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_a_reference_is_pickled_as_the_reference(protocol: int, kept: dict[str, Secret]) -> None:
    """The text is read anew where the pickle is loaded."""
    for way in ("env", "file"):
        pickled = pickle.dumps(kept[way], protocol)
        again = pickle.loads(pickled)

        assert TEXT.encode() not in pickled
        assert (again, again.reference) == (kept[way], kept[way].reference)


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_a_text_is_not_pickled(protocol: int) -> None:
    """The error says what to use instead."""
    with pytest.raises(TypeError, match=r"use Secret\.from_env\(\"NAME\"\) or Secret\.from_file"):
        pickle.dumps(Secret(TEXT), protocol)


@pytest.mark.parametrize("end", ["", "\n", "\r\n"])
def test_the_line_break_at_a_files_end_is_no_part_of_it(end: str, tmp_path: Path) -> None:
    """Editors write one; what else stands there belongs to the secret."""
    (tmp_path / "token").write_bytes(f"a\nb {end}".encode())

    assert Secret.from_file(str(tmp_path / "token")).reveal() == "a\nb "


def _files(tmp_path: Path) -> None:
    (tmp_path / "empty").write_text("")
    (tmp_path / "line").write_text("\n")
    (tmp_path / "binary").write_bytes(b"ab\xff")
    (tmp_path / "long").write_text(TEXT * MAX_LENGTH)
    (tmp_path / "cut").write_text("xy" + "密" * MAX_LENGTH * 4)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("env:", "must name an environment variable, such as env:ALARM_TOKEN"),
        ("env:A=B", "must name an environment variable, such as env:ALARM_TOKEN"),
        ("env:MISSING", "the environment variable MISSING is not set"),
        ("env:EMPTY", "the environment variable EMPTY is empty"),
        ("env:LONG", "the environment variable LONG is longer than 16384 characters"),
        ("env:BINARY", "the environment variable BINARY has a lone surrogate at position 0"),
        ("file:", "must name a file, such as file:/run/secrets/token"),
        ("file:missing", "the file missing cannot be read: No such file or directory"),
        ("file:.", "the file . cannot be read: Is a directory"),
        ("file:a\0b", "the file a\0b cannot be read: embedded null byte"),
        ("file:empty", "the file empty is empty"),
        ("file:line", "the file line is empty"),
        ("file:binary", "the file binary is not UTF-8 at byte 2"),
        ("file:long", "the file long is longer than 16384 characters"),
        ("file:cut", "the file cut is longer than 16384 characters"),
    ],
)
def test_what_cannot_be_read(
    text: str, problem: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The error names the field and the variable or file, never what it holds."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("EMPTY", "")
    monkeypatch.setenv("LONG", TEXT * MAX_LENGTH)
    monkeypatch.setenv("BINARY", "\udcff")
    _files(tmp_path)

    with pytest.raises(InvalidFieldError) as caught:
        resolve_secret(text, "Callback.url")

    assert caught.value.field == "Callback.url"
    assert caught.value.problem.startswith(problem)
    assert TEXT not in str(caught.value)
    assert caught.value.__cause__ is None


@pytest.mark.parametrize(
    ("given", "problem"),
    [
        ("", "must not be empty"),
        (None, "must be text, not NoneType"),
        (b"abc", "must be text, not bytes"),
        (Secret("a"), "must be text, not Secret"),
        ("\ud800", "has a lone surrogate at position 0"),
        ("a" * (MAX_LENGTH + 1), "is longer than 16384 characters"),
    ],
)
def test_what_is_no_secret(given: Any, problem: str) -> None:
    """It is told when the secret is made."""
    with pytest.raises(InvalidFieldError) as caught:
        Secret(given)

    assert caught.value.problem.startswith(problem)


def test_other_texts_stand_for_themselves(kept: dict[str, Secret]) -> None:
    """Only the two prefixes make a reference."""
    assert resolve_secret("https://h/a", "url") == "https://h/a"
    assert resolve_secret("ENV:X", "url") == "ENV:X"
    assert resolve_secret("env:ALARM_TOKEN", "url") == kept["text"]


def test_revealed() -> None:
    """A secret's text, and anything else as it is."""
    assert [revealed(Secret(TEXT)), revealed("a"), revealed(None)] == [TEXT, "a", None]

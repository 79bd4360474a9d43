"""The fuzzer's corpus, replayed: what was found once stays found."""

from __future__ import annotations

import subprocess
import sys

import pytest

from .__main__ import CORPUS, NAMES, main

pytest.importorskip("aiohttp", reason="the extra fast is not installed")

from .targets import TARGETS

_INPUTS = sorted(path.relative_to(CORPUS).as_posix() for path in CORPUS.glob("*/*"))


def test_every_target_has_a_name_and_a_corpus():
    """The names are written down apart, since the fuzzer imports the targets in its own way."""
    assert tuple(TARGETS) == NAMES
    assert {path.partition("/")[0] for path in _INPUTS} == set(NAMES)


@pytest.mark.parametrize("path", _INPUTS)
def test_an_input_of_the_corpus(path):
    """Each target holds what it promises for it."""
    TARGETS[path.partition("/")[0]]((CORPUS / path).read_bytes())


def test_the_command_replays_without_the_fuzzer():
    """As it does where atheris cannot be installed."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.fuzz", "--replay", "confirmation"],
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    )

    assert done.stdout == f"confirmation: {len(list((CORPUS / 'confirmation').iterdir()))} inputs\n"


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["nope", "reply"], "unknown targets: nope; there are: reply, confirmation, configuration"),
        (
            ["reply"],
            "atheris is not installed: it comes with the extra fuzz, on Linux; --replay does without",
        ),
    ],
)
def test_the_command_says_why_it_cannot_fuzz(words, told, monkeypatch, capsys):
    """In one line, before a process is started."""
    monkeypatch.setitem(sys.modules, "atheris", None)
    monkeypatch.setattr(sys, "argv", ["fuzz", *words])

    with pytest.raises(SystemExit) as ended:
        main()

    assert ended.value.code == 2
    assert told in capsys.readouterr().err

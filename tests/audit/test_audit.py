"""The check for known vulnerabilities: what it finds, and that it never takes silence for a clean bill."""

from __future__ import annotations

import functools
import subprocess
import sys
import time

import pytest

from .__main__ import DATABASES, ask, audit, read_ignored

CLEAN = {"name": "attrs", "version": "26.1.0", "vulns": []}
UNKNOWN = {"name": "ours", "skip_reason": "Dependency not found on PyPI"}
FINDING = {"id": "PYSEC-1", "aliases": ["CVE-1"], "fix_versions": ["2.0"]}
BAD = {"name": "bad", "version": "1.0", "vulns": [FINDING]}
UNFIXED = {"name": "worse", "version": "1.0", "vulns": [{"id": "PYSEC-2", "fix_versions": []}]}
SILENT = [{"name": "idna", "skip_reason": "Dependency not found on PyPI"}]


def answering(installed, **of_databases):
    """Each database's answer about what is known to be vulnerable, and one about what is installed."""

    def answer(words):
        if "--requirement" in words:
            return of_databases.get(words[words.index("--vulnerability-service") + 1])
        return installed

    return answer


@pytest.mark.parametrize(
    ("answers", "ignored", "told", "found"),
    [
        ({}, {}, ["no database at hand; not checked"], 0),
        ({"pypi": []}, {}, ["no database at hand; not checked"], 0),
        ({"pypi": SILENT, "osv": [BAD, CLEAN]}, {}, ["no database at hand; not checked"], 0),
        ({"pypi": [BAD]}, {}, ["1 distributions checked in pypi, 0 findings"], 0),
        ({"pypi": SILENT, "osv": [BAD]}, {}, ["1 distributions checked in osv, 0 findings"], 0),
        (
            {"pypi": [BAD], "installed": None},
            {},
            ["the database pypi was at hand, but gave no whole answer; not checked"],
            0,
        ),
        (
            {"pypi": [BAD], "installed": [CLEAN, BAD, UNFIXED, UNKNOWN]},
            {},
            [
                "bad 1.0: PYSEC-1, fixed in 2.0",
                "worse 1.0: PYSEC-2, fixed in no release",
                "unknown to the database, not checked: ours",
                "3 distributions checked in pypi, 2 findings",
            ],
            2,
        ),
        (
            {"pypi": [BAD], "installed": [BAD, UNFIXED]},
            {"CVE-1": "is never called", "PYSEC-3": "was fixed"},
            [
                "bad 1.0: PYSEC-1, fixed in 2.0; ignored: is never called",
                "worse 1.0: PYSEC-2, fixed in no release",
                "PYSEC-3: ignored, but not found; take it out of the list",
                "2 distributions checked in pypi, 1 findings",
            ],
            1,
        ),
    ],
)
def test_what_is_told(answers, ignored, told, found):
    """A database counts when it knows what is known; a finding counts unless it has a reason not to."""
    installed = answers.get("installed", [CLEAN])
    databases = {name: answers[name] for name in DATABASES if name in answers}

    assert audit(answering(installed, **databases), ignored) == (told, found)


@pytest.mark.parametrize(
    "program",
    [
        "raise SystemExit('Name or service not known')",
        "print('{}')",
        "print('[]')",
        "print('no JSON')",
        "import time; time.sleep(60)",
    ],
)
def test_no_answer_is_none(program):
    """Without pip-audit, without a network, or not in time."""
    began = time.monotonic()

    assert ask([], until=began + (0.3 if "sleep" in program else 30), program=("-c", program)) is None
    assert time.monotonic() - began < 10


def test_an_answer_is_read_whatever_the_exit_code():
    """Which is 1 when something was found."""
    program = """print('{"dependencies": [{"name": "a"}]}'); raise SystemExit(1)"""
    asked = functools.partial(ask, until=time.monotonic() + 30, program=("-c", program))

    assert asked([]) == [{"name": "a"}]


def test_what_is_ignored_has_its_reason(tmp_path):
    """Else nobody knows when it may go."""
    file = tmp_path / "ignored.toml"
    file.write_text('"PYSEC-1" = " "\n')

    assert all(read_ignored().values())
    with pytest.raises(SystemExit, match=r"ignored.toml: PYSEC-1 has no reason"):
        read_ignored(file)


@pytest.mark.parametrize(("word", "code"), [("--help", 0), ("--hlep", 2)])
def test_help_is_no_audit(word, code):
    """It asks no database, and neither does what was mistyped."""
    ran = subprocess.run(
        [sys.executable, "-m", "tests.audit", word], capture_output=True, text=True, timeout=60, check=False
    )

    assert ran.returncode == code
    assert "usage: python -m tests.audit" in ran.stdout + ran.stderr

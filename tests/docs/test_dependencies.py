"""The page of the dependencies says what the installed metadata says."""

from __future__ import annotations

from email.message import Message

import pytest
from packaging.utils import canonicalize_name

from . import dependencies
from .dependencies import CORE, DEVELOPMENT, EXTRAS, Row, identifiers, licence, problems, same
from .test_tables import rows

_PAGE = "dependencies.md"
# None of them reaches beyond the files that are under it.
_KIND = {
    "0BSD",
    "Apache-2.0",
    "BSD",
    "BSD-2-Clause",
    "BSD-3-Clause",
    "ISC",
    "MIT",
    "MIT-0",
    "MPL-2.0",
    "PSF-2.0",
}


def told(heading):
    """The rows of one of the two tables, by canonical name."""
    return {
        canonicalize_name(name.strip("`")): Row(text, frozenset(extras.split(", ")))
        for name, text, extras in rows(_PAGE, heading)
    }


INSTALLED, OF_DEVELOPMENT = told("What you install"), told("For development")


def test_every_dependency_has_its_row():
    """With its licence, and with each extra that brings it; of what is not installed here, the name."""
    assert list(problems(INSTALLED | OF_DEVELOPMENT)) == []


def test_what_is_installed_is_told_apart_from_what_develops():
    """Each once, under extras that there are, with a licence, in order."""
    assert not INSTALLED.keys() & OF_DEVELOPMENT.keys()
    for table, extras in (
        (INSTALLED, EXTRAS.keys() - {*DEVELOPMENT}),
        (OF_DEVELOPMENT, {*DEVELOPMENT}),
    ):
        assert list(table) == sorted(table)
        for name, row in table.items():
            assert row.extras <= extras, name
            assert identifiers(row.licence), name


def test_nothing_that_is_installed_reaches_beyond_its_files():
    """As the page says."""
    assert {name for name, row in INSTALLED.items() if not identifiers(row.licence) <= _KIND} == set()


def metadata_of(**entries):
    """Installed metadata; a list is a field that comes several times."""
    made = Message()
    for name, values in entries.items():
        for value in values if isinstance(values, list) else [values]:
            made[name.replace("_", "-")] = value
    return made


def _classifier(name):
    return f"License :: OSI Approved :: {name}"


@pytest.mark.parametrize(
    ("entries", "expected"),
    [
        ({"License_Expression": "MIT OR Apache-2.0", "License": "other"}, "MIT OR Apache-2.0"),
        ({"License": "MIT"}, "MIT"),
        ({"License": "The MIT License (MIT)\n\nCopyright " + "x" * 99}, ""),
        ({"License": "x" * 99, "Classifier": ["Topic :: x", _classifier("MIT License")]}, "MIT"),
        ({"License": "BSD-3-Clause", "Classifier": _classifier("BSD License")}, "BSD-3-Clause"),
        ({"Classifier": _classifier("BSD License")}, "BSD"),
        (
            {
                "License": "MIT OR Apache-2.0",
                "Classifier": [_classifier("MIT License"), _classifier("Apache Software License")],
            },
            "MIT OR Apache-2.0",
        ),
        ({"License": "ISC", "Classifier": _classifier("MIT License")}, "ISC, MIT"),
        ({}, ""),
    ],
)
def test_the_licence_that_metadata_tells(entries, expected):
    """In the field of today, or in those that came before."""
    assert licence(metadata_of(**entries)) == expected


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        ("MIT OR Apache-2.0", "Apache-2.0, MIT", True),
        ("BSD", "BSD-3-Clause", True),
        ("BSD-2-Clause", "BSD-3-Clause", False),
        ("MIT", "MIT AND Apache-2.0", False),
        ("MIT", "MIT-0", False),
    ],
)
def test_the_same_licences(one, other, expected):
    """However they are written down."""
    assert same(one, other) is expected
    assert same(other, one) is expected


_ALL = {
    "a": metadata_of(
        License="MIT",
        Requires_Dist=["B.b[x]", "only-there; sys_platform == 'win32'", "never; python_version < '3.8'"],
    ),
    "b-b": metadata_of(License="MIT", Requires_Dist=["of-x; extra == 'x'", "of-y; extra == 'y'", "a"]),
    "of-x": metadata_of(),
    "tool": metadata_of(License="MIT", Requires_Dist="a"),
}
_WHOLE = {
    "a": Row("MIT", frozenset({CORE})),
    "b-b": Row("MIT", frozenset({CORE})),
    "of-x": Row("whatever", frozenset({CORE})),
    "only-there": Row("whatever", frozenset({CORE})),
    "tool": Row("MIT", frozenset({"fast", "http2"})),
    "not-needed": Row("MIT", frozenset({"bench"})),
}


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({}, []),
        ({"tool": None}, ["tool, which comes with fast, http2, test, has no row"]),
        ({"only-there": None}, ["only-there, which comes with core, fast, http2, test, has no row"]),
        ({"b-b": Row("ISC", frozenset({CORE}))}, ["b-b is under MIT, not ISC"]),
        ({"tool": Row("MIT", frozenset({"fast"}))}, ["tool comes with http2, too"]),
    ],
)
def test_what_the_page_does_not_say_is_found(change, expected, monkeypatch):
    """A dependency of a dependency, of one of its extras, of another platform; another licence."""
    extras = {CORE: ["a"], "fast": ["tool"], "http2": ["alarm-dispatch[fast]"], "test": ["tool>1"]}
    monkeypatch.setattr(dependencies, "EXTRAS", extras)
    table = {name: row for name, row in (_WHOLE | change).items() if row is not None}

    found = list(problems(table, _ALL.get))

    assert found == expected

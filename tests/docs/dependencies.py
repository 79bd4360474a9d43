"""What the installed metadata says of the dependencies, and what the page says that differs.

``python -m tests.docs.dependencies`` prints the page's two tables, out of an environment with every extra.
"""

from __future__ import annotations

import re
import sys
import tomllib
from collections.abc import Callable, Iterable, Iterator, Mapping
from importlib import metadata
from typing import NamedTuple

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from ..paths import ROOT

__all__ = [
    "CORE",
    "DEVELOPMENT",
    "EXTRAS",
    "Row",
    "identifiers",
    "installed",
    "licence",
    "needs",
    "problems",
    "same",
]

CORE = "core"
_PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
EXTRAS: Mapping[str, list[str]] = {CORE: _PROJECT["dependencies"], **_PROJECT["optional-dependencies"]}
DEVELOPMENT = ("test", "bench", "docs", "fuzz", "lint", "audit")
# What is needed nowhere but there is named, too.
_PLACES = [
    {"python_version": version, "python_full_version": f"{version}.0", "sys_platform": system} | names
    for version in ("3.11", "3.12", "3.13")
    for system, names in (
        ("linux", {"os_name": "posix", "platform_system": "Linux"}),
        ("darwin", {"os_name": "posix", "platform_system": "Darwin"}),
        ("win32", {"os_name": "nt", "platform_system": "Windows"}),
    )
]
_SPDX = {
    "apache 2": "Apache-2.0",
    "apache 2.0": "Apache-2.0",
    "apache license 2.0": "Apache-2.0",
    "apache license, version 2.0": "Apache-2.0",
    "apache software license": "Apache-2.0",
    "bsd 2-clause license": "BSD-2-Clause",
    "bsd 3-clause license": "BSD-3-Clause",
    "bsd license": "BSD",
    "gnu general public license (gpl)": "GPL",
    "mit license": "MIT",
    "mozilla public license 2.0 (mpl 2.0)": "MPL-2.0",
    "psfl": "PSF-2.0",
    "public domain": "public-domain",
    "python software foundation license": "PSF-2.0",
    "the mit license (mit)": "MIT",
}
# A longer entry is the licence itself, in a field that was meant for its name.
_LONGEST_NAME = 60

Need = tuple[str, str]  # a distribution's canonical name, and the extra that brings it
Find = Callable[[str], metadata.PackageMetadata | None]


class Row(NamedTuple):
    """What the page tells of a distribution."""

    licence: str
    extras: frozenset[str]


def installed(name: str) -> metadata.PackageMetadata | None:
    """The metadata of a distribution, or None when it is not installed."""
    try:
        return metadata.metadata(name)
    except metadata.PackageNotFoundError:
        return None


def needs(find: Find = installed) -> set[Need]:
    """What each extra brings on any platform and Python, as far as installed metadata tells."""
    return {(name, extra) for extra in EXTRAS for name in _closure(EXTRAS[extra], find)}


def _closure(requirements: Iterable[str], find: Find) -> set[str]:
    waiting = [(text, "") for text in requirements]
    seen: set[tuple[str, str]] = set()
    while waiting:
        text, of_extra = waiting.pop()
        requirement = Requirement(text)
        name = canonicalize_name(requirement.name)
        if requirement.marker and not _anywhere(requirement, of_extra):
            continue
        if name == _PROJECT["name"]:
            waiting += [(one, "") for extra in requirement.extras for one in EXTRAS[extra]]
            continue
        for extra in ("", *requirement.extras):
            if (name, extra) not in seen:
                seen.add((name, extra))
                found = find(name)
                waiting += [(one, extra) for one in (found and found.get_all("Requires-Dist")) or ()]
    return {name for name, _ in seen}


def _anywhere(requirement: Requirement, extra: str) -> bool:
    marker = requirement.marker
    return marker is None or any(marker.evaluate({**place, "extra": extra}) for place in _PLACES)


def licence(told: metadata.PackageMetadata) -> str:
    """The SPDX expression, or what the older fields tell in its words; empty when nothing is told."""
    if expression := told.get("License-Expression"):
        return expression
    names = [entry.rpartition("::")[2] for entry in told.get_all("Classifier") or () if "License ::" in entry]
    field = " ".join((told.get("License") or "").split())
    if 0 < len(field) <= _LONGEST_NAME:
        names.append(field)
    found = sorted({_SPDX.get(name.strip().lower(), name.strip()) for name in names})
    if any(name.startswith("BSD-") for name in found):
        found = [name for name in found if name != "BSD"]
    every = frozenset().union(*map(identifiers, found))
    return next((name for name in found if identifiers(name) == every), ", ".join(found))


def identifiers(expression: str) -> frozenset[str]:
    """The licences that an expression names, whatever is between them."""
    return frozenset(re.findall(r"[\w.+-]+", expression)) - {"AND", "OR", "WITH"}


def same(told: str, found: str) -> bool:
    """Whether two expressions name the same licences; the number of a BSD licence need not be told."""
    one, other = identifiers(told), identifiers(found)
    if "BSD" in one | other:
        one, other = (frozenset(re.sub(r"^BSD-.*", "BSD", name) for name in names) for names in (one, other))
    return one == other


def problems(table: Mapping[str, Row], find: Find = installed) -> Iterator[str]:
    """What the metadata says and the table does not.

    A distribution that is not installed needs its row all the same, and its licence is not looked at.
    """
    wanted: dict[str, set[str]] = {}
    for name, extra in needs(find):
        wanted.setdefault(name, set()).add(extra)
    for name, extras in sorted(wanted.items()):
        row = table.get(name)
        if row is None:
            yield f"{name}, which comes with {', '.join(sorted(extras))}, has no row"
            continue
        for extra in sorted(extras):
            if not _covers(row.extras, extra):
                yield f"{name} comes with {extra}, too"
        found = find(name)
        now = licence(found) if found is not None else ""
        if now and not same(row.licence, now):
            yield f"{name} is under {now}, not {row.licence}"


def _covers(told: frozenset[str], extra: str) -> bool:
    """Whether it is told: what users install is not told again of the extras for development."""
    return bool(told & {CORE, extra}) or (extra in DEVELOPMENT and not told <= {*DEVELOPMENT})


def rows(*, development: bool) -> Iterator[str]:
    """The rows of one of the two tables."""
    extras_of: dict[str, set[str]] = {}
    for name, extra in needs():
        extras_of.setdefault(name, set()).add(extra)
    for name, extras in sorted(extras_of.items()):
        if (extras <= {*DEVELOPMENT}) == development:
            listed = [CORE] if CORE in extras else [extra for extra in EXTRAS if extra in extras]
            if not development:
                listed = [extra for extra in listed if extra not in DEVELOPMENT]
            found = installed(name)
            spelled = found["Name"] if found else name
            told = (found and licence(found)) or "?"
            yield f"| `{spelled}` | {told} | {', '.join(listed)} |"


if __name__ == "__main__":
    for of_development in (False, True):
        sys.stdout.writelines(f"{row}\n" for row in [*rows(development=of_development), ""])

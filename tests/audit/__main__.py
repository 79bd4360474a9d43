"""Checks what is installed for known vulnerabilities, where there is a database: ``python -m tests.audit``.

pip-audit counts what a database does not know as not vulnerable, so one which knows nothing gives a clean
bill.  Hence it is first asked about releases that everybody knows to be vulnerable.
"""

from __future__ import annotations

import argparse
import functools
import json
import subprocess
import sys
import tempfile
import time
import tomllib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

IGNORED = Path(__file__).with_name("ignored.toml")
SECONDS = 30.0
DATABASES = ("pypi", "osv")
KNOWN_TO_BE_VULNERABLE = ("idna==3.6", "requests==2.19.1")  # PYSEC-2024-60, PYSEC-2018-28
_NOTHING_INSTALLED_HAS_IT = "ignored, but not found; take it out of the list"

Ask = Callable[[Sequence[str]], list[dict[str, Any]] | None]


def ask(words: Sequence[str], *, until: float, program: Sequence[str] = ("-m", "pip_audit")) -> Any:
    """What pip-audit says of each distribution; None when it says nothing by then (of ``time.monotonic``)."""
    command = [sys.executable, *program, "--format", "json", "--progress-spinner", "off", *words]
    try:
        ran = subprocess.run(
            command, capture_output=True, text=True, timeout=max(0.0, until - time.monotonic()), check=False
        )
        # Its exit code is 1 for a finding as for a failure.
        return json.loads(ran.stdout)["dependencies"]
    except (subprocess.TimeoutExpired, ValueError, KeyError, TypeError):
        return None


def at_hand(ask: Ask) -> str | None:
    """The first database that knows what everybody knows."""
    with tempfile.TemporaryDirectory() as directory:
        listed = Path(directory) / "requirements.txt"
        listed.write_text("\n".join(KNOWN_TO_BE_VULNERABLE))
        for database in DATABASES:
            words = ["--vulnerability-service", database, "--requirement", str(listed)]
            told = ask([*words, "--no-deps", "--disable-pip"])
            if told and all(one.get("vulns") for one in told):
                return database
    return None


def read_ignored(path: Path = IGNORED) -> Mapping[str, str]:
    """The ids that are passed over, and why; each must have its reason."""
    ignored = tomllib.loads(path.read_text("utf-8"))
    for name, reason in ignored.items():
        if not isinstance(reason, str) or not reason.strip():
            raise SystemExit(f"{path.name}: {name} has no reason")
    return ignored


def audit(ask: Ask, ignored: Mapping[str, str]) -> tuple[list[str], int]:
    """What is to be told, and how many findings are not ignored."""
    database = at_hand(ask)
    if database is None:
        return ["no database at hand; not checked"], 0
    told = ask(["--vulnerability-service", database, "--local", "--skip-editable"])
    if told is None:
        return [f"the database {database} was at hand, but gave no whole answer; not checked"], 0
    lines, found, met = [], 0, set()
    for one in told:
        for finding in one.get("vulns", ()):
            names = {finding["id"], *finding.get("aliases", ())}
            fixed = ", ".join(finding.get("fix_versions", ())) or "no release"
            known = sorted(names & ignored.keys())
            met.update(known)
            found += not known
            passed = f"; ignored: {ignored[known[0]]}" if known else ""
            lines.append(f"{one['name']} {one['version']}: {finding['id']}, fixed in {fixed}{passed}")
    lines += [f"{name}: {_NOTHING_INSTALLED_HAS_IT}" for name in sorted(ignored.keys() - met)]
    unknown = sorted(one["name"] for one in told if "skip_reason" in one)
    if unknown:
        lines.append(f"unknown to the database, not checked: {', '.join(unknown)}")
    lines.append(f"{len(told) - len(unknown)} distributions checked in {database}, {found} findings")
    return lines, found


def main() -> int:
    """0 when nothing was found, or nothing could be looked up; 1 when something was."""
    argparse.ArgumentParser(prog="python -m tests.audit", description=__doc__).parse_args()
    lines, found = audit(functools.partial(ask, until=time.monotonic() + SECONDS), read_ignored())
    print(*lines, sep="\n")
    return bool(found)


if __name__ == "__main__":
    sys.exit(main())

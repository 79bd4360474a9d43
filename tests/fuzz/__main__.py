"""Runs the targets with atheris, each in a process of its own: ``python -m tests.fuzz --seconds 600``.

New inputs that reach something new go to a directory of their own, not to the corpus that is checked in;
``--keep`` is where.  ``--replay`` runs the corpus once and needs no atheris.
"""

from __future__ import annotations

import argparse
import importlib.util
import subprocess
import sys
import tempfile
from pathlib import Path

NAMES = ("reply", "confirmation", "configuration")
CORPUS = Path(__file__).parent / "corpus"
_LONGEST_INPUT = 4_096
_ONE_INPUT = 20


def replay(name: str) -> int:
    """Run the target on its corpus; how many inputs there were."""
    from .targets import TARGETS

    inputs = sorted((CORPUS / name).iterdir())
    for path in inputs:
        TARGETS[name](path.read_bytes())
    return len(inputs)


def fuzz(name: str, seconds: int, kept: str) -> None:
    """Fuzz in this process, which ends with it."""
    import atheris

    # What is imported in here is instrumented: what is ours, and what parses for us.
    with atheris.instrument_imports(include=["alarm_dispatch", "h11", "cattrs", "json", "tomllib"]):
        from .targets import TARGETS
    options = [
        f"-max_total_time={seconds}",
        f"-max_len={_LONGEST_INPUT}",
        f"-timeout={_ONE_INPUT}",
        "-rss_limit_mb=1024",
        "-print_final_stats=1",
    ]
    atheris.Setup([sys.argv[0], *options, kept, str(CORPUS / name)], TARGETS[name])
    atheris.Fuzz()


def main() -> int:
    """Fuzz all targets or those that are named; 0 when none found anything."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("targets", nargs="*", default=NAMES, help=", ".join(NAMES))
    parser.add_argument("--seconds", type=int, default=600, help="for each target (600)")
    parser.add_argument("--keep", type=Path, help="where new inputs go; by default they are thrown away")
    parser.add_argument("--replay", action="store_true", help="run the corpus once, without atheris")
    parser.add_argument("--child", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.child:
        fuzz(given.child, given.seconds, str(given.keep))
        return 0
    unknown = [name for name in given.targets if name not in NAMES]
    if unknown:
        parser.error(f"unknown targets: {', '.join(unknown)}; there are: {', '.join(NAMES)}")
    if given.replay:
        for name in given.targets:
            print(f"{name}: {replay(name)} inputs")
        return 0
    if importlib.util.find_spec("atheris") is None:
        parser.error(
            "atheris is not installed: it comes with the extra fuzz, on Linux; --replay does without"
        )
    failed = []
    with tempfile.TemporaryDirectory() as scratch:
        for name in given.targets:
            kept = (given.keep or Path(scratch)) / name
            kept.mkdir(parents=True, exist_ok=True)
            words = ["--child", name, "--seconds", str(given.seconds), "--keep", str(kept)]
            print(f"== {name}", flush=True)
            if subprocess.run([sys.executable, "-m", "tests.fuzz", *words], check=False).returncode:
                failed.append(name)
    print(f"failed: {', '.join(failed)}" if failed else "nothing found")
    return bool(failed)


if __name__ == "__main__":
    sys.exit(main())

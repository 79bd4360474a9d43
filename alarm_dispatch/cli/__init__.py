"""The command line, ``alarm-dispatch`` and ``python -m alarm_dispatch``; it needs the extra ``cli``."""

from __future__ import annotations

import io
import sys
from collections.abc import Sequence

__all__ = ["main"]

_EXTRA = frozenset({"click", "rich"})


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line with these arguments, or the process's own, and exit with its code."""
    try:
        # Here and not above: the package must be importable, and this must say what is missing, without them.
        from alarm_dispatch.cli.app import command_line  # noqa: PLC0415
    except ModuleNotFoundError as error:
        missing = (error.name or "").partition(".")[0]
        if missing not in _EXTRA:
            raise
        sys.stderr.write(
            f"The command line needs the package {missing}, which is not installed. "
            'Install it with: pip install "alarm-dispatch[cli]"\n'
        )
        sys.exit(2)
    if isinstance(sys.stdout, io.TextIOWrapper):
        # A terminal that lacks a character gets its escape instead of a traceback.
        sys.stdout.reconfigure(errors="backslashreplace")
    command_line(arguments)

"""How the tests run the command line: in this process, or as one of its own."""

from __future__ import annotations

import contextlib
import subprocess
import sys
from collections.abc import Iterator

from click.testing import CliRunner, Result

from alarm_dispatch.cli.app import command_line

# A process that a script starts in the background may inherit that Ctrl-C is ignored.
_INTERRUPTIBLE = (
    "import signal; signal.signal(signal.SIGINT, signal.default_int_handler); "
    "from alarm_dispatch.cli import main; main()"
)


def run(
    *arguments: str, stdin: bytes | str | None = None, env: dict[str, str | None] | None = None
) -> Result:
    """Run a command in this process, on a terminal of 80 columns without colours."""
    plain: dict[str, str | None] = {"COLUMNS": "80", "FORCE_COLOR": None, "TTY_COMPATIBLE": None}
    result = CliRunner().invoke(command_line, arguments, input=stdin, env={**plain, **(env or {})})
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result


@contextlib.contextmanager
def started(*arguments: str, stdin: int | None = None) -> Iterator[subprocess.Popen[str]]:
    """A command in a process of its own, which is ended in any case."""
    with subprocess.Popen(
        [sys.executable, "-c", _INTERRUPTIBLE, *arguments],
        stdin=stdin,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        encoding="utf-8",
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def ran(*arguments: str, stdin: bytes | None = None) -> subprocess.CompletedProcess[bytes]:
    """``python -m alarm_dispatch`` with these arguments, to its end."""
    return subprocess.run(
        [sys.executable, "-m", "alarm_dispatch", *arguments], input=stdin, capture_output=True, check=False
    )

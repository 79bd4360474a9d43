"""The processes of a benchmark, each on its core: the receiver, and workers that send."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

from attrs import field, frozen

from ..paths import ROOT

__all__ = ["Child", "Cores", "cores", "on_core", "pin", "raise_file_limit", "started", "uvloop_or_none"]


@frozen
class Cores:
    """Which core sends and which receives; None where the platform cannot tell or has only one."""

    sender: int | None = None
    receiver: int | None = None


def cores() -> Cores:
    """Two different cores of this machine."""
    if not hasattr(os, "sched_getaffinity"):
        return Cores()
    found = sorted(os.sched_getaffinity(0))
    return Cores(sender=found[1], receiver=found[0]) if len(found) > 1 else Cores()


def pin(core: int | None, pid: int = 0) -> None:
    """Keep a process on a core."""
    if core is not None:
        os.sched_setaffinity(pid, {core})


@contextlib.contextmanager
def on_core(core: int | None) -> Iterator[None]:
    """Start what is started in this block on a core."""
    if core is None:
        yield
        return
    usual = os.sched_getaffinity(0)
    pin(core)
    try:
        yield
    finally:
        os.sched_setaffinity(0, usual)


def raise_file_limit() -> None:
    """A thousand receivers take thousands of sockets."""
    try:
        import resource
    except ImportError:  # a platform without such limits
        return
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with contextlib.suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def uvloop_or_none() -> Any:
    """The package uvloop where it is installed."""
    try:
        import uvloop
    except ImportError:
        return None
    return uvloop


@frozen
class Child:
    """A process that takes orders as JSON lines and answers each with one."""

    process: subprocess.Popen[str] = field()
    first: dict[str, Any] = field()

    def ask(self, **order: Any) -> dict[str, Any]:
        """The answer to an order."""
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps(order) + "\n")
        self.process.stdin.flush()
        return _answer(self.process)


def _answer(process: subprocess.Popen[str]) -> dict[str, Any]:
    assert process.stdout is not None
    line = process.stdout.readline()
    if not line:
        raise RuntimeError(f"a benchmark's process ended with {process.wait()}: {process.args}")
    return dict(json.loads(line))


@contextlib.contextmanager
def started(module: str, *arguments: str) -> Iterator[Child]:
    """A process of this package, ready for orders; at the end its input is closed, and it ends."""
    process = subprocess.Popen(
        [sys.executable, "-m", f"{__package__}.{module}", *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
    )
    with process:
        try:
            yield Child(process, _answer(process))
            assert process.stdin is not None
            process.stdin.close()
            process.wait(30)
        finally:
            process.kill()

"""Children of a fork, for tests."""

from __future__ import annotations

import os
from collections.abc import Callable

import pytest

needs_fork = pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")


def in_child(call: Callable[[], object]) -> str:
    """What the call answers in a child of a fork, as text."""
    reading, writing = os.pipe()
    child = os.fork()
    if not child:  # pragma: no cover - measured in the parent only
        try:
            os.write(writing, str(call()).encode())
        except BaseException as error:  # noqa: BLE001 - told to the parent
            os.write(writing, repr(error).encode())
        finally:
            os._exit(0)
    os.close(writing)
    with os.fdopen(reading) as stream:
        told = stream.read()
    os.waitpid(child, 0)
    return told

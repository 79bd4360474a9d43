"""The stores that one contract suite runs over."""

from __future__ import annotations

import pytest

from alarm_dispatch.outbox import SqliteOutbox
from alarm_dispatch.repeats import MemoryRepeats
from alarm_dispatch.testing import MemoryOutbox


@pytest.fixture(params=["memory", "sqlite", "memory outbox"])
def store(request, tmp_path):
    """A store that knows nothing."""
    if request.param == "memory":
        yield MemoryRepeats()
        return
    outbox = SqliteOutbox(tmp_path / "alarms.db") if request.param == "sqlite" else MemoryOutbox()
    yield outbox.repeats
    outbox.close()

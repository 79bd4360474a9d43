"""The outboxes that one contract suite runs over."""

from __future__ import annotations

import pytest

from alarm_dispatch.outbox import SqliteOutbox
from alarm_dispatch.testing import MemoryOutbox


@pytest.fixture(params=["sqlite", "memory"])
def outbox(request, tmp_path):
    """An empty outbox."""
    made = SqliteOutbox(tmp_path / "alarms.db") if request.param == "sqlite" else MemoryOutbox()
    yield made
    made.close()


@pytest.fixture
def sqlite_outbox(tmp_path):
    """An empty outbox in an SQLite file."""
    made = SqliteOutbox(tmp_path / "alarms.db")
    yield made
    made.close()

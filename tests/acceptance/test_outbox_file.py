"""What becomes of a dispatcher whose outbox's file is taken away."""

from __future__ import annotations

import pytest

from alarm_dispatch import Dispatcher
from alarm_dispatch.errors import OutboxUnavailableError
from alarm_dispatch.outbox import SqliteOutbox

from ..dispatch.alarms import group, numbered


def test_a_file_that_was_removed_is_told_and_made_anew(tmp_path, loopback_receiver):
    """Nothing is acknowledged that is not on disk; what comes after that is sent as before."""
    path, to = tmp_path / "alarms.db", group(loopback_receiver(200).url)

    with Dispatcher(outbox=SqliteOutbox(path), groups=[to]) as dispatcher:
        assert dispatcher.dispatch(numbered(1), to).ok
        for file in tmp_path.iterdir():
            file.unlink()

        with pytest.raises(OutboxUnavailableError, match="was removed or replaced while it was open"):
            dispatcher.submit(numbered(2), to)

        assert dispatcher.submit(numbered(3), to).result(timeout=5).ok
        assert dispatcher.submit(numbered(4), to).result(timeout=5).ok
    assert [stored.status for stored in SqliteOutbox(path).list()] == ["delivered", "delivered"]

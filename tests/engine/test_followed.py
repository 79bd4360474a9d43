"""Which of the deliveries that others send are asked for."""

from __future__ import annotations

from alarm_dispatch.engine import followed
from alarm_dispatch.engine.followed import Followed

from .made import job


def test_all_are_asked_for_in_turn(monkeypatch):
    """Those that do not end do not keep the others from being asked for."""
    monkeypatch.setattr(followed, "_ASKED_FOR", 3)
    waiting = Followed()
    for name in "abcde":
        waiting.add(job(name))

    asked = [list(waiting.some()) for _ in range(4)]

    assert asked == [list("abc"), list("dea"), list("bcd"), list("eab")]
    assert len(waiting.clear()) == 5
    assert waiting.some() == []

"""Where delivery ids come from."""

from __future__ import annotations

import os
import re

import pytest

from alarm_dispatch.clock import SystemClock
from alarm_dispatch.dispatcher.ids import DeliveryIds

from ..outbox.children import in_child, needs_fork


@pytest.mark.parametrize("clock", [None, SystemClock()])
def test_no_id_comes_twice(clock):
    """However many are drawn at a time."""
    ids = DeliveryIds(clock)

    made = [ids() for _ in range(1_000)]

    assert len(set(made)) == 1_000
    assert all(re.fullmatch("[0-9a-f]{24}", one) for one in made)


def test_those_of_a_clock_are_in_its_order(virtual_clock):
    """Their first half is the time in milliseconds."""
    ids = DeliveryIds(virtual_clock)

    made = ids()

    assert int(made[:12], 16) == int(virtual_clock.now().timestamp() * 1000)


def test_they_are_drawn_many_at_a_time(monkeypatch):
    """As each draw may hand the interpreter to another thread."""
    drawn = []
    draw = os.urandom
    monkeypatch.setattr(os, "urandom", lambda size: drawn.append(size) or draw(size))
    ids = DeliveryIds(None)

    for _ in range(129):
        ids()

    assert len(drawn) == 2


@needs_fork
def test_a_child_draws_its_own():
    """What its parent has drawn already it may not use."""
    ids = DeliveryIds(None)
    ids()
    ready = set(ids._ready)

    assert in_child(ids) not in ready

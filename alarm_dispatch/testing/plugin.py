"""The pytest plugin: fixtures for a virtual clock, for scripted receivers and hostile ones."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from alarm_dispatch.testing.clock import VirtualClock
    from alarm_dispatch.testing.hostile import HostileReceiver
    from alarm_dispatch.testing.receivers import LoopbackReceiver, MemoryReceiver

__all__ = ["hostile_receiver", "loopback_receiver", "memory_receiver", "virtual_clock"]

# The imports stand inside the fixtures: pytest loads this file in every run of everybody who has the
# package installed, and before a coverage measurement begins.


@pytest.fixture
def virtual_clock() -> VirtualClock:
    """A clock under which timers fire at once, each at its exact time."""
    from alarm_dispatch.testing.clock import VirtualClock  # noqa: PLC0415

    return VirtualClock()


@pytest.fixture
def memory_receiver() -> Callable[..., MemoryReceiver]:
    """Makes receivers without a socket: ``memory_receiver("500,500,200")``."""
    from alarm_dispatch.testing.receivers import MemoryReceiver  # noqa: PLC0415

    return MemoryReceiver


@pytest.fixture
def loopback_receiver() -> Iterator[Callable[..., LoopbackReceiver]]:
    """Makes receivers that listen on the loopback interface until the test ends."""
    from alarm_dispatch.testing.receivers import LoopbackReceiver  # noqa: PLC0415

    with contextlib.ExitStack() as opened:

        def make(*arguments: Any, **options: Any) -> LoopbackReceiver:
            return opened.enter_context(LoopbackReceiver(*arguments, **options))

        yield make


@pytest.fixture
def hostile_receiver() -> Iterator[Callable[..., HostileReceiver]]:
    """Makes receivers that do harm until the test ends: ``hostile_receiver("drips-head")``."""
    from alarm_dispatch.testing.hostile import HostileReceiver  # noqa: PLC0415

    with contextlib.ExitStack() as opened:

        def make(*arguments: Any, **options: Any) -> HostileReceiver:
            return opened.enter_context(HostileReceiver(*arguments, **options))

        yield make

"""Wrong values for a dispatcher's own calls are told before anything happens."""

from __future__ import annotations

import asyncio
import math
from typing import Any

import pytest

from alarm_dispatch import AsyncDispatcher, Dispatcher
from alarm_dispatch.errors import DispatcherClosedError, InvalidFieldError

from .alarms import group, numbered


@pytest.mark.parametrize("kind", [Dispatcher, AsyncDispatcher])
def test_a_clock_needs_its_two_methods(kind: Any) -> None:
    """Said when it is given, not when it is first needed."""
    with pytest.raises(
        InvalidFieldError, match=r"^clock: must have now\(\) and new_event_loop\(\); a str has not"
    ):
        kind(clock="x")


@pytest.mark.parametrize("value", ["x", -1, math.nan, True])
@pytest.mark.parametrize("call", ["drain", "close"])
def test_a_timeout_is_a_number_of_seconds(memory_receiver, call, value):
    """A close with a wrong one closes nothing."""
    receiver = memory_receiver(200)

    with Dispatcher(transport=receiver.transport) as dispatcher:
        with pytest.raises(InvalidFieldError, match=f"^{call}.timeout: must be "):
            getattr(dispatcher, call)(value)
        assert dispatcher.dispatch(numbered(1), group()).ok

    async def main() -> None:
        async with AsyncDispatcher(transport=receiver.transport) as asynchronous:
            with pytest.raises(InvalidFieldError, match=f"^{call}.timeout: must be "):
                await getattr(asynchronous, call)(value)
            assert (await asynchronous.dispatch(numbered(1), group())).ok

    asyncio.run(main())


def test_the_figures_may_be_asked_for_after_the_close(memory_receiver):
    """Those of its end; a dispatcher that never did anything has none."""
    with Dispatcher(transport=memory_receiver(200).transport) as dispatcher:
        dispatcher.dispatch(numbered(1), group())
    assert dispatcher.stats().delivered == 1
    assert dispatcher.drain()

    idle = Dispatcher()
    idle.close()
    with pytest.raises(DispatcherClosedError):
        idle.stats()

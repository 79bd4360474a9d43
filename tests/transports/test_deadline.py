"""The deadline of an attempt: what asyncio's timeouts do, for less."""

from __future__ import annotations

import asyncio

import pytest

from alarm_dispatch.testing import VirtualClock
from alarm_dispatch.transports.deadline import Deadlines


def test_a_block_that_lasts_too_long_is_cut_off():
    """At the deadline exactly, and the task goes on."""
    clock = VirtualClock()

    async def main() -> None:
        with pytest.raises(TimeoutError), Deadlines().until(3.0):
            await asyncio.sleep(10)
        assert clock.elapsed == 3.0
        await asyncio.sleep(1)

    clock.run(main())


def test_a_block_that_ends_in_time_leaves_nothing_behind():
    """No later cancellation comes out of its timer."""
    clock = VirtualClock()

    async def main() -> None:
        with Deadlines().until(3.0):
            await asyncio.sleep(1)
        await asyncio.sleep(10)

    clock.run(main())

    assert clock.elapsed == 11.0


def test_an_error_in_the_block_stays_that_error():
    """Also when the deadline has passed meanwhile."""

    async def broken() -> None:
        try:
            await asyncio.sleep(10)
        except asyncio.CancelledError:
            raise ZeroDivisionError from None

    async def main() -> None:
        with pytest.raises(ZeroDivisionError), Deadlines().until(3.0):
            await broken()

    VirtualClock().run(main())


@pytest.mark.parametrize("when", [1.0, 3.0])
def test_somebody_elses_cancellation_goes_on(when):
    """It is no timeout, also when both come at once."""

    async def work() -> None:
        with Deadlines().until(3.0):
            await asyncio.sleep(10)

    async def main() -> None:
        task = asyncio.create_task(work())
        await asyncio.sleep(0)
        asyncio.get_running_loop().call_at(when, task.cancel)
        with pytest.raises(asyncio.CancelledError):
            await task

    VirtualClock().run(main())

"""How the engine times the rounds of its event loop."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

from alarm_dispatch.engine.pulse import Pulse
from alarm_dispatch.engine.window import Window
from alarm_dispatch.testing import VirtualClock


class _Heard(Window):
    """A window that only listens."""

    def __init__(self) -> None:
        super().__init__(512)
        self.rounds: list[float] = []

    def loop_took(self, seconds: float) -> None:
        self.rounds.append(seconds)


def test_a_round_is_timed_64_times_a_second(virtual_clock):
    """From one turn of the loop to the next, by the wall clock; then the engine looks what may go."""
    window, changes = _Heard(), list[float]()

    class Clock(VirtualClock):
        def now(self) -> Any:
            calls.append(None)
            return super().now() + timedelta(seconds=len(calls))

    calls: list[None] = []

    async def main() -> None:
        loop = asyncio.get_running_loop()
        pulse = Pulse(Clock(), window, lambda: changes.append(loop.time()))
        pulse.start()
        pulse.start()
        await asyncio.sleep(0.9)
        pulse.stop()
        pulse.stop()
        await asyncio.sleep(1)

    virtual_clock.run(main())

    assert len(window.rounds) == len(changes) == 57
    assert all(1 <= seconds < 1.001 for seconds in window.rounds)

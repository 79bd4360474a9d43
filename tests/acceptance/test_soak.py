"""A storm on real sockets, to receivers that do anything: all that was submitted is accounted for."""

from __future__ import annotations

import asyncio
import gc
import itertools
from collections import Counter
from pathlib import Path
from typing import Any

import attrs
import pytest

from alarm_dispatch import AlarmGroup, AlarmState, AsyncDispatcher, Callback, Delivery, RetrySchedule, Verdict
from alarm_dispatch.errors import BacklogFullError
from alarm_dispatch.limits import Circuit
from alarm_dispatch.model import Level
from alarm_dispatch.receiver.script import Script
from alarm_dispatch.testing import LoopbackReceiver

from ..dispatch.alarms import numbered

SECONDS = 4.0
FILES = Path("/proc/self/fd")
SCRIPTS = {
    "/good": "200",
    "/slow": "delay:0.05:200",
    "/flaky": "200,500,200,reset,200,503,close",
    "/silent": "timeout",
    "/half": "200,timeout,200,200",
    "/broken": "garbage,early,reset,close,500",
    "/wild": "200,delay:0.2:200,garbage,429,early,delay:0.02:503,informational,drip,redirect,200",
}
SETTINGS: dict[str, dict[str, Any]] = {
    "/good": {},
    "/slow": {"limit": 4, "rate": 200},
    "/flaky": {"supersede": True},
    "/silent": {"limit": 2, "circuit": Circuit(failures=3, pause=0.5)},
    "/half": {"max_age": 1.0},
    "/broken": {"circuit": Circuit(failures=4, pause=0.2), "supersede": True},
    "/wild": {"limit": 16},
}
SCHEDULE = RetrySchedule(attempts=3, delays=(0.05, 0.1), jitter=0.05)


class Counts:
    """A hook that counts how deliveries and attempts ended."""

    def __init__(self) -> None:
        self.settled: Counter[str] = Counter()
        self.ids: Counter[str] = Counter()
        self.verdicts: Counter[Verdict] = Counter()

    def __call__(self, event: Any) -> None:
        if isinstance(event, Delivery):
            self.settled[event.status] += 1
            self.ids[event.id] += 1
        else:
            self.verdicts[event.verdict] += 1


def transport_of(name: str) -> Any:
    """The transport over this library, or a skip when it is not there."""
    if name == "httpx":
        from alarm_dispatch.transports.httpx import HttpxTransport

        return HttpxTransport()
    pytest.importorskip("aiohttp", reason="the extra fast is not installed")
    from alarm_dispatch.transports.aiohttp import AiohttpTransport

    return AiohttpTransport()


def groups_at(url: str) -> list[AlarmGroup]:
    """A group for each receiver, and one for all of them."""
    callbacks = [Callback(f"{url}{path}", format="tencent", name=path, **SETTINGS[path]) for path in SCRIPTS]
    return [AlarmGroup("one", callbacks=[callback]) for callback in callbacks] + [
        AlarmGroup("all", callbacks=callbacks)
    ]


async def storm(dispatcher: AsyncDispatcher, groups: list[AlarmGroup]) -> tuple[int, int]:
    """Submit what there is room for, for some seconds, and end; how many were taken, and how many refused."""
    loop, handles, submitted, refused = asyncio.get_running_loop(), [], 0, 0
    until = loop.time() + SECONDS
    for number in itertools.count():
        if loop.time() > until:
            break
        state = AlarmState.RESOLVED if number % 5 == 0 else AlarmState.TRIGGERED
        alarm = attrs.evolve(numbered(number % 40, state), level=list(Level)[number % 3])
        to = groups[number % len(groups)]
        try:
            handles.append(await dispatcher.submit(alarm, to, wait=number % 2 == 0))
            submitted += len(to.callbacks)
        except BacklogFullError:
            refused += 1
            await asyncio.sleep(0.01)
    assert dispatcher.stats().submitted == submitted
    await dispatcher.drain(timeout=1.0)
    started = loop.time()
    await dispatcher.close(timeout=1.0)
    assert loop.time() - started < 4
    assert asyncio.all_tasks() == {asyncio.current_task()}
    assert dispatcher._backlog.count == 0
    reports = [await handle.result(timeout=1) for handle in handles]
    assert sum(len(report.deliveries) for report in reports) == submitted
    return submitted, refused


def sockets() -> int:
    """How many files and sockets this process has open, where the platform tells."""
    return sum(1 for _ in FILES.iterdir()) if FILES.is_dir() else 0


@pytest.mark.parametrize("name", ["httpx", "aiohttp"])
def test_all_that_was_submitted_is_accounted_for(name):
    """Resets, silence, slow and broken answers, a full backlog, retries, flapping alarms, and then an end."""
    counts, transport = Counts(), transport_of(name)

    async def main(url: str) -> tuple[int, int]:
        dispatcher = AsyncDispatcher(
            transport=transport,
            timeout=0.4,
            schedule=SCHEDULE,
            backlog=600,
            max_retry_after=0.2,
            hooks=[counts],
        )
        return await storm(dispatcher, groups_at(url))

    scripts = {path: Script.parse(text, cycle=True) for path, text in SCRIPTS.items()}
    before = sockets()
    with LoopbackReceiver(scripts=scripts) as receiver:
        submitted, refused = asyncio.run(main(receiver.url))
    gc.collect()

    settled = counts.settled
    assert submitted == settled["delivered"] + settled["failed"] + settled["superseded"]
    assert set(counts.ids.values()) == {1}
    assert counts.ids.total() == submitted > 500
    assert refused
    assert all(settled[status] for status in ("delivered", "failed", "superseded"))
    assert {Verdict.CONFIRMED, Verdict.REJECTED, Verdict.UNKNOWN} <= set(counts.verdicts)
    assert sockets() <= before

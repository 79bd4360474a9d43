"""Any sequence of submits, answers, waits, stops, crashes and closes of two dispatchers on one outbox."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any

import attrs
import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from alarm_dispatch import (
    AsyncDispatcher,
    Attempt,
    Callback,
    Delivery,
    DispatcherStats,
    RetrySchedule,
    Verdict,
)
from alarm_dispatch.errors import TransportError
from alarm_dispatch.exchange import Reply, Request
from alarm_dispatch.handles import AsyncHandle
from alarm_dispatch.outbox import Ending
from alarm_dispatch.testing import MemoryOutbox, MemoryReceiver, VirtualClock

from .kept import Disk, numbers, step, to
from .made import ends_of

SCHEDULE = RetrySchedule(attempts=3, delays=(2, 5))
CALLBACKS: dict[str, dict[str, Any]] = {
    "plain": {"limit": 2, "fallback": "others"},
    "single": {"limit": 1},
    "latest": {"limit": 1, "supersede": True},
    "fresh": {"limit": 1, "max_age": 9.0},
}
ANSWERS = ["200", "500", "timeout", "reset", "slow 200", "slow 500"]
OTHERS = to(Callback("https://last.example/", format="tencent", name="last"), name="others")


def callback(name: str) -> Callback:
    """One of the receivers."""
    return Callback(
        f"https://{name}.example/", format="tencent", name=name, schedule=SCHEDULE, **CALLBACKS[name]
    )


class Ledger(MemoryOutbox):
    """An outbox that notes who ended what."""

    def __init__(self) -> None:
        super().__init__()
        self.endings: Counter[str] = Counter()

    def settle(self, worker: str, endings: Sequence[Ending], *, now: datetime) -> Collection[str]:
        """Settle, and count what was not refused."""
        refused = super().settle(worker, endings, now=now)
        self.endings.update(ending.id for ending in endings if ending.id not in refused)
        return refused


class Life:
    """One dispatcher from its start to its crash or its close, on an event loop of its own."""

    def __init__(self, clock: VirtualClock, transport: Any, outbox: MemoryOutbox, groups: Any) -> None:
        self.disk = Disk(outbox)
        self.loop = clock.new_event_loop()
        self.told: list[Attempt | Delivery] = []
        self.handles: list[AsyncHandle] = []
        self.dispatcher = AsyncDispatcher(
            transport=transport,
            clock=clock,
            timeout=3.0,
            outbox=self.disk,
            groups=groups,
            lease=12.0,
            hooks=[self.told.append],
        )
        self.run(self.dispatcher.__aenter__())

    def run(self, coroutine: Any) -> Any:
        """Let its loop run until that is done."""
        return self.loop.run_until_complete(coroutine)

    def end(self, timeout: float) -> None:
        """Close it; every handle has its end then, and nothing is left."""
        self.run(self.dispatcher.close(timeout))
        assert all(handle.done() for handle in self.handles)
        assert self.dispatcher._backlog.count == 0
        assert not asyncio.all_tasks(self.loop)
        self.loop.close()


class Two(RuleBasedStateMachine):
    """Two dispatchers, some receivers, and what must be true of them at any time."""

    @initialize(answers=st.fixed_dictionaries({name: st.sampled_from(ANSWERS) for name in CALLBACKS}))
    def open(self, answers: dict[str, str]) -> None:
        """Both on loops of their own, which run only when it is their turn: the other one is stopped."""
        self.clock = VirtualClock()
        self.outbox = Ledger()
        self.answers = {**answers, "last": "200"}
        self.order: dict[tuple[str, str], list[int]] = {}
        self.broken: list[str] = []
        self.groups = [to(*map(callback, CALLBACKS)), OTHERS]
        self.put: set[str] = set()
        self.serial = 0
        self.transport = MemoryReceiver(self.answer).transport
        self.lives: list[Life | None] = [None, None]
        self.replays = 0

    def life(self, which: int) -> Life:
        """The dispatcher, a new one if there is none."""
        found = self.lives[which]
        if found is None:
            found = self.lives[which] = Life(self.clock, self.transport, self.outbox, self.groups)
        return found

    async def answer(self, request: Request) -> Reply:
        """What a receiver does; what it must never see is noted in ``broken``."""
        name = request.url.split("//")[1].split(".")[0]
        stored = next(self.outbox.list(ids=request.delivery_id))
        alarm, serial = (
            stored.entry.alarm_id,
            int(stored.entry.content.split(b'"duration":')[1].split(b",")[0]),
        )
        seen = self.order.setdefault((name, alarm), [])
        if seen and serial < seen[-1] and not self.replays:
            self.broken.append(f"{serial} of {alarm} came to {name} after {seen[-1]}")
        seen.append(serial)
        script = self.answers[name]
        if script == "timeout":
            await asyncio.sleep(3600)
        if script.startswith("slow"):
            await asyncio.sleep(1)
        if script == "reset":
            raise TransportError(Verdict.UNKNOWN, script)
        return Reply(status_code=int(script[-3:]))

    @rule(
        which=st.integers(0, 1),
        number=st.integers(1, 3),
        names=st.lists(st.sampled_from(sorted(CALLBACKS)), min_size=1, max_size=3, unique=True),
    )
    def submit(self, which: int, number: int, names: list[str]) -> None:
        """Hand in a notification: it is in the outbox then."""
        self.serial += 1
        life, before = self.life(which), {one.entry.id for one in self.outbox.list()}
        group = attrs.evolve(self.groups[0], callbacks=[callback(name) for name in names])
        life.handles.append(life.run(life.dispatcher.submit(step(number, self.serial), group)))
        new = {one.entry.id for one in self.outbox.list()} - before
        assert len(new) >= len(names)
        self.put |= new

    @rule(name=st.sampled_from(sorted(CALLBACKS)), answer=st.sampled_from(ANSWERS))
    def change(self, name: str, answer: str) -> None:
        """From now on the receiver does something else."""
        self.answers[name] = answer

    @rule(which=st.integers(0, 1), seconds=st.sampled_from([0.0, 0.5, 1.0, 2.0, 3.0, 7.0, 20.0]))
    def wait(self, which: int, seconds: float) -> None:
        """Let one of them go on, while the other is stopped."""
        life = self.life(which)
        life.run(asyncio.sleep(seconds))

    @rule(seconds=st.sampled_from([1.0, 5.0, 13.0, 30.0]))
    def stop(self, seconds: float) -> None:
        """Both are stopped for so long."""
        self.clock.advance(seconds)

    @rule(turns=st.integers(1, 8), seconds=st.sampled_from([0.25, 1.0, 2.0]))
    def both(self, turns: int, seconds: float) -> None:
        """Let both go on, in small steps."""
        for _ in range(turns):
            for which in range(2):
                self.wait(which, seconds)

    @rule(which=st.integers(0, 1), timeout=st.sampled_from([0.0, 1.0, 10.0]))
    def close(self, which: int, timeout: float) -> None:
        """End one of them in order; the next one has what it left at once."""
        life, started = self.life(which), self.clock.elapsed
        life.end(timeout)
        assert self.clock.elapsed - started <= timeout
        self.lives[which] = None

    @precondition(lambda self: self.serial)
    @rule(which=st.integers(0, 1))
    def crash(self, which: int) -> None:
        """One of them is killed: nothing of it is written any more, and its lease stays."""
        life = self.life(which)
        life.disk.unplug()
        life.end(0)
        self.lives[which] = None

    @rule(which=st.integers(0, 1), full=st.booleans())
    def fill(self, which: int, full: bool) -> None:
        """One of them cannot write, or can again."""
        life = self.life(which)
        if not full:
            life.disk.free()
        elif life.disk.faults == {}:
            # A submit would be refused, which is tried elsewhere.
            life.disk.faults = {"retry_at": ZeroDivisionError("x")}

    @rule()
    def replay(self) -> None:
        """All dead letters are sent again, behind newer notifications: from here on no order is kept."""
        self.replays += self.outbox.replay(all=True, now=self.clock.now()) > 0
        self.outbox.endings -= Counter({one.entry.id: 1 for one in self.outbox.list() if one.replays})

    @invariant()
    def nothing_is_broken(self) -> None:
        """The order of each alarm, as the receivers saw it."""
        assert self.broken == []

    @invariant()
    def nothing_is_lost_or_ended_twice(self) -> None:
        """What was put is there, and each is ended once at most, by whoever held it."""
        found = {one.entry.id: one for one in self.outbox.list()}
        assert self.put <= found.keys()
        for one in found.values():
            assert numbers(one.attempts) == list(range(1, len(one.attempts) + 1))
            settled = one.status != "pending"
            if not one.replays:
                assert self.outbox.endings[one.entry.id] == settled

    @invariant()
    def each_dispatcher_tells_an_end_once(self) -> None:
        """To its hooks and its handles."""
        for life in self.lives:
            if life is not None and not self.replays:
                assert set(Counter(one.id for one in ends_of(life.told)).values()) <= {1}

    @invariant()
    def the_figures_add_up(self) -> None:
        """What is unsettled is what the backlog counts."""
        for life in self.lives:
            if life is not None:
                stats, backlog = life.run(_figures(life.dispatcher))
                assert stats.waiting + stats.in_flight == backlog >= 0
                assert stats.in_flight <= sum(settings.get("limit", 8) for settings in CALLBACKS.values()) + 8

    def teardown(self) -> None:
        """With receivers that answer and a disk that is well, all ends by itself."""
        if not hasattr(self, "outbox"):
            return
        try:
            self.serve_all()
        finally:
            for life in self.lives:
                if life is not None:
                    life.loop.close()

    def serve_all(self) -> None:
        """See that everything ends."""
        self.answers = dict.fromkeys(self.answers, "200")
        for which in range(2):
            self.life(which).disk.free()
        for _ in range(400):
            self.both(1, 1.0)
            if all(one.status != "pending" for one in self.outbox.list()):
                break
        self.both(1, 2.0)
        assert {one.status.value for one in self.outbox.list()} <= {"delivered", "dead", "superseded"}
        for life in self.lives:
            assert life is not None
            assert all(handle.done() for handle in life.handles)
            assert life.run(life.dispatcher.drain(timeout=1))
        self.nothing_is_broken()
        self.nothing_is_lost_or_ended_twice()
        for which in range(2):
            self.life(which).end(0)


async def _figures(dispatcher: AsyncDispatcher) -> tuple[DispatcherStats, int]:
    # Within one turn of the loop, as in the next one something may go on.
    return dispatcher.stats(), dispatcher._backlog.count


TestTwo = Two.TestCase
TestTwo.settings = settings(
    max_examples=80, stateful_step_count=40, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)


@pytest.mark.parametrize("stopped", [0.0, 13.0])
def test_what_was_taken_under_a_name_that_is_no_more_is_not_sent(stopped: float) -> None:
    """It came back while its attempt could not be written; then the lease was lost once more."""
    machine = Two()
    try:
        machine.open(answers={**dict.fromkeys(CALLBACKS, "200"), "latest": "reset"})
        machine.submit(names=["latest"], number=1, which=0)
        machine.fill(full=True, which=0)
        machine.both(seconds=2.0, turns=1)
        machine.stop(seconds=13.0)
        # It looks into the outbox before the other one does.
        machine.the_figures_add_up()
        machine.wait(seconds=20.0, which=1)
        # It takes another name, and by then all that it had taken has ended.
        machine.the_figures_add_up()
        machine.submit(names=["latest"], number=1, which=1)
        machine.stop(seconds=stopped)
        machine.the_figures_add_up()
    finally:
        machine.teardown()

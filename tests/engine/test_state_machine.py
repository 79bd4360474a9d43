"""Any sequence of submits, answers, waits and a close, against a model that is simple enough to believe."""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import Any

import attrs
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from alarm_dispatch import AsyncDispatcher, Attempt, Delivery, DispatchReport, RetrySchedule, Verdict
from alarm_dispatch.errors import BacklogFullError, TransportError
from alarm_dispatch.exchange import Reply, Request
from alarm_dispatch.handles import AsyncHandle
from alarm_dispatch.limits import Circuit, Rate
from alarm_dispatch.testing import MemoryReceiver, VirtualClock

from ..dispatch.alarms import group
from .made import LEVELS, levelled

BACKLOG = 30
RATE = Rate(2, 7)
# What each of the receivers asks for.
CALLBACKS: dict[str, dict[str, Any]] = {
    "plain": {"limit": 2},
    "single": {"limit": 1},
    "rated": {"rate": RATE},
    "fused": {"circuit": Circuit(failures=2, pause=11)},
    "latest": {"limit": 1, "supersede": True},
    "fresh": {"limit": 1, "max_age": 9.0},
    "all": {"limit": 2, "supersede": True, "rate": RATE, "circuit": Circuit(failures=1, pause=4)},
}
SCHEDULE = RetrySchedule(attempts=3, delays=(2, 5))
ANSWERS = ["200", "500", "timeout", "reset", "429 after 3", "503 after 9999", "refused", "slow 200"]


class Storm(RuleBasedStateMachine):
    """One dispatcher, some receivers, and what must be true of them at any time."""

    @initialize(
        limit=st.sampled_from([1, 2, 5, 64]),
        answers=st.fixed_dictionaries({name: st.sampled_from(ANSWERS) for name in CALLBACKS}),
    )
    def open(self, limit: int, answers: dict[str, str]) -> None:
        """A dispatcher on a loop of its own, in virtual time."""
        self.clock = VirtualClock()
        self.loop = self.clock.new_event_loop()
        self.answers = answers
        self.limit = limit
        self.in_flight: Counter[str] = Counter()
        self.sent: dict[str, list[float]] = {name: [] for name in CALLBACKS}
        self.order: dict[tuple[str, str], list[int]] = {}
        self.alarm_of: dict[str, tuple[str, str, int]] = {}
        self.ids: list[tuple[str, str, int]] = []
        self.told: list[Attempt | Delivery] = []
        self.handles: list[tuple[AsyncHandle, int]] = []
        self.serial = 0
        self.broken: list[str] = []
        self.dispatcher = AsyncDispatcher(
            transport=MemoryReceiver(self.answer).transport,
            clock=self.clock,
            limit=limit,
            backlog=BACKLOG,
            timeout=3.0,
            schedule=SCHEDULE,
            hooks=[self.told.append],
            new_id=self.new_id,
        )
        self.closed = False

    def new_id(self) -> str:
        """An id that tells the receiver, the alarm and the number of the notification."""
        name, alarm, serial = self.ids.pop(0)
        return f"{name}/{alarm}/{serial}"

    async def answer(self, request: Request) -> Reply:
        """What a receiver does; what it must never see is noted in ``broken``."""
        name, alarm, serial = request.delivery_id.split("/")
        now = self.loop.time()
        self.sent[name].append(now)
        seen = self.order.setdefault((name, alarm), [])
        if seen and int(serial) < seen[-1]:
            self.broken.append(f"{request.delivery_id} came after {seen[-1]}")
        seen.append(int(serial))
        self.in_flight[name] += 1
        if self.in_flight[name] > CALLBACKS[name].get("limit", 8):
            self.broken.append(f"{self.in_flight[name]} requests to {name} at a time")
        if self.in_flight.total() > self.limit:
            self.broken.append(f"{self.in_flight.total()} requests at a time")
        try:
            return await self.play(self.answers[name])
        finally:
            self.in_flight[name] -= 1

    async def play(self, answer: str) -> Reply:
        """Answer, or not."""
        status, _, seconds = answer.partition(" after ")
        if answer == "timeout":
            await asyncio.sleep(3600)
        if answer == "slow 200":
            await asyncio.sleep(1)
            status = "200"
        if answer in {"reset", "refused"}:
            verdict = Verdict.UNKNOWN if answer == "reset" else Verdict.REFUSED
            raise TransportError(verdict, answer)
        headers = (("Retry-After", seconds),) if seconds else ()
        return Reply(status_code=int(status), headers=headers)

    @precondition(lambda self: not self.closed)
    @rule(
        number=st.integers(1, 3),
        level=st.sampled_from(LEVELS),
        names=st.lists(st.sampled_from(sorted(CALLBACKS)), min_size=1, max_size=4, unique=True),
    )
    def submit(self, number: int, level: Any, names: list[str]) -> None:
        """Hand in a notification; a full backlog takes all of it or nothing."""
        self.serial += 1
        alarm = attrs.evolve(levelled(number, level), duration=self.serial)
        self.ids = [(name, alarm.id, self.serial) for name in names]
        callbacks = [group(f"https://{name}.example/", **CALLBACKS[name]).callbacks[0] for name in names]
        to = attrs.evolve(group(), callbacks=callbacks)
        room = BACKLOG - self.dispatcher._backlog.count
        try:
            handle = self.loop.run_until_complete(self.dispatcher.submit(alarm, to))
        except BacklogFullError:
            assert room < len(names)
        else:
            assert room >= len(names)
            self.handles.append((handle, len(names)))

    @rule(name=st.sampled_from(sorted(CALLBACKS)), answer=st.sampled_from(ANSWERS))
    def change(self, name: str, answer: str) -> None:
        """From now on the receiver does something else."""
        self.answers[name] = answer

    @rule(seconds=st.sampled_from([0.0, 0.5, 1.0, 2.0, 3.0, 7.0, 20.0]))
    def wait(self, seconds: float) -> None:
        """Let time pass."""
        self.loop.run_until_complete(asyncio.sleep(seconds))

    @precondition(lambda self: not self.closed and self.serial > 8)
    @rule(timeout=st.sampled_from([0.0, 1.0, 10.0]))
    def close(self, timeout: float) -> None:
        """Every handle has its end then, and within the time."""
        started = self.clock.elapsed
        self.loop.run_until_complete(self.dispatcher.close(timeout))
        self.closed = True
        assert self.clock.elapsed - started <= timeout
        self.check_the_end()

    def check_the_end(self) -> None:
        """All is settled, and nobody holds anything."""
        assert all(handle.done() for handle, _ in self.handles)
        assert self.dispatcher._backlog.count == 0
        assert not asyncio.all_tasks(self.loop)

    @invariant()
    def nothing_is_broken(self) -> None:
        """Order, and the limits of lanes and process, as the receivers saw them."""
        assert self.broken == []

    @invariant()
    def rates_are_kept(self) -> None:
        """In any period, retries included."""
        for name, times in self.sent.items():
            if "rate" in CALLBACKS[name]:
                late = zip(times, times[RATE.count :], strict=False)
                assert all(after >= before + RATE.period for before, after in late)

    @invariant()
    def nothing_is_lost_or_settled_twice(self) -> None:
        """What was taken in is settled once or still there, and the reports agree with the hooks."""
        settled = Counter(event.id for event in self.told if isinstance(event, Delivery))
        assert set(settled.values()) <= {1}
        taken = sum(count for _, count in self.handles)
        assert taken == settled.total() + self.dispatcher._backlog.count
        for handle, count in self.handles:
            if handle.done():
                report: DispatchReport = self.loop.run_until_complete(handle.result())
                assert len(report.deliveries) == count
                assert all(settled[delivery.id] for delivery in report.deliveries)

    @invariant()
    def the_figures_add_up(self) -> None:
        """Submitted is delivered, failed, superseded and pending, in all and for each lane."""
        if self.closed:
            return

        async def look() -> None:
            # All within one turn of the loop, as in the next one something may go on.
            stats = self.dispatcher.stats()
            assert stats.submitted == sum(count for _, count in self.handles)
            assert stats.waiting + stats.in_flight == self.dispatcher._backlog.count
            for figure in ("waiting", "in_flight", "delivered", "failed", "superseded"):
                assert getattr(stats, figure) == sum(getattr(lane, figure) for lane in stats.lanes)
                assert getattr(stats, figure) >= 0
            assert stats.in_flight <= self.limit

        self.loop.run_until_complete(look())

    @invariant()
    def attempts_are_numbered_and_ended(self) -> None:
        """None more than the schedule has, and none after a confirmation."""
        for event in self.told:
            if isinstance(event, Delivery):
                numbers = [attempt.number for attempt in event.attempts]
                assert numbers == list(range(1, len(numbers) + 1))
                assert len(numbers) <= 3
                assert event.ok == any(attempt.confirmed for attempt in event.attempts)
                assert not any(attempt.confirmed for attempt in event.attempts[:-1])

    def teardown(self) -> None:
        """With receivers that answer all ends by itself, in a time that the settings bound."""
        if not hasattr(self, "loop"):
            return
        try:
            if not self.closed:
                self.answers = dict.fromkeys(CALLBACKS, "200")
                assert self.loop.run_until_complete(self.dispatcher.drain(timeout=3_600))
                self.loop.run_until_complete(self.dispatcher.close(timeout=0))
            self.check_the_end()
            self.nothing_is_broken()
            self.rates_are_kept()
            self.nothing_is_lost_or_settled_twice()
            self.attempts_are_numbered_and_ended()
        finally:
            self.loop.close()


TestStorm = Storm.TestCase
TestStorm.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)

"""Any sequence of submits with and without a window, answers, waits, crashes and closes."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from typing import Any

import attrs
from attrs import frozen
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import invariant, precondition, rule

from alarm_dispatch import Alarm, AlarmGroup, Callback
from alarm_dispatch.errors import BacklogFullError, TransportError
from alarm_dispatch.exchange import Reply, Request, Verdict
from alarm_dispatch.formats import Bundle, Payload

from .digested import Lines
from .kept import numbers, step
from .made import LEVELS, levelled
from .test_durable_machine import Two, callback
from .test_state_machine import BACKLOG, CALLBACKS, Storm

WINDOWS = st.sampled_from([None, 1.0, 4.0])


@frozen(kw_only=True)
class Serials(Lines):
    """A JSON list of alarms and serials, three in a message; a serial that ends in 5 takes two messages."""

    name = "serials"

    def bundles(self, alarms: Sequence[Alarm], context: Any) -> Sequence[Bundle]:
        found: list[Bundle] = []
        places: list[int] = []
        for place, alarm in enumerate(alarms):
            alone = _serial(alarm) % 10 == 5
            if places and (alone or len(places) == 3):
                found.append(Bundle(alarms=places, messages=[_told(alarms, places)]))
                places = []
            if alone:
                found.append(
                    Bundle(alarms=[place], messages=[_told(alarms, [place], half) for half in (1, 2)])
                )
            else:
                places.append(place)
        return [*found, *([Bundle(alarms=places, messages=[_told(alarms, places)])] if places else [])]


def _serial(alarm: Alarm) -> int:
    return int(alarm.duration or 0)


def _told(alarms: Sequence[Alarm], places: list[int], part: int = 0) -> Payload:
    told = [[alarms[place].id, _serial(alarms[place]), part] for place in places]
    return Payload(content=json.dumps(told).encode(), content_type="application/json")


class Order:
    """What receivers saw of each alarm; what they must never see is noted in ``broken``."""

    def __init__(self) -> None:
        self.seen: dict[tuple[str, str], set[frozenset[int]]] = {}
        self.broken: list[str] = []
        self.shared = 0

    def note(self, name: str, request: Request) -> None:
        """Take a message: nothing in it came before in a later message of which it was no part."""
        told = json.loads(request.content)
        self.shared += len(told) > 1
        for alarm in {alarm for alarm, *_ in told}:
            serials = [serial for one, serial, _ in told if one == alarm]
            seen = self.seen.setdefault((name, alarm), set())
            late = [one for one in serials for old in seen if max(old) > one and one not in old]
            if late or serials != sorted(serials):
                self.broken.append(f"{serials} of {alarm} came to {name} after {seen}")
            seen.add(frozenset(serials))


class GatheringStorm(Storm):
    """Windows and none, for the same receivers and alarms; two groups share them."""

    async def answer(self, request: Request) -> Reply:
        """What a receiver does."""
        if not hasattr(self, "seen"):
            self.seen = Order()
            self.seen.broken = self.broken
        name = request.url.split("//")[1].split(".")[0]
        self.sent[name].append(self.loop.time())
        self.seen.note(name, request)
        self.in_flight[name] += 1
        if self.in_flight[name] > CALLBACKS[name].get("limit", 8):
            self.broken.append(f"{self.in_flight[name]} requests to {name} at a time")
        if self.in_flight.total() > self.limit:
            self.broken.append(f"{self.in_flight.total()} requests at a time")
        try:
            return await self.play(self.answers[name])
        finally:
            self.in_flight[name] -= 1

    @precondition(lambda self: not self.closed)
    @rule(
        number=st.integers(1, 3),
        level=st.sampled_from(LEVELS),
        names=st.lists(st.sampled_from(sorted(CALLBACKS)), min_size=1, max_size=4, unique=True),
        windows=st.tuples(WINDOWS, st.sampled_from(["a", "b"])),
    )
    def submit(self, number: int, level: Any, names: list[str], windows: tuple[float | None, str]) -> None:
        """Hand in a notification; a full backlog takes all of it or nothing."""
        self.serial += 1
        alarm = attrs.evolve(levelled(number, level), duration=self.serial)
        self.ids = [(name, alarm.id, self.serial) for name in names]
        callbacks = [
            Callback(f"https://{name}.example/", name=name, format=Serials(), **CALLBACKS[name])
            for name in names
        ]
        window, group = windows
        to = AlarmGroup(group, callbacks=callbacks, window=window)
        room = BACKLOG - self.dispatcher._backlog.count
        try:
            handle = self.loop.run_until_complete(self.dispatcher.submit(alarm, to))
        except BacklogFullError:
            assert room < len(names)
        else:
            assert room >= len(names)
            self.handles.append((handle, len(names)))

    @invariant()
    def the_figures_add_up(self) -> None:
        """Submitted is delivered, failed, superseded and pending; what is gathered is in no lane yet."""
        if self.closed:
            return

        async def look() -> None:
            stats = self.dispatcher.stats()
            assert stats.submitted == sum(count for _, count in self.handles)
            assert stats.waiting + stats.in_flight == self.dispatcher._backlog.count
            assert stats.waiting >= sum(lane.waiting for lane in stats.lanes)
            for figure in ("in_flight", "delivered", "failed", "superseded"):
                assert getattr(stats, figure) == sum(getattr(lane, figure) for lane in stats.lanes)
            queues = self.dispatcher._engine._queues if self.dispatcher._engine is not None else None
            for lane in () if queues is None else queues.lanes:
                assert lane.pending or not lane.gathered

        self.loop.run_until_complete(look())

    @invariant()
    def attempts_are_numbered_and_ended(self) -> None:
        """No message more often than the schedule has, and none after the last confirmation."""
        for event in self.told:
            if hasattr(event, "attempts"):
                assert numbers(event.attempts) == list(range(1, len(event.attempts) + 1))
                assert len(event.attempts) <= 6
                assert not event.ok or event.attempts[-1].confirmed


class GatheringTwo(Two):
    """The same on an outbox, with two dispatchers that crash, stop and lose their disks."""

    async def answer(self, request: Request) -> Reply:
        """What a receiver does."""
        name = request.url.split("//")[1].split(".")[0]
        if not hasattr(self, "seen"):
            self.seen = Order()
        if name != "last" and not self.replays:
            self.seen.note(name, request)
            self.broken += self.seen.broken
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
        names=st.lists(
            st.sampled_from(["plain", "single", "latest", "fresh"]), min_size=1, max_size=3, unique=True
        ),
        window=WINDOWS,
    )
    def submit(self, which: int, number: int, names: list[str], window: float | None) -> None:
        """Hand in a notification: it is in the outbox then."""
        self.serial += 1
        life, before = self.life(which), {one.entry.id for one in self.outbox.list()}
        callbacks = [attrs.evolve(callback(name), format=Serials()) for name in names]
        group = attrs.evolve(self.groups[0], callbacks=callbacks, window=window)
        life.handles.append(life.run(life.dispatcher.submit(step(number, self.serial), group)))
        new = {one.entry.id for one in self.outbox.list()} - before
        assert len(new) >= len(names)
        self.put |= new

    @rule(
        which=st.integers(0, 1),
        numbers=st.lists(st.integers(1, 3), min_size=2, max_size=7),
        name=st.sampled_from(["plain", "single", "latest", "fresh"]),
    )
    def burst(self, which: int, numbers: list[int], name: str) -> None:
        """Hand in several for one window."""
        for number in numbers:
            self.submit(which=which, number=number, names=[name], window=4.0)

    def life(self, which: int) -> Any:
        """The dispatcher; a new one knows a group that gathers."""
        self.groups[0] = AlarmGroup(
            self.groups[0].name,
            callbacks=[attrs.evolve(one, format=Serials()) for one in self.groups[0].callbacks],
            window=self.groups[0].window or 2.0,
        )
        return super().life(which)


TestGatheringStorm = GatheringStorm.TestCase
TestGatheringStorm.settings = settings(max_examples=30, stateful_step_count=30, deadline=None)
TestGatheringTwo = GatheringTwo.TestCase
TestGatheringTwo.settings = settings(
    max_examples=30, stateful_step_count=30, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)

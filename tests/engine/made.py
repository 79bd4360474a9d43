"""Parts of an engine, made for a test with nothing around them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from typing import Any

import attrs

from alarm_dispatch import Alarm, Callback
from alarm_dispatch.delivery import Delivery
from alarm_dispatch.engine.lanes import Lane
from alarm_dispatch.engine.queues import Queues
from alarm_dispatch.exchange import Attempt, Reply, Request
from alarm_dispatch.formats import get
from alarm_dispatch.jobs import Job
from alarm_dispatch.limits import Circuit
from alarm_dispatch.model import Level
from alarm_dispatch.testing import MemoryReceiver
from alarm_dispatch.tickets import Ticket

from ..dispatch.alarms import numbered

_TRANSPORT = MemoryReceiver(200).transport
LEVELS = (Level.FATAL, Level.WARNING, Level.INFO)


def callback(name: str = "a", **settings: Any) -> Callback:
    """A Tencent callback at ``https://NAME.example/``."""
    settings.setdefault("format", "tencent")
    return Callback(f"https://{name}.example/", **settings)


def job(alarm: str = "alarm", level: int = 2, to: Callback | None = None) -> Job:
    """A job that nobody has sent yet."""
    to = to or callback()
    return Job(
        delivery_id=alarm,
        alarm_id=alarm,
        callback=to,
        rules=get("tencent").rules,
        content=b"{}",
        headers=(),
        method="POST",
        level=level,
        transport=_TRANSPORT,
        ticket=Ticket(alarm, "oncall", 1),
    )


def lane(**settings: Any) -> Lane:
    """A lane that goes by a callback with these settings."""
    one = callback(**settings)
    made = Lane(key=one.lane)
    made.adopt(one, one.circuit if isinstance(one.circuit, Circuit) else None)
    return made


def queues(limit: int = 512, circuit: Circuit | None = None) -> tuple[Queues, list[tuple[float, Lane]]]:
    """Queues, and the list of the wake-ups that they ask for."""
    wakes: list[tuple[float, Lane]] = []
    return Queues(limit, circuit, lambda when, one: wakes.append((when, one))), wakes


def levelled(number: int, level: Level | None) -> Alarm:
    """One of many alarms, of this level."""
    return attrs.evolve(numbered(number), level=level)


class Gauge:
    """A receiver that counts what it has at a time; each request takes ``seconds``."""

    def __init__(self, seconds: float = 1.0, *, silent: Iterable[str] = (), status: int = 200) -> None:
        self.now = self.most = 0
        self.of: dict[str, int] = {}
        self.most_of: dict[str, int] = {}
        self.seen: list[tuple[float, str]] = []
        self._seconds = seconds
        self._silent = frozenset(silent)
        self._status = status

    async def __call__(self, request: Request) -> Reply:
        url = request.url
        self.seen.append((asyncio.get_running_loop().time(), url))
        self.now += 1
        self.most = max(self.most, self.now)
        self.of[url] = self.of.get(url, 0) + 1
        self.most_of[url] = max(self.most_of.get(url, 0), self.of[url])
        try:
            await asyncio.sleep(36_000 if url in self._silent else self._seconds)
        finally:
            self.now -= 1
            self.of[url] -= 1
        return Reply(status_code=self._status)

    @property
    def transport(self) -> Any:
        """What carries requests here."""
        return MemoryReceiver(self).transport


def ends_of(told: list[Attempt | Delivery]) -> list[Delivery]:
    """The deliveries among what a hook was told."""
    return [event for event in told if isinstance(event, Delivery)]


Told = Callable[[Attempt | Delivery], None]

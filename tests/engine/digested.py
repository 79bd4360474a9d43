"""A format for tests whose messages hold several alarms, and groups that gather."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from attrs import frozen

from alarm_dispatch import Alarm, AlarmGroup, Callback, RetrySchedule
from alarm_dispatch.errors import BuildError
from alarm_dispatch.formats import Bundle, DeliveryRules, Payload, Verification, get
from alarm_dispatch.testing import MemoryReceiver

URL = "https://robot.example/hook"
SCHEDULE = RetrySchedule(attempts=3, delays=(5, 10))


@frozen(kw_only=True)
class Lines:
    """A JSON list of alarms, at most ``most`` in a message; an alarm of level fatal takes two messages.

    ``together`` is False for one that raises when it is asked for several.
    """

    most: int = 100
    together: bool = True

    name = "lines"

    @property
    def rules(self) -> DeliveryRules:
        return DeliveryRules(timeout=3.0, schedule=SCHEDULE, confirmation=get("tencent").rules.confirmation)

    def build(self, alarm: Alarm, context: Any) -> Payload:
        return self.bundles((alarm,), context)[0].messages[0]

    def bundles(self, alarms: Sequence[Alarm], context: Any) -> Sequence[Bundle]:
        if len(alarms) > 1 and not self.together:
            raise BuildError("takes one at a time")
        found: list[Bundle] = []
        places: list[int] = []
        for place, alarm in enumerate(alarms):
            if alarm.level == "fatal":
                found += _told(alarms, places)
                halves = [_payload([f"{alarm.id}/{half}"]) for half in (1, 2)]
                found.append(Bundle(alarms=(place,), messages=halves))
                places = []
                continue
            places.append(place)
            if len(places) == self.most:
                found += _told(alarms, places)
                places = []
        return [*found, *_told(alarms, places)]

    def parse(self, content: bytes, content_type: str) -> object:
        return json.loads(content)

    def verification(self, context: Any) -> Verification:
        return Verification(payload=_payload([]))


def _told(alarms: Sequence[Alarm], places: list[int]) -> list[Bundle]:
    if not places:
        return []
    told = [f"{alarms[place].id}:{alarms[place].state}" for place in places]
    return [Bundle(alarms=places, messages=(_payload(told),))]


def _payload(value: list[str]) -> Payload:
    return Payload(content=json.dumps(value).encode(), content_type="application/json")


def gathering(*callbacks: Callback, window: float | None = 30.0, **settings: Any) -> AlarmGroup:
    """A group that gathers for ``window`` seconds; ``settings`` are those of its one callback."""
    settings.setdefault("format", Lines())
    settings.setdefault("name", "robot")
    return AlarmGroup("ops", callbacks=callbacks or (Callback(URL, **settings),), window=window)


def told(receiver: MemoryReceiver) -> list[list[str]]:
    """What each request told."""
    return [request.json() for request in receiver.requests]


def ids(receiver: MemoryReceiver) -> list[str]:
    """The ids of the messages."""
    return [request.header("Alarm-Dispatch-Id") for request in receiver.requests]

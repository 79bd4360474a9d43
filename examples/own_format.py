"""A format of your own: a value with a name, delivery rules and three methods."""

import json
from pathlib import Path
from typing import Any

from attrs import frozen

from alarm_dispatch import Alarm, AlarmGroup, Callback, Dispatcher, RetrySchedule, load_alarm
from alarm_dispatch.confirmation import any_2xx
from alarm_dispatch.errors import ParseError
from alarm_dispatch.formats import BuildContext, DeliveryRules, Payload, Verification
from alarm_dispatch.testing import LoopbackReceiver

RULES = DeliveryRules(timeout=2.0, schedule=RetrySchedule(attempts=2, delays=(1,)), confirmation=any_2xx())


@frozen
class PlainFormat:
    """A flat JSON object; register the class in the entry point group ``alarm_dispatch.formats``."""

    source: str = "monitoring"

    @property
    def name(self) -> str:
        """The name it would be registered under."""
        return "plain"

    @property
    def rules(self) -> DeliveryRules:
        """What holds unless a callback, a group or the dispatcher says otherwise."""
        return RULES

    def build(self, alarm: Alarm, context: BuildContext) -> Payload:
        """The body; a BuildError would fail this delivery and no other."""
        body = {"id": context.session_id, "from": self.source, "alarm": alarm.id, "state": alarm.state}
        return Payload(content=json.dumps(body).encode(), content_type="application/json")

    def parse(self, content: bytes, content_type: str) -> dict[str, Any]:
        """The other way round, for the receiving side and for tests."""
        body = json.loads(content)
        if content_type != "application/json" or not isinstance(body, dict):
            raise ParseError(self.name, [("$", "must be a JSON object")])
        return body

    def verification(self, context: BuildContext) -> Verification:  # noqa: ARG002 - the same for every URL
        """What is sent to verify a URL."""
        return Verification(payload=Payload(content=b"{}", content_type="application/json"))


alarm = load_alarm(Path(__file__).parent / "alarms" / "aliyun-threshold.json")
with LoopbackReceiver() as receiver, Dispatcher() as dispatcher:
    group = AlarmGroup("oncall", callbacks=[Callback(receiver.url, format=PlainFormat(source="east"))])
    print(dispatcher.dispatch(alarm, group).ok, receiver.requests[0].text)

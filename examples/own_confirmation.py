"""When a reply means yes: confirmations that combine, and a function of your own."""

import json
from pathlib import Path

from alarm_dispatch import (
    AlarmGroup,
    Callback,
    Dispatcher,
    Judgement,
    Reply,
    RetrySchedule,
    Verdict,
    load_alarm,
)
from alarm_dispatch.confirmation import json_field_equals, status_is
from alarm_dispatch.testing import LoopbackReceiver

ALARM = load_alarm(Path(__file__).parent / "alarms" / "tencent-metric.en.json")
ONCE_MORE = RetrySchedule(attempts=2, delays=(0.1,))

# A robot that answers 200 to everything, with the truth in the body.
robot = status_is(200) & json_field_equals("errcode", 0)


def has_ticket(reply: Reply) -> Judgement:
    """A ticket system that answers with the number of the ticket it made."""
    try:
        ticket = json.loads(reply.content).get("ticket")
    except (ValueError, AttributeError):
        # What a confirmation raises counts as a fault of ours and ends the delivery.
        return Judgement(Verdict.UNCONFIRMED, "the body is no JSON object")
    if ticket is None:
        return Judgement(Verdict.REJECTED, "there is no ticket")
    return Judgement(Verdict.CONFIRMED)


scripts = {
    "/robot": '200:{"errcode":310000,"errmsg":"keywords not in content"},200:{"errcode":0}',
    "/tickets": '200,200:{"ticket":17}',
}
with LoopbackReceiver(scripts=scripts) as receiver, Dispatcher(schedule=ONCE_MORE) as dispatcher:
    group = AlarmGroup(
        "oncall",
        callbacks=[
            Callback(f"{receiver.url}/robot", format="tencent", confirmation=robot),
            Callback(f"{receiver.url}/tickets", format="tencent", confirmation=has_ticket),
        ],
    )
    report = dispatcher.dispatch(ALARM, group)

for delivery in report.deliveries:
    print(delivery.status, [f"{attempt.verdict}: {attempt.reason}" for attempt in delivery.attempts])

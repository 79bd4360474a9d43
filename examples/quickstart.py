"""One alarm to a receiver that fails first: it is retried, and the report tells every attempt."""

from datetime import UTC, datetime

from alarm_dispatch import (
    Alarm,
    AlarmGroup,
    Callback,
    Dispatcher,
    Metric,
    MetricCondition,
    Policy,
    Repeat,
    RetrySchedule,
    Target,
)
from alarm_dispatch.testing import LoopbackReceiver

ALARM = Alarm(
    id="cpu-ins-o9p3rg3m-1",
    policy=Policy(id="policy-7", name="hosts", type="cvm_device", type_name="CVM - basic monitoring"),
    condition=MetricCondition(
        metric=Metric(name="cpu_usage", display_name="CPU utilization"),
        operator=">",
        threshold=90,
        unit="%",
        period=60,
        periods=1,
        repeat=Repeat("continuous", 300),
    ),
    target=Target(region="gz", namespace="qce/cvm", dimensions={"unInstanceId": "ins-o9p3rg3m"}),
    started_at=datetime.now(UTC),
    current_value=97.5,
)

# The format's own waits are 5 s and 10 s; this is an example, so it is in a hurry.
HURRIED = RetrySchedule(attempts=3, delays=(0.1, 0.2))

with LoopbackReceiver("500,confirm") as receiver, Dispatcher() as dispatcher:
    group = AlarmGroup("oncall", callbacks=[Callback(receiver.url, format="tencent", schedule=HURRIED)])
    report = dispatcher.dispatch(ALARM, group)

for delivery in report.deliveries:
    print(delivery.outcome, "with the session id", delivery.id)
    for attempt in delivery.attempts:
        print(f"  attempt {attempt.number}: {attempt.verdict} {attempt.reason}".rstrip())
report.raise_for_failure()

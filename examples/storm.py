"""A storm: 500 alarms to three receivers, one of them dead, and the figures of each lane."""

from pathlib import Path

import attrs

from alarm_dispatch import (
    AlarmGroup,
    Callback,
    Circuit,
    Delivery,
    Dispatcher,
    Level,
    RetrySchedule,
    load_alarm,
)
from alarm_dispatch.testing import LoopbackReceiver

ALARM = load_alarm(Path(__file__).parent / "alarms" / "tencent-metric.en.json")
LEVELS = (Level.FATAL, Level.WARNING, Level.INFO)

# The dead receiver accepts and never answers; an example does not wait 5 s for it, nor try it 500 times.
HURRIED = RetrySchedule(attempts=1)
CIRCUIT = Circuit(failures=3, pause=30)

failed: list[Delivery] = []


def note_failure(event: object) -> None:
    """Keep what failed, for whoever looks after the receivers."""
    if isinstance(event, Delivery) and not event.ok:
        failed.append(event)


with (
    LoopbackReceiver() as first,
    LoopbackReceiver() as second,
    LoopbackReceiver("timeout") as dead,
    Dispatcher(limit=256, backlog=10_000, hooks=[note_failure]) as dispatcher,
):
    healthy = AlarmGroup(
        "oncall",
        callbacks=[
            Callback(first.url, format="tencent", name="first", limit=16),
            Callback(second.url, format="tencent", name="second", limit=16),
        ],
    )
    silent = Callback(
        dead.url, format="tencent", name="dead", timeout=0.2, schedule=HURRIED, circuit=CIRCUIT, max_age=60
    )

    alarms = [
        attrs.evolve(ALARM, id=f"alarm-{number}", level=LEVELS[number % len(LEVELS)]) for number in range(500)
    ]
    for alarm in alarms:
        dispatcher.submit(alarm, AlarmGroup("dead", callbacks=[silent]))
    handles = [dispatcher.submit(alarm, healthy) for alarm in alarms]

    # The dead receiver's alarms came first, and the healthy ones take no notice of it.
    print(sum(handle.result(timeout=30).ok for handle in handles), "of 500 alarms confirmed by both")
    print("drained:", dispatcher.drain(timeout=0.5))
    stats = dispatcher.stats()
    dispatcher.close(timeout=0)

for lane in stats.lanes:
    print(f"{lane.callback}: {lane.delivered} delivered, {lane.waiting} waiting, circuit {lane.circuit}")
print(stats.submitted, "submitted,", len(failed), "not delivered when it was closed")

"""An alarm that is evaluated again and again: told once, repeated, and resolved, over a restart, too."""

import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path

import attrs

from alarm_dispatch import Alarm, AlarmGroup, Callback, Dispatcher, Repeat, RepeatTracker, load_alarm
from alarm_dispatch.outbox import SqliteOutbox
from alarm_dispatch.testing import LoopbackReceiver

ALARM = load_alarm(Path(__file__).parent / "alarms" / "tencent-metric.en.json")
BEGAN = datetime(2026, 1, 31, 8, 0, tzinfo=UTC)


def evaluated(state: str, repeat: Repeat) -> Alarm:
    """What the monitoring system found; it counts no durations itself."""
    condition = attrs.evolve(ALARM.condition, repeat=repeat)
    return attrs.evolve(ALARM, state=state, condition=condition, started_at=BEGAN, duration=None)


def show_week(name: str, repeat: Repeat) -> None:
    """How often a week of evaluations, one in ten minutes, is told."""
    tracker = RepeatTracker()
    hours = []
    for number in range(7 * 24 * 6):
        passed = timedelta(minutes=10 * number)
        if tracker.observe(evaluated("triggered", repeat), "oncall", now=BEGAN + passed).alarm is not None:
            hours.append(passed / timedelta(hours=1))
    print(f"{name}: {len(hours)} times, after", ", ".join(f"{hour:.4g} h" for hour in hours[-4:]))


show_week("singleAlarm", Repeat("singleAlarm"))
show_week("continuousAlarm", Repeat("continuousAlarm", 3_600, daily_after=86_400))
show_week("exponentialAlarm", Repeat("exponentialAlarm"))

with tempfile.TemporaryDirectory() as directory, LoopbackReceiver() as receiver:
    group = AlarmGroup("oncall", callbacks=[Callback(receiver.url, format="tencent", name="cm")])
    # As if the process died after each evaluation: what was told is in the outbox's file.
    for state in ("triggered", "triggered", "resolved", "resolved"):
        outbox = SqliteOutbox(Path(directory, "alarms.db"))
        with Dispatcher(outbox=outbox, groups=[group]) as dispatcher:
            handle = dispatcher.observe(evaluated(state, Repeat()), group)
            print(state, "->", "nothing" if handle is None else handle.decision)
            dispatcher.drain(timeout=30)
        outbox.close()
    print("received:", [request.json()["alarmStatus"] for request in receiver.requests])

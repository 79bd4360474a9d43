"""The alarm's row and its notification in one transaction: both are there, or neither."""

import sqlite3
import tempfile
from pathlib import Path

import attrs

from alarm_dispatch import Alarm, AlarmGroup, Callback, Dispatcher, load_alarm
from alarm_dispatch.outbox import SqliteOutbox
from alarm_dispatch.testing import LoopbackReceiver

ALARM = load_alarm(Path(__file__).parent / "alarms" / "tencent-metric.en.json")


def raise_alarm(
    connection: sqlite3.Connection, outbox: SqliteOutbox, alarm: Alarm, group: AlarmGroup, *, fail: bool
) -> None:
    """Write the alarm and whom to tell; with ``fail`` something goes wrong before the end."""
    with connection:  # sqlite3's own: commits at its end, rolls back what raises
        connection.execute("INSERT INTO alarms (id, value) VALUES (?, ?)", (alarm.id, alarm.current_value))
        outbox.put(connection, alarm, group)
        if fail:
            raise RuntimeError("the monitoring system has a bad day")


with tempfile.TemporaryDirectory() as directory, LoopbackReceiver() as receiver:
    group = AlarmGroup("oncall", callbacks=[Callback(receiver.url, format="tencent", name="hooks")])
    path = Path(directory, "monitoring.db")
    outbox = SqliteOutbox(path)

    connection = sqlite3.connect(path)
    connection.execute("PRAGMA synchronous = FULL")  # a commit is on disk when it returns
    connection.execute("CREATE TABLE alarms (id TEXT PRIMARY KEY, value REAL)")
    for number, fail in enumerate((False, True, False)):
        try:
            raise_alarm(connection, outbox, attrs.evolve(ALARM, id=f"alarm-{number}"), group, fail=fail)
        except RuntimeError as error:
            print(f"alarm-{number}: {error}")
    print("alarms:", [name for (name,) in connection.execute("SELECT id FROM alarms")])
    print("to be sent:", [stored.entry.alarm_id for stored in outbox.list()])
    connection.close()

    # In the same process here; it may as well be another one.
    with Dispatcher(outbox=outbox, groups=[group]) as dispatcher:
        receiver.wait_for(2, timeout=30)
        dispatcher.drain(timeout=30)
    for stored in outbox.list():
        print(stored.entry.alarm_id, stored.status, "attempts:", len(stored.attempts))
    outbox.close()

"""One process only puts, a worker sends; a dead letter is looked at and replayed."""

import sqlite3
import subprocess
import sys
import tempfile
from pathlib import Path

import attrs

from alarm_dispatch import load_alarm, load_groups
from alarm_dispatch.outbox import SqliteOutbox
from alarm_dispatch.testing import LoopbackReceiver

ALARM = load_alarm(Path(__file__).parent / "alarms" / "tencent-metric.en.json")

# Both processes read the same file.  The waits of the format's own schedule are for no example.
GROUPS = """
[oncall]
schedule = {{ attempts = 2, delays = [0.1] }}

[[oncall.callbacks]]
name = "hooks"
url = "{url}/hooks"
format = "tencent"

[[oncall.callbacks]]
name = "robot"
url = "{url}/robot"
format = "tencent"
fallback = "second-line"

[second-line]
callbacks = [{{ url = "{url}/second", format = "tencent", name = "second" }}]
"""


def work(outbox: Path, groups: Path) -> None:
    """What an operator starts beside the application, here until nothing is left to be sent."""
    command = [sys.executable, "-m", "alarm_dispatch", "worker", "--until-empty"]
    files = ["--outbox", str(outbox), "--groups", str(groups)]
    worked = subprocess.run([*command, *files], check=True, capture_output=True, text=True)
    print(worked.stdout.splitlines()[-1])


def show(outbox: SqliteOutbox) -> None:
    """One line for each delivery."""
    for stored in outbox.list():
        print(f"  {stored.entry.lane.callback}: {stored.status}, attempts: {len(stored.attempts)}")


with (
    tempfile.TemporaryDirectory() as directory,
    LoopbackReceiver(scripts={"/robot": "500,500,confirm"}) as receiver,
):
    path, groups = Path(directory, "alarms.db"), Path(directory, "groups.toml")
    groups.write_text(GROUPS.format(url=receiver.url), encoding="utf-8")

    outbox = SqliteOutbox(path)
    connection = sqlite3.connect(path)
    with connection:
        outbox.put(connection, attrs.evolve(ALARM, id="alarm-1"), load_groups(groups)["oncall"])
    connection.close()

    work(path, groups)
    show(outbox)

    (dead,) = outbox.list(status="dead")
    print(dead.entry.lane.callback, "is dead:", dead.attempts[-1].reason)
    print(outbox.replay(dead.entry.id), "replayed")  # whoever looks after the robot has mended it
    work(path, groups)
    show(outbox)
    outbox.close()

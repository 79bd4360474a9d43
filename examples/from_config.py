"""Alarm groups out of a TOML file, and what a mistake in one is told like."""

from pathlib import Path

from alarm_dispatch import Dispatcher, load_alarm, load_groups
from alarm_dispatch.errors import ConfigurationError
from alarm_dispatch.testing import MemoryReceiver

HERE = Path(__file__).parent

groups = load_groups(HERE / "groups.toml")
for group in groups.values():
    print(f"{group.name}:")
    for callback in group.callbacks:
        print(f"  {callback}, {callback.schedule or callback.format.rules.schedule}")

# The hosts of the file do not exist, so this transport answers in their place.
answers = MemoryReceiver(
    "confirm", scripts={"https://robot.example.com/send?key=hidden-in-logs": '200:{"errcode":0}'}
)
with Dispatcher(transport=answers.transport) as dispatcher:
    report = dispatcher.dispatch(
        load_alarm(HERE / "alarms" / "tencent-metric.en.json"), groups["database-oncall"]
    )
print("all confirmed:", report.ok)

try:
    load_groups(
        {"name": "oops", "callbacks": [{"url": "ops.example.com", "format": "tencent", "timeout": -1}]}
    )
except ConfigurationError as error:
    print(error)

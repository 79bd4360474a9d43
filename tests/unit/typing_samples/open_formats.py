"""The open formats, with every option in the ways that a user may give it."""

from datetime import UTC
from pathlib import Path

from alarm_dispatch import Callback
from alarm_dispatch.formats import alertmanager, cloudevents, pagerduty, slack, template, tencent
from alarm_dispatch.formats.cloudevents import Event, read_event
from alarm_dispatch.secret import Secret

callbacks = [
    Callback(
        "https://a.example/",
        format=alertmanager.Format(labels={"a": "b"}, group_by=["alertname"], max_alerts=5, language="zh"),
    ),
    Callback(
        "https://b.example/",
        format=cloudevents.Format(mode="binary", data=tencent.Format(), extensions={"a": 1, "b": "c"}),
    ),
    Callback(
        "https://b.example/", format=cloudevents.Format(data="tencent", origin="a.example", per_minute=5)
    ),
    Callback("https://c.example/", format=slack.Format(zone="+08:00")),
    Callback("https://c.example/", format=slack.Format(zone=UTC)),
    Callback("https://d.example/", format=pagerduty.Format(routing_key=Secret("k"), client="a")),
    Callback("https://d.example/", format=pagerduty.Format(routing_key="env:KEY")),
    Callback("https://e.example/", format=template.Format(text="{}", headers={"X-A": "b"})),
    Callback("https://e.example/", format=template.Format(file=Path("a.j2"), content_type="text/plain")),
]

event: Event = read_event(b"{}", {"Content-Type": "application/cloudevents+json"})
message: alertmanager.Message = alertmanager.Format().parse(b"{}", "application/json")
status: str = message.alerts[0].status

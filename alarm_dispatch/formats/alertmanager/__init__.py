"""The webhook of the Prometheus Alertmanager, version 4."""

from alarm_dispatch.formats.alertmanager.format import Format
from alarm_dispatch.formats.alertmanager.labels import label_name
from alarm_dispatch.formats.alertmanager.wire import NAME, Alert, Message

__all__ = ["NAME", "Alert", "Format", "Message", "label_name"]

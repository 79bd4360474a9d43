"""Alarms and alarm groups out of files and mappings."""

from alarm_dispatch.loading.alarm import load_alarm
from alarm_dispatch.loading.groups import load_groups

__all__ = ["load_alarm", "load_groups"]

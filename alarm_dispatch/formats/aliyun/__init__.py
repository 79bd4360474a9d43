"""Alibaba CloudMonitor's alert callback."""

from alarm_dispatch.formats.aliyun.format import NAME, Format
from alarm_dispatch.formats.aliyun.wire import Notice

__all__ = ["NAME", "Format", "Notice"]

"""The words for people, in each language: states, levels, labels, and how long something lasted."""

from __future__ import annotations

import enum
from collections.abc import Mapping

from alarm_dispatch import values
from alarm_dispatch.states import AlarmState, Level

__all__ = ["LABELS", "LEVELS", "STATES", "FactName", "Language", "as_language", "lasting_text"]


class Language(enum.StrEnum):
    """A language that people are told in."""

    CHINESE = "zh"
    ENGLISH = "en"


def as_language(value: Language | str) -> Language:
    """The language of that code, or :class:`~alarm_dispatch.errors.InvalidFieldError` with the known ones."""
    return values.enum_member(Language, value, "Format.language")


class FactName(enum.StrEnum):
    """Which fact of an alarm it is, whatever the language calls it."""

    LEVEL = "level"
    POLICY = "policy"
    METRIC = "metric"
    EVENT = "event"
    PRODUCT = "product"
    VALUE = "value"
    THRESHOLD = "threshold"
    TARGET = "target"
    DIMENSIONS = "dimensions"
    REGION = "region"
    STARTED = "started"
    ENDED = "ended"
    LASTED = "lasted"
    DESCRIPTION = "description"
    LINK = "link"


STATES: Mapping[Language, Mapping[AlarmState, str]] = {
    Language.ENGLISH: {
        AlarmState.TRIGGERED: "Triggered",
        AlarmState.RESOLVED: "Resolved",
        AlarmState.NO_DATA: "No data",
        AlarmState.CLOSED: "Closed",
    },
    Language.CHINESE: {
        AlarmState.TRIGGERED: "告警触发",
        AlarmState.RESOLVED: "告警恢复",
        AlarmState.NO_DATA: "告警无数据",
        AlarmState.CLOSED: "告警关闭",
    },
}

# The Chinese levels are BlueKing's own words.
LEVELS: Mapping[Language, Mapping[Level, str]] = {
    Language.ENGLISH: {Level.FATAL: "Fatal", Level.WARNING: "Warning", Level.INFO: "Info"},
    Language.CHINESE: {Level.FATAL: "致命", Level.WARNING: "预警", Level.INFO: "提醒"},
}

LABELS: Mapping[Language, Mapping[FactName, str]] = {
    Language.ENGLISH: {
        FactName.LEVEL: "Level",
        FactName.POLICY: "Policy",
        FactName.METRIC: "Metric",
        FactName.EVENT: "Event",
        FactName.PRODUCT: "Product",
        FactName.TARGET: "Target",
        FactName.DIMENSIONS: "Dimensions",
        FactName.REGION: "Region",
        FactName.VALUE: "Value",
        FactName.THRESHOLD: "Threshold",
        FactName.STARTED: "Started",
        FactName.ENDED: "Ended",
        FactName.LASTED: "Lasted",
        FactName.DESCRIPTION: "Description",
        FactName.LINK: "Link",
    },
    Language.CHINESE: {
        FactName.LEVEL: "级别",
        FactName.POLICY: "策略",
        FactName.METRIC: "指标",
        FactName.EVENT: "事件",
        FactName.PRODUCT: "产品",
        FactName.TARGET: "对象",
        FactName.DIMENSIONS: "维度",
        FactName.REGION: "地域",
        FactName.VALUE: "当前值",
        FactName.THRESHOLD: "阈值",
        FactName.STARTED: "开始时间",
        FactName.ENDED: "结束时间",
        FactName.LASTED: "持续时间",
        FactName.DESCRIPTION: "描述",
        FactName.LINK: "链接",
    },
}

_UNITS = ((86_400, "天", "day"), (3_600, "小时", "hour"), (60, "分钟", "minute"), (1, "秒", "second"))


def lasting_text(seconds: int, language: Language) -> str:
    """``2分钟`` or ``2 minutes``: the largest unit and, unless it is nothing, the one below it."""
    counted = []
    for size, chinese, english in _UNITS:
        count, seconds = divmod(seconds, size)
        if language is Language.CHINESE:
            counted.append((count, f"{count}{chinese}"))
        else:
            counted.append((count, f"{count} {english}" if count == 1 else f"{count} {english}s"))
    first = next((index for index, (count, _) in enumerate(counted) if count), len(counted) - 1)
    shown = [counted[first][1], *(told for count, told in counted[first + 1 : first + 2] if count)]
    return ("" if language is Language.CHINESE else " ").join(shown)

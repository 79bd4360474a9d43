# ruff: noqa: N815 - the attributes are the vendor's own keys, that is the point of wire classes
"""What Alibaba's callback form looks like, parameter for parameter."""

from __future__ import annotations

from attrs import frozen

from alarm_dispatch.formats.fields import wire_converter

__all__ = ["Notice", "converter"]


@frozen(kw_only=True)
class Notice:
    """The whole form, every value a text: the 15 parameters of the sample, then the 8 that were observed."""

    expression: str
    metricName: str
    instanceName: str
    signature: str | None = None
    metricProject: str
    userId: str
    curValue: str
    alertName: str
    namespace: str
    triggerLevel: str
    alertState: str
    preTriggerLevel: str
    ruleId: str
    dimensions: str
    timestamp: str
    lastTime: str | None = None
    rawMetricName: str | None = None
    transId: str | None = None
    groupId: str | None = None
    productGroupName: str | None = None
    regionName: str | None = None
    regionId: str | None = None
    unit: str | None = None


converter = wire_converter()

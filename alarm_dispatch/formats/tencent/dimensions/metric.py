"""Which products have metric alarms, in the order of the document."""

from __future__ import annotations

from alarm_dispatch.formats.tencent.dimensions.compute import (
    ClbPrivateListenerDimensions,
    ClbPrivateServerPortDimensions,
    ClbPublicListenerDimensions,
    ClbPublicServerPortDimensions,
    CvmDimensions,
    MysqlPrimaryDimensions,
    MysqlSecondaryDimensions,
    RedisDimensions,
)
from alarm_dispatch.formats.tencent.dimensions.network import (
    BandwidthPackageDimensions,
    ClassicInterconnectionDimensions,
    DedicatedTunnelDimensions,
    DirectConnectDimensions,
    DirectConnectGatewayDimensions,
    NatGatewayDimensions,
    NetworkDetectionDimensions,
    PeeringConnectionDimensions,
    VpnGatewayDimensions,
    VpnTunnelDimensions,
)
from alarm_dispatch.formats.tencent.dimensions.shape import Dimensions

__all__ = ["METRIC_DIMENSIONS"]

METRIC_DIMENSIONS: tuple[type[Dimensions], ...] = (
    CvmDimensions,
    ClbPublicListenerDimensions,
    ClbPrivateListenerDimensions,
    ClbPublicServerPortDimensions,
    ClbPrivateServerPortDimensions,
    MysqlPrimaryDimensions,
    MysqlSecondaryDimensions,
    RedisDimensions,
    DirectConnectDimensions,
    DedicatedTunnelDimensions,
    DirectConnectGatewayDimensions,
    DedicatedTunnelDimensions,
    NatGatewayDimensions,
    VpnTunnelDimensions,
    PeeringConnectionDimensions,
    ClassicInterconnectionDimensions,
    DirectConnectGatewayDimensions,
    VpnGatewayDimensions,
    NetworkDetectionDimensions,
    BandwidthPackageDimensions,
)
"""The shapes in the order of the document, which lists dedicated tunnel and gateway twice each."""

"""The dimensions that Tencent documents, typed, one class for each product."""

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
from alarm_dispatch.formats.tencent.dimensions.event import (
    EVENT_DIMENSIONS,
    ClbVipBlockingEventDimensions,
    CvmEventDimensions,
    DedicatedTunnelEventDimensions,
    DirectConnectEventDimensions,
    MysqlEventDimensions,
    PeeringConnectionEventDimensions,
    VpnGatewayEventDimensions,
)
from alarm_dispatch.formats.tencent.dimensions.metric import METRIC_DIMENSIONS
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

__all__ = [
    "EVENT_DIMENSIONS",
    "METRIC_DIMENSIONS",
    "BandwidthPackageDimensions",
    "ClassicInterconnectionDimensions",
    "ClbPrivateListenerDimensions",
    "ClbPrivateServerPortDimensions",
    "ClbPublicListenerDimensions",
    "ClbPublicServerPortDimensions",
    "ClbVipBlockingEventDimensions",
    "CvmDimensions",
    "CvmEventDimensions",
    "DedicatedTunnelDimensions",
    "DedicatedTunnelEventDimensions",
    "Dimensions",
    "DirectConnectDimensions",
    "DirectConnectEventDimensions",
    "DirectConnectGatewayDimensions",
    "MysqlEventDimensions",
    "MysqlPrimaryDimensions",
    "MysqlSecondaryDimensions",
    "NatGatewayDimensions",
    "NetworkDetectionDimensions",
    "PeeringConnectionDimensions",
    "PeeringConnectionEventDimensions",
    "RedisDimensions",
    "VpnGatewayDimensions",
    "VpnGatewayEventDimensions",
    "VpnTunnelDimensions",
]

"""The dimensions of metric alarms of direct connections and private networks."""

from __future__ import annotations

from attrs import field, frozen

from alarm_dispatch.formats.tencent.dimensions.shape import KEY, Dimensions, scalar, text

__all__ = [
    "BandwidthPackageDimensions",
    "ClassicInterconnectionDimensions",
    "DedicatedTunnelDimensions",
    "DirectConnectDimensions",
    "DirectConnectGatewayDimensions",
    "NatGatewayDimensions",
    "NetworkDetectionDimensions",
    "PeeringConnectionDimensions",
    "VpnGatewayDimensions",
    "VpnTunnelDimensions",
]


@frozen(kw_only=True, eq=False)
class DirectConnectDimensions(Dimensions):
    """The dimensions of Direct Connect - connection."""

    product = "Direct Connect - connection"
    product_zh = "专线接入-物理专线"

    direct_connect_id: str = field(metadata={KEY: "directconnectid"}, validator=text)
    obj_id: str | None = field(default=None, metadata={KEY: "objId"}, validator=text)
    obj_name: str | None = field(default=None, metadata={KEY: "objName"}, validator=text)


@frozen(kw_only=True, eq=False)
class DedicatedTunnelDimensions(Dimensions):
    """The dimensions of Direct Connect - dedicated tunnel."""

    product = "Direct Connect - dedicated tunnel"
    product_zh = "专线接入-专用通道"

    direct_connect_conn_id: str = field(metadata={KEY: "directconnectconnid"}, validator=text)
    obj_id: str | None = field(default=None, metadata={KEY: "objId"}, validator=text)
    obj_name: str | None = field(default=None, metadata={KEY: "objName"}, validator=text)


@frozen(kw_only=True, eq=False)
class DirectConnectGatewayDimensions(Dimensions):
    """The dimensions of VPC - direct connect gateway."""

    product = "VPC - direct connect gateway"
    product_zh = "私有网络-专线网关"

    direct_connect_gateway_id: str = field(metadata={KEY: "directconnectgatewayid"}, validator=text)
    obj_id: str | None = field(default=None, metadata={KEY: "objId"}, validator=text)
    obj_name: str | None = field(default=None, metadata={KEY: "objName"}, validator=text)


@frozen(kw_only=True, eq=False)
class NatGatewayDimensions(Dimensions):
    """The dimensions of VPC - NAT gateway."""

    product = "VPC - NAT gateway"
    product_zh = "私有网络-NAT 网关"

    uniq_nat_id: str = field(metadata={KEY: "uniq_nat_id"}, validator=text)
    obj_id: str | None = field(default=None, metadata={KEY: "objId"}, validator=text)
    obj_name: str | None = field(default=None, metadata={KEY: "objName"}, validator=text)


@frozen(kw_only=True, eq=False)
class VpnTunnelDimensions(Dimensions):
    """The dimensions of VPC - VPN tunnel."""

    product = "VPC - VPN tunnel"
    product_zh = "私有网络-VPN 通道"

    vpn_conn_id: str = field(metadata={KEY: "vpnconnid"}, validator=text)
    obj_id: str | None = field(default=None, metadata={KEY: "objId"}, validator=text)
    obj_name: str | None = field(default=None, metadata={KEY: "objName"}, validator=text)


@frozen(kw_only=True, eq=False)
class PeeringConnectionDimensions(Dimensions):
    """The dimensions of VPC - peering connection."""

    product = "VPC - peering connection"
    product_zh = "私有网络-对等连接"

    peering_connection_id: str = field(metadata={KEY: "peeringconnectionid"}, validator=text)
    obj_id: str | None = field(default=None, metadata={KEY: "objId"}, validator=text)
    obj_name: str | None = field(default=None, metadata={KEY: "objName"}, validator=text)


@frozen(kw_only=True, eq=False)
class ClassicInterconnectionDimensions(Dimensions):
    """The dimensions of VPC - cross-region interconnection over the classic network."""

    product = "VPC - cross-region interconnection over the classic network"
    product_zh = "私有网络-基础网络跨地域互联"

    peering_connection_id: str = field(metadata={KEY: "peeringconnectionid"}, validator=text)
    obj_id: str | None = field(default=None, metadata={KEY: "objId"}, validator=text)
    obj_name: str | None = field(default=None, metadata={KEY: "objName"}, validator=text)


@frozen(kw_only=True, eq=False)
class VpnGatewayDimensions(Dimensions):
    """The dimensions of VPC - VPN gateway."""

    product = "VPC - VPN gateway"
    product_zh = "私有网络-VPN 网关"

    app_id: int | str = field(metadata={KEY: "appid"}, validator=scalar)
    vip: str = field(metadata={KEY: "vip"}, validator=text)
    obj_id: str | None = field(default=None, metadata={KEY: "objId"}, validator=text)
    obj_name: str | None = field(default=None, metadata={KEY: "objName"}, validator=text)


@frozen(kw_only=True, eq=False)
class NetworkDetectionDimensions(Dimensions):
    """The dimensions of VPC - network detection."""

    product = "VPC - network detection"
    product_zh = "私有网络-网络探测"

    app_id: int | str = field(metadata={KEY: "appid"}, validator=scalar)
    net_detect_id: str = field(metadata={KEY: "netdetectid"}, validator=text)
    vpc_id: int | str = field(metadata={KEY: "vpcid"}, validator=scalar)
    obj_id: str | None = field(default=None, metadata={KEY: "objId"}, validator=text)
    obj_name: str | None = field(default=None, metadata={KEY: "objName"}, validator=text)


@frozen(kw_only=True, eq=False)
class BandwidthPackageDimensions(Dimensions):
    """The dimensions of VPC - shared bandwidth package."""

    product = "VPC - shared bandwidth package"
    product_zh = "私有网络-共享带宽包"

    region: str = field(metadata={KEY: "__region__"}, validator=text)
    app_id: int | str = field(metadata={KEY: "appid"}, validator=scalar)
    net_group: str = field(metadata={KEY: "netgroup"}, validator=text)
    obj_id: str | None = field(default=None, metadata={KEY: "objId"}, validator=text)
    obj_name: str | None = field(default=None, metadata={KEY: "objName"}, validator=text)

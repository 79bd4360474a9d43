"""The dimensions of the event alarms of each product that Tencent documents."""

from __future__ import annotations

from attrs import field, frozen

from alarm_dispatch.formats.tencent.dimensions.shape import KEY, Dimensions, text

__all__ = [
    "EVENT_DIMENSIONS",
    "ClbVipBlockingEventDimensions",
    "CvmEventDimensions",
    "DedicatedTunnelEventDimensions",
    "DirectConnectEventDimensions",
    "MysqlEventDimensions",
    "PeeringConnectionEventDimensions",
    "VpnGatewayEventDimensions",
]


@frozen(kw_only=True, eq=False)
class CvmEventDimensions(Dimensions):
    """The dimensions of CVM."""

    product = "CVM"
    product_zh = "云服务器"

    un_instance_id: str = field(metadata={KEY: "unInstanceId"}, validator=text)
    device_lan_ip: str = field(metadata={KEY: "objDetail.deviceLanIp"}, validator=text)
    device_wan_ip: str = field(metadata={KEY: "objDetail.deviceWanIp"}, validator=text)
    uniq_vpc_id: str = field(metadata={KEY: "objDetail.uniqVpcId"}, validator=text)


@frozen(kw_only=True, eq=False)
class MysqlEventDimensions(Dimensions):
    """The dimensions of TencentDB for MySQL."""

    product = "TencentDB for MySQL"
    product_zh = "云数据库 MySQL"

    device_name: str = field(metadata={KEY: "deviceName"}, validator=text)
    ip: str = field(metadata={KEY: "objDetail.IP"}, validator=text)
    un_instance_id: str = field(metadata={KEY: "unInstanceId"}, validator=text)


@frozen(kw_only=True, eq=False)
class PeeringConnectionEventDimensions(Dimensions):
    """The dimensions of VPC - peering connection."""

    product = "VPC - peering connection"
    product_zh = "私有网络-对等连接"

    un_instance_id: str = field(metadata={KEY: "unInstanceId"}, validator=text)
    peering_connection_name: str = field(metadata={KEY: "objDetail.PeeringConnectionName"}, validator=text)
    qos_bandwidth: str = field(metadata={KEY: "objDetail.QosBandwidth"}, validator=text)
    vpc_name: str = field(metadata={KEY: "objDetail.VpcName"}, validator=text)
    vpc_id: str = field(metadata={KEY: "objDetail.VpcId"}, validator=text)


@frozen(kw_only=True, eq=False)
class VpnGatewayEventDimensions(Dimensions):
    """The dimensions of VPC - VPN gateway."""

    product = "VPC - VPN gateway"
    product_zh = "私有网络-VPN 网关"

    un_instance_id: str = field(metadata={KEY: "unInstanceId"}, validator=text)
    vpn_gateway_name: str = field(metadata={KEY: "objDetail.VpnGatewayName"}, validator=text)
    internet_max_bandwidth_out: str = field(
        metadata={KEY: "objDetail.InternetMaxBandwidthOut"}, validator=text
    )
    vpc_name: str = field(metadata={KEY: "objDetail.VpcName"}, validator=text)
    vpc_id: str = field(metadata={KEY: "objDetail.VpcId"}, validator=text)


@frozen(kw_only=True, eq=False)
class ClbVipBlockingEventDimensions(Dimensions):
    """The dimensions of CLB - VIP blocking."""

    product = "CLB - VIP blocking"
    product_zh = "负载均衡-VIP 封堵"

    un_instance_id: str = field(metadata={KEY: "unInstanceId"}, validator=text)
    vip: str = field(metadata={KEY: "objDetail.vip"}, validator=text)


@frozen(kw_only=True, eq=False)
class DirectConnectEventDimensions(Dimensions):
    """The dimensions of Direct Connect - connection."""

    product = "Direct Connect - connection"
    product_zh = "专线接入-物理专线"

    ar: str = field(metadata={KEY: "objDetail.ar"}, validator=text)
    bandwidth: str = field(metadata={KEY: "objDetail.bandwidth"}, validator=text)
    circuit_number: str = field(metadata={KEY: "objDetail.circuitNumber"}, validator=text)
    dc_type: str = field(metadata={KEY: "objDetail.dcType"}, validator=text)
    un_instance_id: str = field(metadata={KEY: "unInstanceId"}, validator=text)


@frozen(kw_only=True, eq=False)
class DedicatedTunnelEventDimensions(Dimensions):
    """The dimensions of Direct Connect - dedicated tunnel."""

    product = "Direct Connect - dedicated tunnel"
    product_zh = "专线接入-专用通道"

    conn_local_ip: str = field(metadata={KEY: "objDetail.connLocalIp"}, validator=text)
    conn_peer_ip: str = field(metadata={KEY: "objDetail.connPeerIp"}, validator=text)
    un_instance_id: str = field(metadata={KEY: "unInstanceId"}, validator=text)


EVENT_DIMENSIONS: tuple[type[Dimensions], ...] = (
    CvmEventDimensions,
    MysqlEventDimensions,
    PeeringConnectionEventDimensions,
    VpnGatewayEventDimensions,
    ClbVipBlockingEventDimensions,
    DirectConnectEventDimensions,
    DedicatedTunnelEventDimensions,
)
"""The shapes in the order of the document."""

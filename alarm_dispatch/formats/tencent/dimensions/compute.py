"""The dimensions of metric alarms of servers, load balancers and databases."""

from __future__ import annotations

from attrs import field, frozen

from alarm_dispatch.formats.tencent.dimensions.shape import KEY, Dimensions, scalar, text

__all__ = [
    "ClbPrivateListenerDimensions",
    "ClbPrivateServerPortDimensions",
    "ClbPublicListenerDimensions",
    "ClbPublicServerPortDimensions",
    "CvmDimensions",
    "MysqlPrimaryDimensions",
    "MysqlSecondaryDimensions",
    "RedisDimensions",
]


@frozen(kw_only=True, eq=False)
class CvmDimensions(Dimensions):
    """The dimensions of CVM."""

    product = "CVM"
    product_zh = "云服务器 CVM"

    un_instance_id: str = field(metadata={KEY: "unInstanceId"}, validator=text)
    obj_id: str | None = field(default=None, metadata={KEY: "objId"}, validator=text)
    obj_name: str | None = field(default=None, metadata={KEY: "objName"}, validator=text)


@frozen(kw_only=True, eq=False)
class ClbPublicListenerDimensions(Dimensions):
    """The dimensions of CLB - public network listener."""

    product = "CLB - public network listener"
    product_zh = "负载均衡 LB-外网监听器"

    protocol: str = field(metadata={KEY: "protocol"}, validator=text)
    vip: str = field(metadata={KEY: "vip"}, validator=text)
    vport: int | str = field(metadata={KEY: "vport"}, validator=scalar)
    obj_id: str | None = field(default=None, metadata={KEY: "objId"}, validator=text)
    obj_name: str | None = field(default=None, metadata={KEY: "objName"}, validator=text)


@frozen(kw_only=True, eq=False)
class ClbPrivateListenerDimensions(Dimensions):
    """The dimensions of CLB - private network listener."""

    product = "CLB - private network listener"
    product_zh = "负载均衡 LB-内网监听器"

    protocol: str = field(metadata={KEY: "protocol"}, validator=text)
    vip: str = field(metadata={KEY: "vip"}, validator=text)
    vpc_id: int | str = field(metadata={KEY: "vpcId"}, validator=scalar)
    vport: int | str = field(metadata={KEY: "vport"}, validator=scalar)
    obj_id: str | None = field(default=None, metadata={KEY: "objId"}, validator=text)
    obj_name: str | None = field(default=None, metadata={KEY: "objName"}, validator=text)


@frozen(kw_only=True, eq=False)
class ClbPublicServerPortDimensions(Dimensions):
    """The dimensions of CLB - public network server port."""

    product = "CLB - public network server port"
    product_zh = "负载均衡 LB-外网服务器端口"

    domain: str = field(metadata={KEY: "domain"}, validator=text)
    un_load_balancer_id: str = field(metadata={KEY: "unLoadBalancerId"}, validator=text)
    protocol: str = field(metadata={KEY: "protocol"}, validator=text)
    lan_ip: str = field(metadata={KEY: "lanIp"}, validator=text)
    port: int | str = field(metadata={KEY: "port"}, validator=scalar)
    url: str = field(metadata={KEY: "url"}, validator=text)
    vip: str = field(metadata={KEY: "vip"}, validator=text)
    vpc_id: int | str = field(metadata={KEY: "vpcId"}, validator=scalar)
    load_balancer_port: int | str = field(metadata={KEY: "loadBalancerPort"}, validator=scalar)
    obj_id: str | None = field(default=None, metadata={KEY: "objId"}, validator=text)
    obj_name: str | None = field(default=None, metadata={KEY: "objName"}, validator=text)


@frozen(kw_only=True, eq=False)
class ClbPrivateServerPortDimensions(Dimensions):
    """The dimensions of CLB - private network server port."""

    product = "CLB - private network server port"
    product_zh = "负载均衡 LB-内网服务器端口"

    protocol: str = field(metadata={KEY: "protocol"}, validator=text)
    lan_ip: str = field(metadata={KEY: "lanIp"}, validator=text)
    port: int | str = field(metadata={KEY: "port"}, validator=scalar)
    vip: str = field(metadata={KEY: "vip"}, validator=text)
    vpc_id: int | str = field(metadata={KEY: "vpcId"}, validator=scalar)
    load_balancer_port: int | str = field(metadata={KEY: "loadBalancerPort"}, validator=scalar)
    obj_id: str | None = field(default=None, metadata={KEY: "objId"}, validator=text)
    obj_name: str | None = field(default=None, metadata={KEY: "objName"}, validator=text)


@frozen(kw_only=True, eq=False)
class MysqlPrimaryDimensions(Dimensions):
    """The dimensions of TencentDB for MySQL - primary monitoring."""

    product = "TencentDB for MySQL - primary monitoring"
    product_zh = "云数据库 MySQL-主机监控"

    u_instance_id: str = field(metadata={KEY: "uInstanceId"}, validator=text)
    obj_id: str | None = field(default=None, metadata={KEY: "objId"}, validator=text)
    obj_name: str | None = field(default=None, metadata={KEY: "objName"}, validator=text)


@frozen(kw_only=True, eq=False)
class MysqlSecondaryDimensions(Dimensions):
    """The dimensions of TencentDB for MySQL - secondary monitoring."""

    product = "TencentDB for MySQL - secondary monitoring"
    product_zh = "云数据库 MySQL-备机监控"

    u_instance_id: str = field(metadata={KEY: "uInstanceId"}, validator=text)
    obj_id: str | None = field(default=None, metadata={KEY: "objId"}, validator=text)
    obj_name: str | None = field(default=None, metadata={KEY: "objName"}, validator=text)


@frozen(kw_only=True, eq=False)
class RedisDimensions(Dimensions):
    """The dimensions of TencentDB for Redis."""

    product = "TencentDB for Redis"
    product_zh = "云数据库 Redis"

    redis_uuid: str = field(metadata={KEY: "redis_uuid"}, validator=text)
    obj_id: str | None = field(default=None, metadata={KEY: "objId"}, validator=text)
    obj_name: str | None = field(default=None, metadata={KEY: "objName"}, validator=text)

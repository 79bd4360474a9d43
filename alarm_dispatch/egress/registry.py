"""What kind of address an address is, by the registries of special-purpose addresses.

The standard library's ``is_global`` and ``is_private`` are not asked: they differ between Python versions.
"""

from __future__ import annotations

import enum
import ipaddress
from collections.abc import Iterator

from alarm_dispatch.egress.hosts import Address

__all__ = ["REGISTRY", "Kind", "embedded", "kind_of"]


class Kind(enum.StrEnum):
    """What an address is for; the text is the rule that a refusal names."""

    PUBLIC = "public"
    LOOPBACK = "loopback"
    PRIVATE = "private network"
    SHARED = "shared address space"
    LINK_LOCAL = "link-local"
    METADATA = "cloud metadata"
    MULTICAST = "multicast"
    BROADCAST = "broadcast"
    UNSPECIFIED = "unspecified"
    THIS_NETWORK = "this network"
    DOCUMENTATION = "documentation"
    BENCHMARKING = "benchmarking"
    SITE_LOCAL = "site-local"
    COMPATIBLE = "IPv4-compatible"
    LOCAL_NAT64 = "local-use NAT64"
    SIX_TO_FOUR = "6to4"
    TEREDO = "Teredo"
    RESERVED = "reserved"


REGISTRY: tuple[tuple[str, Kind, str], ...] = (
    # IANA IPv4 Special-Purpose Address Registry; what is in no row is public.
    ("0.0.0.0/0", Kind.PUBLIC, "RFC 791"),
    ("0.0.0.0/8", Kind.THIS_NETWORK, "RFC 791, section 3.2"),
    ("0.0.0.0/32", Kind.UNSPECIFIED, "RFC 1122, section 3.2.1.3"),
    ("10.0.0.0/8", Kind.PRIVATE, "RFC 1918"),
    ("100.64.0.0/10", Kind.SHARED, "RFC 6598"),
    ("127.0.0.0/8", Kind.LOOPBACK, "RFC 1122, section 3.2.1.3"),
    ("169.254.0.0/16", Kind.LINK_LOCAL, "RFC 3927"),
    ("172.16.0.0/12", Kind.PRIVATE, "RFC 1918"),
    ("192.0.0.0/24", Kind.RESERVED, "RFC 6890, section 2.1"),
    ("192.0.0.9/32", Kind.PUBLIC, "RFC 7723: Port Control Protocol anycast"),
    ("192.0.0.10/32", Kind.PUBLIC, "RFC 8155: TURN anycast"),
    ("192.0.2.0/24", Kind.DOCUMENTATION, "RFC 5737"),
    ("192.31.196.0/24", Kind.PUBLIC, "RFC 7535: AS112"),
    ("192.52.193.0/24", Kind.PUBLIC, "RFC 7450: AMT"),
    ("192.88.99.0/24", Kind.RESERVED, "RFC 7526: deprecated 6to4 relay anycast"),
    ("192.168.0.0/16", Kind.PRIVATE, "RFC 1918"),
    ("192.175.48.0/24", Kind.PUBLIC, "RFC 7534: AS112"),
    ("198.18.0.0/15", Kind.BENCHMARKING, "RFC 2544"),
    ("198.51.100.0/24", Kind.DOCUMENTATION, "RFC 5737"),
    ("203.0.113.0/24", Kind.DOCUMENTATION, "RFC 5737"),
    ("224.0.0.0/4", Kind.MULTICAST, "RFC 5771"),
    ("240.0.0.0/4", Kind.RESERVED, "RFC 1112, section 4"),
    ("255.255.255.255/32", Kind.BROADCAST, "RFC 919, section 7"),
    # IANA IPv6 Special-Purpose Address Registry; outside of 2000::/3 what is in no row is reserved.
    ("::/0", Kind.RESERVED, "RFC 4291, section 2.4"),
    ("::/96", Kind.COMPATIBLE, "RFC 4291, section 2.5.5.1"),
    ("::/128", Kind.UNSPECIFIED, "RFC 4291, section 2.5.2"),
    ("::1/128", Kind.LOOPBACK, "RFC 4291, section 2.5.3"),
    ("64:ff9b::/96", Kind.PUBLIC, "RFC 6052: NAT64, by the IPv4 address within"),
    ("64:ff9b:1::/48", Kind.LOCAL_NAT64, "RFC 8215"),
    ("100::/64", Kind.RESERVED, "RFC 6666: discard-only"),
    ("100:0:0:1::/64", Kind.RESERVED, "RFC 9780: dummy prefix"),
    ("2000::/3", Kind.PUBLIC, "RFC 4291, section 2.5.4"),
    ("2001::/23", Kind.RESERVED, "RFC 2928: IETF protocol assignments"),
    ("2001::/32", Kind.TEREDO, "RFC 4380"),
    ("2001:1::1/128", Kind.PUBLIC, "RFC 7723: Port Control Protocol anycast"),
    ("2001:1::2/128", Kind.PUBLIC, "RFC 8155: TURN anycast"),
    ("2001:1::3/128", Kind.PUBLIC, "RFC 9665: DNS-SD SRP anycast"),
    ("2001:2::/48", Kind.BENCHMARKING, "RFC 5180"),
    ("2001:3::/32", Kind.PUBLIC, "RFC 7450: AMT"),
    ("2001:4:112::/48", Kind.PUBLIC, "RFC 7535: AS112"),
    ("2001:10::/28", Kind.RESERVED, "RFC 4843: deprecated ORCHID"),
    ("2001:20::/28", Kind.PUBLIC, "RFC 7343: ORCHIDv2"),
    ("2001:30::/28", Kind.PUBLIC, "RFC 9374: drone remote ids"),
    ("2001:db8::/32", Kind.DOCUMENTATION, "RFC 3849"),
    ("2002::/16", Kind.SIX_TO_FOUR, "RFC 3056"),
    ("2620:4f:8000::/48", Kind.PUBLIC, "RFC 7534: AS112"),
    ("3fff::/20", Kind.DOCUMENTATION, "RFC 9637"),
    ("5f00::/16", Kind.RESERVED, "RFC 9602: segment routing"),
    ("fc00::/7", Kind.PRIVATE, "RFC 4193"),
    ("fe80::/10", Kind.LINK_LOCAL, "RFC 4291, section 2.5.6"),
    ("fec0::/10", Kind.SITE_LOCAL, "RFC 3879"),
    ("ff00::/8", Kind.MULTICAST, "RFC 4291, section 2.7"),
    # Where clouds answer for a machine's identity and keys, some of them inside of networks that are private.
    ("169.254.169.254/32", Kind.METADATA, "AWS, Azure, Google, OpenStack, Oracle and others"),
    ("169.254.169.253/32", Kind.METADATA, "AWS: name server"),
    ("169.254.169.123/32", Kind.METADATA, "AWS: time"),
    ("169.254.169.250/32", Kind.METADATA, "AWS: licences"),
    ("169.254.169.251/32", Kind.METADATA, "AWS: licences"),
    ("169.254.170.2/32", Kind.METADATA, "AWS: credentials of ECS tasks"),
    ("169.254.170.23/32", Kind.METADATA, "AWS: credentials of EKS pods"),
    ("169.254.0.23/32", Kind.METADATA, "Tencent Cloud"),
    ("169.254.42.42/32", Kind.METADATA, "Scaleway"),
    ("100.100.100.200/32", Kind.METADATA, "Alibaba Cloud"),
    ("100.96.0.96/32", Kind.METADATA, "Volcengine"),
    ("168.63.129.16/32", Kind.METADATA, "Azure: virtual machine agent"),
    ("192.0.0.192/32", Kind.METADATA, "Oracle Cloud Classic"),
    ("fd00:ec2::254/128", Kind.METADATA, "AWS"),
    ("fd00:ec2::253/128", Kind.METADATA, "AWS: name server"),
    ("fd00:ec2::123/128", Kind.METADATA, "AWS: time"),
    ("fd00:ec2::250/128", Kind.METADATA, "AWS: licences"),
    ("fd00:ec2::251/128", Kind.METADATA, "AWS: licences"),
    ("fd00:ec2::23/128", Kind.METADATA, "AWS: credentials of EKS pods"),
    ("fd00:42::42/128", Kind.METADATA, "Scaleway"),
    ("fd00:a9fe:a9fe::1/128", Kind.METADATA, "Linode"),
    ("fd00:c1::a9fe:a9fe/128", Kind.METADATA, "Oracle Cloud"),
    ("fd20:ce::254/128", Kind.METADATA, "Google Cloud"),
    ("fe80::a9fe:a9fe/128", Kind.METADATA, "OpenStack"),
)
"""Network, kind, and the document or the cloud that says so; the longest network with an address wins."""


def _by_length(version: int) -> tuple[tuple[int, dict[int, Kind]], ...]:
    """For each number of host bits, the smallest first, the networks by their remaining bits."""
    found: dict[int, dict[int, Kind]] = {}
    for text, kind, _ in REGISTRY:
        network = ipaddress.ip_network(text)
        if network.version == version:
            host_bits = network.max_prefixlen - network.prefixlen
            found.setdefault(host_bits, {})[int(network.network_address) >> host_bits] = kind
    return tuple(sorted(found.items()))


_TABLES = {4: _by_length(4), 6: _by_length(6)}


def kind_of(address: Address) -> Kind:
    """What kind of address this is, without regard to addresses that are embedded in it."""
    value = int(address)
    return next(
        kinds[value >> bits] for bits, kinds in _TABLES[address.version] if value >> bits in kinds
    )  # pragma: no branch - the whole of both spaces is in the table


_LAST_32 = 0xFFFF_FFFF
# RFC 5214, section 6.1: the interface identifier of an ISATAP address, with the "u" bit or without.
_ISATAP = (0x0000_5EFE, 0x0200_5EFE)
_NAT64 = 0x0064_FF9B << 64
_SIX_TO_FOUR = 0x2002
_TEREDO = 0x2001_0000


def embedded(address: Address) -> Iterator[ipaddress.IPv4Address]:
    """The IPv4 addresses that packets to an IPv6 address can lead to, outermost first."""
    if isinstance(address, ipaddress.IPv4Address):
        return
    value = int(address)
    last = value & _LAST_32
    upper = value >> 32
    if upper == _NAT64 or (upper == 0 and last > 1):
        yield ipaddress.IPv4Address(last)
    elif value >> 112 == _SIX_TO_FOUR:
        yield ipaddress.IPv4Address(value >> 80 & _LAST_32)
    elif value >> 96 == _TEREDO:
        yield ipaddress.IPv4Address(value >> 64 & _LAST_32)  # the server
        yield ipaddress.IPv4Address(last ^ _LAST_32)  # the client, every bit inverted
    if upper & _LAST_32 in _ISATAP:
        yield ipaddress.IPv4Address(last)

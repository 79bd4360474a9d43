"""How the lists of a policy are written, and whether a host, an address or a port is in one."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Iterable
from typing import Any, TypeAlias

from alarm_dispatch.egress.hosts import Address, canonical_host
from alarm_dispatch.errors import InvalidFieldError

__all__ = [
    "Network",
    "address_in",
    "as_hosts",
    "as_networks",
    "as_ports",
    "host_in",
    "networks_of",
    "port_in",
]

Network: TypeAlias = ipaddress.IPv4Network | ipaddress.IPv6Network

_LAST_PORT = 65535
_MAPPED = ipaddress.IPv6Network("::ffff:0:0/96")


def _entries(value: Any, field: str, what: str) -> Iterable[tuple[Any, str]]:
    if isinstance(value, str | bytes | bytearray) or not isinstance(value, Iterable):
        raise InvalidFieldError(field, f"must be a list of {what}, not {type(value).__name__}")
    return ((entry, f"{field}[{index}]") for index, entry in enumerate(value))


def as_hosts(field: str) -> Callable[[Any], tuple[str, ...]]:
    """A converter for a list of host names, in the spelling in which they are compared."""
    return lambda value: tuple(_host(entry, here) for entry, here in _entries(value, field, "host names"))


def _host(entry: Any, field: str) -> str:
    if not isinstance(entry, str):
        raise InvalidFieldError(field, f"must be text, not {type(entry).__name__}")
    dot = "." if entry.startswith(".") else ""
    bare = entry[len(dot) :]
    if bare.startswith("[") and bare.endswith("]"):
        bare = bare[1:-1]
    try:
        host, address = canonical_host(bare)
    except ValueError:
        raise InvalidFieldError(
            field, f'is no host: {entry!a}; allowed are "ops.example.com", ".example.com", "10.0.0.1"'
        ) from None
    if dot and address is not None:
        raise InvalidFieldError(field, f"is an address with a dot before it: {entry!a}")
    return dot + host.removesuffix(".")


def as_networks(field: str) -> Callable[[Any], tuple[str, ...]]:
    """A converter for a list of networks and addresses, in one spelling each."""
    return lambda value: tuple(
        str(_network(entry, here)) for entry, here in _entries(value, field, "networks")
    )


def _network(entry: Any, field: str) -> Network:
    if not isinstance(entry, str | ipaddress.IPv4Network | ipaddress.IPv6Network):
        raise InvalidFieldError(field, f"must be text, not {type(entry).__name__}")
    try:
        if "%" in str(entry):
            raise ValueError("a zone")  # noqa: TRY301 - one message for all that is no network
        network = ipaddress.ip_network(entry, strict=False)
    except ValueError:
        raise InvalidFieldError(
            field, f'is no network: {str(entry)!a}; allowed are "10.0.0.0/8", "10.0.0.1", "fd00::/8"'
        ) from None
    if isinstance(entry, str) and str(network.network_address) != str(
        ipaddress.ip_address(entry.partition("/")[0])
    ):
        raise InvalidFieldError(field, f"{entry!a} has bits beside its network; {network} is meant?")
    if isinstance(network, ipaddress.IPv6Network) and network.subnet_of(_MAPPED):
        # An IPv4-mapped address is looked up as the IPv4 address that it is.
        last = int(network.network_address) & 0xFFFF_FFFF
        return ipaddress.IPv4Network((last, network.prefixlen - _MAPPED.prefixlen))
    return network


def as_ports(field: str) -> Callable[[Any], tuple[int | str, ...]]:
    """A converter for a list of ports and ranges of them."""
    return lambda value: tuple(_port(entry, here) for entry, here in _entries(value, field, "ports"))


def _port(entry: Any, field: str) -> int | str:
    if isinstance(entry, int) and not isinstance(entry, bool) and 1 <= entry <= _LAST_PORT:
        return entry
    if isinstance(entry, str):
        first, dash, last = entry.partition("-")
        if all(text.isascii() and text.isdigit() and len(text) <= 5 for text in (first, last or first)):  # noqa: PLR2004 - digits of 65535
            low, high = int(first), int(last) if dash and last else int(first)
            if 1 <= low <= high <= _LAST_PORT and bool(dash) == bool(last):
                return f"{low}-{high}" if dash else low
    raise InvalidFieldError(
        field, f'is no port: {entry!a}; allowed are 1 to {_LAST_PORT} and ranges such as "8000-8099"'
    )


def networks_of(texts: Iterable[str]) -> tuple[Network, ...]:
    """The networks of a list that :func:`as_networks` made."""
    return tuple(map(ipaddress.ip_network, texts))


def host_in(hosts: Iterable[str], host: str) -> bool:
    """Whether a canonical host is one of the names, or below one that begins with a dot."""
    bare = host.removesuffix(".")
    return any(bare.endswith(name) if name.startswith(".") else bare == name for name in hosts)


def address_in(networks: Iterable[Network], address: Address, *, alone: bool = False) -> bool:
    """Whether an address is in one of the networks; with ``alone`` only in one that holds nothing else."""
    return any(address in network and not (alone and network.num_addresses > 1) for network in networks)


def port_in(ports: Iterable[int | str], port: int) -> bool:
    """Whether a port is one of a list that :func:`as_ports` made."""
    for entry in ports:
        first, _, last = str(entry).partition("-")
        if int(first) <= port <= int(last or first):
            return True
    return False

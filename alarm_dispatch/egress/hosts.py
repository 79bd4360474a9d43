"""Which host a URL's text names: every spelling of an address is that address, or no host at all."""

from __future__ import annotations

import ipaddress
import re

import idna

__all__ = ["Address", "canonical_host", "parse_address", "text_of"]

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
"""An address; an IPv4-mapped one (``::ffff:10.0.0.1``) is the IPv4 address, as it is to a socket."""

_MAX_LABEL = 63  # RFC 1035, section 2.3.4
# A registered name in ASCII; underscores occur in intranets.
_ASCII_HOST = re.compile(r"[0-9A-Za-z._~\-]+")
# What inet_aton takes for a number: glibc reads 0x and 0 as C does, and so do the clients of others.
_NUMBER = re.compile(r"0[xX][0-9a-fA-F]+|[0-9]+")
# URL Standard, section 3.5, "ends in a number": such a host is an IPv4 address or nothing.
_NUMERIC_END = re.compile(r"[0-9]+|0[xX][0-9a-fA-F]*")
_PARTS = 4
_BYTE = 0xFF


def parse_address(text: str) -> Address:
    """The address in a text as name lookups answer it, without the zone of an IPv6 one.

    Raises ValueError for anything else, also for what only inet_aton takes (``127.1``).
    """
    address = ipaddress.ip_address(text.partition("%")[0] if ":" in text else text)
    if address.version == 6 and address.ipv4_mapped is not None:  # noqa: PLR2004 - IPv6
        return address.ipv4_mapped
    return address


def text_of(address: Address) -> str:
    """The one text of an address (RFC 5952)."""
    return address.compressed


def canonical_host(host: str) -> tuple[str, Address | None]:
    """The host as it is called, in lower case ASCII, and the address when it is one.

    ``host`` is without brackets; one with a colon is IPv6.  Decimal, octal, hexadecimal and shortened
    IPv4 addresses are read as the C library's inet_aton does, and international names as IDNA 2008.

    Raises ValueError, which says what is wrong without repeating the host.
    """
    if ":" in host:
        return _ipv6(host)
    host = host.lower()
    if not host.isascii():
        try:
            host = idna.encode(host).decode("ascii")
        except idna.IDNAError:
            raise ValueError("has a host that is no valid international domain name") from None
    if not _ASCII_HOST.fullmatch(host):
        raise ValueError("has a host with a character that no host name has")
    labels = host.removesuffix(".").split(".")
    if not all(0 < len(label) <= _MAX_LABEL for label in labels):
        raise ValueError(f"has a host with an empty label or one longer than {_MAX_LABEL} characters")
    if _NUMERIC_END.fullmatch(labels[-1]):
        address = _inet_aton(labels)
        return text_of(address), address
    return host, None


def _ipv6(host: str) -> tuple[str, Address]:
    if "%" in host:
        raise ValueError("has an IPv6 address with a zone, which means something on one machine only")
    try:
        address = parse_address(host)
    except ValueError:
        raise ValueError("has brackets around what is no IPv6 address") from None
    return text_of(address), address


def _inet_aton(labels: list[str]) -> ipaddress.IPv4Address:
    """The address as glibc reads it: one to four numbers, of which the last fills the remaining bytes."""
    told = "has a host that ends in a number and is no IPv4 address"
    if len(labels) > _PARTS or not all(map(_NUMBER.fullmatch, labels)):
        raise ValueError(told)
    try:
        *bytes_first, rest = (int(label, _base(label)) for label in labels)
    except ValueError:  # 08 is no octal number
        raise ValueError(told) from None
    room = 8 * (_PARTS - len(bytes_first))
    if rest >> room or any(byte > _BYTE for byte in bytes_first):
        raise ValueError(told)
    return ipaddress.IPv4Address(int.from_bytes(bytes(bytes_first)) << room | rest)


def _base(number: str) -> int:
    if number.startswith("0x"):
        return 16
    return 8 if number.startswith("0") else 10

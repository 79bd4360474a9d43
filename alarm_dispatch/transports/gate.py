"""The gate before every connection: a name is looked up once, and each of its addresses is checked."""

from __future__ import annotations

import errno
import ipaddress
import itertools
import socket
from typing import Any
from urllib.parse import urlsplit

from alarm_dispatch.egress import EgressPolicy
from alarm_dispatch.errors import EgressRefusedError
from alarm_dispatch.exchange import Request
from alarm_dispatch.redaction import redact_url
from alarm_dispatch.transports.lookups import look_up

__all__ = ["AddressRefusedError", "Gate", "check_own_client", "check_proxied", "refuse"]

# A name may have thousands of addresses.  All are checked, and as many as these are tried: aiohttp tries the
# rest again for each that fails, 36 times in all.
_MOST_TRIED = 8
_FAMILIES = (socket.AF_INET, socket.AF_INET6)

AddrInfo = tuple[int | socket.AddressFamily, int | socket.SocketKind, int, str, tuple[str | int, ...]]


class AddressRefusedError(PermissionError):
    """No connection may go to ``address``.

    An OSError, since client libraries take those for what they are, a connection that was not made: what
    else is raised while they connect they may lose.  :func:`refuse` makes the user's error of it.
    """

    def __init__(self, address: str) -> None:
        super().__init__(errno.EACCES, "the address is refused")
        self.address = address


class Gate:
    """Lets connections through to the addresses that one policy allows."""

    def __init__(self, policy: EgressPolicy) -> None:
        self._policy = policy

    async def addresses(self, host: str, port: int) -> list[str]:
        """The addresses of ``host`` in the order in which they are to be tried; all of them were checked.

        One bad address refuses the name: who answers for it decides which one is tried first.  Families take
        turns (RFC 8305, section 4).  Raises :class:`AddressRefusedError`, and ``socket.gaierror`` when there
        is no address.
        """
        found = [host] if _is_address(host) else await _found(host, port)
        for address in found:
            self.check(address)
        return _interleaved(found)[:_MOST_TRIED]

    def check(self, address: str) -> None:
        """Raise :class:`AddressRefusedError` unless a connection may go to this address."""
        try:
            self._policy.check_address(address, "")
        except EgressRefusedError:
            raise AddressRefusedError(address) from None

    def socket(self, info: AddrInfo) -> socket.socket:
        """A socket to connect with, when it may be connected there: the last look at where it goes."""
        family, kind, protocol, _, where = info
        self.check(str(where[0]))
        return socket.socket(family, kind, protocol)


def refuse(request: Request, error: BaseException) -> None:
    """Raise EgressRefusedError when ``error`` came of an address that the request's policy refuses."""
    cause: BaseException | None = error
    while cause is not None and not isinstance(cause, AddressRefusedError):
        cause = cause.__cause__ or cause.__context__
    if cause is not None:
        request.egress.check_address(cause.address, request.url)


def check_proxied(request: Request) -> None:
    """Raise EgressRefusedError unless a proxy may be asked for this URL: it would look a name up itself."""
    request.egress.check_url(request.url)
    if not request.egress.names_through_proxy and _names_a_host(request.url):
        hint = "names_through_proxy=True leaves its addresses to the proxy"
        raise EgressRefusedError("name through a proxy", redact_url(request.url), hint=hint)


def check_own_client(request: Request, transport: str) -> None:
    """Raise EgressRefusedError where the addresses matter that a user's own client finds, unseen by us."""
    request.egress.check_url(request.url)
    if request.egress.needs_addresses and _names_a_host(request.url):
        hint = f"let {transport} make the connections"
        raise EgressRefusedError("name through a client of your own", redact_url(request.url), hint=hint)


def _names_a_host(url: str) -> bool:
    """Whether the URL's host has to be looked up."""
    return not _is_address(urlsplit(url).hostname or "")


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


async def _found(host: str, port: int) -> list[str]:
    answer = await look_up(host, port)
    addresses = (_with_scope(where) for family, _, _, _, where in answer if family in _FAMILIES)
    found = list(dict.fromkeys(addresses))
    if not found:
        raise socket.gaierror(socket.EAI_NONAME, "No address associated with hostname")
    return found


def _with_scope(where: tuple[Any, ...]) -> str:
    """A socket address's host, with the interface that a link-local address is meant on."""
    host, _, *rest = where
    return f"{host}%{rest[1]}" if rest and rest[1] else str(host)


def _interleaved(addresses: list[str]) -> list[str]:
    by_family = [[a for a in addresses if (":" in a) is six] for six in (False, True)]
    if addresses and ":" in addresses[0]:
        by_family.reverse()  # the system's first choice goes first
    return [a for pair in itertools.zip_longest(*by_family) for a in pair if a is not None]

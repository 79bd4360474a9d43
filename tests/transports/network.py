"""A network of the tests' own: a name server on loopback, and a record of where sockets were connected to."""

from __future__ import annotations

import contextlib
import errno
import ipaddress
import socket
import struct
import threading
from collections import Counter
from collections.abc import Callable, Iterable
from typing import Any
from urllib.parse import urlsplit

import pytest

_A, _CNAME, _AAAA = 1, 5, 28
_NO_ERROR, _NO_SUCH_NAME = 0, 3
_MOST_ALIASES = 8


class NameServer:
    """Answers A and AAAA questions over UDP, in a thread, until it is closed."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self._zone: dict[str, list[list[str]]] = {}
        self._counts: Counter[tuple[str, int]] = Counter()
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind(("127.0.0.1", 0))
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def says(self, name: str, *lookups: Iterable[str]) -> None:
        """Have the name's lookups answered so, one after the other, and as the last one from then on.

        An answer has addresses, or one other name that this one is an alias of.
        """
        self._zone[name] = [list(answer) for answer in lookups]
        for kind in (_A, _AAAA):
            del self._counts[name, kind]

    def lookups_of(self, name: str) -> int:
        """How often the name was looked up."""
        return self.asked.count(name)

    def close(self) -> None:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as last:
            last.sendto(b"", self._socket.getsockname())
        self._thread.join(5)
        self._socket.close()

    def _serve(self) -> None:
        while question := self._socket.recvfrom(512):
            packet, client = question
            if not packet:
                return
            self._socket.sendto(self._answer(packet), client)

    def _answer(self, packet: bytes) -> bytes:
        name, end = _read_name(packet, 12)
        (kind,) = struct.unpack_from("!H", packet, end)
        records: list[bytes] = []
        found = self._zone.get(name)
        if found is not None:
            answer = found[min(self._counts[name, kind], len(found) - 1)]
            self._counts[name, kind] += 1
            records = [record for each in answer if (record := _record(each, kind))]
        if kind == _A:
            self.asked.append(name)
        code = _NO_SUCH_NAME if found is None else _NO_ERROR
        head = struct.pack("!2sHHHHH", packet[:2], 0x8180 | code, 1, len(records), 0, 0)
        return head + packet[12 : end + 4] + b"".join(records)

    def getaddrinfo(self, host: str | bytes, port: int, *arguments: Any, **options: Any) -> list[Any]:
        """What ``socket.getaddrinfo`` answers when this server is asked."""
        host = host.decode() if isinstance(host, bytes) else host
        if _is_numeric(host):
            return _real_getaddrinfo(host, port, *arguments, **options)
        answers: list[Any] = []
        for kind in (_A, _AAAA):
            for address in self._resolve(host, kind):
                six = ":" in address
                where = (address, port, 0, 0) if six else (address, port)
                kind_of_socket = socket.AF_INET6 if six else socket.AF_INET
                answers.append((kind_of_socket, socket.SOCK_STREAM, socket.IPPROTO_TCP, "", where))
        return answers

    def _resolve(self, name: str, kind: int) -> list[str]:
        for _ in range(_MOST_ALIASES):
            code, addresses, alias = self._ask(name, kind)
            if code == _NO_SUCH_NAME:
                raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
            if alias is None:
                return addresses
            name = alias
        raise socket.gaierror(socket.EAI_FAIL, "Too many aliases")

    def _ask(self, name: str, kind: int) -> tuple[int, list[str], str | None]:
        labels = b"".join(bytes([len(label)]) + label.encode() for label in name.split("."))
        question = struct.pack("!6H", 1, 0x0100, 1, 0, 0, 0) + labels + b"\0" + struct.pack("!2H", kind, 1)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asking:
            asking.settimeout(5)
            asking.sendto(question, self._socket.getsockname())
            packet = asking.recv(4096)
        code, (count,) = packet[3] & 0xF, struct.unpack_from("!H", packet, 6)
        addresses: list[str] = []
        alias, at = None, len(question)
        for _ in range(count):
            found, length = struct.unpack_from("!H6xH", packet, at + 2)
            value = packet[at + 12 : at + 12 + length]
            if found == _CNAME:
                alias, _ = _read_name(value, 0)
            else:
                addresses.append(_text(value))
            at += 12 + length
        return code, addresses, alias


def _record(value: str, asked: int) -> bytes | None:
    """One record that belongs to the question, which it points back to."""
    try:
        data = ipaddress.ip_address(value).packed
        kind = _A if len(data) == 4 else _AAAA
    except ValueError:
        kind = _CNAME
        data = b"".join(bytes([len(label)]) + label.encode() for label in value.split(".")) + b"\0"
    if kind not in (asked, _CNAME):
        return None
    return struct.pack("!HHHIH", 0xC00C, kind, 1, 0, len(data)) + data


def _read_name(packet: bytes, at: int) -> tuple[str, int]:
    labels: list[str] = []
    while length := packet[at]:
        labels.append(packet[at + 1 : at + 1 + length].decode())
        at += 1 + length
    return ".".join(labels), at + 1


def _text(packed: bytes) -> str:
    return socket.inet_ntop(socket.AF_INET if len(packed) == 4 else socket.AF_INET6, packed)


def _is_numeric(host: str) -> bool:
    try:
        _real_getaddrinfo(host, None, flags=socket.AI_NUMERICHOST)
    except socket.gaierror:
        return False
    return True


_real_getaddrinfo: Callable[..., list[Any]] = socket.getaddrinfo
_real_connect: Callable[..., None] = socket.socket.connect


class Wires:
    """Where TCP sockets are connected to: recorded, and led to loopback where a test says so.

    An address that is neither led anywhere nor on loopback refuses the connection.
    """

    def __init__(self) -> None:
        self.connected: list[str] = []
        self.refuse_all = False
        self._led: dict[str, tuple[str, int]] = {}

    def watch(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """See to it that sockets ask here, also those of event loops; uvloop's own are not Python's."""

        def connect(sock: socket.socket, where: Any) -> None:
            self._connect(sock, where)

        def connect_ex(sock: socket.socket, where: Any) -> int:
            try:
                self._connect(sock, where)
            except OSError as error:
                return error.errno or errno.EIO
            return 0

        monkeypatch.setattr(socket.socket, "connect", connect)
        monkeypatch.setattr(socket.socket, "connect_ex", connect_ex)

    def lead(self, address: str, url: str) -> None:
        """Have connections to the address go to this URL on loopback instead, whatever their port is."""
        parts = urlsplit(url)
        self._led[address] = (str(parts.hostname), int(parts.port or 80))

    def _connect(self, sock: socket.socket, where: Any) -> None:
        if sock.type != socket.SOCK_STREAM or sock.family not in (socket.AF_INET, socket.AF_INET6):
            return _real_connect(sock, where)
        host = where[0]
        self.connected.append(host)
        to = self._led.get(host)
        if self.refuse_all or (to is None and not ipaddress.ip_address(host).is_loopback):
            raise ConnectionRefusedError(errno.ECONNREFUSED, "Connection refused")
        return _real_connect(sock, to or where)


def dead_end() -> tuple[list[socket.socket], str]:
    """A URL on loopback where no SYN is answered, since the queue is full, and the sockets that see to it."""
    listening = socket.socket()
    listening.bind(("127.0.0.1", 0))
    listening.listen(0)
    held = [listening]
    for _ in range(2):
        filling = socket.socket()
        filling.setblocking(False)
        with contextlib.suppress(BlockingIOError):
            _real_connect(filling, listening.getsockname())
        held.append(filling)
    return held, f"http://127.0.0.1:{listening.getsockname()[1]}/"

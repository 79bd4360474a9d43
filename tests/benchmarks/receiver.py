"""The receiver process: a bare protocol that answers at once, late, or never, as the path says."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import gc
import json
import sys
import time
from typing import cast

from .processes import pin, raise_file_limit, uvloop_or_none

__all__ = ["addresses"]

_REPLY = b'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 11\r\n\r\n{"code": 0}'
_TRIES = 20
_BACKLOG = 1024


def addresses(count: int) -> list[str]:
    """So many loopback addresses; the first is 127.0.0.1."""
    return [f"127.0.{number // 250}.{number % 250 + 1}" for number in range(count)]


class _Connection(asyncio.Protocol):
    """``POST /now`` is answered at once, ``POST /after/20`` in 20 ms, ``POST /never`` never."""

    received = 0

    def __init__(self) -> None:
        self._rest = b""
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # uvloop's are no subclass

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None

    def data_received(self, data: bytes) -> None:
        data = self._rest + data if self._rest else data
        start, at_once = 0, 0
        while (head_end := data.find(b"\r\n\r\n", start)) >= 0:
            head = data[start:head_end].lower()
            length_at = head.find(b"\r\ncontent-length:")
            length = 0
            if length_at >= 0:
                value, _, _ = head[length_at + 17 :].partition(b"\r\n")
                length = int(value)
            if head_end + 4 + length > len(data):
                break
            path = head.split(b" ", 2)[1]
            _Connection.received += 1
            if path.startswith(b"/after/"):
                asyncio.get_running_loop().call_later(int(path[7:]) / 1000, self._answer, 1)
            elif not path.startswith(b"/never"):
                at_once += 1
            start = head_end + 4 + length
        self._rest = data[start:]
        if at_once:
            self._answer(at_once)

    def _answer(self, replies: int) -> None:
        if self._transport is not None:
            self._transport.write(_REPLY * replies)


async def _listen(hosts: list[str]) -> int:
    """Listen on all these addresses on one port; the port."""
    loop = asyncio.get_running_loop()
    for _ in range(_TRIES):
        first = await loop.create_server(_Connection, hosts[0], 0, backlog=_BACKLOG)
        port = int(first.sockets[0].getsockname()[1])
        try:
            for host in hosts[1:]:
                await loop.create_server(_Connection, host, port, backlog=_BACKLOG)
        except OSError as error:
            if error.errno != errno.EADDRINUSE:
                raise
            first.close()
            continue
        return port
    raise OSError(errno.EADDRINUSE, "no port is free on all addresses")


async def _serve(count: int) -> None:
    hosts = addresses(count)
    try:
        port = await _listen(hosts)
    except OSError as error:
        # Not every platform has all of 127.0.0.0/8.
        print(json.dumps({"port": 0, "error": f"no {count} loopback addresses: {error}"}), flush=True)
        return
    print(json.dumps({"port": port}), flush=True)
    # The garbage of a process that makes none is not looked for.
    gc.collect()
    gc.freeze()
    loop = asyncio.get_running_loop()
    while await loop.run_in_executor(None, sys.stdin.readline):
        print(json.dumps({"received": _Connection.received, "cpu": time.process_time()}), flush=True)


if __name__ == "__main__":
    pin(int(sys.argv[2]) if sys.argv[2] != "-" else None)
    raise_file_limit()
    uvloop = uvloop_or_none()
    with (
        contextlib.suppress(KeyboardInterrupt),
        asyncio.Runner(loop_factory=uvloop.new_event_loop if uvloop else None) as runner,
    ):
        runner.run(_serve(int(sys.argv[1])))

"""What a name leads to, looked up in threads of its own: one that hangs holds up nobody else."""

from __future__ import annotations

import asyncio
import functools
import socket
import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import Executor, Future
from typing import Any

from alarm_dispatch.transports.pools import PerLoop

__all__ = ["look_up"]

# Names that are looked up at a time, of which all but one may hang.
_MOST = 256

Answer = list[tuple[Any, ...]]


async def look_up(host: str, port: int) -> Answer:
    """What ``getaddrinfo`` says; who asks while a name is being looked up gets the same answer.

    Raises ``socket.gaierror``, and UnicodeError for what can be no name.
    """
    # Not a share of what one asked for: the others must not be cut off by its deadline.
    return await asyncio.shield(_LOOKUPS.get().of(host, port))


class _Threads(Executor):
    """Threads that end with their work, and that no process waits for when it ends.

    The default executor has few, which one receiver's attempts would fill when its name's lookup hangs, and
    they are the application's.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._running = 0
        self._waiting: deque[tuple[Future[Any], Callable[[], Any]]] = deque()

    def submit(self, function: Callable[..., Any], /, *arguments: Any, **options: Any) -> Future[Any]:
        """Have it called as soon as there is a thread for it."""
        future: Future[Any] = Future()
        with self._lock:
            self._waiting.append((future, functools.partial(function, *arguments, **options)))
            if self._running >= _MOST:
                return future
            self._running += 1
        threading.Thread(target=self._work, name="alarm-dispatch-lookup", daemon=True).start()
        return future

    def _work(self) -> None:
        while True:
            with self._lock:
                if not self._waiting:
                    self._running -= 1
                    return
                future, call = self._waiting.popleft()
            if future.set_running_or_notify_cancel():
                try:
                    answer = call()
                except BaseException as error:  # noqa: BLE001 - it is told to who asked
                    future.set_exception(error)
                else:
                    future.set_result(answer)


class _Lookups:
    """Those of one event loop, by the names that are being looked up."""

    def __init__(self) -> None:
        self._threads = _Threads()
        self._under_way: dict[str, asyncio.Future[Answer]] = {}

    def of(self, host: str, port: int) -> asyncio.Future[Answer]:
        answer = self._under_way.get(host)
        if answer is None:
            call = functools.partial(socket.getaddrinfo, host, port, type=socket.SOCK_STREAM)
            answer = asyncio.get_running_loop().run_in_executor(self._threads, call)
            self._under_way[host] = answer
            answer.add_done_callback(lambda done: self._end(host, done))
        return answer

    def _end(self, host: str, done: asyncio.Future[Answer]) -> None:
        del self._under_way[host]
        if not done.cancelled():
            done.exception()  # perhaps nobody waits for it any more


_LOOKUPS = PerLoop(_Lookups)

"""An event loop in a thread of its own, for callers that have none."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Coroutine
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, TypeVar

from alarm_dispatch.clock import Clock

__all__ = ["LoopThread"]

_T = TypeVar("_T")

# Name lookups at a time that are not ours; their threads are made when they are needed.
_LOOKUPS = 64

# Seconds to wait for the thread's end; it is a daemon, so a stuck one cannot keep the process alive.
_JOIN = 5.0


class LoopThread:
    """Runs one event loop until it is stopped."""

    def __init__(self, clock: Clock) -> None:
        self._loop = clock.new_event_loop()
        # Those of a client or a session of the user's own run in these.  asyncio's own few would all hang
        # with one receiver whose lookup does.
        self._loop.set_default_executor(ThreadPoolExecutor(_LOOKUPS, thread_name_prefix="alarm-dispatch"))
        self._thread = threading.Thread(target=self._run, name="alarm-dispatch", daemon=True)
        self._thread.start()

    @property
    def is_current(self) -> bool:
        """Whether the caller runs in this thread."""
        return threading.current_thread() is self._thread

    def post(self, function: Callable[..., object], *args: object) -> None:
        """Have the loop call ``function``; calls are made in the order in which they are posted."""
        self._loop.call_soon_threadsafe(function, *args)

    def run(self, coroutine: Coroutine[Any, Any, _T]) -> Future[_T]:
        """Have the loop run a coroutine."""
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop)

    def stop(self) -> None:
        """End the loop and its thread."""
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(_JOIN)

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        try:
            self._loop.run_forever()
        finally:
            self._loop.run_until_complete(self._loop.shutdown_asyncgens())
            # Not shutdown_default_executor(): it would wait for a name lookup that hangs.
            self._loop.close()

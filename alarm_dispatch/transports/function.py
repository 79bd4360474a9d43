"""A transport made of a synchronous function: it runs in a thread, off the event loop."""

from __future__ import annotations

import asyncio
import contextvars
import functools
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from alarm_dispatch.errors import InvalidFieldError, TransportError
from alarm_dispatch.exchange import Reply, Request, Verdict

__all__ = ["FunctionTransport"]


class FunctionTransport:
    """Wraps ``function(request) -> Reply`` into a transport.

    The function runs in one of ``threads`` threads.  It may raise
    :class:`~alarm_dispatch.errors.TransportError` with a verdict of its own; any OSError (which the
    errors of the ``requests`` library are) means that the outcome is unknown.  A call that outlives its
    deadline is left alone in its thread and its reply is dropped, so give the function a timeout too: a
    process does not end before its threads do.

    Nothing checks the addresses that the function connects to; it asks ``request.egress.check_address``.
    """

    keeps_deadline = True

    def __init__(self, function: Callable[[Request], Reply], *, threads: int = 8) -> None:
        given: object = threads
        if isinstance(given, bool) or not isinstance(given, int) or given < 1:
            raise InvalidFieldError("FunctionTransport.threads", f"must be at least 1, not {threads!r}")
        self._function = function
        self._threads = threads
        self._executor: ThreadPoolExecutor | None = None
        self._pid = os.getpid()

    async def send(self, request: Request, *, deadline: float) -> Reply:
        """Run the function with the request; see :class:`~alarm_dispatch.exchange.Transport`."""
        loop = asyncio.get_running_loop()
        # With the context, by which what is logged in the thread is known to be of this request.
        call = functools.partial(contextvars.copy_context().run, self._function, request)
        job = loop.run_in_executor(self._pool(), call)
        try:
            async with asyncio.timeout_at(deadline):
                return await job
        except TimeoutError as error:
            if job.done() and not job.cancelled() and job.exception() is error:
                raise TransportError(Verdict.UNKNOWN, f"the function raised {_told(error)}") from error
            raise TransportError(Verdict.UNKNOWN, "timed out in the function") from None
        except OSError as error:
            raise TransportError(Verdict.UNKNOWN, f"the function raised {_told(error)}") from error

    async def aclose(self) -> None:
        """Let go of the threads; calls that still run are not waited for."""
        if self._executor is not None:
            self._executor.shutdown(wait=False, cancel_futures=True)
            self._executor = None

    def _pool(self) -> ThreadPoolExecutor:
        # Threads do not survive a fork, so a child process gets its own.
        if self._executor is None or self._pid != os.getpid():
            self._pid = os.getpid()
            self._executor = ThreadPoolExecutor(self._threads, thread_name_prefix="alarm-dispatch-function")
        return self._executor


def _told(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}" if str(error) else type(error).__name__

"""Keeps the secrets of our requests out of what client libraries and asyncio log meanwhile."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Iterator
from contextvars import ContextVar
from typing import Any

from alarm_dispatch.exchange import Request
from alarm_dispatch.redaction import masked, secrets_in, shown_error

__all__ = ["BINARY", "LOGGERS", "carrying", "secrets_of"]

LOGGERS = (
    "aiohttp.access",
    "aiohttp.client",
    "aiohttp.internal",
    "aiohttp.server",
    "aiohttp.web",
    "aiohttp.websocket",
    "asyncio",
    "httpcore.connection",
    "httpcore.http11",
    "httpcore.http2",
    "httpcore.proxy",
    "httpcore.socks",
    "httpx",
    "requests",
    "urllib3.connection",
    "urllib3.connectionpool",
    "urllib3.poolmanager",
    "urllib3.util.retry",
)
"""Whose records are masked: a filter of a logger sees its own records only, none of those below it."""

BINARY = ("hpack.hpack", "hpack.table")
"""Whose records are dropped: they hold headers in the compressed form, where no secret can be found."""

# The URL and the headers of the request that is being carried, and the further secrets of its transport.
_Carried = tuple[str, tuple[tuple[str, str], ...], tuple[str, ...]]
_carried: ContextVar[_Carried | None] = ContextVar("alarm_dispatch_carried", default=None)


class _Masking(logging.Filter):
    """Masks the records that are made while a request of ours is carried; all others pass as they are.

    What the carrying has started (tasks, the callbacks of a connection) is told from the application's own
    by its context, which asyncio hands on.
    """

    def filter(self, record: logging.LogRecord) -> bool:
        carried = _carried.get()
        if carried is None:
            return True
        if record.name in BINARY:
            return False
        url, headers, also = carried
        secrets = (*secrets_in(url, headers), *also)
        try:
            record.msg, record.args = masked(record.getMessage(), secrets), ()
        except Exception:  # noqa: BLE001 - arguments that do not fit: logging tells it, and shows them
            record.msg, record.args = "a record that cannot be formatted, made while sending", ()
        if record.exc_info and record.exc_info[1] is not None:
            shown = shown_error(record.exc_info[1], secrets)
            record.exc_info = (type(shown), shown, shown.__traceback__)
            record.exc_text = None
        return True


_MASKING = _Masking("alarm_dispatch")


def secrets_of(transport: Any) -> tuple[str, ...]:
    """The texts that a transport adds to each request and that nothing may show."""
    return tuple(getattr(transport, "secrets", ()))


@contextlib.contextmanager
def carrying(request: Request, transport: Any) -> Iterator[None]:
    """A block in which the transport carries the request."""
    if _MASKING not in logging.getLogger(LOGGERS[0]).filters:
        for name in (*LOGGERS, *BINARY):
            logging.getLogger(name).addFilter(_MASKING)
    token = _carried.set((request.url, request.headers, secrets_of(transport)))
    try:
        yield
    finally:
        _carried.reset(token)

"""Keeps the secrets of our requests out of what client libraries and asyncio log meanwhile."""

from __future__ import annotations

import logging
from contextvars import ContextVar, Token
from typing import Any

from alarm_dispatch.exchange import Request
from alarm_dispatch.redaction import masked, secrets_in, shown_error

__all__ = ["BINARY", "LOGGERS", "Carrying", "secrets_of"]

LOGGERS = (
    "aiohttp.access",
    "aiohttp.client",
    "aiohttp.internal",
    "aiohttp.server",
    "aiohttp.web",
    "aiohttp.websocket",
    "apprise",
    "asyncio",
    "httpcore.connection",
    "httpcore.http11",
    "httpcore.http2",
    "httpcore.proxy",
    "httpcore.socks",
    "httpx",
    "oauthlib.oauth1.rfc5849",
    "oauthlib.oauth1.rfc5849.signature",
    "requests",
    "requests_oauthlib.oauth1_auth",
    "requests_oauthlib.oauth1_session",
    "urllib3.connection",
    "urllib3.connectionpool",
    "urllib3.poolmanager",
    "urllib3.util.retry",
)
"""Whose records are masked: a filter of a logger sees its own records only, none of those below it."""

BINARY = ("hpack.hpack", "hpack.table")
"""Whose records are dropped: they hold headers in the compressed form, where no secret can be found."""

# The URL and the headers of the request that is being carried, and its transport.  Not the request itself:
# connections remember in which context they were made, and would keep its body.
_Carried = tuple[str, tuple[tuple[str, str], ...], Any]
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
        url, headers, transport = carried
        secrets = (*secrets_in(url, headers), *secrets_of(transport))
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


class Carrying:
    """A block in which the transport carries the request."""

    __slots__ = ("_carried", "_token")

    def __init__(self, request: Request, transport: Any) -> None:
        self._carried: _Carried = (request.url, request.headers, transport)
        self._token: Token[_Carried | None] | None = None

    def __enter__(self) -> None:
        if not _listening:
            _listen()
        known, own = _carried.get(), self._carried
        # The engine has often said so before the transport does.
        if known is None or known[1] is not own[1] or known[2] is not own[2] or known[0] != own[0]:
            self._token = _carried.set(own)

    def __exit__(self, *_: object) -> None:
        if self._token is not None:
            _carried.reset(self._token)


_listening: list[str] = []


def _listen() -> None:
    """Put the filter in its places, which stay for as long as the process lasts."""
    for name in (*LOGGERS, *BINARY):
        logging.getLogger(name).addFilter(_MASKING)
        _listening.append(name)

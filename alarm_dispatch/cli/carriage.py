"""What carries the requests of the command line, by the name that is asked for."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from alarm_dispatch.cli.errors import CommandError
from alarm_dispatch.clock import FastClock
from alarm_dispatch.exchange import Transport
from alarm_dispatch.transports.httpx import HttpxTransport

__all__ = ["TRANSPORTS", "loop_factory", "transport_named"]

TRANSPORTS = ("httpx", "aiohttp")


def transport_named(name: str) -> Transport:
    """The transport of that name, one of :data:`TRANSPORTS`."""
    if name == "httpx":
        return HttpxTransport()
    try:
        # Here and not above: it is an extra, and takes a while to import.
        from alarm_dispatch.transports.aiohttp import AiohttpTransport  # noqa: PLC0415
    except ImportError as error:
        raise CommandError(
            "--transport aiohttp needs the package aiohttp, which is not installed. "
            'Install it with: pip install "alarm-dispatch[cli,fast]"'
        ) from error
    return AiohttpTransport()


def loop_factory(name: str) -> Callable[[], asyncio.AbstractEventLoop] | None:
    """What makes the event loop: for the fast transport uvloop, where it is installed."""
    if name == "aiohttp":
        try:
            return FastClock().new_event_loop
        except ImportError:
            pass
    return None

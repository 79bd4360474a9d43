"""Puts a canary into every secret place of every callback that is made, and out again where tests look."""

from __future__ import annotations

from typing import Any

import attrs

from alarm_dispatch import Callback, Request
from alarm_dispatch.callbacks import _headers
from alarm_dispatch.jobs import Job
from alarm_dispatch.receiver.server import LoopbackServer
from alarm_dispatch.secret import Hidden
from alarm_dispatch.service_urls import is_service_url

from .birds import HEADER, HEADERS, added, removed, without_header

__all__ = ["inject"]


def inject() -> None:
    """From now on."""
    _into_callbacks()
    _out_of_requests()
    _out_of_receivers()


def _into_callbacks() -> None:
    made: Any = Callback.__attrs_post_init__

    def with_canaries(self: Callback) -> None:
        made(self)  # its name is the one without
        if HEADER in dict(self.headers):
            return  # a copy, or one that is masked
        if is_service_url(self.url):
            return  # a service takes no headers, and nothing more in its URL; tests/services looks at these
        # BlueKing's body has the query's values, and the tests compare it byte for byte.
        url = added(self.url, query=self.format.name != "blueking")
        object.__setattr__(self, "_url", type(self._url)(url) if type(self._url) is Hidden else Hidden(url))
        taken = {name.lower() for name, _ in self.headers}
        extra = {name: value for name, value in HEADERS.items() if name.lower() not in taken}
        object.__setattr__(self, "_headers", (*self._headers, *_headers(extra)))
        made(self)

    Callback.__attrs_post_init__ = with_canaries  # type: ignore[method-assign]


def _goes_over_the_network(transport: object) -> bool:
    return type(transport).__name__ in {"HttpxTransport", "AiohttpTransport"} and not (
        getattr(transport, "_client", None) or getattr(transport, "_session", None)
    )


def _out_of_requests() -> None:
    request_of = Job.request

    def request(self: Job, *of_attempt: Any) -> Request:
        made = request_of(self, *of_attempt)
        if _goes_over_the_network(self.transport):
            return made
        return attrs.evolve(
            made, url=removed(made.url), lane=removed(made.lane), headers=without_header(made.headers)
        )

    Job.request = request  # type: ignore[method-assign]


def _out_of_receivers() -> None:
    received: Any = LoopbackServer._receive

    def receive(self: Any, method: str, target: str, headers: Any, content: bytes) -> Any:
        return received(self, method, removed(target), without_header(headers), content)

    LoopbackServer._receive = receive  # type: ignore[method-assign]

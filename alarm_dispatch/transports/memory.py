"""A transport that carries nothing: it plays a script, or asks a function, and keeps what it was given."""

from __future__ import annotations

import asyncio
import inspect
from collections import deque
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime
from typing import TypeAlias

from attrs import frozen

from alarm_dispatch.egress.urls import target_of
from alarm_dispatch.errors import InvalidFieldError, TransportError
from alarm_dispatch.exchange import Reply, Request, Verdict
from alarm_dispatch.receiver.answers import reply_to, wire_form
from alarm_dispatch.receiver.playback import Playback
from alarm_dispatch.receiver.script import ScriptLike, Step, StepKind

__all__ = ["CarriedRequest", "Handler", "MemoryTransport"]

Handler: TypeAlias = Callable[[Request], "Reply | Awaitable[Reply]"]
"""A function from a request to its reply, plain or asynchronous; it may raise ``TransportError``."""

_FAULTS = {
    StepKind.RESET: (Verdict.UNKNOWN, "the receiver reset the connection"),
    StepKind.CLOSE: (Verdict.UNKNOWN, "the receiver closed the connection without an answer"),
    StepKind.EARLY: (Verdict.UNKNOWN, "the receiver closed the connection in the middle of its answer"),
    StepKind.GARBAGE: (Verdict.UNKNOWN, "the answer is not HTTP"),
    StepKind.HUGE: (Verdict.UNKNOWN, "the answer's body is longer than the cap"),
    StepKind.REFUSED: (Verdict.UNREACHABLE, "the connection was refused"),
    StepKind.UNREACHABLE: (Verdict.UNREACHABLE, "the host is unreachable"),
}
_ENDLESS = (StepKind.TIMEOUT, StepKind.INFORMATIONAL)
_FIRST_FINAL_STATUS = 200


@frozen(kw_only=True)
class CarriedRequest:
    """A request that the transport was given.

    ``number`` counts from 1, ``at`` is the running loop's time in seconds, ``started_at`` the aware time,
    ``step`` what was played for it (None when a function answered).
    """

    number: int
    request: Request
    at: float
    started_at: datetime
    step: Step | None


def _utc_now() -> datetime:
    return datetime.now(UTC)


class MemoryTransport:
    """A transport for tests: no socket, and under a virtual clock no time either.

    ``script`` is a script, its text (``"500,timeout,200"``), or a function from a
    :class:`~alarm_dispatch.exchange.Request` to a reply.  Each URL is a receiver of its own and plays the
    script from its start; ``scripts`` gives single URLs another.  ``keep`` is how many requests it
    remembers, ``now`` where their aware times come from, ``on_request`` is called with each.

    Raises :class:`~alarm_dispatch.errors.InvalidFieldError` for a text that is no script.
    """

    keeps_deadline = True

    def __init__(
        self,
        script: ScriptLike | Handler = "confirm",
        *,
        scripts: Mapping[str, ScriptLike] | None = None,
        keep: int = 10_000,
        now: Callable[[], datetime] = _utc_now,
        on_request: Callable[[CarriedRequest], object] | None = None,
    ) -> None:
        # A callback's request has its host in the one spelling that is called.
        scripts = {name: own for url, own in (scripts or {}).items() for name in (url, _called(url))}
        self._handler = script if callable(script) else None
        self._own = frozenset(scripts)
        self._playback = Playback("confirm" if callable(script) else script, scripts)
        self._requests: deque[CarriedRequest] = deque(maxlen=keep)
        self._count = 0
        self._now = now
        self._on_request = on_request

    @property
    def requests(self) -> tuple[CarriedRequest, ...]:
        """The requests so far, the oldest first."""
        return tuple(self._requests)

    @property
    def count(self) -> int:
        """How many requests there were, also those no longer kept."""
        return self._count

    async def send(self, request: Request, *, deadline: float) -> Reply:
        """Play the next step, or ask the function; ``deadline`` is a time of the running loop.

        Raises :class:`~alarm_dispatch.errors.TransportError`, at the deadline exactly when there is no
        answer by then.
        """
        loop = asyncio.get_running_loop()
        if deadline <= loop.time():
            raise TransportError(Verdict.UNREACHABLE, "the deadline had passed before anything was sent")
        answerer = self._answerer(request.url)
        self._record(request, loop.time(), answerer if isinstance(answerer, Step) else None)
        limit = asyncio.timeout_at(deadline)
        try:
            async with limit:
                if isinstance(answerer, Step):
                    return await _play(answerer, request)
                return await _ask(answerer, request)
        except TimeoutError:
            if not limit.expired():
                raise
            raise TransportError(Verdict.UNKNOWN, "no whole answer before the deadline") from None

    def _answerer(self, url: str) -> Step | Handler:
        if self._handler is None or url in self._own:
            return self._playback.next(url)
        return self._handler

    def _record(self, request: Request, at: float, step: Step | None) -> None:
        self._count += 1
        carried = CarriedRequest(
            number=self._count, request=request, at=at, started_at=self._now(), step=step
        )
        self._requests.append(carried)
        if self._on_request is not None:
            self._on_request(carried)


def _called(url: str) -> str:
    try:
        return target_of(url, "scripts").url
    except InvalidFieldError:
        return url  # what nobody calls


async def _ask(handler: Handler, request: Request) -> Reply:
    answer = handler(request)
    return await answer if inspect.isawaitable(answer) else answer


async def _play(step: Step, request: Request) -> Reply:
    if step.delay:
        await asyncio.sleep(step.delay)
    if step.kind in _ENDLESS:
        await asyncio.get_running_loop().create_future()
    if step.kind in _FAULTS:
        raise TransportError(*_FAULTS[step.kind])
    reply = reply_to(step, content=request.content, target=request.url)
    if reply.status_code < _FIRST_FINAL_STATUS:
        raise TransportError(Verdict.UNKNOWN, "the receiver closed the connection after an interim answer")
    if step.kind is StepKind.DRIP:
        # The last byte comes one interval less than there are bytes after the first.
        await asyncio.sleep((len(wire_form(reply)) - 1) * step.interval)
    return reply

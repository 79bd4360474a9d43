"""Other services through Apprise: e-mail, SMS, chat and many more, by a URL ``apprise:…``."""

from __future__ import annotations

import asyncio
import contextvars
from typing import Any

from alarm_dispatch.errors import InvalidFieldError, ParseError, TransportError
from alarm_dispatch.exchange import Reply, Request, Verdict
from alarm_dispatch.foreign_logs import Carrying
from alarm_dispatch.formats.apprise import Format
from alarm_dispatch.service_urls import scheme_of
from alarm_dispatch.services import Message, Outcome, tell
from alarm_dispatch.transports.apprise_failures import failure_of
from alarm_dispatch.transports.slots import Slots

__all__ = ["AppriseTransport"]

_FORMAT = Format()


class AppriseTransport:
    """Has Apprise tell what the format ``apprise`` builds, to the service that the URL names.

    It is what carries a callback's ``apprise:`` URL when nothing else is set.  It needs the extra
    ``apprise``; without it every request is ``refused``, with a reason that says so.

    Apprise blocks, so each call has a thread: ``threads`` of them in all, ``per_receiver`` for one receiver.
    An attempt ends by its deadline although Apprise may not have come back; it is then ``unknown``, and the
    thread is taken until it has.  Where all threads are taken in this way, further attempts are
    ``unreachable``.  Nothing waits for such a thread when a dispatcher is closed, or at the end of the
    process.

    Apprise's yes is a reply with status 200.  Its no, which it gives without a reason, is judged by what it
    logs meanwhile: a reply with the status that a service named, or 424, for a refusal; ``unreachable`` where
    no connection was made, and ``unknown`` where the message may have arrived.

    No address is checked, as Apprise makes its own connections: see
    :attr:`EgressPolicy.leaves_apprise_free <alarm_dispatch.egress.EgressPolicy.leaves_apprise_free>`.

    Raises :class:`~alarm_dispatch.errors.InvalidFieldError`.
    """

    keeps_deadline = True

    def __init__(self, *, threads: int = 32, per_receiver: int = 4) -> None:
        _check_count(threads, "threads")
        _check_count(per_receiver, "per_receiver")
        self._settings = {"threads": threads, "per_receiver": per_receiver}
        self._slots = Slots(threads, per_receiver)

    def __repr__(self) -> str:
        return f"AppriseTransport({', '.join(f'{name}={value}' for name, value in self._settings.items())})"

    async def send(self, request: Request, *, deadline: float) -> Reply:
        """Tell one message; see :class:`~alarm_dispatch.exchange.Transport`."""
        message = _message_of(request)
        request.egress.check_url(request.url)
        loop = asyncio.get_running_loop()
        if deadline <= loop.time():
            raise TransportError(Verdict.UNREACHABLE, "the deadline had passed before anything was sent")
        slot = await self._slots.take(request.lane, deadline)
        with Carrying(request, self):
            # With the context, by which what is logged in the thread is known to be of this request.
            context = contextvars.copy_context()
        seconds = max(deadline - loop.time(), _LEAST_WAIT)
        try:
            job = loop.run_in_executor(slot, context.run, tell, request.url, message, seconds)
        except RuntimeError as error:
            raise TransportError(Verdict.UNREACHABLE, f"no thread could be started: {error}") from error
        try:
            async with asyncio.timeout_at(deadline):
                outcome = await job
        except TimeoutError:
            raise TransportError(Verdict.UNKNOWN, "timed out in Apprise") from None
        finally:
            slot.abandon()
        return _reply_to(outcome)


_LEAST_WAIT = 0.001


def _check_count(value: Any, name: str) -> None:
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise InvalidFieldError(f"AppriseTransport.{name}", f"must be at least 1, not {value!r}")


def _message_of(request: Request) -> Message:
    """What is to be told; raises TransportError (refused) for what is not for Apprise."""
    if scheme_of(request.url) is None:
        reason = "AppriseTransport carries URLs such as apprise:mailto://… only"
        raise TransportError(Verdict.REFUSED, reason)
    content_type = next((value for name, value in request.headers if name.lower() == "content-type"), "")
    try:
        told = _FORMAT.parse(request.content, content_type)
    except ParseError:
        reason = "the body is none of the format apprise, which is the one that Apprise can tell"
        raise TransportError(Verdict.REFUSED, reason) from None
    return Message(title=told.title, body=told.body, kind=told.type, format=told.format)


def _reply_to(outcome: Outcome) -> Reply:
    """Apprise's answer as a reply; raises TransportError where there is none to speak of."""
    if outcome.told:
        return Reply(status_code=200)
    if outcome.problem:
        raise TransportError(Verdict.REFUSED, outcome.problem)
    failure = failure_of(outcome)
    if failure.verdict is not Verdict.REJECTED:
        raise TransportError(failure.verdict, failure.reason)
    return Reply(
        status_code=failure.status,
        headers=(("Content-Type", "text/plain"),),
        content=failure.reason.encode(errors="replace"),
    )

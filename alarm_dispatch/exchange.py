"""One request and what came of it: request, reply, verdict, attempt."""

from __future__ import annotations

from datetime import datetime
from typing import Protocol, runtime_checkable

import attrs
from attrs import field, frozen

from alarm_dispatch.egress import INTERNAL, EgressPolicy
from alarm_dispatch.redaction import redact_headers, redact_url
from alarm_dispatch.values import enum_member, non_negative
from alarm_dispatch.verdicts import Verdict

__all__ = ["Attempt", "Judgement", "Reply", "Request", "Transport", "Verdict"]


def _size(content: bytes) -> str:
    return f"<{len(content)} bytes>"


@frozen(kw_only=True)
class Request:
    """What a transport carries.

    ``url`` has no user information left in it (that is in ``headers``).  ``delivery_id`` is the same in
    every attempt; ``attempt`` counts from 1.  ``lane`` names the receiver: requests of different lanes
    never share connections.  ``egress`` says which addresses may be called for it; who makes connections asks
    it about each address before that.  ``started_at`` is the aware time at which the attempt began.  The last
    ``changing`` headers are other ones in the next request, so a transport need not remember them.
    """

    url: str = field(repr=redact_url)
    content: bytes = field(repr=_size)
    headers: tuple[tuple[str, str], ...] = field(default=(), repr=redact_headers)
    method: str = "POST"
    delivery_id: str = ""
    attempt: int = 1
    lane: str = field(default="", repr=False)
    egress: EgressPolicy = field(default=INTERNAL, repr=False)
    started_at: datetime | None = None
    changing: int = field(default=0, repr=False)


@frozen(kw_only=True)
class Reply:
    """A whole reply: ``content`` is the raw body, at most as long as the transport's cap.

    The engine sets ``request`` before it asks the confirmation; a transport need not.
    """

    status_code: int
    # Receivers echo what they were sent.
    headers: tuple[tuple[str, str], ...] = field(default=(), repr=redact_headers)
    content: bytes = field(default=b"", repr=_size)
    request: Request | None = None

    def header(self, name: str) -> str | None:
        """The first value of the header ``name`` in any case, or None."""
        wanted = name.lower()
        return next((value for key, value in self.headers if key.lower() == wanted), None)


def _verdict(value: Verdict | str) -> Verdict:
    return enum_member(Verdict, value, "Judgement.verdict")


@frozen
class Judgement:
    """What a confirmation says of a reply: a verdict, and why, for people.

    ``final`` says that the receiver would answer every further attempt alike, so that none is made (a key
    that is unknown, a body that it cannot take).  ``retry_after`` is for how many seconds the receiver wants
    to be left alone, where it says so in another way than by a Retry-After.
    """

    verdict: Verdict = field(converter=_verdict)
    reason: str = ""
    final: bool = False
    retry_after: float | None = field(default=None, validator=non_negative(optional=True))


@frozen(kw_only=True)
class Attempt:
    """One request and its verdict.

    ``started_at`` is an aware UTC time, ``duration`` is in seconds.  ``reason`` says for people why the
    verdict is not confirmed; when it is, "" or what was agreed.  ``retry_in`` is the wait in seconds before
    the next attempt, None when there is none.
    """

    number: int
    started_at: datetime
    duration: float
    verdict: Verdict
    status_code: int | None = None
    reason: str = ""
    retry_in: float | None = None
    delivery_id: str = ""
    callback: str = ""

    @property
    def confirmed(self) -> bool:
        """Whether the receiver has it."""
        return self.verdict is Verdict.CONFIRMED

    def with_retry_in(self, delay: float | None) -> Attempt:
        """The same attempt, with the decision on what follows it."""
        return attrs.evolve(self, retry_in=delay)


@runtime_checkable
class Transport(Protocol):
    """What carries a request: one method.

    An object may also have ``async aclose()``, which the dispatcher that made it calls, and a true
    ``keeps_deadline``, which says that ``send`` itself ends at the deadline and tells in its
    :class:`~alarm_dispatch.errors.TransportError` whether anything had been sent by then.  Its ``secrets``,
    if it has any, are texts (a token that it adds to every request) that reasons and logs must not show.  A
    true ``only_http`` says that it leaves requests to ``apprise:`` URLs to Apprise.
    """

    async def send(self, request: Request, *, deadline: float) -> Reply:
        """Carry one request and return the whole reply.

        ``deadline`` is a time of the running loop's clock (``loop.time()``) for the whole attempt.
        Raises :class:`~alarm_dispatch.errors.TransportError` when there is no whole reply.
        """
        ...

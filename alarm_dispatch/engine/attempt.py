"""How one request is made, and what its end means."""

from __future__ import annotations

import asyncio

import attrs
from attrs import define

from alarm_dispatch.errors import DispatcherClosedError, EgressRefusedError, SigningError, TransportError
from alarm_dispatch.exchange import Judgement, Reply, Request, Transport, Verdict
from alarm_dispatch.foreign_logs import Carrying
from alarm_dispatch.formats.abilities import finisher_of
from alarm_dispatch.jobs import Job
from alarm_dispatch.redaction import described
from alarm_dispatch.shown import a_kind
from alarm_dispatch.signing.base import finished, signed

__all__ = ["Outcome", "make_request"]


@define
class Outcome:
    """What came of a request: the verdict, the reply if there was one, and the fault if it was ours."""

    judgement: Judgement
    reply: Reply | None = None
    fault: BaseException | None = None

    @property
    def answered(self) -> bool | None:
        """Whether the receiver gave a whole reply; None when it was not asked, or the fault is ours."""
        if self.reply is not None:
            return True
        return None if self.fault is not None or self.judgement.verdict is Verdict.REFUSED else False

    @property
    def confirmed(self) -> bool | None:
        """Whether it confirmed; None as above."""
        if self.fault is not None or self.judgement.verdict is Verdict.REFUSED:
            return None
        return self.judgement.verdict is Verdict.CONFIRMED


async def make_request(job: Job, request: Request, deadline: float) -> Outcome:
    """Carry the request and judge the reply; it does not raise.

    ``deadline`` is a time of the running loop.
    """
    try:
        callback = job.callback
        finish = finisher_of(callback.format)
        if finish is not None or callback.signer is not None:
            try:
                request = request if finish is None else finished(request, finish, callback.format.name)
                request = request if callback.signer is None else signed(request, callback.signer)
            except BaseException as error:  # noqa: BLE001 - an interrupt too: nothing goes out unsigned
                told = str(error) if isinstance(error, SigningError) else type(error).__name__
                return Outcome(Judgement(Verdict.REFUSED, job.told(f"not signed: {told}")), fault=error)
        with Carrying(request, job.transport):
            return await _made(job, request, deadline)
    except GeneratorExit:
        raise
    except BaseException as error:  # noqa: BLE001 - a user's error that cannot even be told
        return Outcome(Judgement(Verdict.UNKNOWN, f"{type(error).__name__} in telling an error"), fault=error)


async def _made(job: Job, request: Request, deadline: float) -> Outcome:
    reply: Reply | None = None
    try:
        request.egress.check_url(request.url)
        if getattr(job.transport, "keeps_deadline", False):
            received = await job.transport.send(request, deadline=deadline)
        else:
            received = await _send_until(job.transport, request, deadline)
        _check(received, Reply, "the transport")
        confirmation = job.rules.confirmation
        reply = attrs.evolve(received, request=request) if confirmation.reads_request else received
        judgement = confirmation.judge(reply)
        _check(judgement, Judgement, "the confirmation")
    except TransportError as error:
        judgement = Judgement(error.verdict, job.told(error.reason, request.headers))
        if not isinstance(error, EgressRefusedError):
            return Outcome(judgement)
        # A rule of ours decided, so the delivery tells which; the receiver is not charged with it.  Of its
        # traceback nobody learns anything, nor of the library's errors before it; these hold the address, and
        # all of them would keep the request alive as long as the delivery.
        error.__cause__ = error.__context__ = None
        return Outcome(judgement, fault=error.with_traceback(None))
    except asyncio.CancelledError as error:
        task = asyncio.current_task()
        if task is not None and not task.cancelling():
            return Outcome(Judgement(Verdict.UNKNOWN, "the transport cancelled itself"), fault=error)
        # Only closing cancels attempts (or the end of the loop they run on).
        told = "the dispatcher was closed while the request was in flight"
        return Outcome(
            Judgement(Verdict.UNKNOWN, "cancelled when the dispatcher was closed"),
            fault=DispatcherClosedError(told),
        )
    except GeneratorExit:
        raise
    except BaseException as error:  # noqa: BLE001 - whatever it is, it fails this delivery and is told there
        return Outcome(Judgement(Verdict.UNKNOWN, job.told(described(error), request.headers)), reply, error)
    if judgement.reason:
        # Receivers echo what they were sent, and confirmations quote them.
        judgement = attrs.evolve(judgement, reason=job.told(judgement.reason, request.headers))
    return Outcome(judgement, reply)


def _check(answer: object, kind: type, who: str) -> None:
    """Raise TypeError when a user's object answered with something else than it must."""
    if not isinstance(answer, kind):
        raise TypeError(f"{who} answered with {a_kind(type(answer).__name__)}, not {a_kind(kind.__name__)}")


async def _send_until(transport: Transport, request: Request, deadline: float) -> Reply:
    """Hand the request to a transport that does not keep the deadline itself."""
    limit = asyncio.timeout_at(deadline)
    try:
        async with limit:
            reply = await transport.send(request, deadline=deadline)
    except TimeoutError:
        if not limit.expired():
            raise
        raise TransportError(Verdict.UNKNOWN, "timed out in the transport") from None
    # One that blocks the loop, or swallows its cancellation, is late all the same.
    if asyncio.get_running_loop().time() > deadline:
        raise TransportError(Verdict.UNKNOWN, "the transport answered after its deadline")
    return reply

"""A user's program: a format, a transport and confirmations of its own."""

# ruff: noqa: T201 - a program prints

from __future__ import annotations

from attrs import frozen

from alarm_dispatch import (
    Alarm,
    AsyncDispatcher,
    Callback,
    Dispatcher,
    Judgement,
    Reply,
    Request,
    RetrySchedule,
    Verdict,
)
from alarm_dispatch.confirmation import any_2xx, confirmed_by, status_is
from alarm_dispatch.errors import TransportError
from alarm_dispatch.exchange import Transport
from alarm_dispatch.formats import BuildContext, DeliveryRules, Format, Payload, Verification
from alarm_dispatch.transports.function import FunctionTransport


@frozen
class PagerFormat:
    """A format of another package."""

    team: str = "db"

    @property
    def name(self) -> str:
        """Its name."""
        return "pager"

    @property
    def rules(self) -> DeliveryRules:
        """Its delivery rules."""
        return DeliveryRules(timeout=2.0, schedule=RetrySchedule(attempts=1), confirmation=any_2xx())

    def build(self, alarm: Alarm, context: BuildContext) -> Payload:
        """One line."""
        line = f"{self.team} {alarm.id} {alarm.state} {context.session_id}"
        return Payload(content=line.encode(), content_type="text/plain")

    def parse(self, content: bytes, content_type: str) -> str:
        """The line."""
        return content.decode()

    def verification(self, context: BuildContext) -> Verification:
        """An empty body."""
        return Verification(payload=Payload(content=b"", content_type="text/plain"), method="GET")


class PrintingTransport:
    """A transport of a user's own."""

    async def send(self, request: Request, *, deadline: float) -> Reply:
        """Print the body."""
        if not request.content:
            raise TransportError(Verdict.REFUSED, "there is nothing to print")
        print(request.content.decode())
        return Reply(status_code=200)


def post(request: Request) -> Reply:
    """A synchronous function as a transport."""
    return Reply(status_code=200, content=request.content)


def says_ok(reply: Reply) -> bool:
    """A confirmation that answers yes or no."""
    return reply.content == b"ok"


def judged(reply: Reply) -> Verdict | Judgement:
    """A confirmation that answers with a verdict, or says why."""
    if reply.header("X-Receipt") is None:
        return Judgement(Verdict.UNCONFIRMED, "there is no receipt")
    return Verdict.CONFIRMED


own_format: Format = PagerFormat()
own_transport: Transport = PrintingTransport()
callbacks = [
    Callback("https://pager.example.com/", format=PagerFormat("web"), transport=PrintingTransport()),
    Callback("https://pager.example.com/", format=own_format, transport=FunctionTransport(post, threads=2)),
    Callback("https://pager.example.com/", format="blueking", confirmation=says_ok),
    Callback("https://pager.example.com/", format="blueking", confirmation=judged),
    Callback("https://pager.example.com/", format="blueking", confirmation=status_is(200) & says_ok),
    Callback("https://pager.example.com/", format="blueking", confirmation=confirmed_by(judged) | says_ok),
]
Dispatcher(transport=own_transport, confirmation=says_ok).close()
AsyncDispatcher(transport=PrintingTransport())

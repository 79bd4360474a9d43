"""The headers of the library's own: what is sent, at what cost to the user's, and what nobody may set."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest

from alarm_dispatch import Callback, Dispatcher
from alarm_dispatch.errors import InvalidFieldError
from alarm_dispatch.exchange import Request
from alarm_dispatch.request_headers import FORBIDDEN, OWN_COUNT, own_headers, unix_seconds
from alarm_dispatch.transports.httpx import HttpxTransport
from alarm_dispatch.transports.wire import RequestWriter

from ..dispatch.alarms import METRIC_ALARM, URL, group


def test_what_is_sent_of_our_own(virtual_clock, memory_receiver):
    """The delivery's id each time, the attempt's number, and its time."""
    receiver = memory_receiver("500,500,200", now=virtual_clock.now)
    start = int(virtual_clock.now().timestamp())

    with Dispatcher(transport=receiver.transport, clock=virtual_clock) as dispatcher:
        (delivery,) = dispatcher.dispatch(METRIC_ALARM, group()).deliveries

    for number, (request, later) in enumerate(zip(receiver.requests, (0, 5, 15), strict=True), start=1):
        assert request.header("Alarm-Dispatch-Id") == delivery.id
        assert request.header("Alarm-Dispatch-Attempt") == str(number)
        assert request.header("Alarm-Dispatch-Timestamp") == str(start + later)
        assert request.header("User-Agent").startswith("alarm-dispatch/")
        assert request.header("Idempotency-Key") is None


@pytest.mark.parametrize("kind", ["httpx", "httpx with a client", "aiohttp", "aiohttp with a session"])
def test_each_transport_sends_them(kind, loopback_receiver):
    """Once each."""
    receiver = loopback_receiver("500,200")

    delivery = _dispatched_by(kind, receiver.url)

    for number, request in enumerate(receiver.requests, start=1):
        own = [(name, value) for name, value in request.headers if name.lower().startswith("alarm-dispatch-")]
        assert [name for name, _ in own] == [
            "Alarm-Dispatch-Id",
            "Alarm-Dispatch-Attempt",
            "Alarm-Dispatch-Timestamp",
        ]
        assert [value for _, value in own[:2]] == [delivery.id, str(number)]


def _dispatched_by(kind: str, url: str) -> Any:
    import asyncio

    import httpx

    from alarm_dispatch import AsyncDispatcher, RetrySchedule

    async def dispatched(transport: Any) -> Any:
        schedule = RetrySchedule(attempts=2, delays=(0,))
        async with AsyncDispatcher(transport=transport, schedule=schedule) as dispatcher:
            return (await dispatcher.dispatch(METRIC_ALARM, group(url))).deliveries[0]

    async def main() -> Any:
        if kind == "httpx":
            return await dispatched(HttpxTransport())
        if kind == "httpx with a client":
            async with httpx.AsyncClient(trust_env=False) as client:
                return await dispatched(HttpxTransport(client=client))
        aiohttp = pytest.importorskip("aiohttp", reason="the extra fast is not installed")
        from alarm_dispatch.transports.aiohttp import AiohttpTransport

        if kind == "aiohttp":
            return await dispatched(AiohttpTransport())
        async with aiohttp.ClientSession() as session:
            return await dispatched(AiohttpTransport(session=session))

    return asyncio.run(main())


@pytest.mark.parametrize(
    "name",
    [
        "Host",
        "Content-Length",
        "Transfer-Encoding",
        "Trailer",
        "TE",
        "Connection",
        "Keep-Alive",
        "Proxy-Connection",
        "Upgrade",
        "HTTP2-Settings",
        "Expect",
        "Proxy-Authorization",
        "Idempotency-Key",
        "Alarm-Dispatch-Id",
        "Alarm-Dispatch-Attempt",
        "Alarm-Dispatch-Timestamp",
    ],
)
def test_what_nobody_may_set(name):
    """On a callback and on either transport, in any case; the error names it and says why."""
    from alarm_dispatch.transports.aiohttp import AiohttpTransport

    makers: dict[str, Any] = {
        "Callback": lambda headers: Callback(URL, format="tencent", headers=headers),
        "HttpxTransport": lambda headers: HttpxTransport(headers=headers),
        "AiohttpTransport": lambda headers: AiohttpTransport(headers=headers),
    }
    for where, make in makers.items():
        for written in (name, name.lower(), name.upper()):
            with pytest.raises(InvalidFieldError) as caught:
                make({written: "hunter2"})
            assert caught.value.field == f"{where}.headers[{written!r}]"
            assert caught.value.problem == f"cannot be set: {FORBIDDEN[name.lower()]}"


def test_no_other_is_forbidden():
    """Each is in the table above, which is looked at one by one."""
    assert len(FORBIDDEN) == 16


@pytest.mark.parametrize(
    "name",
    [
        "Authorization",
        "Cookie",
        "Content-Type",
        "Content-Encoding",
        "User-Agent",
        "Accept",
        "Accept-Encoding",
        "Date",
        "Forwarded",
        "X-Forwarded-For",
        "traceparent",
        "Max-Forwards",
        "Range",
        "X-Signature",
        "webhook-id",
    ],
)
def test_what_is_the_users_own_affair(name):
    """Whether it makes sense only the receiver knows."""
    assert Callback(URL, format="tencent", headers={name: "1"}).headers == ((name, "1"),)


@pytest.mark.parametrize("answer", [5, None, "a\nb", "a\r\nX: 1", "é", "a\x7f", " a", "a ", "\ud800"])
def test_an_id_that_no_header_can_carry(answer, memory_receiver):
    """A ``new_id`` of the user's own may answer anything; nothing is sent under it."""
    receiver = memory_receiver(200)

    with Dispatcher(transport=receiver.transport, new_id=lambda: answer) as dispatcher:
        (delivery,) = dispatcher.dispatch(METRIC_ALARM, group()).deliveries

    assert isinstance(delivery.error, InvalidFieldError)
    assert delivery.error.field == "new_id"
    assert receiver.requests == ()


@pytest.mark.parametrize(
    ("time", "seconds"),
    [
        (datetime(1970, 1, 1, tzinfo=UTC), 0),
        (datetime(1970, 1, 1, 0, 0, 1, 999_999, tzinfo=UTC), 1),
        (datetime(1969, 12, 31, 23, 59, 59, 1, tzinfo=UTC), -1),
        (datetime(2026, 1, 31, 16, tzinfo=timezone(timedelta(hours=8))), 1_769_846_400),
    ],
)
def test_unix_seconds(time, seconds):
    """Rounded down, in any zone."""
    assert unix_seconds(time) == seconds


def test_what_stays_is_written_once():
    """A storm's requests differ in their last headers, and those alone are written anew."""
    writer = RequestWriter("https://one.example/a", "one.example")
    at = datetime(2026, 1, 31, 8, tzinfo=UTC)

    def written(number: int) -> bytes:
        headers = (("X-Team", "database"), *own_headers("abc", number, at))
        return writer.write(Request(url="", content=b"{}", headers=headers, changing=OWN_COUNT))

    first = written(1)
    head = writer._head
    second = written(2)

    assert writer._head is head
    assert first == (
        b"POST /a HTTP/1.1\r\nHost: one.example\r\nX-Team: database\r\nAlarm-Dispatch-Id: abc\r\n"
        b"Alarm-Dispatch-Attempt: 1\r\nAlarm-Dispatch-Timestamp: 1769846400\r\nContent-Length: 2\r\n\r\n{}"
    )
    assert second == first.replace(b"Attempt: 1", b"Attempt: 2")

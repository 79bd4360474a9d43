"""The memory transport: every step of a script, exact deadlines, functions, and what it keeps."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from alarm_dispatch import Callback
from alarm_dispatch.errors import InvalidFieldError, TransportError
from alarm_dispatch.exchange import Reply, Request, Transport, Verdict
from alarm_dispatch.receiver import as_step
from alarm_dispatch.testing import VirtualClock
from alarm_dispatch.transports.memory import MemoryTransport

URL = "https://receiver.example/alarms?a=b"
START = datetime(2026, 1, 1, tzinfo=UTC)


def request(url=URL, content=b'{"sessionId": "s-1"}'):
    return Request(url=url, content=content)


def play(transport, *requests, timeout=5.0, clock=None):
    """What came of each request, sent one after the other, and when it came."""
    came = []

    async def main():
        loop = asyncio.get_running_loop()
        for one in requests or (request(),):
            try:
                outcome = await transport.send(one, deadline=loop.time() + timeout)
            except TransportError as error:
                outcome = error
            came.append((outcome, loop.time()))

    (clock or VirtualClock()).run(main())
    return came


@pytest.mark.parametrize(
    ("step", "status", "content", "after"),
    [
        ("200", 200, b"", 0.0),
        ("204", 204, b"", 0.0),
        ("503", 503, b"", 0.0),
        ('500:{"a": 1}', 500, b'{"a": 1}', 0.0),
        ("confirm", 200, b'{"sessionId": "s-1", "retCode": 0}', 0.0),
        ("redirect", 302, b"", 0.0),
        ("delay:2.5", 200, b'{"sessionId": "s-1", "retCode": 0}', 2.5),
        ("delay:4.999999:418", 418, b"", 4.999999),
    ],
)
def test_a_step_with_an_answer(step, status, content, after):
    """The reply is the one that the server would send, and comes when it would."""
    ((reply, at),) = play(MemoryTransport(step))

    assert (reply.status_code, reply.content, at) == (status, content, after)


def test_a_redirect_leads_back_to_the_url():
    """The location is the request's own URL."""
    ((reply, _),) = play(MemoryTransport("redirect"))

    assert reply.header("location") == URL


def test_a_drip_takes_an_interval_for_every_byte_but_the_first():
    """Slow answers arrive whole when the deadline leaves the time."""
    ((reply, at),) = play(MemoryTransport("drip:0.01"))

    # 71 bytes of head, 34 of body.
    assert reply.status_code == 200
    assert at == pytest.approx(1.04)


@pytest.mark.parametrize("step", ["timeout", "informational", "drip", "delay:5.000001", "delay:3600:reset"])
def test_no_answer_ends_at_the_deadline(step):
    """Whatever lasts longer ends at the deadline exactly, and nobody knows whether it arrived."""
    ((error, at),) = play(MemoryTransport(step), timeout=5.0)

    assert isinstance(error, TransportError)
    assert error.verdict is Verdict.UNKNOWN
    assert "deadline" in error.reason
    assert at == 5.0


@pytest.mark.parametrize(
    ("step", "verdict", "reason"),
    [
        ("reset", Verdict.UNKNOWN, "reset"),
        ("close", Verdict.UNKNOWN, "without an answer"),
        ("early", Verdict.UNKNOWN, "in the middle"),
        ("garbage", Verdict.UNKNOWN, "not HTTP"),
        ("huge", Verdict.UNKNOWN, "longer"),
        ("101", Verdict.UNKNOWN, "interim"),
        ("refused", Verdict.UNREACHABLE, "refused"),
        ("unreachable", Verdict.UNREACHABLE, "unreachable"),
        ("delay:1:reset", Verdict.UNKNOWN, "reset"),
    ],
)
def test_a_step_without_a_whole_answer(step, verdict, reason):
    """A fault is an error that says whether the request may have arrived, and what happened."""
    ((error, _),) = play(MemoryTransport(step))

    assert isinstance(error, TransportError)
    assert error.verdict is verdict
    assert reason in error.reason


def test_a_passed_deadline_sends_nothing():
    """A request that is already late is not made, and not kept."""
    transport = MemoryTransport()

    ((error, _),) = play(transport, timeout=0.0)

    assert error.verdict is Verdict.UNREACHABLE
    assert transport.requests == ()


def test_each_url_plays_its_script_from_the_start():
    """A URL is a receiver of its own, with its own script or the common one."""
    transport = MemoryTransport("500,200", scripts={"https://a.example/": "404,confirm"})
    urls = ["https://a.example/", "https://b.example/", "https://c.example/"] * 2

    came = play(transport, *map(request, urls))

    assert [reply.status_code for reply, _ in came] == [404, 500, 500, 200, 200, 200]


def test_a_function_answers():
    """Instead of a script a function decides, plain or asynchronous, save for URLs with a script."""

    def plain(got):
        return Reply(status_code=200 + len(got.content))

    async def slow(got):
        await asyncio.sleep(2)
        return plain(got)

    assert [reply.status_code for reply, _ in play(MemoryTransport(plain), request(content=b"abc"))] == [203]
    assert play(MemoryTransport(slow), request(content=b"a")) == [(Reply(status_code=201), 2.0)]
    ((reply, _),) = play(MemoryTransport(plain, scripts={URL: "404"}))
    assert reply.status_code == 404


def test_a_function_is_held_to_the_deadline():
    """A function that takes too long is a receiver that does."""

    async def stuck(_got):
        await asyncio.sleep(3_600)

    ((error, at),) = play(MemoryTransport(stuck))

    assert (error.verdict, at) == (Verdict.UNKNOWN, 5.0)


@pytest.mark.parametrize(
    "error", [TransportError(Verdict.REFUSED, "not allowed"), TimeoutError("mine"), LookupError("mine")]
)
def test_what_a_function_raises_comes_through(error):
    """Its errors are its own, and a TimeoutError of its own is not the deadline's."""

    def failing(_got):
        raise error

    async def main():
        await MemoryTransport(failing).send(request(), deadline=5.0)

    with pytest.raises(type(error)) as caught:
        VirtualClock().run(main())

    assert caught.value is error


def test_what_is_kept():
    """Each request is kept with its number, its times and the step that was played."""
    clock = VirtualClock()
    seen = []
    transport = MemoryTransport("delay:2:500,200", now=clock.now, on_request=seen.append)

    play(transport, request(), request(), clock=clock)

    assert [(kept.number, kept.at, kept.started_at - START) for kept in transport.requests] == [
        (1, 0.0, timedelta(0)),
        (2, 2.0, timedelta(seconds=2)),
    ]
    assert [kept.step for kept in transport.requests] == [as_step("delay:2:500"), as_step("200")]
    assert transport.requests[0].request == request()
    assert tuple(seen) == transport.requests


def test_only_the_last_requests_are_kept():
    """A load test does not fill the memory, but every request is counted."""
    transport = MemoryTransport(lambda _got: Reply(status_code=200), keep=2)

    play(transport, *[request()] * 5)

    assert transport.count == 5
    assert [kept.number for kept in transport.requests] == [4, 5]
    assert {kept.step for kept in transport.requests} == {None}
    assert transport.requests[0].started_at.utcoffset() == timedelta(0)


def test_it_is_a_transport_that_keeps_deadlines():
    """The engine may leave the deadline to it."""
    transport = MemoryTransport()

    assert isinstance(transport, Transport)
    assert transport.keeps_deadline


def test_a_wrong_script_fails_when_it_is_given():
    """Not at the first request."""
    with pytest.raises(InvalidFieldError, match=r"^script: "):
        MemoryTransport("tiemout")


@pytest.mark.parametrize("url", ["https://Bücher.example/a", "http://user@127.1/a?b", "no URL at all"])
def test_a_script_is_found_by_the_url_as_it_was_written(url):
    """Also where a callback calls its host in another spelling."""
    called = url if "://" not in url else Callback(url, format="tencent").address
    transport = MemoryTransport("500", scripts={url: "204"})

    came = play(transport, request(url), request(called), request("https://other.example/"))

    assert [reply.status_code for reply, _ in came] == [204, 204, 500]

"""Every step of a script, seen on the wire."""

import asyncio
import json

import httpx
import pytest

from alarm_dispatch.receiver import LoopbackServer, as_step
from alarm_dispatch.receiver.answers import reply_to, wire_form
from tests.receiver.wire import exchange, peer_of, post, reply_of, run

CLOSE = "Connection: close\r\n"


@pytest.mark.parametrize(
    ("step", "status", "body"),
    [
        ("200", "HTTP/1.1 200 OK", b""),
        ("204", "HTTP/1.1 204 No Content", b""),
        ("302", "HTTP/1.1 302 Found", b""),
        ("503", "HTTP/1.1 503 Service Unavailable", b""),
        ("599", "HTTP/1.1 599 ", b""),
        ('json:{"retCode": 1}', "HTTP/1.1 200 OK", b'{"retCode": 1}'),
        ("500:[]", "HTTP/1.1 500 Internal Server Error", b"[]"),
        ("delay:0.001:418", "HTTP/1.1 418 I'm a Teapot", b""),
    ],
)
def test_a_status_answers_and_keeps_the_connection(step, status, body):
    """A status is a whole answer, after which the next request may follow on the same connection."""

    async def main():
        async with LoopbackServer(step) as server, peer_of(server) as (reader, writer):
            for _ in range(2):
                writer.write(post())
                assert await reply_of(reader) == (status, body)

    run(main())


def test_confirm_echoes_the_session_id():
    """Confirming is 200 with the session id of the request."""

    async def main():
        async with LoopbackServer("confirm") as server, httpx.AsyncClient(trust_env=False) as client:
            return await client.post(server.url, json={"sessionId": "s-1"})

    reply = run(main())

    assert reply.status_code == 200
    assert reply.json() == {"sessionId": "s-1", "retCode": 0}


def test_a_drip_is_the_whole_answer_in_single_bytes():
    """The dripped answer is a valid one, and the connection stays usable."""

    async def main():
        async with LoopbackServer("drip:0,200") as server, peer_of(server) as (reader, writer):
            writer.write(post())
            dripped = await reply_of(reader)
            writer.write(post())
            return dripped, await reply_of(reader)

    assert run(main()) == (("HTTP/1.1 200 OK", b"{}"), ("HTTP/1.1 200 OK", b""))


def test_a_drip_waits_before_every_further_byte():
    """The first byte comes at once, the second only after the interval."""

    async def main():
        async with LoopbackServer("drip:3600") as server, peer_of(server) as (reader, writer):
            writer.write(post())
            first = await reader.read(100)
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.02):
                    await reader.read(100)
            return first

    assert run(main()) == b"H"


@pytest.mark.parametrize("step", ["confirm", "204", "500", "redirect", "200:[1]"])
def test_the_wire_form_is_what_is_sent(step):
    """What the memory transport reckons with is what the server sends, byte for byte."""
    sent = exchange(step, b"{}", headers=CLOSE).replace(b"Connection: close\r\n", b"")

    assert sent == wire_form(reply_to(as_step(step), content=b"{}", target="/"))


def test_timeout_never_answers():
    """The request is read and kept, and nothing comes back until the peer leaves."""

    async def main():
        async with LoopbackServer("timeout") as server, peer_of(server) as (reader, writer):
            writer.write(post(b"[1]"))
            (request,) = await server.wait_for(1, timeout=5)
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.02):
                    await reader.read(1)
            writer.write_eof()
            return request.content, await reader.read()

    assert run(main()) == (b"[1]", b"")


def test_reset_resets():
    """The peer sees a reset, not an end."""
    with pytest.raises(ConnectionResetError):
        exchange("reset")


def test_close_ends_without_an_answer():
    """The peer sees an end before any byte."""
    assert exchange("close") == b""


def test_early_ends_in_the_middle_of_the_body():
    """The head announces more than comes."""
    head, _, body = exchange("early").partition(b"\r\n\r\n")

    assert b"Content-Length: 1000" in head
    assert body == b'{"retCode":'


def test_garbage_is_not_http():
    """An HTTP client cannot read what comes."""

    async def main():
        async with LoopbackServer("garbage") as server, httpx.AsyncClient(trust_env=False) as client:
            with pytest.raises(httpx.RemoteProtocolError):
                await client.post(server.url)

    run(main())


def test_huge_goes_on_until_the_peer_closes():
    """The body has no end, and the server stops sending when nobody reads."""

    async def main():
        async with LoopbackServer("huge,200") as server, httpx.AsyncClient(trust_env=False) as client:
            got = 0
            async with client.stream("POST", server.url) as reply:
                async for chunk in reply.aiter_raw():
                    got += len(chunk)
                    if got > 1_000_000:
                        break
            return got, (await client.post(server.url)).status_code

    got, status = run(main())

    assert got > 1_000_000
    assert status == 200


def test_informational_answers_never_end():
    """Interim answers follow each other, and no final one comes."""

    async def main():
        async with LoopbackServer("informational:0") as server, peer_of(server) as (reader, writer):
            writer.write(post())
            return await reader.readexactly(1_000)

    assert set(run(main()).split(b"\r\n\r\n")[:-1]) == {b"HTTP/1.1 102 Processing"}


def test_an_interim_status_is_all_that_comes():
    """A script's 101 is sent although nobody asked to switch, and the connection ends."""
    assert exchange("101") == b"HTTP/1.1 101 Switching Protocols\r\n\r\n"


@pytest.mark.parametrize(
    ("step", "location"), [("redirect", "/a?b=c"), ("redirect:http://127.0.0.1:9/", "http://127.0.0.1:9/")]
)
def test_redirect_leads_back_or_elsewhere(step, location):
    """The location is the request's own target, or the one of the script."""

    async def main():
        async with LoopbackServer(step) as server, httpx.AsyncClient(trust_env=False) as client:
            return await client.post(server.url + "/a?b=c")

    reply = run(main())

    assert (reply.status_code, reply.headers["location"]) == (302, location)


def test_each_request_gets_its_step():
    """The script goes on from request to request, on whichever connection they come."""

    async def main():
        async with LoopbackServer("500,close,503,confirm") as server:
            seen = []
            async with httpx.AsyncClient(trust_env=False) as client:
                for _ in range(5):
                    try:
                        seen.append((await client.post(server.url, json={})).status_code)
                    except httpx.RemoteProtocolError as error:
                        seen.append(type(error).__name__)
            return seen

    assert run(main()) == [500, "RemoteProtocolError", 503, 200, 200]


def test_each_path_plays_its_script_from_the_start():
    """A path is a receiver of its own, with its own script or the common one, whatever the query."""

    async def main():
        async with (
            LoopbackServer("500,200", scripts={"/a": [{"retCode": 1}, 404]}) as server,
            httpx.AsyncClient(trust_env=False) as client,
        ):
            return [
                (await client.post(server.url + path)).status_code
                for path in ("/a", "/b", "/c?x=1", "/a?x=2", "/b", "/c?x=3")
            ]

    assert run(main()) == [200, 500, 500, 404, 200, 200]


def test_the_hook_sees_request_and_step():
    """Whoever shows the traffic gets each request with the step that answers it."""
    shown = []

    async def main():
        async with (
            LoopbackServer("500,200", on_request=lambda *args: shown.append(args)) as server,
            httpx.AsyncClient(trust_env=False) as client,
        ):
            for _ in range(2):
                await client.post(server.url + "/x", json={"a": 1})

    run(main())

    assert [
        (request.number, request.target, json.loads(request.text), str(step)) for request, step in shown
    ] == [
        (1, "/x", {"a": 1}, "500"),
        (2, "/x", {"a": 1}, "200"),
    ]

"""What every transport must do: one suite over all of them."""

from __future__ import annotations

import asyncio
import http.client
import json
import time
from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import urlsplit

import pytest

from alarm_dispatch.errors import TransportError
from alarm_dispatch.exchange import Reply, Request, Transport, Verdict
from alarm_dispatch.testing import LoopbackReceiver, MemoryReceiver, ScriptedReceiver
from alarm_dispatch.transports.function import FunctionTransport
from alarm_dispatch.transports.httpx import HttpxTransport

from .loopback import serving

_CONTENT = '{"名字":"磁盘"}'.encode()


def _post(request: Request) -> Reply:
    """What a user's synchronous function might be."""
    parts = urlsplit(request.url)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=2)
    try:
        connection.request(request.method, parts.path or "/", request.content, dict(request.headers))
        response = connection.getresponse()
        return Reply(
            status_code=response.status, headers=tuple(response.getheaders()), content=response.read()
        )
    except http.client.HTTPException as error:
        raise TransportError(Verdict.UNKNOWN, repr(error)) from error
    finally:
        connection.close()


class _Setting:
    """A transport and a receiver that it reaches."""

    def __init__(self, transport: Transport, receiver: ScriptedReceiver) -> None:
        self.transport = transport
        self.receiver = receiver

    def request(self, **values: Any) -> Request:
        values.setdefault("url", self.receiver.url)
        values.setdefault("content", _CONTENT)
        values.setdefault("headers", (("Content-Type", "application/json"), ("X-Team", "database")))
        return Request(delivery_id="abc", lane="one", **values)

    def run(self, use: Callable[[Callable[..., Awaitable[Reply]]], Awaitable[Any]]) -> Any:
        """Let ``use`` send, and close the transport afterwards."""

        async def main() -> Any:
            async def send(seconds: float = 5.0, **values: Any) -> Reply:
                deadline = asyncio.get_running_loop().time() + seconds
                return await self.transport.send(self.request(**values), deadline=deadline)

            try:
                return await use(send)
            finally:
                aclose = getattr(self.transport, "aclose", None)
                if aclose is not None:
                    await aclose()

        return asyncio.run(main())

    def send(self, timeout: float = 5.0, **values: Any) -> Reply:
        return self.run(lambda send: send(timeout, **values))


_KINDS = ["httpx", "httpx with a client", "aiohttp", "aiohttp with a session", "memory", "function"]


@pytest.fixture(params=_KINDS)
def setting(request: pytest.FixtureRequest, loopback_receiver: Any) -> Callable[[Any], _Setting]:
    """Makes a setting with a receiver that plays a script."""
    return _maker(request.param, loopback_receiver)


def _maker(kind: str, loopback_receiver: Any) -> Callable[[Any], _Setting]:
    def make(script: Any) -> _Setting:
        if kind == "memory":
            memory = MemoryReceiver(script)
            return _Setting(memory.transport, memory)
        receiver: LoopbackReceiver = loopback_receiver(script)
        if kind == "function":
            return _Setting(FunctionTransport(_post), receiver)
        return _Setting(_HTTP[kind](), receiver)

    return make


_MESSAGE = b'{"title": "t", "body": "b", "type": "info", "format": "text"}'


class _ServiceSetting(_Setting):
    """The same through Apprise, which says for itself what is posted."""

    def request(self, **values: Any) -> Request:
        url = f"apprise:{self.receiver.url.replace('http', 'json', 1)}"
        return super().request(url=url, content=_MESSAGE, **values)


@pytest.fixture(params=[*_KINDS, "apprise"])
def any_setting(request: pytest.FixtureRequest, loopback_receiver: Any) -> Callable[[Any], _Setting]:
    """The same, and one that does not carry the request as it is."""
    if request.param != "apprise":
        return _maker(request.param, loopback_receiver)
    from alarm_dispatch.transports.apprise import AppriseTransport

    pytest.importorskip("apprise", reason="the extra apprise is not installed")
    return lambda script: _ServiceSetting(AppriseTransport(), loopback_receiver(script))


def _with_client() -> Transport:
    import httpx

    class Owner(HttpxTransport):
        """A user who closes the client of his own."""

        async def aclose(self) -> None:
            await super().aclose()
            await client.aclose()

    client = httpx.AsyncClient(timeout=None, trust_env=False)
    return Owner(client=client)


def _with_aiohttp() -> Transport:
    pytest.importorskip("aiohttp", reason="the extra fast is not installed")
    from alarm_dispatch.transports.aiohttp import AiohttpTransport

    return AiohttpTransport()


def _with_session() -> Transport:
    aiohttp = pytest.importorskip("aiohttp", reason="the extra fast is not installed")
    from alarm_dispatch.transports.aiohttp import AiohttpTransport

    class Owner:
        """A user who opens a session of his own on the loop, and closes it."""

        keeps_deadline = True
        session: Any = None

        async def send(self, request: Request, *, deadline: float) -> Reply:
            if self.session is None:
                self.session = aiohttp.ClientSession()
            return await AiohttpTransport(session=self.session).send(request, deadline=deadline)

        async def aclose(self) -> None:
            if self.session is not None:
                await self.session.close()

    return Owner()


_HTTP: dict[str, Callable[[], Any]] = {
    "httpx": HttpxTransport,
    "httpx with a client": _with_client,
    "aiohttp": _with_aiohttp,
    "aiohttp with a session": _with_session,
}


def test_it_is_a_transport(any_setting):
    """It has the one method."""
    assert isinstance(any_setting(200).transport, Transport)


def test_the_request_arrives_as_it_was_given(setting):
    """Method, headers and every byte of the body."""
    one = setting(204)

    reply = one.send()

    (arrived,) = one.receiver.requests
    assert reply.status_code == 204
    assert arrived.method == "POST"
    assert arrived.content == _CONTENT
    assert arrived.header("content-type") == "application/json"
    assert arrived.header("x-team") == "database"


@pytest.mark.parametrize("status", [200, 201, 302, 404, 429, 500, 503])
def test_any_whole_reply_is_a_reply(setting, status):
    """What it means is not the transport's business; a redirect is not followed."""
    one = setting(f"redirect,{status}" if status == 302 else status)

    reply = one.send()

    assert reply.status_code == status
    assert len(one.receiver.requests) == 1


def test_the_replys_body_comes_raw(setting):
    """Text of any language, byte for byte."""
    one = setting('200:{"结果":"好"}')

    reply = one.send()

    assert reply.content == '{"结果":"好"}'.encode()


@pytest.mark.parametrize("step", ["reset", "close", "early", "garbage"])
def test_no_whole_reply_means_unknown(any_setting, step):
    """The request was sent and may have arrived."""
    one = any_setting(step)

    with pytest.raises(TransportError) as failure:
        one.send()

    assert failure.value.verdict is Verdict.UNKNOWN
    assert failure.value.reason


@pytest.mark.parametrize("step", ["timeout", "drip"])
def test_the_deadline_ends_the_attempt(any_setting, step):
    """Also when a byte comes now and then."""
    one = any_setting(step)
    started = time.monotonic()

    with pytest.raises(TransportError) as failure:
        one.send(timeout=0.2)

    assert time.monotonic() - started < 3
    assert failure.value.verdict is Verdict.UNKNOWN


def test_many_requests_at_a_time(setting):
    """Each gets its own reply."""
    one = setting("confirm")

    async def use(send: Any) -> list[Reply]:
        bodies = [f'{{"sessionId":"{number}"}}'.encode() for number in range(20)]
        return await asyncio.gather(*(send(content=body) for body in bodies))

    replies = one.run(use)

    for number, reply in enumerate(replies):
        assert json.loads(reply.content)["sessionId"] == str(number)


def test_it_goes_on_after_a_failure(any_setting):
    """A broken connection is not used again."""
    one = any_setting("reset,close,garbage,200")

    async def use(send: Any) -> Reply:
        for _ in range(3):
            with pytest.raises(TransportError):
                await send()
        return await send()

    assert one.run(use).status_code == 200


@pytest.mark.parametrize(
    "headers", [b"a:b\r\n" * 101, b"a: " + b"b" * 8_000 + b"\r\n" + (b"c: " + b"d" * 8_000 + b"\r\n") * 4]
)
@pytest.mark.parametrize("kind", ["httpx", "httpx with a client", "aiohttp", "aiohttp with a session"])
def test_a_head_has_the_same_bounds_over_all(kind, headers):
    """Also over a client or a session of the user's own."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\n" + headers + b"Content-Length: 0\r\n\r\n")
        await reader.read()

    async def main() -> TransportError:
        transport: Any = _HTTP[kind]()
        async with serving(answer) as port:
            request = Request(url=f"http://127.0.0.1:{port}/", content=b"", lane="one")
            with pytest.raises(TransportError) as failure:
                await transport.send(request, deadline=asyncio.get_running_loop().time() + 5)
            await transport.aclose()
        return failure.value

    error = asyncio.run(main())

    assert error.verdict is Verdict.UNKNOWN
    assert error.reason.startswith("a reply of more than ")

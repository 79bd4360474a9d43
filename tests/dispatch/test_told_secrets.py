"""What a report and the log tell of a callback's secrets when others quote them: nothing."""

from __future__ import annotations

import base64
import functools
import json
import logging
import pickle
import traceback
from typing import Any

import pytest

from alarm_dispatch import Attempt, Callback, Delivery, DispatchReport, Judgement, Reply, Request, Verdict
from alarm_dispatch.errors import DispatchFailedError, TransportError
from alarm_dispatch.formats import get
from alarm_dispatch.transports.auth import BearerAuth
from alarm_dispatch.transports.httpx import HttpxTransport

from .alarms import METRIC_ALARM, group
from .test_faults import dispatch

MARK = "5ecret"
URL = f"https://{MARK}-user:{MARK}-pass@h.example/{MARK}0123456789abcdef?key={MARK}-value"
HEADERS = {"X-Key": f"{MARK}-key"}


class _Answering:
    """A transport that answers by a function of the request, with a token of its own."""

    secrets = (f"{MARK}-token",)
    keeps_deadline = True

    def __init__(self, answer: Any) -> None:
        self._answer = answer

    async def send(self, request: Request, *, deadline: float) -> Reply:
        return self._answer(request)


def _echo(request: Request) -> Reply:
    told = {"code": f"{request.url} {request.headers} {MARK}-pass {MARK}-token"}
    return Reply(status_code=200, content=json.dumps(told).encode())


def _one_header(request: Request) -> Reply:
    return Reply(status_code=200, content=json.dumps({"code": dict(request.headers)["X-Key"]}).encode())


def _busy(request: Request) -> Reply:
    return Reply(status_code=503, headers=(("Retry-After", dict(request.headers)["X-Key"]),))


def _long_busy(request: Request) -> Reply:
    return Reply(status_code=503, headers=(("Retry-After", "x" * 33 + dict(request.headers)["X-Key"]),))


def _no_reply(request: Request) -> Reply:
    raise TransportError(Verdict.UNKNOWN, f"cannot reach {request.url}, {dict(request.headers)}")


def _broken(request: Request) -> Reply:
    raise ValueError(request.url) from KeyError(f"{MARK}-token")


def _quoting(reply: Reply) -> Judgement:
    return Judgement(Verdict.REJECTED, reply.content.decode())


def _raising(reply: Reply) -> bool:
    raise ValueError(reply.content)


def _everything(report: DispatchReport, told: list[Any]) -> str:
    """All that can be seen of a report and of what hooks were told."""
    texts = [repr(report), str(report), repr(told), str(pickle.dumps(report)), str(pickle.dumps(told))]
    texts += [delivery.outcome for delivery in report.deliveries]
    with pytest.raises(DispatchFailedError) as caught:
        report.raise_for_failure()
    texts += traceback.format_exception(caught.value)
    return "\n".join(texts)


@pytest.mark.parametrize("confirmation", ["json", "quoting", "raising"])
@pytest.mark.parametrize("answer", [_echo, _one_header, _busy, _long_busy, _no_reply, _broken])
def test_nobody_is_told(answer, confirmation, virtual_clock, caplog):
    """Receivers echo, libraries quote, and what a user's code raises holds what it was given."""
    from alarm_dispatch.confirmation import json_field_equals

    caplog.set_level(logging.DEBUG)
    confirmations = {"json": json_field_equals("code", 0), "quoting": _quoting, "raising": _raising}
    told: list[Any] = []

    report = dispatch(
        virtual_clock,
        _Answering(answer),
        METRIC_ALARM,
        group(URL, headers=HEADERS, confirmation=confirmations[confirmation]),
        hooks=[told.append],
    )

    assert {type(event) for event in told} == {Attempt, Delivery}
    assert MARK not in _everything(report, told) + caplog.text


class _NoAnswerError(Exception):
    """As a client library's: it holds the request."""

    def __init__(self, text: str, request: Request) -> None:
        super().__init__(text)
        self.request = request

    def __reduce__(self) -> Any:
        return type(self), (str(self), self.request)


def _holding(request: Request) -> Reply:
    raise _NoAnswerError("no answer", request)


def _bare_word(request: Request) -> Reply:
    raise ValueError(dict(request.headers)["Authorization"].removeprefix("Basic "))


@pytest.mark.parametrize("answer", [_holding, _bare_word])
def test_what_a_transport_raises(answer, virtual_clock, caplog):
    """What its error holds besides its text, and the word of Basic without its scheme."""
    report = dispatch(virtual_clock, _Answering(answer), METRIC_ALARM, group(URL, headers=HEADERS))

    seen = _everything(report, []) + caplog.text
    assert MARK not in seen
    assert base64.b64encode(f"{MARK}-user:{MARK}-pass".encode()).decode() not in seen
    assert pickle.loads(pickle.dumps(report)).deliveries[0].outcome.startswith("ForeignError: ")


class _Quoting:
    """A format that raises with what it was given."""

    name = "quoting"
    rules = get("tencent").rules

    def build(self, alarm: Any, context: Any) -> Any:
        raise ValueError(context.url)

    def parse(self, content: bytes, content_type: str) -> object:
        raise AssertionError("no test parses this format")

    def verification(self, context: Any) -> Any:
        raise AssertionError("no test verifies with this format")


def test_a_format_that_raises_with_the_url(virtual_clock, memory_receiver):
    """It fails its delivery, which tells the kind of the error."""
    report = dispatch(
        virtual_clock, memory_receiver(200).transport, METRIC_ALARM, group(URL, format=_Quoting())
    )

    assert MARK not in _everything(report, [])
    assert report.deliveries[0].outcome.startswith("ForeignError: ValueError: https://h.example/***")


def test_a_hook_that_raises_with_the_url(virtual_clock, memory_receiver, caplog):
    """The log has its traceback, and nothing of what it quotes."""

    def hook(event: Any) -> None:
        raise ValueError(getattr(event.callback, "url", ""), getattr(event.callback, "headers", ()))

    dispatch(
        virtual_clock,
        memory_receiver(200).transport,
        METRIC_ALARM,
        group(URL, headers=HEADERS),
        hooks=[hook],
    )

    assert "in hook" in caplog.text
    assert "ForeignError: ValueError" in caplog.text
    assert MARK not in caplog.text


def test_a_hook_is_told_by_its_kind(virtual_clock, memory_receiver, caplog):
    """Its repr shows what it was made of."""

    def post(url: str, event: Any) -> None:
        raise ValueError("broken")

    hooks = [functools.partial(post, MARK), lambda event: post(MARK, event)]
    dispatch(virtual_clock, memory_receiver(200).transport, METRIC_ALARM, group(), hooks=hooks)

    assert "hook partial raised on Attempt" in caplog.text
    assert ".<lambda> raised on Delivery" in caplog.text
    assert MARK not in caplog.text


@pytest.mark.parametrize("kind", [Attempt, Delivery])
def test_a_hook_that_raises_with_what_it_knows_otherwise(virtual_clock, memory_receiver, caplog, kind):
    """An attempt names its callback only, and the log shows nothing of that all the same."""

    def hook(event: Any) -> None:
        if type(event) is kind:
            raise ValueError(URL, HEADERS)

    receiver = memory_receiver(200)
    dispatch(virtual_clock, receiver.transport, METRIC_ALARM, group(URL, headers=HEADERS), hooks=[hook])

    assert "ForeignError: ValueError" in caplog.text
    assert MARK not in caplog.text


def test_a_transport_that_cannot_be_closed_with_its_secret(virtual_clock, caplog):
    """As above."""

    class Closing(_Answering):
        async def aclose(self) -> None:
            raise ValueError(f"{MARK}-token")

        def __repr__(self) -> str:
            return f"Closing({self.secrets})"

    dispatch(virtual_clock, Closing(lambda request: Reply(status_code=200)), METRIC_ALARM, group())

    assert "Closing could not be closed" in caplog.text
    assert MARK not in caplog.text


def test_the_transports_own_credentials_are_masked(loopback_receiver):
    """Those that it adds to every request are in no callback."""
    from alarm_dispatch import Dispatcher

    receiver = loopback_receiver('200:{"retCode":"Bearer 5ecret-token"}')
    transport = HttpxTransport(auth=BearerAuth(f"{MARK}-token"))
    callback = Callback(receiver.url, format="tencent_legacy")

    with Dispatcher(transport=transport) as dispatcher:
        delivery = dispatcher.verify(callback)

    assert delivery.attempts
    assert MARK not in repr(delivery)
    assert receiver.requests[0].header("authorization") == f"Bearer {MARK}-token"

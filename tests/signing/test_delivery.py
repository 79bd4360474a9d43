"""Signatures on the way: anew for each attempt, over the bytes that are sent, and nothing without one."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import itertools
import sqlite3
import traceback
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest

from alarm_dispatch import (
    AlarmGroup,
    AsyncDispatcher,
    Callback,
    Delivery,
    Dispatcher,
    RetrySchedule,
    Verdict,
)
from alarm_dispatch.errors import InvalidFieldError, SigningError
from alarm_dispatch.exchange import Reply, Request
from alarm_dispatch.outbox import SqliteOutbox, StoredStatus
from alarm_dispatch.signing import HmacSigner, HmacVerifier, StandardWebhooks, StandardWebhooksVerifier
from alarm_dispatch.testing import MemoryOutbox, MemoryReceiver

from ..dispatch.alarms import METRIC_ALARM, URL, group
from .keys import OTHER, PRIVATE, PUBLIC, SHARED

_AT_ONCE = RetrySchedule(attempts=2, delays=(0,))
_SIGNED = ("webhook-id", "webhook-timestamp", "webhook-signature")


def verified(receiver: Any, number: int, *keys: str) -> Any:
    """What the signature of a received request vouches for, judged when it came."""
    request = receiver.requests[number]
    verifier = StandardWebhooksVerifier(*keys, now=lambda: request.received_at)
    return verifier.verify(request.content, request.headers)


@pytest.mark.parametrize("name", ["httpx", "aiohttp"])
def test_what_arrives_holds(name, loopback_receiver):
    """Over real sockets, every attempt, with either of the keys."""
    receiver = loopback_receiver("500,200")
    if name == "httpx":
        from alarm_dispatch.transports.httpx import HttpxTransport as Transport
    else:
        pytest.importorskip("aiohttp", reason="the extra fast is not installed")
        from alarm_dispatch.transports.aiohttp import AiohttpTransport as Transport

    to = group(receiver.url, signer=StandardWebhooks(SHARED, PRIVATE), headers={"X-Team": "database"})

    with Dispatcher(transport=Transport()) as dispatcher:
        (delivery,) = dispatcher.dispatch(METRIC_ALARM, to).deliveries

    assert delivery.ok
    for number, key in itertools.product((0, 1), (SHARED, PUBLIC)):
        assert verified(receiver, number, key).delivery_id == delivery.id
        assert receiver.requests[number].header("X-Team") == "database"


def test_each_attempt_is_signed_anew(virtual_clock, memory_receiver):
    """By the dispatcher's clock, under the delivery's id, over the same bytes."""
    receiver = memory_receiver("500,500,200", now=virtual_clock.now)
    start = virtual_clock.now()

    with Dispatcher(transport=receiver.transport, clock=virtual_clock) as dispatcher:
        (delivery,) = dispatcher.dispatch(
            METRIC_ALARM, group(signer=StandardWebhooks(SHARED, OTHER))
        ).deliveries

    found = [verified(receiver, number, SHARED) for number in range(3)]
    assert {one.delivery_id for one in found} == {delivery.id}
    assert [one.at for one in found] == [start + timedelta(seconds=seconds) for seconds in (0, 5, 15)]
    assert len({request.content for request in receiver.requests}) == 1
    assert len({request.header("webhook-signature") for request in receiver.requests}) == 3
    assert [attempt.started_at for attempt in delivery.attempts] == [one.at for one in found]


def test_a_generic_hmac_finds_the_librarys_headers(virtual_clock, memory_receiver):
    """The id and the time that are signed are those that are sent with each request."""
    receiver = memory_receiver("500,200", now=virtual_clock.now)
    shape: dict[str, Any] = {"header": "X-Sig", "signs": "{id}.{timestamp}.{body}"}

    with Dispatcher(transport=receiver.transport, clock=virtual_clock) as dispatcher:
        (delivery,) = dispatcher.dispatch(
            METRIC_ALARM, group(signer=HmacSigner("k" * 16, **shape))
        ).deliveries

    for request in receiver.requests:
        verifier = HmacVerifier("k" * 16, now=lambda at=request.received_at: at, **shape)
        assert verifier.verify(request.content, request.headers).delivery_id == delivery.id


def test_a_function_may_sign(memory_receiver):
    """It gets what the request is made of; a mapping will do as its answer."""
    receiver, given = memory_receiver("500,200"), []

    def sign(content: bytes, **about: Any) -> dict[str, str]:
        given.append((content, about))
        return {"X-Sig": f"{about['attempt']}"}

    with Dispatcher(transport=receiver.transport) as dispatcher:
        (delivery,) = dispatcher.dispatch(METRIC_ALARM, group(signer=sign, schedule=_AT_ONCE)).deliveries

    assert [request.header("X-Sig") for request in receiver.requests] == ["1", "2"]
    assert [content for content, _ in given] == [request.content for request in receiver.requests]
    assert [about for _, about in given] == [
        {"delivery_id": delivery.id, "attempt": attempt.number, "at": attempt.started_at}
        for attempt in delivery.attempts
    ]


def test_the_verification_of_a_url_is_signed(memory_receiver):
    """A receiver that takes only what is signed would refuse it else."""
    receiver = memory_receiver(200)

    with Dispatcher(transport=receiver.transport) as dispatcher:
        delivery = dispatcher.verify(Callback(URL, format="tencent", signer=StandardWebhooks(SHARED)))

    assert delivery.ok
    assert verified(receiver, 0, SHARED).delivery_id == delivery.id


def _raise(error: BaseException) -> Any:
    raise error


async def _late(*_: object, **__: object) -> list[tuple[str, str]]:
    return [("X-Sig", "1")]


def _endless(*_: object, **__: object) -> Iterator[tuple[str, str]]:
    return ((f"X-{number}", "1") for number in itertools.count())


class _Signer:
    """Answers what it was given."""

    def __init__(self, answer: Any) -> None:
        self.sign = answer if callable(answer) else lambda *_, **__: answer


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        (lambda *_, **__: _raise(ValueError("hunter2 is no key")), "_Signer raised ValueError"),
        (lambda: None, "_Signer raised TypeError"),
        (lambda *_, **__: _raise(SigningError("the vault is sealed")), "the vault is sealed"),
        (_late, "_Signer is asynchronous; a signer must be a plain function"),
        (None, "_Signer answered no headers, and nothing is sent unsigned"),
        (5, "_Signer raised TypeError"),
        ([], "_Signer answered no headers, and nothing is sent unsigned"),
        ({}, "_Signer answered no headers, and nothing is sent unsigned"),
        ("hunter2", "_Signer answered what cannot be sent: headers: must be pairs of a name and a value"),
        (
            [("X-Sig", "hunter2\n")],
            "_Signer answered what cannot be sent: headers['X-Sig']: has a line break",
        ),
        ([("X-Sig", None)], "_Signer answered what cannot be sent: headers['X-Sig']: must be text"),
        ([("X Sig", "1")], "_Signer answered what cannot be sent: headers: 'X Sig' is no header name"),
        (
            [("X-Sig", "1"), ("x-sig", "2")],
            "_Signer answered what cannot be sent: headers['X-Sig']: is given more than once",
        ),
        ([("Host", "1")], "_Signer answered what cannot be sent: headers['Host']: cannot be set"),
        (
            [("alarm-dispatch-id", "1")],
            "_Signer answered what cannot be sent: headers['alarm-dispatch-id']: cannot be set",
        ),
        ([("content-type", "1")], "_Signer answered the header content-type, which the request has already"),
        ([("X-TEAM", "1")], "_Signer answered the header X-TEAM, which the request has already"),
        (_endless, "_Signer answered more than 16 headers"),
    ],
    ids=range(18),
)
@pytest.mark.filterwarnings("error::RuntimeWarning")
def test_what_cannot_be_signed_is_not_sent(answer, told, virtual_clock, memory_receiver):
    """It fails for good, names the cause without the key, and the group's other callbacks get theirs."""
    receiver = memory_receiver(200)
    to = AlarmGroup(
        "oncall",
        callbacks=[
            Callback(URL, format="tencent", signer=_Signer(answer), headers={"X-Team": "database"}),
            Callback(f"{URL}/other", format="tencent"),
        ],
    )

    with Dispatcher(transport=receiver.transport, clock=virtual_clock) as dispatcher:
        failed, other = dispatcher.dispatch(METRIC_ALARM, to).deliveries

    assert other.ok
    assert [request.target for request in receiver.requests] == ["/alarms/other"]
    (attempt,) = failed.attempts
    assert (attempt.verdict, attempt.status_code, attempt.retry_in) == (Verdict.REFUSED, None, None)
    assert attempt.reason.startswith(f"not signed: {told}")
    assert isinstance(failed.error, SigningError)
    assert failed.outcome.startswith(f"SigningError: {told}")
    assert "hunter2" not in f"{attempt}{failed}{failed.outcome}"


def _sealed(*_: object, **__: object) -> Any:
    try:
        _raise(KeyError("hunter2"))
    except KeyError:
        raise SigningError("sealed\n\x1b[31m" + "!" * 500)  # noqa: B904 - as it is often written


@pytest.mark.parametrize("sign", [lambda *_, **__: _raise(ValueError("hunter2 is no key")), _sealed])
def test_what_caused_it_is_not_told_either(sign, virtual_clock, memory_receiver):
    """A traceback shows where it was raised; what a signer says of it is one line, and not a long one."""
    with Dispatcher(transport=memory_receiver(200).transport, clock=virtual_clock) as dispatcher:
        (failed,) = dispatcher.dispatch(METRIC_ALARM, group(signer=sign)).deliveries

    assert failed.error is not None
    assert (failed.error.__cause__, failed.error.__context__) == (None, None)
    assert "in _raise" in (told := "".join(traceback.format_exception(failed.error))) or "in _sealed" in told
    assert failed.attempts[0].reason.isprintable()
    assert len(failed.attempts[0].reason) <= 200


class _Sealed:
    """What may be called, or have its methods called."""

    def __call__(self, *_: object, **__: object) -> Any:
        _raise(KeyError("hunter2"))

    __repr__ = sign_it = __call__


def _one_argument(_content: bytes) -> list[tuple[str, str]]:
    return [("X-Sig", "1")]


def _nothing(*_: object, **__: object) -> None:
    """As of a function that ends before its return."""


@pytest.mark.parametrize(
    ("sign", "told"),
    [
        (_one_argument, "_one_argument raised TypeError"),
        (_nothing, "_nothing answered no headers, and nothing is sent unsigned"),
        (_late, "_late is asynchronous; a signer must be a plain function"),
        (
            functools.partial(functools.partial(_nothing, "hunter2"), key="hunter2"),
            "_nothing answered no hea",
        ),
        (_Sealed(), "_Sealed raised KeyError"),
        (functools.partial(_Sealed(), "hunter2"), "_Sealed raised KeyError"),
        (_Sealed().sign_it, "_Sealed.__call__ raised KeyError"),
    ],
    ids=range(7),
)
def test_a_function_is_named_as_its_author_named_it(sign, told, virtual_clock, memory_receiver):
    """What wraps it says nothing to anybody; what a partial holds is the key."""
    with Dispatcher(transport=memory_receiver(200).transport, clock=virtual_clock) as dispatcher:
        (failed,) = dispatcher.dispatch(METRIC_ALARM, group(signer=sign)).deliveries

    assert failed.attempts[0].reason.startswith(f"not signed: {told}")
    assert "hunter2" not in f"{failed}{failed.outcome}"


def test_a_signature_may_fail_once(virtual_clock, memory_receiver):
    """What came before it is told, and what was to follow does not come."""
    receiver = memory_receiver("500,200")

    def sign(_content: bytes, *, attempt: int, **_: object) -> list[tuple[str, str]]:
        return [("X-Sig", "1")] if attempt == 1 else []

    with Dispatcher(transport=receiver.transport, clock=virtual_clock) as dispatcher:
        (delivery,) = dispatcher.dispatch(METRIC_ALARM, group(signer=sign)).deliveries

    assert [attempt.verdict for attempt in delivery.attempts] == [Verdict.REJECTED, Verdict.REFUSED]
    assert len(receiver.requests) == 1


def test_an_interrupt_while_signing_ends_more_than_the_delivery(virtual_clock):
    """The person at the keyboard is asked for; nothing is sent all the same."""
    told: list[Any] = []

    async def main() -> None:
        transport = MemoryReceiver(lambda _request: _raise(AssertionError)).transport
        dispatcher = AsyncDispatcher(transport=transport, clock=virtual_clock, hooks=[told.append])
        await dispatcher.dispatch(METRIC_ALARM, group(signer=lambda *_, **__: _raise(KeyboardInterrupt())))

    with pytest.raises(KeyboardInterrupt):
        virtual_clock.run(main())

    (delivery,) = [event for event in told if isinstance(event, Delivery)]
    assert delivery.attempts[0].reason == "not signed: KeyboardInterrupt"


def test_the_worker_of_an_outbox_signs(tmp_path, memory_receiver):
    """By its own configuration: what was put holds neither keys nor signatures."""
    receiver, outbox = memory_receiver("500,200"), SqliteOutbox(tmp_path / "alarms.db")
    with contextlib.closing(sqlite3.connect(outbox.path)) as connection, connection:
        outbox.put(connection, METRIC_ALARM, group(name="ops", signer=StandardWebhooks(SHARED)))

    to = group(name="ops", signer=StandardWebhooks(OTHER), schedule=_AT_ONCE)
    with Dispatcher(transport=receiver.transport, outbox=outbox, groups=[to]) as dispatcher:
        receiver.wait_for(2, timeout=10)
        dispatcher.drain()
        stored = b"".join(file.read_bytes() for file in tmp_path.iterdir())

    assert verified(receiver, 0, OTHER).delivery_id == verified(receiver, 1, OTHER).delivery_id
    assert b"status 500" in stored
    for signer in (SHARED, OTHER):
        assert signer.partition("_")[2].encode() not in stored
    assert receiver.requests[0].header("webhook-signature").encode() not in stored


def test_a_dead_letter_that_could_not_be_signed_tells_why(virtual_clock, memory_receiver):
    """And can be replayed when the key is there again; the attempts are counted on."""
    receiver, outbox = memory_receiver(200), MemoryOutbox()
    sealed = True

    def sign(*_: object, **__: object) -> list[tuple[str, str]]:
        return _raise(SigningError("the vault is sealed")) if sealed else [("X-Sig", "1")]

    async def main() -> None:
        nonlocal sealed
        async with AsyncDispatcher(
            transport=receiver.transport, clock=virtual_clock, outbox=outbox
        ) as dispatcher:
            await dispatcher.dispatch(METRIC_ALARM, group(name="ops", signer=sign))
            (dead,) = outbox.list(status=StoredStatus.DEAD)
            assert dead.error == "SigningError: the vault is sealed"
            sealed = False
            outbox.replay(all=True, now=virtual_clock.now())
            await asyncio.sleep(100)

    virtual_clock.run(main())

    (request,) = receiver.requests
    assert request.header("X-Sig") == "1"
    assert request.header("Alarm-Dispatch-Attempt") == "2"


class _Announcing(_Signer):
    """Says which header it writes."""

    def __init__(self, name: str) -> None:
        super().__init__([(name, "1")])
        self.header_names = (name,)


@pytest.mark.parametrize(
    ("headers", "signer", "field", "told"),
    [
        ({"Webhook-Signature": "1"}, StandardWebhooks(SHARED), "['Webhook-Signature']", "StandardWebhooks"),
        ({"webhook-id": "1"}, StandardWebhooks(SHARED), "['webhook-id']", "StandardWebhooks"),
        ({"x-sig": "1"}, HmacSigner("k" * 16, header="X-Sig"), "['x-sig']", "HmacSigner"),
        (
            {"X-Time": "1"},
            HmacSigner("k" * 16, header="X-Sig", timestamp_header="X-Time"),
            "['X-Time']",
            "HmacSigner",
        ),
        ({}, _Announcing("content-type"), "['Content-Type']", "_Announcing"),
        ({}, HmacSigner("k" * 16, header="authorization"), "['Authorization']", "HmacSigner"),
    ],
    ids=range(6),
)
def test_a_callback_may_not_set_what_its_signer_writes(headers, signer, field, told):
    """Told when it is made: one of the two would be lost."""
    with pytest.raises(InvalidFieldError) as caught:
        Callback("https://user:pass@host/", format="tencent", headers=headers, signer=signer)

    assert caught.value.field == f"Callback.headers{field}"
    assert caught.value.problem == f"cannot be set: the callback's signer ({told}) writes it"


@pytest.mark.parametrize(
    ("signer", "problem"),
    [
        ("whsec_hunter2", "must have a method 'sign(content, *, delivery_id, attempt, at)'"),
        (
            5,
            "must have a method 'sign(content, *, delivery_id, attempt, at)', or be such a function; an int",
        ),
        (StandardWebhooks, "is the class StandardWebhooks; give an object of it"),
        (StandardWebhooksVerifier(SHARED), "must have a method 'sign(content, *, delivery_id, attempt, at)'"),
    ],
    ids=range(4),
)
def test_what_is_no_signer(signer, problem):
    """Told when the callback is made, and without what may be a key."""
    with pytest.raises(InvalidFieldError) as caught:
        Callback(URL, format="tencent", signer=signer)

    assert caught.value.field == "Callback.signer"
    assert caught.value.problem.startswith(problem)
    assert "hunter2" not in str(caught.value)


def test_a_transports_header_gives_way_to_the_signature(loopback_receiver):
    """On the fast transport, which keeps the beginning of a request for the next."""
    pytest.importorskip("aiohttp", reason="the extra fast is not installed")
    from alarm_dispatch.transports.aiohttp import AiohttpTransport

    receiver = loopback_receiver("500,200")

    def sign(_content: bytes, *, attempt: int, at: datetime, **_: object) -> list[tuple[str, str]]:
        return [("X-Sig" if attempt == 2 else "X-Other", f"{attempt} {at.year}")]

    with Dispatcher(transport=AiohttpTransport(headers={"x-sig": "general"})) as dispatcher:
        dispatcher.dispatch(METRIC_ALARM, group(receiver.url, signer=sign, schedule=_AT_ONCE))

    sent = [
        [(name, value[0]) for name, value in request.headers if name.lower() in {"x-sig", "x-other"}]
        for request in receiver.requests
    ]
    assert sent == [[("x-sig", "g"), ("X-Other", "1")], [("X-Sig", "2")]]


def _transport_of_requests(kept: list[Request]) -> Any:
    def keep(request: Request) -> Reply:
        kept.append(request)
        return Reply(status_code=200)

    return MemoryReceiver(keep).transport


def test_a_request_shows_no_signature():
    """In its repr, which logs have."""
    kept: list[Request] = []

    with Dispatcher(transport=_transport_of_requests(kept)) as dispatcher:
        dispatcher.dispatch(METRIC_ALARM, group(signer=StandardWebhooks(SHARED)))

    signature = dict(kept[0].headers)["webhook-signature"]
    assert signature.partition(",")[2] not in repr(kept[0])
    assert kept[0].changing == 3 + len(_SIGNED)


@pytest.mark.parametrize("name", ["Host", "content-length", "Alarm-Dispatch-Id"])
def test_a_signer_may_not_write_what_nobody_may_set(name):
    """Told when the callback is made, where the signer names its headers."""

    class Own:
        header_names = ("X-Sig", name)

        def sign(self, content, *, delivery_id, attempt, at):
            raise AssertionError("nothing is sent in this test")

    with pytest.raises(InvalidFieldError, match=rf"^Callback.signer: writes {name}, which cannot be set: "):
        Callback("https://h.example/", format="tencent", signer=Own())

"""Wrong settings at the edges: each is told where it is written, by its field."""

from __future__ import annotations

import ssl
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from alarm_dispatch import Callback, Dispatcher, Verdict
from alarm_dispatch.confirmation import Confirmation, status_is
from alarm_dispatch.errors import InvalidFieldError, TransportError
from alarm_dispatch.exchange import Judgement, Reply
from alarm_dispatch.formats import Payload
from alarm_dispatch.http_values import split_user_info
from alarm_dispatch.transports.auth import BearerAuth
from alarm_dispatch.transports.function import FunctionTransport
from alarm_dispatch.transports.httpx import HttpxTransport


def _reply(_request: object) -> Reply:
    return Reply(status_code=200)


@pytest.mark.parametrize(
    ("make", "field"),
    [
        (lambda: HttpxTransport(client=httpx.Client()), "HttpxTransport.client"),
        (lambda: HttpxTransport(tls=5), "HttpxTransport.tls"),
        (lambda: HttpxTransport(client_cert="c.pem"), "HttpxTransport.client_cert"),
        (lambda: HttpxTransport(client_cert=("c.pem",)), "HttpxTransport.client_cert"),
        (lambda: HttpxTransport(auth=("u", "p")), "HttpxTransport.auth"),
        (lambda: HttpxTransport(max_reply_bytes=2.5), "HttpxTransport.max_reply_bytes"),
        (lambda: HttpxTransport(tls=ssl.create_default_context(), ca_file="ca.pem"), "HttpxTransport.tls"),
        (lambda: FunctionTransport(_reply, threads=0), "FunctionTransport.threads"),
        (lambda: BearerAuth("a\nb"), "BearerAuth.token"),
        (lambda: Dispatcher(hooks=[3]), "hooks"),
        (lambda: Dispatcher(limit=0), "limit"),
        (lambda: Dispatcher(backlog=-1), "backlog"),
        (lambda: Dispatcher(circuit="on"), "circuit"),
        (lambda: Dispatcher(max_retry_after=-1), "max_retry_after"),
        (lambda: Payload(content="text", content_type="text/plain"), "Payload.content"),
        (lambda: Payload(content=b"", content_type="text/plain\r\nX: y"), "Payload.content_type"),
        (lambda: Payload(content=b"", content_type=""), "Payload.content_type"),
        (lambda: Judgement("sure"), "Judgement.verdict"),
    ],
)
def test_a_wrong_setting_is_told_by_its_field(make: Callable[[], Any], field: str) -> None:
    """At construction, with no exception of a library's own."""
    with pytest.raises(InvalidFieldError) as caught:
        make()

    assert caught.value.field == field


def test_what_got_no_reply_cannot_be_confirmed() -> None:
    """A transport cannot say that it was."""
    with pytest.raises(ValueError, match="cannot be confirmed"):
        TransportError(Verdict.CONFIRMED, "surely")


def test_an_empty_user_is_no_user() -> None:
    """There is nothing to authenticate with."""
    assert split_user_info("http://@host/") == ("http://host/", None)


def test_a_verdict_may_be_given_by_its_word() -> None:
    """It is the member all the same."""
    assert Judgement("confirmed").verdict is Verdict.CONFIRMED


def test_content_types_that_are_made_up_do_not_fill_the_memory() -> None:
    """A few are kept; all get their headers."""
    callback = Callback("http://host/", format="tencent", headers={"X-Team": "a"})

    made = [dict(callback.headers_with(f"text/{number}")) for number in range(20)]

    assert [headers["Content-Type"] for headers in made] == [f"text/{number}" for number in range(20)]
    assert len(callback._complete) <= 8


def test_a_confirmation_keeps_its_text() -> None:
    """It is what people read in the table of formats."""
    assert Confirmation(status_is(200).judge, "ok").text == "ok"

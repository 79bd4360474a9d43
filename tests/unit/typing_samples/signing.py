"""A user's program: signed callbacks, and a receiver that verifies them."""

# ruff: noqa: T201 - a program prints

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from email.message import Message

from alarm_dispatch import Callback
from alarm_dispatch.errors import SignatureRefusedError
from alarm_dispatch.secret import Secret
from alarm_dispatch.signing import (
    HmacSigner,
    HmacVerifier,
    SignatureRefusal,
    StandardWebhooks,
    StandardWebhooksVerifier,
)


class OwnSigner:
    """An object with the method."""

    def sign(
        self, content: bytes, *, delivery_id: str, attempt: int, at: datetime
    ) -> Iterable[tuple[str, str]]:
        """The length is no signature, but it will do here."""
        return [("X-Length", f"{len(content)} {delivery_id} {attempt} {at:%Y}")]


def own_function(content: bytes, *, delivery_id: str, attempt: int, at: datetime) -> dict[str, str]:
    """The same as a function."""
    return dict(OwnSigner().sign(content, delivery_id=delivery_id, attempt=attempt, at=at))


KEY = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
CALLBACKS = [
    Callback("https://ops.example.com/", format="tencent", signer=signer)
    for signer in (
        StandardWebhooks(KEY, KEY.encode(), Secret(KEY)),
        HmacSigner(Secret(KEY), header="X-Signature", algorithm="sha512", signs="{timestamp}.{body}"),
    )
]
CALLBACKS.append(Callback("https://ops.example.com/", format="tencent", signer=OwnSigner()))
CALLBACKS.append(Callback("https://ops.example.com/", format="tencent", signer=own_function))


def received(content: bytes, headers: Message, scope_headers: list[tuple[bytes, bytes]]) -> bool:
    """Of http.server, of ASGI, and of a framework with a mapping."""
    verifier = StandardWebhooksVerifier(KEY, tolerance=60)
    try:
        print(verifier.verify(content, headers).delivery_id, verifier.verify(content, scope_headers).at)
        HmacVerifier(KEY, KEY.encode(), header="X-Signature").verify(content, {"X-Signature": "abc"})
    except SignatureRefusedError as error:
        return error.reason is SignatureRefusal.TOO_OLD
    return True

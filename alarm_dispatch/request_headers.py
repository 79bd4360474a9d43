"""Which request headers are the library's own, and which nobody else may set, each with its reason."""

from __future__ import annotations

from datetime import datetime

from alarm_dispatch.errors import InvalidFieldError

__all__ = [
    "ALWAYS_THERE",
    "ATTEMPT_HEADER",
    "FORBIDDEN",
    "ID_HEADER",
    "OWN_COUNT",
    "TIMESTAMP_HEADER",
    "check_delivery_id",
    "own_headers",
    "unix_seconds",
]

ID_HEADER = "Alarm-Dispatch-Id"
"""The delivery's id, the same in each of its attempts: a receiver drops what it has seen."""

ATTEMPT_HEADER = "Alarm-Dispatch-Attempt"
"""The attempt's number, from 1."""

TIMESTAMP_HEADER = "Alarm-Dispatch-Timestamp"
"""When the attempt began, in whole seconds since 1970."""

OWN_COUNT = 3

# RFC 9110 and 9112: the message's frame, its way, and the connection that carries it.  RFC 9113, section
# 8.2.2, forbids the connection's headers in HTTP/2 altogether.
_FRAME = "the transport writes it: it frames the message"
_CONNECTION = "the transport writes it: the connection is the transport's"
_PROTOCOL = "it asks for another protocol, which the transport does not speak"
_OWN = "the library writes it anew for each attempt"

FORBIDDEN = {
    "host": "the transport writes it from the URL",
    "content-length": _FRAME,
    "transfer-encoding": _FRAME,
    "trailer": _FRAME,
    "te": "the transport writes it: nobody would read the trailers that it asks for",
    "connection": _CONNECTION,
    "keep-alive": _CONNECTION,
    "proxy-connection": _CONNECTION,
    "upgrade": _PROTOCOL,
    "http2-settings": _PROTOCOL,
    "expect": "the transport sends the body at once and waits for no interim answer",
    "proxy-authorization": "it is for a proxy and would reach the receiver; "
    "user and password belong into the URL of the transport's proxy",
    "idempotency-key": "it would be the same for every alarm, so a receiver would drop all but the first; "
    f"{ID_HEADER} is sent with each",
    ID_HEADER.lower(): _OWN,
    ATTEMPT_HEADER.lower(): _OWN,
    TIMESTAMP_HEADER.lower(): _OWN,
}
"""Names in lower case that no callback, transport or signer may set, and why."""

ALWAYS_THERE = frozenset({"content-type", "user-agent"})
"""Names in lower case of what every callback sends, so that no signer can."""


def own_headers(delivery_id: str, attempt: int, started_at: datetime) -> tuple[tuple[str, str], ...]:
    """The headers that differ from request to request: :data:`OWN_COUNT` of them."""
    return (
        (ID_HEADER, delivery_id),
        (ATTEMPT_HEADER, str(attempt)),
        (TIMESTAMP_HEADER, str(unix_seconds(started_at))),
    )


def check_delivery_id(delivery_id: str) -> None:
    """Nothing for an id that a header can carry, else :class:`~alarm_dispatch.errors.InvalidFieldError`."""
    given: object = delivery_id
    if not isinstance(given, str):
        raise InvalidFieldError("new_id", f"must answer text, not {type(given).__name__}")
    # Each delivery's is looked at, so by what is quick.
    if not (given.isascii() and given.isprintable()) or given != given.strip():
        raise InvalidFieldError(
            "new_id",
            "must answer printable ASCII text without white space at its ends: it is sent in a header",
        )


def unix_seconds(time: datetime) -> int:
    """An aware time as whole seconds since 1970, as Standard Webhooks has it."""
    return int(time.timestamp() // 1)

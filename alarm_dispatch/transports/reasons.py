"""What went wrong between us and a receiver, in the plain words that every HTTP transport uses."""

from __future__ import annotations

import os
import socket
from collections.abc import Collection

from alarm_dispatch.errors import TransportError
from alarm_dispatch.exchange import Request, Verdict
from alarm_dispatch.redaction import masked, secrets_in, shown_error
from alarm_dispatch.transports.tls import HUNG_UP, tls_failure

__all__ = ["Progress", "check_whole", "in_plain_words", "reply_too_long", "spoke_unasked"]


class Progress:
    """How far a request came: whether its body has begun to be written (``sent``), and all is (``whole``)."""

    __slots__ = ("sent", "whole")

    def __init__(self) -> None:
        self.sent = self.whole = False

    def failed(self, reason: str) -> TransportError:
        """There is no whole reply."""
        return TransportError(Verdict.UNKNOWN if self.sent else Verdict.UNREACHABLE, reason)

    def failed_by(
        self, error: BaseException, reason: str, request: Request, secrets: Collection[str]
    ) -> TransportError:
        """The same for an error of the library's, which is the cause if nothing in it is a secret."""
        secrets = (*secrets_in(request.url, request.headers), *secrets)
        made = self.failed(masked(reason, secrets))
        made.__cause__ = shown_error(error, secrets)
        return made

    def timed_out(self) -> TransportError:
        """The deadline came."""
        return self.failed(f"timed out while {'waiting for the reply' if self.sent else 'connecting'}")


def reply_too_long(status_code: int, max_reply_bytes: int) -> TransportError:
    """The reply's body is longer than the cap, in bytes."""
    told = f"a body longer than {max_reply_bytes} bytes"
    return TransportError(Verdict.UNKNOWN, f"status {status_code}, and {told}")


def spoke_unasked() -> TransportError:
    """The connection is of no use: what came on it can be no reply to a request that was not sent."""
    told = "the receiver closed its connections, or spoke, before it was asked"
    return TransportError(Verdict.UNREACHABLE, told)


def check_whole(status_code: int, *, sent_whole: bool) -> None:
    """Raise TransportError (unknown) for a yes to a request that the receiver has not got whole."""
    if not sent_whole and _FIRST_YES <= status_code < _FIRST_NO:
        raise TransportError(Verdict.UNKNOWN, f"status {status_code} came before the request was sent whole")


_FIRST_YES, _FIRST_NO = 200, 300


def in_plain_words(error: BaseException) -> str:
    """The innermost cause: client libraries wrap "connection refused" up to three times."""
    cause: BaseException | None = error
    found = ""
    while cause is not None:
        if (told := tls_failure(cause)) is not None:
            return told
        if isinstance(cause, socket.gaierror):
            return f"name lookup failed: {cause.strerror}"
        if isinstance(cause, OSError) and cause.errno is not None:
            found = os.strerror(cause.errno).lower()
        elif isinstance(cause, ConnectionResetError) and not str(cause):
            # asyncio's own and uvloop's, for who hangs up during the TLS handshake.
            found = HUNG_UP
        cause = cause.__cause__ or cause.__context__
    return found or str(error) or type(error).__name__

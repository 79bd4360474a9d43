"""Why Apprise's answer was no."""

from __future__ import annotations

import logging

import pytest

from alarm_dispatch.exchange import Verdict
from alarm_dispatch.services import Heard, Outcome
from alarm_dispatch.transports.apprise_failures import NO_STATUS, Failure, failure_of

_W, _D = logging.WARNING, logging.DEBUG
_LOST = "A Connection error occurred sending JSON notification to h."
_REFUSED = (
    "Socket Exception: HTTPConnectionPool(host='h', port=1): Max retries exceeded with url: / (Caused by "
    "NewConnectionError('<x>: Failed to establish a new connection: [Errno 111] Connection refused'))"
)
_NO_NAME = "Socket Exception: Failed to resolve 'h' ([Errno -2] Name or service not known)"
_RESET = "Socket Exception: ('Connection aborted.', ConnectionResetError(104, 'Connection reset by peer'))"


@pytest.mark.parametrize(
    ("lines", "verdict", "reason", "status"),
    [
        ([], "unknown", "Apprise says that it failed, and not why", NO_STATUS),
        ([(_D, "Sent nothing.")], "unknown", "Apprise says that it failed, and not why", NO_STATUS),
        ([(_W, "Failed: Unauthorized, error=401.")], "rejected", "Failed: Unauthorized, error=401.", 401),
        ([(_W, "Failed: error=302.")], "rejected", "Failed: error=302.", 302),
        ([(_W, "Answered with status 503")], "rejected", "Answered with status 503", 503),
        ([(_W, "Failed, error=200.")], "rejected", "Failed, error=200.", NO_STATUS),
        ([(_W, "There are no recipients.")], "rejected", "There are no recipients.", NO_STATUS),
        ([(_W, _LOST)], "unknown", _LOST, NO_STATUS),
        ([(_W, "The read timed out")], "unknown", "The read timed out", NO_STATUS),
        (
            [(_W, "The service raised an exception.")],
            "unknown",
            "The service raised an exception.",
            NO_STATUS,
        ),
        ([(_W, "Connection refused by h")], "unreachable", "Connection refused by h", NO_STATUS),
        ([(_W, _LOST), (_D, _REFUSED)], "unreachable", f"connection refused ({_LOST})", NO_STATUS),
        ([(_W, _LOST), (_D, _NO_NAME)], "unreachable", f"name or service not known ({_LOST})", NO_STATUS),
        ([(_W, _LOST), (_D, _RESET)], "unknown", f"connection reset by peer ({_LOST})", NO_STATUS),
        (
            [(_W, _LOST), (_D, "Socket Exception: Read timed out.")],
            "unknown",
            f"Read timed out. ({_LOST})",
            NO_STATUS,
        ),
        ([(_W, _LOST), (_D, "send() completed in 0.01s.")], "unknown", _LOST, NO_STATUS),
        # A cause is that of the line before it.
        ([(_W, "Failed: error=401."), (_D, _REFUSED)], "rejected", "Failed: error=401.", 401),
        # Several places: what may have arrived decides, then a refusal.
        (
            [(_W, _LOST), (_D, _REFUSED), (_W, "Failed: error=500.")],
            "rejected",
            "Failed: error=500.",
            500,
        ),
        ([(_W, "Failed: error=500."), (_W, _LOST)], "unknown", _LOST, NO_STATUS),
    ],
)
def test_the_log_decides(lines: list[tuple[int, str]], verdict: str, reason: str, status: int) -> None:
    """A refusal, a line that was lost, a connection that was never made."""
    heard = tuple(Heard(level, text) for level, text in lines)

    failure = failure_of(Outcome(told=False, heard=heard))

    told = reason if not lines or lines[0][0] == _D else f"Apprise: {reason}"
    assert failure == Failure(Verdict(verdict), told, status)


def test_what_a_service_raised_comes_first() -> None:
    """It may have sent something by then."""
    outcome = Outcome(told=False, heard=(Heard(_W, "Failed: error=500."),), error=KeyError("id"))

    assert failure_of(outcome) == Failure(Verdict.UNKNOWN, "Apprise: the service raised KeyError: 'id'")

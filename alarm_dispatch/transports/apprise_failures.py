"""Why Apprise's answer was no, out of what it logged: it says no alike for a refusal and for a lost line."""

from __future__ import annotations

import enum
import logging
import re
from collections.abc import Iterable

from attrs import evolve, frozen

from alarm_dispatch.redaction import described
from alarm_dispatch.services import Heard, Outcome
from alarm_dispatch.verdicts import Verdict

__all__ = ["NO_STATUS", "Failure", "failure_of"]

NO_STATUS = 424
"""The status of a refusal for which Apprise names none: the one that an Apprise API answers for it."""

_FIRST_NO = 300

_STATUS = re.compile(r"\b(?:error|status|code|status_code)\s*[=:]?\s*\(?([1-5]\d\d)\b", re.IGNORECASE)
_LINE_LOST = re.compile(
    r"connection|time[sd]?[ -]?out|socket|unreachable|resolve|broken pipe|\bssl\b|\btls\b", re.IGNORECASE
)
_NEVER_CONNECTED = re.compile(
    r"connection refused|failed to establish|connect timeout|connecttimeout|name or service not known"
    r"|failed to resolve|name resolution|getaddrinfo|nodename nor servname|no address associated"
    r"|no route to host|network is unreachable|host is unreachable",
    re.IGNORECASE,
)
_SYSTEM_ERROR = re.compile(r"\[Errno -?\d+\] ([^'\")\]\[]+)|Error\(\d+, '([^']+)'\)")
_CAUSE = "Socket Exception: "
_EXCEPTION = re.compile(r"exception", re.IGNORECASE)


class _Kind(enum.IntEnum):
    """What a line tells, the one that decides last."""

    UNREACHABLE = 0
    REJECTED = 1
    UNKNOWN = 2


@frozen
class _Line:
    kind: _Kind
    text: str
    status: int = NO_STATUS


@frozen
class Failure:
    """Why a message was not confirmed; ``status`` is that of a refusal.  ``reason`` may hold secrets."""

    verdict: Verdict
    reason: str
    status: int = NO_STATUS


def failure_of(outcome: Outcome) -> Failure:
    """The verdict on an outcome that is no yes.

    *rejected* where a service's line names an HTTP status or another refusal, *unreachable* where no
    connection was made, *unknown* where it may have arrived all the same: a line that was lost, something
    raised, nothing told.  A message may go to several places: one that may have arrived decides, then a
    refusal.
    """
    if outcome.error is not None:
        return Failure(Verdict.UNKNOWN, f"Apprise: the service raised {described(outcome.error)}")
    lines = _failures(outcome.heard)
    if not lines:
        return Failure(Verdict.UNKNOWN, "Apprise says that it failed, and not why")
    decisive = max(lines, key=lambda line: line.kind)
    verdict = Verdict[decisive.kind.name]
    return Failure(verdict, f"Apprise: {decisive.text}", decisive.status)


def _failures(heard: Iterable[Heard]) -> list[_Line]:
    lines: list[_Line] = []
    for one in heard:
        if one.level >= logging.WARNING:
            lines.append(_read(one.text))
        elif lines and lines[-1].kind is _Kind.UNKNOWN and _LINE_LOST.search(one.text):
            # The cause of the warning before it, which services log for debugging.
            lines[-1] = _with_cause(lines[-1], one.text)
    return lines


def _read(text: str) -> _Line:
    found = _STATUS.search(text)
    if found is not None and int(found[1]) >= _FIRST_NO:
        return _Line(_Kind.REJECTED, text, int(found[1]))
    if _NEVER_CONNECTED.search(text):
        return _Line(_Kind.UNREACHABLE, text)
    lost = _LINE_LOST.search(text) or _EXCEPTION.search(text)
    return _Line(_Kind.UNKNOWN if lost else _Kind.REJECTED, text)


def _with_cause(line: _Line, cause: str) -> _Line:
    kind = _Kind.UNREACHABLE if _NEVER_CONNECTED.search(cause) else line.kind
    found = _SYSTEM_ERROR.search(cause)
    told = (found[1] or found[2]).strip().lower() if found else cause.removeprefix(_CAUSE)
    return evolve(line, kind=kind, text=f"{told} ({line.text})")

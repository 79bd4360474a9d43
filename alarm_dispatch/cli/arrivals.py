"""How a request that arrived is told: to people in lines, to programs as a JSON value."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import attrs
from attrs import frozen

from alarm_dispatch import formats
from alarm_dispatch.cli.escaping import json_text, printable
from alarm_dispatch.cli.grids import Line
from alarm_dispatch.errors import SignatureRefusedError
from alarm_dispatch.formats import Format
from alarm_dispatch.quoting import MASK
from alarm_dispatch.receiver import ReceivedRequest, Step
from alarm_dispatch.redaction import redact_url
from alarm_dispatch.request_headers import ATTEMPT_HEADER, ID_HEADER, TIMESTAMP_HEADER
from alarm_dispatch.signing import StandardWebhooksVerifier

__all__ = ["Arrival", "installed_formats"]

_FORM = "application/x-www-form-urlencoded"

# Every request has these, and they tell nothing.
_DULL = frozenset({"host", "accept", "accept-encoding", "connection", "content-length"})
# Which other values are secrets cannot be told from outside.
_SHOWN = frozenset(
    {
        "content-type",
        "user-agent",
        "content-encoding",
        "traceparent",
        "webhook-id",
        "webhook-timestamp",
        "webhook-request-origin",
        "webhook-request-rate",
        "ce-specversion",
        "ce-id",
        "ce-source",
        "ce-type",
        "ce-subject",
        "ce-time",
        *map(str.lower, (ID_HEADER, ATTEMPT_HEADER, TIMESTAMP_HEADER)),
    }
)
_LONGEST_BODY = 20_000
# Any origin will do: only the target is shown.
_ORIGIN = "http://receiver"


def installed_formats() -> tuple[Format, ...]:
    """Each registered format with its default options, save one that needs options or cannot be loaded."""
    found: list[Format] = []
    for name in formats.names():
        # What somebody else's package raises is told by the command "formats".
        with contextlib.suppress(Exception):
            found.append(formats.get(name))
    return tuple(found)


@frozen(kw_only=True)
class Arrival:
    """A request, the step that answers it (or what it is called), its formats, and what verifies it."""

    request: ReceivedRequest
    step: Step | str
    formats: Sequence[Format]
    verifier: StandardWebhooksVerifier | None = None

    @property
    def format_names(self) -> tuple[str, ...]:
        """The formats that read most of the body.

        A format passes over keys that it does not know, so a body can be read by more than its own.
        """
        values: dict[str, int] = {}
        for known in self.formats:
            # Whatever a peer sends, no format of whosoever's may end the receiver.
            with contextlib.suppress(Exception):
                parsed = known.parse(self.request.content, self.request.header("Content-Type") or "")
                values[known.name] = _count_values(parsed)
        most = max(values.values(), default=0)
        return tuple(name for name, count in values.items() if count == most)

    @property
    def target(self) -> str:
        """The path and the query, without what may be a secret."""
        target = self.request.target
        if not target.startswith("/"):
            return redact_url(target)
        return redact_url(_ORIGIN + target).removeprefix(_ORIGIN)

    @property
    def headers(self) -> tuple[tuple[str, str], ...]:
        """The headers that tell something; values that may be secrets are masked."""
        return tuple(
            (name, value if name.lower() in _SHOWN else MASK)
            for name, value in self.request.headers
            if name.lower() not in _DULL
        )

    @property
    def refusal(self) -> SignatureRefusedError | None:
        """Why the signature does not hold; None when it does, and where nobody asks."""
        try:
            if self.verifier is not None:
                self.verifier.verify(self.request.content, self.request.headers)
        except SignatureRefusedError as error:
            return error
        return None

    def lines(self) -> Iterator[Line]:
        """The request for people; every line of the body is indented, so that none can pass for ours."""
        request = self.request
        time = request.received_at.astimezone().isoformat(" ", "milliseconds")[11:23]
        yield (
            (f"#{request.number} ", "bold"),
            (f"{time} ", "dim"),
            (f"{request.method} {self.target}", "bold cyan"),
            ("  answer: ", "dim"),
            str(self.step),
        )
        for name, value in self.headers:
            yield ((f"   {name}: ", "dim"), value)
        told = ", ".join(self.format_names) or "not known; those that need options are not tried"
        yield (("   format: ", "dim"), (told, "green" if self.format_names else "yellow"))
        if self.verifier is not None:
            refusal = self.refusal
            holds = ("holds", "green") if refusal is None else (f"refused, {refusal}", "red")
            yield (("   signature: ", "dim"), holds)
        yield from self._body_lines()
        yield ("",)

    def _body_lines(self) -> Iterator[Line]:
        if not self.request.content:
            yield (("   (no body)", "dim"),)
            return
        text = self._body_text()
        for line in text[:_LONGEST_BODY].split("\n"):
            yield (f"   {line}",)
        if len(text) > _LONGEST_BODY:
            yield ((f"   … and {len(text) - _LONGEST_BODY} characters more", "dim"),)

    def _body_text(self) -> str:
        body = self.request.decoded()
        if isinstance(body, dict) and (self.request.header("Content-Type") or "").startswith(_FORM):
            return "\n".join(f"{printable(name)} = {_value_text(value)}" for name, value in body.items())
        return body if isinstance(body, str) else _as_json(body, indent=2) or self.request.text

    def document(self) -> dict[str, Any]:
        """The request for programs."""
        body, refusal = self.request.decoded(), self.refusal
        verified = {"ok": refusal is None, "reason": None if refusal is None else str(refusal.reason)}
        return {
            "number": self.request.number,
            "received_at": self.request.received_at.isoformat(),
            "method": self.request.method,
            "target": self.target,
            "headers": [list(header) for header in self.headers],
            "formats": list(self.format_names),
            **({} if self.verifier is None else {"signature": verified}),
            "body": body if _as_json(body) is not None else self.request.text,
            "answer": str(self.step),
        }


def _as_json(value: Any, *, indent: int | None = None) -> str | None:
    """The value as JSON, None when JSON cannot hold it or when it is nested too deeply to be written."""
    try:
        return json_text(value, indent=indent)
    except (ValueError, RecursionError):
        return None


def _value_text(value: Any) -> str:
    return printable(value) if isinstance(value, str) else _as_json(value) or printable(repr(value))


def _count_values(parsed: object) -> int:
    """How many values there are in it, those inside counted one by one."""
    kind = type(parsed)
    if attrs.has(kind):
        return sum(_count_values(getattr(parsed, attribute.name)) for attribute in attrs.fields(kind))
    if isinstance(parsed, Mapping):
        return sum(map(_count_values, parsed.values()))
    if isinstance(parsed, list | tuple):
        return sum(map(_count_values, parsed))
    return parsed is not None

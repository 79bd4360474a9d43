"""A request as a receiver got it, and its body read for people."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from urllib.parse import parse_qs

from attrs import field, frozen

from alarm_dispatch.confirmation import read_json
from alarm_dispatch.redaction import redact_headers, redact_url

__all__ = ["ReceivedRequest"]

# Any origin will do: only the target is shown.
_ORIGIN = "http://receiver"


def _redact_target(target: str) -> str:
    if target.startswith("/"):
        return redact_url(_ORIGIN + target).removeprefix(_ORIGIN)
    return redact_url(target)


@frozen(kw_only=True)
class ReceivedRequest:
    """A whole request.

    ``target`` is the path with the query, ``number`` counts the receiver's requests from 1, ``at`` is the
    time in seconds of the clock of the receiver's loop, ``received_at`` the aware time.
    """

    number: int
    method: str
    target: str = field(repr=_redact_target)
    headers: tuple[tuple[str, str], ...] = field(default=(), repr=redact_headers)
    content: bytes = field(default=b"", repr=lambda content: f"<{len(content)} bytes>")
    at: float
    received_at: datetime

    @property
    def path(self) -> str:
        """The target without the query."""
        return self.target.partition("?")[0]

    @property
    def text(self) -> str:
        """The body as UTF-8 text; what is not UTF-8 is shown as replacement characters."""
        return self.content.decode("utf-8", errors="replace")

    def header(self, name: str) -> str | None:
        """The first value of the header ``name`` in any case, or None."""
        wanted = name.lower()
        return next((value for key, value in self.headers if key.lower() == wanted), None)

    def json(self) -> Any:
        """The body as a JSON value; raises ValueError when it is none."""
        return read_json(self.content)

    def form(self) -> dict[str, str]:
        """The body as a form; the last value counts where a name is repeated.

        Raises ValueError when the body is no form in UTF-8.
        """
        fields = parse_qs(
            self.content.decode(), keep_blank_values=True, strict_parsing=bool(self.content), errors="strict"
        )
        return {name: values[-1] for name, values in fields.items()}

    def decoded(self) -> Any:
        """The body for people: a form as a dict, JSON as its value, anything else as text.

        Where a form's value is a JSON object or list, its value is shown.
        """
        try:
            if (self.header("Content-Type") or "").startswith("application/x-www-form-urlencoded"):
                return {name: _opened(value) for name, value in self.form().items()}
            return self.json()
        except ValueError:
            return self.text


def _opened(value: str) -> Any:
    if not value.startswith(("{", "[")):
        return value
    try:
        return read_json(value.encode())
    except ValueError:
        return value

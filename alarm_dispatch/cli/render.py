"""``render``: the exact bodies that a format sends for an alarm, nearly always one."""

from __future__ import annotations

import secrets
import sys
from datetime import UTC, datetime

from alarm_dispatch.cli.inputs import alarm_from, aware_time, format_from, key_values
from alarm_dispatch.formats import BuildContext
from alarm_dispatch.formats.abilities import messages_of
from alarm_dispatch.http_values import called_url
from alarm_dispatch.secret import resolve_secret, revealed

__all__ = ["run"]


def run(
    source: str,
    *,
    format_name: str,
    dialect: str | None = None,
    options: tuple[str, ...] = (),
    session_id: str | None = None,
    now: str | None = None,
    signature: str | None = None,
    url: str | None = None,
) -> int:
    """Write the body to standard output, byte for byte; only a terminal gets a line break after it.

    Of several messages each body has a line of its own; the JSON of those that are cut has no line breaks.
    """
    made = format_from(format_name, dialect=dialect, options=key_values(options), signature=signature)
    context = BuildContext(
        session_id=secrets.token_hex(12) if session_id is None else session_id,
        now=datetime.now(UTC) if now is None else aware_time(now, "--now"),
        url="" if url is None else _checked(url),
    )
    body = b"\n".join(message.content for message in messages_of(made, alarm_from(source), context))
    sys.stdout.buffer.write(body + b"\n" if sys.stdout.isatty() else body)
    sys.stdout.buffer.flush()
    return 0


def _checked(url: str) -> str:
    text: str = revealed(resolve_secret(url, "--url"))
    called_url(text, "--url")
    return text

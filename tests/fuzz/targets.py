"""What is fuzzed: each target takes any bytes, and raises when something is not as it must be."""

from __future__ import annotations

import asyncio
import functools
import tomllib
from collections.abc import Callable
from typing import Any

from alarm_dispatch import confirmation, load_alarm, load_groups
from alarm_dispatch.errors import ConfigurationError, TransportError
from alarm_dispatch.exchange import Judgement, Reply, Request, Verdict
from alarm_dispatch.limits import retry_after
from alarm_dispatch.loading.source import read_json_text
from alarm_dispatch.redaction import presentable
from alarm_dispatch.shown import is_safe

from ..formats.alarms import STARTED
from ..transports.in_memory import IN_MEMORY, Line, closing, hung_up, said

__all__ = ["TARGETS"]

_GOOD = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"
_SECONDS = 5.0
_PIECES = 24
_LONGEST_ERROR = 80_000


def reply(data: bytes) -> None:
    """Bytes as a reply, in pieces: both transports come to the same end, and the next request works.

    The first byte says how many pieces there are.
    """
    wire = data[1:]
    step = max(1, len(wire) // (data[0] % _PIECES + 1)) if data else 1
    pieces = [wire[at : at + step] for at in range(0, len(wire), step)]
    ends = [asyncio.run(_end(kind, pieces)) for kind in IN_MEMORY]
    assert ends[0] == ends[1], ends


async def _end(kind: str, pieces: list[bytes]) -> tuple[Any, ...]:
    line = Line((pieces, True), ([_GOOD], False))
    async with closing(IN_MEMORY[kind](line)) as transport:
        failure: TransportError | None = None
        end: tuple[Any, ...] = ()
        try:
            whole: Reply = await said(transport, _SECONDS)
            end = (whole.status_code, whole.content)
        except TransportError as error:
            failure = error
        if failure is not None:
            assert failure.verdict is Verdict.UNKNOWN, failure
            assert presentable(failure.reason, "http://receiver.example/", ()).isprintable()
        await hung_up()
        assert (await said(transport, _SECONDS)).content == b"ok"
    return end


_LOOSE = functools.partial(confirmation.session_echo, reader=confirmation.read_loose_json)
_CONFIRMATIONS = (
    confirmation.status_is(200),
    confirmation.any_2xx(),
    confirmation.json_field_equals("retCode", 0, reader=confirmation.read_loose_json),
    confirmation.json_field_equals("a.b", "c") | _LOOSE(),
    confirmation.any_2xx() & confirmation.session_echo(),
)


def confirmations(data: bytes) -> None:
    """Bytes as a body: each confirmation judges it, in words that can be shown; Retry-After is read."""
    request = Request(url="https://ops.example.com/", content=b"{}", delivery_id="abc")
    for judge in _CONFIRMATIONS:
        judgement = judge(Reply(status_code=200, content=data, request=request))
        assert isinstance(judgement, Judgement)
        assert judgement.reason.isprintable(), judgement
        assert len(judgement.reason) < 500, judgement
    seconds, told = retry_after(data.decode("latin-1"), STARTED, 60.0)
    assert seconds is None or 0 <= seconds <= 60, seconds
    assert told.isprintable()


def configuration(data: bytes) -> None:
    """Bytes as a file; the first one says of which kind, and whether it is of alarms or of groups."""
    if not data:
        return
    load = load_alarm if data[0] & 1 else load_groups
    reader: Callable[[str], Any] = read_json_text if data[0] & 2 else tomllib.loads
    try:
        source = reader(data[1:].decode())
    except (ValueError, RecursionError):
        return  # as read_source tells them
    if not isinstance(source, dict | list):
        return
    try:
        load(source)
    except ConfigurationError as error:
        told = str(error)
        assert all(is_safe(character) or character == "\n" for character in told), told
        assert len(told) < _LONGEST_ERROR


TARGETS: dict[str, Callable[[bytes], None]] = {
    "reply": reply,
    "confirmation": confirmations,
    "configuration": configuration,
}

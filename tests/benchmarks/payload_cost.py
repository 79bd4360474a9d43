"""Building and encoding a Tencent payload: against the JSON encoder on a ready dict."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from typing import Any
from unittest.mock import patch

from alarm_dispatch import json_text
from alarm_dispatch.formats import BuildContext

from .alarms import FORMAT, NOW, alarms, body
from .figures import Figure, Skipped, compared
from .run import Run

__all__ = ["measure"]


def _microseconds(call: Callable[[], object], count: int) -> dict[str, float]:
    started = time.perf_counter()
    for _ in range(count):
        call()
    return {"us": (time.perf_counter() - started) / count * 1e6}


def measure(run: Run) -> Iterator[Figure | Skipped]:
    """At most 3 times the encoder's time, each encoder against a body that it encoded itself."""
    installed, ready = json_text.orjson, json.loads(body())
    to_text = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode
    yield from _case(run, "json", None, lambda: to_text(ready).encode())
    if installed is None:
        yield Skipped(measure="payload_cost", case="orjson", why="orjson is not installed")
    else:
        yield from _case(run, "orjson", installed, lambda: installed.dumps(ready))


def _case(run: Run, name: str, orjson: Any, encode: Callable[[], bytes]) -> Iterator[Figure]:
    count = run.size(2_000, 10)
    context = BuildContext(session_id="0123456789abcdef01234567", now=NOW)
    assert encode() == body()

    def build() -> dict[str, float]:
        rest = iter(alarms(count))
        with patch.object(json_text, "orjson", orjson):
            return _microseconds(lambda: FORMAT.build(next(rest), context), count)

    answers = run.interleave(f"payload, {name}", ours=build, encoder=lambda: _microseconds(encode, count))
    yield compared(
        [answer["us"] for answer in answers["ours"]],
        [answer["us"] for answer in answers["encoder"]],
        measure="payload_cost",
        case=f"Tencent, {len(body())} bytes, {name}",
        unit="µs",
        baseline_is=f"{name} on a ready dict",
        target=3.0,
        at_least=False,
    )

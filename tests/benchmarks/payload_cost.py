"""Building and encoding a Tencent payload: against the JSON encoder on a ready dict."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator

from alarm_dispatch.formats import BuildContext
from alarm_dispatch.formats.fields import json_text

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
    """At most 3 times the encoder's time."""
    count = run.size(2_000, 10)
    storm, ready = alarms(count), json.loads(body())
    context = BuildContext(session_id="0123456789abcdef01234567", now=NOW)

    def build() -> dict[str, float]:
        rest = iter(storm)
        return _microseconds(lambda: FORMAT.build(next(rest), context), count)

    assert json_text(ready).encode() == body()
    encoders: dict[str, Callable[[], object]] = {
        "the package's JSON encoder": lambda: json_text(ready).encode(),
        "json.dumps": lambda: json.dumps(ready, ensure_ascii=False, separators=(",", ":")).encode(),
    }
    for name, encode in encoders.items():
        answers = run.interleave(
            f"payload, {name}", ours=build, encoder=lambda encode=encode: _microseconds(encode, count)
        )
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

"""How JSON is written: compact, in UTF-8, by the quickest encoder that is installed."""

from __future__ import annotations

import functools
import json
from collections.abc import Callable
from typing import Any

try:  # with the extra "fast": the same JSON in a fifth of the time
    import orjson
except ImportError:  # pragma: no cover - the tests run with the extra
    orjson = None  # type: ignore[assignment]

__all__ = ["json_bytes", "json_text", "tolerant_json"]


@functools.cache
def _encoder(default: Callable[[Any], Any] | None) -> Callable[[Any], str]:
    # Encoders of our own: json.dumps makes a new one for every call with such arguments.
    return json.JSONEncoder(
        ensure_ascii=False, allow_nan=False, separators=(",", ":"), default=default
    ).encode


_encode = _encoder(None)
_escape = json.JSONEncoder(separators=(",", ":")).encode


def json_text(value: Any) -> str:
    """Compact JSON text, nothing escaped that need not be."""
    return _encode(value)


def tolerant_json(value: Any) -> str:
    """The same for texts from anywhere: a lone surrogate, which UTF-8 cannot carry, is escaped."""
    if orjson is not None:
        try:
            return orjson.dumps(value).decode()
        except TypeError:
            pass
    return _escape(value)


def json_bytes(value: Any, default: Callable[[Any], Any] | None = None) -> bytes:
    """The same in UTF-8; ``default`` makes JSON values of what is none."""
    if orjson is not None:
        try:
            # A copy: orjson leaves the bytes in a buffer several times their size, and they may wait long.
            # Offsets with seconds are beyond it, so times are default's.
            return bytes(memoryview(orjson.dumps(value, default, orjson.OPT_PASSTHROUGH_DATETIME)))
        except TypeError:
            pass  # an integer beyond 64 bits; our encoder takes any
    return _encoder(default)(value).encode()

"""Where configuration comes from: a mapping, a JSON file or a TOML file."""

from __future__ import annotations

import json
import os
import tomllib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NoReturn

from alarm_dispatch.errors import ConfigurationError

__all__ = ["Source", "read_json_text", "read_source"]

Source = str | os.PathLike[str] | Mapping[str, Any] | list[Any]
"""A path of a ``.json`` or ``.toml`` file, or the mapping that such a file holds."""


def read_source(source: Source, kind: str) -> tuple[Any, str]:
    """What the source holds, and what to call it in an error.

    Raises OSError when a file cannot be read, and :class:`~alarm_dispatch.errors.ConfigurationError` when
    it is neither JSON nor TOML.
    """
    if not isinstance(source, str | os.PathLike):
        return source, f"the {kind}"
    path = Path(source)
    name = str(path)
    reader = _READERS.get(path.suffix.lower())
    if reader is None:
        raise ConfigurationError(
            name, [("$", f"must be a .json or .toml file, not {path.suffix or 'without suffix'}")]
        )
    try:
        return reader(path.read_bytes().decode("utf-8")), name
    except UnicodeDecodeError as error:
        raise ConfigurationError(name, [("$", f"is not UTF-8 at byte {error.start}")]) from None
    except RecursionError:
        raise ConfigurationError(name, [("$", "is nested too deeply")]) from None
    except ValueError as error:
        # Not from the error: JSON's holds the whole text.
        raise ConfigurationError(name, [("$", str(error))]) from None


def read_json_text(text: str) -> Any:
    """What JSON text holds; ValueError for what is none, and for a key that occurs twice in one object."""
    return json.loads(text, object_pairs_hook=_object, parse_constant=_no_constant)


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        twice = next(key for key in found if sum(key == other for other, _ in pairs) > 1)
        raise ValueError(f"the key {twice!r} occurs twice in one object")
    return found


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON value")


_READERS: Mapping[str, Callable[[str], Any]] = {".json": read_json_text, ".toml": tomllib.loads}

"""Looks for canaries in whatever becomes visible: records, errors, values, files, output."""

from __future__ import annotations

import json
import logging
import os
import pickle
import subprocess
import traceback
import weakref
from collections import Counter
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import attrs
from _pytest._code import ExceptionInfo
from click.testing import CliRunner

from alarm_dispatch import Callback, Delivery
from alarm_dispatch.engine.settling import Settling
from alarm_dispatch.errors import AlarmDispatchError, ConfigurationError, DispatchFailedError
from alarm_dispatch.redaction import portable_error

from .birds import found_in

__all__ = ["Watch"]


class Watch(logging.Handler):
    """What was looked at, by its kind, and what was found; ``where`` is the test that runs."""

    def __init__(self) -> None:
        super().__init__(logging.NOTSET)
        self.looked: Counter[str] = Counter()
        self.hits: list[tuple[str, str, str]] = []
        self.where = ""
        self._known: dict[int, weakref.ref[Callback]] = {}
        self._formatter = logging.Formatter("%(name)s %(levelname)s %(message)s")

    def look(self, kind: str, content: str | bytes) -> None:
        """Look for a canary in something that became visible."""
        self.looked[kind] += 1
        found = found_in(content)
        if found is not None:
            self.hits.append((kind, self.where, found))

    def emit(self, record: logging.LogRecord) -> None:
        """Look at a record, with its traceback."""
        try:
            self.look("log records", self._formatter.format(record))
        except Exception:  # noqa: BLE001 - a record that does not fit its arguments, in a test of that
            self.look("log records", repr((record.msg, record.args)))

    def write(self, directory: str) -> None:
        """Keep what there is for the process that collects it."""
        content = {"looked": self.looked, "hits": self.hits}
        Path(directory, f"watch-{os.getpid()}.json").write_text(json.dumps(content), "utf-8")

    def files(self, directory: Path) -> None:
        """Look at each file below a directory."""
        for file in directory.rglob("*"):
            if file.is_file() and not file.is_symlink():
                kind = "database files" if ".db" in file.name else "other files"
                self.look(kind, file.read_bytes())

    def start(self) -> None:
        """Watch this process from now on."""
        logging.getLogger().setLevel(logging.DEBUG)
        logging.getLogger().addHandler(self)
        self._errors()
        self._events()
        self._callbacks()
        self._output()

    def _errors(self) -> None:
        for kind in (AlarmDispatchError, DispatchFailedError, ConfigurationError):
            _after(
                kind, "__init__", lambda error, *_: self.look("errors", f"{error} {error!r} {vars(error)}")
            )
        filled = ExceptionInfo.fill_unfilled

        def fill(info: Any, exc_info: Any) -> None:
            filled(info, exc_info)
            self.look("tracebacks", "".join(traceback.format_exception(info.value)))

        ExceptionInfo.fill_unfilled = fill  # type: ignore[method-assign]

    def _events(self) -> None:
        def tell(_engine: Any, event: Any, callback: Callback, *_: Any) -> None:
            if isinstance(event, Delivery) and self._knows(callback):
                # A storm has thousands to one callback; what is the delivery's own is looked at in each.
                error = None if event.error is None else portable_error(event.error)
                event = (event.id, event.alarm_id, event.status, event.attempts, error, event.outcome)
            else:
                self.look("attempts and deliveries", f"{event} {attrs.asdict(event)}")
            self.look("attempts and deliveries", repr(event))
            try:
                self.look("pickles", pickle.dumps(event))
            except Exception:  # noqa: BLE001 - a format of a test's own
                self.looked["not picklable"] += 1

        _before(Settling, "tell", tell)

    def _knows(self, callback: Callback) -> bool:
        """Whether a whole delivery to it was looked at; a weak reference, as tests count what is kept."""
        known = self._known.get(id(callback))
        if known is not None and known() is callback:
            return True
        self._known[id(callback)] = weakref.ref(callback)
        return False

    def _callbacks(self) -> None:
        def made(callback: Callback, *_: Any) -> None:
            self.look("callbacks", f"{callback} {callback!r}")
            self.look("callbacks", str(attrs.asdict(callback, filter=lambda each, _: each.name[0] == "_")))

        _after(Callback, "__attrs_post_init__", made)

    def _output(self) -> None:
        def ran(result: Any) -> None:
            self.look("output of commands", result.output)

        _with_answer(CliRunner, "invoke", ran)

        def communicated(answer: Iterable[Any]) -> None:
            for stream in answer:
                self.look("output of processes", stream or "")

        _with_answer(subprocess.Popen, "communicate", communicated)


def _after(kind: type, name: str, look: Callable[..., None]) -> None:
    method = getattr(kind, name)

    def wrapped(self: Any, *arguments: Any, **named: Any) -> Any:
        answer = method(self, *arguments, **named)
        look(self, *arguments)
        return answer

    setattr(kind, name, wrapped)


def _before(kind: type, name: str, look: Callable[..., None]) -> None:
    method = getattr(kind, name)

    def wrapped(self: Any, *arguments: Any, **named: Any) -> Any:
        look(self, *arguments)
        return method(self, *arguments, **named)

    setattr(kind, name, wrapped)


def _with_answer(kind: type, name: str, look: Callable[[Any], None]) -> None:
    method = getattr(kind, name)

    def wrapped(self: Any, *arguments: Any, **named: Any) -> Any:
        answer = method(self, *arguments, **named)
        look(answer)
        return answer

    setattr(kind, name, wrapped)

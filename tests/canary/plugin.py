"""The pytest plugin that puts canaries into all callbacks and watches for them: -p tests.canary.plugin."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

import pytest

from . import exact
from .injecting import inject
from .watching import Watch

_watch = Watch()


def pytest_configure(config: pytest.Config) -> None:
    """Before the first test module is imported."""
    if os.environ.get("CANARY_LEAK"):
        _leak()
    inject()
    _watch.start()


def _leak() -> None:
    """Take the redaction out, so that what it keeps from being told is told."""
    from alarm_dispatch import callbacks, exchange, redaction

    def open_url(url: str) -> str:
        return str(url)

    redaction.masked = lambda text, *_: text  # type: ignore[assignment]
    for module in (callbacks, exchange, redaction):
        module.redact_url = open_url  # type: ignore[attr-defined]


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave the tests out that compare what a canary changes."""
    left_out = [item for item in items if exact.reason(item.nodeid) is not None]
    items[:] = [item for item in items if exact.reason(item.nodeid) is None]
    config.hook.pytest_deselected(items=left_out)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Iterator[Any]:
    """Know which test runs."""
    _watch.where = item.nodeid
    return (yield)


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_teardown(item: pytest.Item) -> None:
    """While what a test wrote is still as it left it: the log of a database, too."""
    directory = getattr(item, "funcargs", {}).get("tmp_path")
    if directory is not None:
        _watch.files(directory)


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """What a test printed and did not read itself."""
    for name, text in report.sections:
        if name.startswith("Captured std"):
            _watch.look("printed output", text)


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Tell the command."""
    if directory := os.environ.get("CANARY_DIRECTORY"):
        _watch.write(directory)

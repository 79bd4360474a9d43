"""The harness runs; its figures are none of a test's business."""

from __future__ import annotations

import json
import sys
from types import ModuleType, SimpleNamespace

import attrs
import pytest

from .__main__ import MEASURES, results_of
from .figures import Skipped, compared, table
from .run import Run

# Each takes a second or less; the others are built of the same pieces.
_SMOKED = [
    "many_callbacks",
    "waiting_cpu",
    "payload_cost",
    "outbox_throughput",
    "outbox_submit",
    "outbox_store",
    "outbox_dead",
    "outbox_start",
]


@pytest.mark.parametrize("name", MEASURES)
def test_a_measure_says_what_it_bounds(name):
    """Its docstring is one sentence, as those of all files."""
    module = __import__(f"{__package__}.{name}", fromlist=["measure"])

    assert module.measure.__doc__


def test_the_harness_runs(capsys):
    """With the least counts, one round, and the figures in both forms."""
    run = Run(scale=0.001, rounds=1, quiet=True, loops=("asyncio",))

    results = results_of(run, _SMOKED)

    assert {result.measure for result in results} == set(_SMOKED)
    told = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    # Not every platform has a thousand loopback addresses.
    assert all("ratio" in line or "loopback" in line["skipped"] for line in told)
    assert "payload_cost" in table(results)


@pytest.mark.parametrize(
    ("acknowledged", "in_flight", "told"),
    [(0, 0, ["skipped"]), (500, 0, ["skipped"]), (500, 9, ["reached"] * 3)],
)
def test_kills_that_met_no_load_are_no_figure(monkeypatch, acknowledged, in_flight, told):
    """Nothing lost of nothing must not look like a target that was reached."""
    found = SimpleNamespace(
        acknowledged=acknowledged, in_flight=in_flight, lost=0, out_of_order=0, twice=min(4, in_flight)
    )
    kills = ModuleType("tests.outbox.kills")
    kills.rounds = lambda _count: found
    monkeypatch.setitem(sys.modules, "tests.outbox.kills", kills)

    results = results_of(Run(scale=0.01, rounds=1, quiet=True), ["outbox_kills"])

    assert [("skipped" if isinstance(one, Skipped) else "reached") for one in results] == told
    assert all(one.reached for one in results if not isinstance(one, Skipped))


def test_a_ratio_is_of_neighbouring_rounds():
    """So that what disturbs both sides of a round cancels out."""
    figure = compared(
        [8.0, 40.0, 9.0],
        [10.0, 50.0, 10.0],
        measure="m",
        case="c",
        unit="u",
        baseline_is="b",
        target=0.8,
    )

    assert (figure.ratio, figure.lowest, figure.highest) == (0.8, 0.8, 0.9)
    assert figure.reached
    assert attrs.evolve(figure, at_least=False).reached
    assert not attrs.evolve(figure, target=0.85).reached

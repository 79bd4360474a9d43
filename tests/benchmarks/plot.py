"""The picture of the results: throughput side by side, and latency under a storm."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

__all__ = ["draw"]

# Both read well on white and on a dark page.
_INK, _FAINT = "#808890", "#80889055"
_OURS, _THEIRS = "#2f81c7", "#9aa3ab"


def draw(lines: Iterable[Mapping[str, Any]], file: Path) -> None:
    """Draw what the results hold of the two pictures; ``file`` ends in ``.svg`` or ``.png``."""
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot as plt

    found = {(line["measure"], line["case"]): line for line in lines if "ratio" in line}
    style = {
        "svg.hashsalt": "benchmarks",
        "svg.fonttype": "path",
        "font.size": 9,
        **dict.fromkeys(("text.color", "axes.labelcolor", "xtick.color", "ytick.color"), _INK),
    }
    with plt.rc_context(style):
        figure, (rates, latency) = plt.subplots(
            1, 2, figsize=(9.5, 3.6), width_ratios=(3, 2), layout="constrained"
        )
        _bars(rates, _throughput(found), "{:,.0f}")
        rates.set_title("Callbacks a second, one core", loc="left", fontsize=10)
        _bars(latency, _latency(found), "{:.1f} ms")
        latency.set_title("Submit to confirmed, fatal, p99", loc="left", fontsize=10)
        figure.savefig(file, transparent=True, metadata={"Date": None} if file.suffix == ".svg" else None)
        plt.close(figure)


_Bar = tuple[str, float, bool]


def _throughput(found: Mapping[tuple[str, str], Mapping[str, Any]]) -> list[_Bar]:
    bars: list[_Bar] = []
    for transport, loop in (("aiohttp", "uvloop"), ("aiohttp", "asyncio"), ("httpx", "asyncio")):
        line = found.get(("one_callback", f"{transport}, {loop}"))
        if line:
            bars.append((f"bare {transport}, {loop}", line["baseline"], False))
            bars.append((f"alarm_dispatch, {transport}, {loop}", line["ours"], True))
    for measure, name in (("alertmanager", "Alertmanager"), ("apprise_peer", "Apprise json://")):
        bars.extend((name, line["baseline"], False) for (of, _), line in found.items() if of == measure)
    return sorted(bars, key=lambda bar: bar[1])


def _latency(found: Mapping[tuple[str, str], Mapping[str, Any]]) -> list[_Bar]:
    bars: list[_Bar] = []
    for (measure, case), line in found.items():
        if measure == "fatal_latency":
            told = re.search(r"/([\d.]+) ms of .*/([\d.]+) ms idle", line["note"])
            queued, _, receivers = case.partition(", ")
            bars.append((f"{queued}\n{receivers}", float(told[1]) if told else line["ours"], True))
            bars.append((f"idle\n{receivers}", float(told[2]) if told else line["baseline"], False))
    return bars[::-1]


def _bars(axes: Any, bars: list[_Bar], shown: str) -> None:
    drawn = axes.barh(
        range(len(bars)),
        [length for _, length, _ in bars],
        color=[_OURS if ours else _THEIRS for _, _, ours in bars],
        height=0.68,
    )
    axes.bar_label(drawn, labels=[shown.format(length) for _, length, _ in bars], padding=4, color=_INK)
    axes.set_yticks(range(len(bars)), [name for name, _, _ in bars])
    axes.set_facecolor("none")
    axes.xaxis.set_visible(False)
    axes.margins(x=0.16)
    axes.tick_params(length=0)
    for side in ("top", "right", "bottom"):
        axes.spines[side].set_visible(False)
    axes.spines["left"].set_color(_FAINT)

"""What a measure yields: a ratio with its spread, its target, and how it is told."""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Sequence
from typing import Any

import attrs
from attrs import frozen

__all__ = ["Figure", "Skipped", "compared", "table"]


@frozen(kw_only=True)
class Figure:
    """Ours against a baseline, both in ``unit``: medians over ``rounds``, and the ratios' spread.

    ``target`` is the bound for the ratio, from below when ``at_least``, else from above; None where the
    figure is there for information.
    """

    measure: str
    case: str
    unit: str
    ours: float
    baseline: float
    baseline_is: str
    ratio: float
    lowest: float
    highest: float
    rounds: int
    target: float | None = None
    at_least: bool = True
    note: str = ""

    @property
    def reached(self) -> bool | None:
        """Whether the median ratio is within the target; None without one."""
        if self.target is None:
            return None
        return self.ratio >= self.target if self.at_least else self.ratio <= self.target

    def as_json(self) -> dict[str, Any]:
        """All of it, and whether the target was reached."""
        return {**attrs.asdict(self), "reached": self.reached}


@frozen(kw_only=True)
class Skipped:
    """A case that could not be measured here, and why."""

    measure: str
    case: str
    why: str

    def as_json(self) -> dict[str, Any]:
        """All of it."""
        return {"measure": self.measure, "case": self.case, "skipped": self.why}


def compared(ours: Sequence[float], baseline: Sequence[float], **fields: Any) -> Figure:
    """The figure out of interleaved rounds: each round of ours is divided by its neighbour."""
    ratios = [mine / theirs for mine, theirs in zip(ours, baseline, strict=True)]
    return Figure(
        ours=statistics.median(ours),
        baseline=statistics.median(baseline),
        ratio=statistics.median(ratios),
        lowest=min(ratios),
        highest=max(ratios),
        rounds=len(ratios),
        **fields,
    )


_HEADS = ("measure", "case", "ours", "baseline", "unit", "ratio", "spread", "target", "reached", "note")


def table(results: Iterable[Figure | Skipped]) -> str:
    """A plain table, one line for each figure."""
    lines = [_HEADS]
    for result in results:
        if isinstance(result, Skipped):
            lines.append((result.measure, result.case, *("-",) * 6, "skipped", result.why))
            continue
        sign = "≥" if result.at_least else "≤"
        lines.append(
            (
                result.measure,
                result.case,
                _shown(result.ours),
                _shown(result.baseline),
                result.unit,
                f"{result.ratio:.3g}",
                f"{result.lowest:.3g}–{result.highest:.3g}",
                "-" if result.target is None else f"{sign} {result.target:g}",
                {True: "yes", False: "NO", None: "-"}[result.reached],
                f"against {result.baseline_is}" + (f"; {result.note}" if result.note else ""),
            )
        )
    widths = [max(len(line[column]) for line in lines) for column in range(len(_HEADS) - 1)]
    return "\n".join(
        "  ".join([*(cell.ljust(width) for cell, width in zip(line, widths, strict=False)), line[-1]])
        for line in lines
    )


def _shown(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"

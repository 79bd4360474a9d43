"""How long an outbox keeps what is settled, and how many of them."""

from __future__ import annotations

from alarm_dispatch.values import check_at_least

__all__ = ["retention"]

# More is as much as for ever, and all of them: that fits in a column.
_FOR_EVER, _ALL = 1e11, 2**60


def retention(
    owner: str, *, keep_settled: float, keep_dead: float, max_settled: int, max_dead: int
) -> tuple[tuple[float, int], tuple[float, int]]:
    """Seconds and a count for the settled ones, and for the dead ones.

    Raises :class:`~alarm_dispatch.errors.InvalidFieldError` for what is none, as ``owner``'s argument.
    """
    times = {"keep_settled": keep_settled, "keep_dead": keep_dead}
    counts = {"max_settled": max_settled, "max_dead": max_dead}
    for name, value in (times | counts).items():
        check_at_least(value, f"{owner}.{name}", whole=name in counts)
    return (
        (min(keep_settled, _FOR_EVER), min(max_settled, _ALL)),
        (min(keep_dead, _FOR_EVER), min(max_dead, _ALL)),
    )

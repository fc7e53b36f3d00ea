"""Arithmetic of what was measured."""

import math
import statistics
from collections.abc import Sequence


def percentile(values: Sequence[float], share: float) -> float:
    """Return the smallest value that at least ``share`` per cent of the values do not exceed.

    It is one of the values; nothing is interpolated.
    """
    place = max(math.ceil(len(values) * share / 100), 1)
    return sorted(values)[place - 1]


def median(values: Sequence[float]) -> float | None:
    """Return the median, None of no values."""
    return statistics.median(values) if values else None


def ratio(value: float | None, other: float | None) -> float | None:
    """Return how many times the other a value is; None if one of them is missing, or nothing."""
    if value is None or not other:
        return None
    return value / other


def rounded(number: float) -> str:
    """Return a number with three digits that count."""
    if number == 0:
        return "0"
    digits = max(2 - math.floor(math.log10(abs(number))), 0)
    return f"{number:,.{digits}f}"


def slope(
    samples: Sequence[tuple[float, int]], total: int, *, start: float = 0.1, end: float = 0.98
) -> float | None:
    """Return how many of ``total`` are done a second, between two shares of it.

    Each sample is a time and how many were left then. At the start workers still find their
    pace, at the end one of them is done first. None if it went too quickly to be seen.
    """
    seen = [(at, total - left) for at, left in samples]
    within = [(at, done) for at, done in seen if total * start <= done <= total * end]
    if len(within) < 2:
        return None
    (began, first), (ended, last) = within[0], within[-1]
    return (last - first) / (ended - began)

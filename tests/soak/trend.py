"""Whether a series is flat: least squares, and what its ends have at least. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean, median
from typing import Final

FEWEST: Final = 6
"""So many samples make a trend; fewer say nothing."""


@dataclass(frozen=True, slots=True)
class Point:
    """One sample: seconds, and what was measured then."""

    at: float
    value: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Trend:
    """What a series did. `first` and `last` are medians of its first third and its last.

    `slope` is per minute. `rise` is that of the least value of a third: what a load needs
    comes and goes, what leaks stays.
    """

    first: float
    last: float
    least: float
    most: float
    slope: float
    rise: float


def trend(series: Sequence[Point]) -> Trend:
    """The trend of a series of at least FEWEST points."""
    values = [point.value for point in series]
    third = max(1, len(values) // 3)
    first, last = values[:third], values[-third:]
    return Trend(
        first=median(first),
        last=median(last),
        least=min(values),
        most=max(values),
        slope=slope(series) * 60,
        rise=min(last) - min(first),
    )


def slope(series: Sequence[Point]) -> float:
    """Least squares: how much the value grows each second."""
    at, value = fmean(p.at for p in series), fmean(p.value for p in series)
    spread = sum((p.at - at) ** 2 for p in series)
    if spread == 0:
        return 0.0
    return sum((p.at - at) * (p.value - value) for p in series) / spread


def judged(
    series: Sequence[Point], *, since: float, starts: Sequence[float], settle: float
) -> "list[Point]":
    """The points after the warm-up, without those of a process that started just before."""
    return [
        point
        for point in series
        if point.at >= since and not any(start <= point.at < start + settle for start in starts)
    ]

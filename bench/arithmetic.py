"""The arithmetic of paired rounds: medians, quartiles, ratios round by round, slopes. Pure."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Spread:
    """A median, and the quartiles on both sides of it."""

    median: float
    low: float
    high: float

    def scaled(self, factor: float) -> Spread:
        """The same in another unit."""
        return Spread(self.median * factor, self.low * factor, self.high * factor)


def spread(values: Sequence[float]) -> Spread:
    """The median and the quartiles of at least one value, interpolated between neighbours."""
    if not values:
        raise ValueError("no rounds, no median")
    if len(values) == 1:
        return Spread(values[0], values[0], values[0])
    low, median, high = statistics.quantiles(values, n=4, method="inclusive")
    return Spread(median, low, high)


def ratios(these: Sequence[float], those: Sequence[float]) -> list[float]:
    """Each round of `these` over the round of `those` beside it.

    Two rounds that stand side by side met the same machine; medians of whole series need not
    have. Raises ValueError when a round has no partner.
    """
    if len(these) != len(those):
        raise ValueError(f"{len(these)} rounds beside {len(those)}: they are not pairs")
    return [this / that for this, that in zip(these, those, strict=True)]


def slope(xs: Sequence[float], ys: Sequence[float]) -> float:
    """By how much y grows with one x more: the least-squares line through the points."""
    return statistics.linear_regression(xs, ys).slope


def percentile(ordered: Sequence[float], share: float) -> float:
    """The value below which `share` (0 to 1) of the sorted values lie, by nearest rank."""
    if not ordered:
        raise ValueError("no calls, no percentile")
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]

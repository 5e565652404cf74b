"""Counters and histograms that cost nearly nothing to count with.

Those of prometheus_client take a lock and check their arguments each time. These belong to
the event loop's thread, and are put into the library's form when somebody scrapes.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterator
from itertools import accumulate
from math import inf
from typing import Generic, TypeVar

from prometheus_client.core import CounterMetricFamily, HistogramMetricFamily
from prometheus_client.registry import Collector, CollectorRegistry
from prometheus_client.utils import floatToGoString

SeriesT = TypeVar("SeriesT", "Count", "Spread")


class Count:
    """One series of a counter."""

    __slots__ = ("value",)

    def __init__(self) -> None:
        self.value = 0

    def inc(self, amount: int = 1) -> None:
        """Count so many more."""
        self.value += amount


class Spread:
    """One series of a histogram: how many amounts are at most each bound, one by one."""

    __slots__ = ("_bounds", "counts", "total")

    def __init__(self, bounds: tuple[float, ...]) -> None:
        self._bounds = bounds
        # The last is for what is over every bound.
        self.counts = [0] * (len(bounds) + 1)
        self.total = 0.0

    def observe(self, amount: float) -> None:
        """Count one more amount."""
        self.counts[bisect_left(self._bounds, amount)] += 1
        self.total += amount


class Metric(Collector, Generic[SeriesT]):
    """The series of a metric by the values of its labels, each made when it is first used."""

    def __init__(
        self, name: str, text: str, labels: tuple[str, ...], make: Callable[[], SeriesT]
    ) -> None:
        self._name = name
        self._text = text
        self._labels = labels
        self._make: Callable[[], SeriesT] = make
        self._series: dict[tuple[str, ...], SeriesT] = {}
        if not labels:
            self.of()

    def of(self, *labels: str) -> SeriesT:
        """The series of these label values, in the order in which the metric names them."""
        series = self._series.get(labels)
        if series is None:
            series = self._series[labels] = self._make()
        return series


class Counters(Metric[Count]):
    """A counter. `name` comes without `_total`."""

    def __init__(
        self, name: str, text: str, labels: tuple[str, ...], *, registry: CollectorRegistry
    ) -> None:
        super().__init__(name, text, labels, Count)
        registry.register(self)

    def describe(self) -> Iterator[CounterMetricFamily]:
        """Its name, for a registry that takes each once."""
        return self.collect()

    def collect(self) -> Iterator[CounterMetricFamily]:
        """What was counted, as prometheus_client has it."""
        family = CounterMetricFamily(self._name, self._text, labels=self._labels)
        for labels, count in tuple(self._series.items()):
            family.add_metric([str(label) for label in labels], count.value)
        yield family


class Histograms(Metric[Spread]):
    """A histogram with these bounds, which are in ascending order."""

    def __init__(
        self,
        name: str,
        text: str,
        bounds: tuple[float, ...],
        labels: tuple[str, ...],
        *,
        registry: CollectorRegistry,
    ) -> None:
        self._shown = [_shown(bound) for bound in (*bounds, inf)]
        super().__init__(name, text, labels, lambda: Spread(bounds))
        registry.register(self)

    def describe(self) -> Iterator[HistogramMetricFamily]:
        """Its name, for a registry that takes each once."""
        return self.collect()

    def collect(self) -> Iterator[HistogramMetricFamily]:
        """What was counted, as prometheus_client has it."""
        family = HistogramMetricFamily(self._name, self._text, labels=self._labels)
        for labels, spread in tuple(self._series.items()):
            family.add_metric(
                [str(label) for label in labels],
                buckets=list(zip(self._shown, accumulate(spread.counts), strict=True)),
                sum_value=spread.total,
            )
        yield family


def _shown(bound: float) -> str:
    return str(floatToGoString(bound))  # type: ignore[no-untyped-call]  # the library has no types for it

"""The series of one metric, found without the lock and the checks of the library."""

from __future__ import annotations

from typing import Generic, TypeVar

from prometheus_client import Counter, Histogram

MetricT = TypeVar("MetricT", Counter, Histogram)


class Children(Generic[MetricT]):
    """The series of a metric by the values of its labels, each made when it is first used."""

    __slots__ = ("_children", "_metric")

    def __init__(self, metric: MetricT) -> None:
        self._metric: MetricT = metric
        self._children: dict[tuple[str, ...], MetricT] = {}

    def of(self, *labels: str) -> MetricT:
        """The series of these label values, in the order in which the metric names them."""
        child = self._children.get(labels)
        if child is None:
            child = self._children[labels] = (
                self._metric.labels(*labels) if labels else self._metric
            )
        return child

"""Alerts: on metrics and labels that the sidecar has, with brackets that close."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Final

from prometheus_client.metrics import MetricWrapperBase

from sidehook_server.ops import state
from sidehook_server.ops.metrics import Metrics, Names
from tests.kubernetes.objects import Objects, at, name_of, of_kind

_METRIC: Final = re.compile(r"\bsidehook_[a-z_]+\b")
_GROUPED: Final = re.compile(r"\bby \(([a-z_, ]*)\)")
_LABEL: Final = re.compile(r"\$labels\.([a-z_]+)")
_GAUGE: Final = re.compile(r'"(sidehook_[a-z_]+)"')
_FROM_KUBERNETES: Final = frozenset({"namespace", "pod", "container", "job", "instance"})
_SUFFIXES: Final[Mapping[str, tuple[str, ...]]] = {
    "counter": ("_total",),
    "histogram": ("_count", "_sum", "_bucket"),
}


@cache
def exposed() -> Mapping[str, frozenset[str]]:
    """Return every series that a sidecar may have, with its labels.

    Gauges are made at every scrape, by names that stand in a module; those that alerts may be
    about have no labels.
    """
    found = dict.fromkeys(_GAUGE.findall(inspect.getsource(state)), frozenset[str]())
    for metric in Metrics(Names()).registry._names_to_collectors.values():
        if isinstance(metric, MetricWrapperBase):
            labels = frozenset(metric._labelnames)
            for suffix in _SUFFIXES.get(str(metric._type), ("",)):
                found[f"{metric._name}{suffix}"] = labels
    return found


def alerts(objects: Objects) -> Iterator[str]:
    """Expressions about metrics or labels that are not there, and texts that name such labels."""
    for thing in of_kind(objects, "PrometheusRule"):
        for _, rule in at(thing, "spec.groups[].rules[]"):
            for problem in _rule(rule["expr"], " ".join(rule["annotations"].values())):
                yield f"{name_of(thing)} {rule['alert']}: {problem}"


def _rule(expression: str, text: str) -> Iterator[str]:
    for opening, closing in ("()", "[]", "{}"):
        if expression.count(opening) != expression.count(closing):
            yield f"the {opening}{closing} do not match"
    known: set[str] = set(_FROM_KUBERNETES)
    for metric in _METRIC.findall(expression):
        if metric not in exposed():
            yield f"there is no metric {metric}"
        known |= exposed().get(metric, frozenset())
    grouped = {label.strip() for by in _GROUPED.findall(expression) for label in by.split(",")}
    for label in sorted(grouped - known):
        yield f"the metric has no label {label}"
    for label in sorted(set(_LABEL.findall(text)) - grouped):
        yield f"the text names the label {label}, which the expression does not keep"

"""Selectors that select nothing, or not what they are for."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from tests.kubernetes.objects import Object, Objects, name_of, namespace_of, of_kind, pods, selects

_WORKLOADS: Final = ("Deployment", "StatefulSet", "DaemonSet")


def selectors(objects: Objects) -> Iterator[str]:
    """A workload's selector and its own pods; and whatever else selects pods or Services."""
    for workload in of_kind(objects, *_WORKLOADS):
        labels = workload["spec"]["template"]["metadata"].get("labels") or {}
        if not selects(workload["spec"]["selector"], labels):
            yield f"{name_of(workload)}: its selector does not select its own pods"
    yield from _select_pods(objects)
    yield from _spread(objects)
    for monitor in of_kind(objects, "ServiceMonitor"):
        labels = [each["metadata"].get("labels") or {} for each in of_kind(objects, "Service")]
        if not any(selects(monitor["spec"]["selector"], each) for each in labels):
            yield f"{name_of(monitor)} selects no Service"


def _select_pods(objects: Objects) -> Iterator[str]:
    """A label too many or too few would leave a Service without pods, or give it strangers."""
    for thing in of_kind(objects, "Service", "PodDisruptionBudget", "NetworkPolicy", "PodMonitor"):
        selector = _selector(thing)
        if not any(selector.get(key) for key in ("matchLabels", "matchExpressions")):
            yield f"{name_of(thing)} selects every pod of its namespace"
            continue
        selected = [
            pod
            for pod in pods(objects)
            if pod.namespace == namespace_of(thing) and selects(selector, pod.labels)
        ]
        if not selected:
            yield f"{name_of(thing)} selects no pod"
        elif len(selected) > 1:
            yield f"{name_of(thing)} selects {', '.join(pod.where for pod in selected)}"


def _selector(thing: Object) -> Object:
    spec = thing["spec"]
    if thing["kind"] == "Service":
        return {"matchLabels": spec.get("selector") or {}}
    found: Object = spec.get("podSelector" if thing["kind"] == "NetworkPolicy" else "selector", {})
    return found


def _spread(objects: Objects) -> Iterator[str]:
    for pod in pods(objects):
        for constraint in pod.spec.get("topologySpreadConstraints", ()):
            if not selects(constraint.get("labelSelector"), pod.labels):
                yield f"{pod.where} is spread among pods that it is none of"

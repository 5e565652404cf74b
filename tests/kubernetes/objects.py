"""Kubernetes objects as plain data, and the questions that the checks ask them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

Object: TypeAlias = dict[str, Any]
"""One object, as YAML says it."""

Objects: TypeAlias = Sequence[Object]

_TEMPLATES: Final[Mapping[str, str]] = {
    "Deployment": "spec.template",
    "StatefulSet": "spec.template",
    "DaemonSet": "spec.template",
    "Job": "spec.template",
    "CronJob": "spec.jobTemplate.spec.template",
}


@dataclass(frozen=True, slots=True)
class Pod:
    """A pod, or the template of one. `where` names it for people."""

    where: str
    namespace: str
    metadata: Object
    spec: Object

    @property
    def labels(self) -> Mapping[str, str]:
        """Its labels."""
        return _mapping(self.metadata.get("labels"))

    @property
    def containers(self) -> list[Object]:
        """Every container, init containers first."""
        return [*self.spec.get("initContainers", ()), *self.spec.get("containers", ())]

    @property
    def port_names(self) -> set[str]:
        """The names of the ports of its containers."""
        return {
            str(port["name"])
            for container in self.containers
            for port in container.get("ports", ())
            if "name" in port
        }


def name_of(thing: Object) -> str:
    """Return kind and name of an object, for people."""
    return f"{thing.get('kind')}/{thing.get('metadata', {}).get('name')}"


def namespace_of(thing: Object) -> str:
    """Return the namespace of an object, empty for one of the cluster."""
    return str(thing.get("metadata", {}).get("namespace", ""))


def of_kind(objects: Objects, *kinds: str) -> list[Object]:
    """Return the objects of some kinds."""
    return [each for each in objects if each.get("kind") in kinds]


def pods(objects: Objects) -> Iterator[Pod]:
    """Yield every pod and template of pods."""
    for thing in objects:
        kind = str(thing.get("kind"))
        if kind == "Pod":
            yield Pod(name_of(thing), namespace_of(thing), thing["metadata"], thing["spec"])
        elif kind in _TEMPLATES:
            template = next(value for _, value in at(thing, _TEMPLATES[kind]))
            yield Pod(
                name_of(thing), namespace_of(thing), template.get("metadata", {}), template["spec"]
            )


def at(thing: object, path: str, where: str = "") -> Iterator[tuple[str, Any]]:
    """Yield every value at a path, with its place: `spec.ports[].protocol`, `metadata.labels.*`.

    `[]` is each item of a list, `*` each value of a mapping. What is not there yields nothing.
    """
    step, _, rest = path.partition(".")
    key, is_list = (step.removesuffix("[]"), step.endswith("[]"))
    if not isinstance(thing, dict):
        return
    keys = list(thing) if key == "*" else [key] if key in thing else []
    for each in keys:
        found = thing[each]
        place = f"{where}.{each}" if where else str(each)
        inner = (
            [(f"{place}[{index}]", item) for index, item in enumerate(found)]
            if is_list and isinstance(found, list)
            else [(place, found)]
        )
        for spot, value in inner:
            if rest:
                yield from at(value, rest, spot)
            else:
                yield spot, value


def texts(thing: object, where: str = "") -> Iterator[tuple[str, str]]:
    """Yield every text inside a value, with its place."""
    if isinstance(thing, str):
        yield where, thing
    elif isinstance(thing, dict):
        for key, value in thing.items():
            yield from texts(value, f"{where}.{key}" if where else str(key))
    elif isinstance(thing, list):
        for index, value in enumerate(thing):
            yield from texts(value, f"{where}[{index}]")


def _mapping(value: Any) -> Mapping[str, str]:
    return value or {}


def selects(selector: Mapping[str, Any] | None, labels: Mapping[str, str]) -> bool:
    """Return whether a label selector (matchLabels and matchExpressions) selects these labels."""
    if selector is None:
        return False
    wanted = selector.get("matchLabels") or {}
    if any(labels.get(key) != value for key, value in wanted.items()):
        return False
    return all(_holds(each, labels) for each in selector.get("matchExpressions") or ())


def _holds(expression: Mapping[str, Any], labels: Mapping[str, str]) -> bool:
    key, values = expression["key"], expression.get("values") or ()
    return {
        "Exists": key in labels,
        "DoesNotExist": key not in labels,
        "In": labels.get(key) in values,
        "NotIn": labels.get(key) not in values,
    }[expression["operator"]]

"""Words from closed sets, numbers of ports, quantities, references of images."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from tests.kubernetes.objects import Object, Objects, at, name_of, pods

_CONTAINER_ENUMS: Final[Mapping[str, frozenset[str]]] = {
    "imagePullPolicy": frozenset({"Always", "IfNotPresent", "Never"}),
    "terminationMessagePolicy": frozenset({"File", "FallbackToLogsOnError"}),
    "ports[].protocol": frozenset({"TCP", "UDP", "SCTP"}),
    "securityContext.seccompProfile.type": frozenset({"RuntimeDefault", "Localhost", "Unconfined"}),
    "startupProbe.httpGet.scheme": frozenset({"HTTP", "HTTPS"}),
    "livenessProbe.httpGet.scheme": frozenset({"HTTP", "HTTPS"}),
    "readinessProbe.httpGet.scheme": frozenset({"HTTP", "HTTPS"}),
}
_POD_ENUMS: Final[Mapping[str, frozenset[str]]] = {
    "restartPolicy": frozenset({"Always", "OnFailure", "Never"}),
    "initContainers[].restartPolicy": frozenset({"Always"}),
    "dnsPolicy": frozenset({"ClusterFirst", "ClusterFirstWithHostNet", "Default", "None"}),
    "preemptionPolicy": frozenset({"PreemptLowerPriority", "Never"}),
    "securityContext.fsGroupChangePolicy": frozenset({"Always", "OnRootMismatch"}),
    "securityContext.seccompProfile.type": _CONTAINER_ENUMS["securityContext.seccompProfile.type"],
    "tolerations[].operator": frozenset({"Exists", "Equal"}),
    "tolerations[].effect": frozenset({"NoSchedule", "PreferNoSchedule", "NoExecute"}),
    "topologySpreadConstraints[].whenUnsatisfiable": frozenset({"DoNotSchedule", "ScheduleAnyway"}),
    "volumes[].emptyDir.medium": frozenset({"", "Memory"}),
    **{
        f"{kind}[].{path}": words
        for kind in ("containers", "initContainers")
        for path, words in _CONTAINER_ENUMS.items()
    },
}
_OBJECT_ENUMS: Final[Mapping[str, Mapping[str, frozenset[str]]]] = {
    "Deployment": {"spec.strategy.type": frozenset({"Recreate", "RollingUpdate"})},
    "Service": {
        "spec.type": frozenset({"ClusterIP", "NodePort", "LoadBalancer", "ExternalName"}),
        "spec.ports[].protocol": _CONTAINER_ENUMS["ports[].protocol"],
        "spec.sessionAffinity": frozenset({"None", "ClientIP"}),
    },
    "HorizontalPodAutoscaler": {
        "spec.metrics[].type": frozenset(
            {"Resource", "ContainerResource", "Pods", "Object", "External"}
        ),
        "spec.metrics[].resource.target.type": frozenset({"Utilization", "AverageValue", "Value"}),
    },
    "NetworkPolicy": {
        "spec.policyTypes[]": frozenset({"Ingress", "Egress"}),
        "spec.ingress[].ports[].protocol": _CONTAINER_ENUMS["ports[].protocol"],
        "spec.egress[].ports[].protocol": _CONTAINER_ENUMS["ports[].protocol"],
    },
    "ValidatingAdmissionPolicy": {
        "spec.failurePolicy": frozenset({"Fail", "Ignore"}),
        "spec.matchConstraints.resourceRules[].operations[]": frozenset(
            {"CREATE", "UPDATE", "DELETE", "CONNECT", "*"}
        ),
        "spec.matchConstraints.objectSelector.matchExpressions[].operator": frozenset(
            {"In", "NotIn", "Exists", "DoesNotExist"}
        ),
        "spec.validations[].reason": frozenset(
            {"Unauthorized", "Forbidden", "Invalid", "RequestEntityTooLarge"}
        ),
    },
    "ValidatingAdmissionPolicyBinding": {
        "spec.validationActions[]": frozenset({"Deny", "Warn", "Audit"})
    },
}


def enums(objects: Objects) -> Iterator[str]:
    """Words that are none of those that Kubernetes knows there."""
    for thing in objects:
        yield from _foreign(name_of(thing), thing, _OBJECT_ENUMS.get(str(thing.get("kind")), {}))
    for pod in pods(objects):
        yield from _foreign(pod.where, pod.spec, _POD_ENUMS)


def _foreign(owner: str, thing: Object, table: Mapping[str, frozenset[str]]) -> Iterator[str]:
    for path, words in table.items():
        for where, value in at(thing, path):
            if value not in words:
                yield f"{owner} {where} is {value!r}, and may be one of {', '.join(sorted(words))}"


_PROBES: Final = ("startupProbe", "livenessProbe", "readinessProbe")
_CONTAINER_PORTS: Final = (
    "ports[].containerPort",
    "ports[].hostPort",
    *(f"{probe}.{kind}.port" for probe in _PROBES for kind in ("httpGet", "tcpSocket", "grpc")),
)
_SERVICE_PORTS: Final = ("spec.ports[].port", "spec.ports[].targetPort", "spec.ports[].nodePort")
_POLICY_PORTS: Final = ("spec.ingress[].ports[].port", "spec.egress[].ports[].port")


def ports(objects: Objects) -> Iterator[str]:
    """Numbers that are no ports, and ports that one pod has twice."""
    for thing in objects:
        paths = {"Service": _SERVICE_PORTS, "NetworkPolicy": _POLICY_PORTS}
        for path in paths.get(str(thing.get("kind")), ()):
            yield from _out_of_range(name_of(thing), thing, path)
    for pod in pods(objects):
        taken: dict[Any, str] = {}
        for container in pod.containers:
            for path in _CONTAINER_PORTS:
                yield from _out_of_range(f"{pod.where} {container['name']}", container, path)
            for port in container.get("ports", ()):
                key = (port["containerPort"], port.get("protocol", "TCP"))
                if key in taken:
                    yield f"{pod.where}: {container['name']} and {taken[key]} both have port {key}"
                taken[key] = container["name"]


def _out_of_range(owner: str, thing: Object, path: str) -> Iterator[str]:
    for where, value in at(thing, path):
        if isinstance(value, int) and not 1 <= value <= 65535:
            yield f"{owner} {where} is {value}, and ports are 1 to 65535"


_UNITS: Final[Mapping[str, float]] = {
    "": 1,
    "m": 1e-3,
    **{unit: 1000.0**power for power, unit in enumerate("kMGT", start=1)},
    **{f"{unit}i": 1024.0**power for power, unit in enumerate("KMGT", start=1)},
}
_QUANTITY: Final = re.compile(r"([0-9]+(?:\.[0-9]+)?)([A-Za-z]*)")


def amount(quantity: object) -> float | None:
    """Return what a quantity is, None for what is no quantity."""
    found = _QUANTITY.fullmatch(str(quantity))
    if found is None or found[2] not in _UNITS:
        return None
    return float(found[1]) * _UNITS[found[2]]


def quantities(objects: Objects) -> Iterator[str]:
    """Sizes that are none, memory without a unit, and requests over their limits."""
    for pod in pods(objects):
        for where, value in at(pod.spec, "volumes[].emptyDir.sizeLimit"):
            yield from _quantity(f"{pod.where} {where}", value, least=1024)
        for container in pod.containers:
            owner = f"{pod.where} {container['name']}"
            resources = container.get("resources") or {}
            for path in ("requests.*", "limits.*"):
                for where, value in at(resources, path):
                    least = 1024**2 if where.endswith("memory") else 0
                    yield from _quantity(f"{owner} {where}", value, least=least)
            limits = resources.get("limits") or {}
            for resource, value in (resources.get("requests") or {}).items():
                wanted, limit = amount(value), amount(limits.get(resource, "nothing"))
                if wanted is not None and limit is not None and wanted > limit:
                    yield f"{owner} requests {value} of {resource}, over its limit"


def _quantity(where: str, value: object, *, least: float) -> Iterator[str]:
    found = amount(value)
    if found is None:
        yield f"{where} is {value!r}, which is no quantity; write 16Mi, 1Gi or 250m"
    elif found < least:
        yield f"{where} is {value!r}, which is next to nothing; is its unit missing?"


_IMAGE: Final = re.compile(
    r"(?:[a-zA-Z0-9.-]+(?::[0-9]+)?/)?[a-z0-9]+(?:[._/-]+[a-z0-9]+)*"
    r"(?::(?P<tag>[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}))?(?:@(?P<digest>sha256:[0-9a-f]{64}))?"
)


def images(objects: Objects) -> Iterator[str]:
    """References that are none, or that may be another image tomorrow."""
    for pod in pods(objects):
        for container in pod.containers:
            image = container.get("image", "")
            found = _IMAGE.fullmatch(image)
            owner = f"{pod.where} {container['name']}"
            if found is None:
                yield f"{owner} has the image {image!r}, which is no reference"
            elif found["digest"] is None and found["tag"] in (None, "latest"):
                yield f"{owner} has the image {image!r}; name a tag or a digest"

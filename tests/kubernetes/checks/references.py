"""Names of things that must be there: volumes, ports, objects."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from tests.kubernetes.objects import (
    Object,
    Objects,
    Pod,
    at,
    name_of,
    namespace_of,
    of_kind,
    pods,
    selects,
)

_PROBES: Final = ("startupProbe", "livenessProbe", "readinessProbe")


def references(objects: Objects) -> Iterator[str]:
    """Everything that is named and is not there, and volumes that nobody mounts."""
    for pod in pods(objects):
        yield from _volumes(pod)
        yield from _probe_ports(pod)
        yield from _objects_of(pod, objects)
        yield from _field_paths(pod)
    yield from _service_ports(objects)
    yield from _policy_ports(objects)
    yield from _scaled(objects)
    yield from _monitored_ports(objects)
    yield from _bound(objects)


def _volumes(pod: Pod) -> Iterator[str]:
    volumes = {volume["name"] for volume in pod.spec.get("volumes", ())}
    mounted: set[str] = set()
    for container in pod.containers:
        paths: list[str] = []
        for mount in container.get("volumeMounts", ()):
            mounted.add(mount["name"])
            paths.append(mount["mountPath"])
            if mount["name"] not in volumes:
                yield f"{pod.where} {container['name']} mounts {mount['name']}: no such volume"
        for path in sorted({path for path in paths if paths.count(path) > 1}):
            yield f"{pod.where} {container['name']} mounts two volumes at {path}"
    for volume in sorted(volumes - mounted):
        yield f"{pod.where} has the volume {volume}, which nobody mounts"


def _probe_ports(pod: Pod) -> Iterator[str]:
    for container in pod.containers:
        ports = container.get("ports", ())
        known = {port.get("name") for port in ports} | {port["containerPort"] for port in ports}
        for probe in _PROBES:
            for kind in ("httpGet", "tcpSocket", "grpc"):
                for where, port in at(container, f"{probe}.{kind}.port"):
                    if port not in known:
                        yield f"{pod.where} {container['name']} {where} is {port}: no such port"


def _objects_of(pod: Pod, objects: Objects) -> Iterator[str]:
    """ConfigMaps come with the pod. Secrets and claims are made by others."""
    there = {each["metadata"]["name"] for each in of_kind(objects, "ConfigMap")}
    for where, name in at(pod.spec, "volumes[].configMap.name"):
        if name not in there:
            yield f"{pod.where} {where} is {name}: no such ConfigMap"


_FIELDS: Final = (
    "metadata.name",
    "metadata.namespace",
    "metadata.uid",
    "spec.nodeName",
    "spec.serviceAccountName",
    "status.podIP",
    "status.hostIP",
)


def _field_paths(pod: Pod) -> Iterator[str]:
    for kind in ("containers", "initContainers"):
        for where, path in at(pod.spec, f"{kind}[].env[].valueFrom.fieldRef.fieldPath"):
            label = str(path).removeprefix("metadata.labels['").removesuffix("']")
            if path not in _FIELDS and label not in pod.labels:
                yield f"{pod.where} {where} is {path}: a pod has no such field"


def _selected(objects: Objects, thing: Object, selector: Mapping[str, object]) -> list[Pod]:
    return [
        pod
        for pod in pods(objects)
        if pod.namespace == namespace_of(thing) and selects(selector, pod.labels)
    ]


def _service_ports(objects: Objects) -> Iterator[str]:
    for service in of_kind(objects, "Service"):
        selected = _selected(objects, service, {"matchLabels": service["spec"].get("selector")})
        for where, port in at(service, "spec.ports[].targetPort"):
            if isinstance(port, str) and any(port not in pod.port_names for pod in selected):
                yield f"{name_of(service)} {where} is {port}: its pods have no such port"


def _policy_ports(objects: Objects) -> Iterator[str]:
    for policy in of_kind(objects, "NetworkPolicy"):
        selected = _selected(objects, policy, policy["spec"]["podSelector"])
        for where, port in at(policy, "spec.ingress[].ports[].port"):
            if isinstance(port, str) and any(port not in pod.port_names for pod in selected):
                yield f"{name_of(policy)} {where} is {port}: its pods have no such port"


def _scaled(objects: Objects) -> Iterator[str]:
    there = {(each.get("kind"), each["metadata"]["name"]) for each in objects}
    for scaler in of_kind(objects, "HorizontalPodAutoscaler"):
        target = scaler["spec"]["scaleTargetRef"]
        if (target["kind"], target["name"]) not in there:
            yield f"{name_of(scaler)} scales {target['kind']}/{target['name']}: not there"
        for each in of_kind(objects, target["kind"]):
            if each["metadata"]["name"] == target["name"] and "replicas" in each["spec"]:
                yield f"{name_of(each)} says replicas, and {name_of(scaler)} says others"


def _monitored_ports(objects: Objects) -> Iterator[str]:
    for monitor in of_kind(objects, "PodMonitor"):
        for pod in _selected(objects, monitor, monitor["spec"]["selector"]):
            for _, port in at(monitor, "spec.podMetricsEndpoints[].port"):
                if port not in pod.port_names:
                    yield f"{name_of(monitor)} scrapes the port {port} of {pod.where}: not there"
    for monitor in of_kind(objects, "ServiceMonitor"):
        for service in of_kind(objects, "Service"):
            if not selects(monitor["spec"]["selector"], service["metadata"].get("labels") or {}):
                continue
            names = {port.get("name") for port in service["spec"]["ports"]}
            for _, port in at(monitor, "spec.endpoints[].port"):
                if port not in names:
                    yield f"{name_of(monitor)} scrapes {port} of {name_of(service)}: not there"


def _bound(objects: Objects) -> Iterator[str]:
    policies = {each["metadata"]["name"] for each in of_kind(objects, "ValidatingAdmissionPolicy")}
    for binding in of_kind(objects, "ValidatingAdmissionPolicyBinding"):
        if (policy := binding["spec"]["policyName"]) not in policies:
            yield f"{name_of(binding)} binds the policy {policy}: not there"


def reload(objects: Objects) -> Iterator[str]:
    """A configuration or a certificate that is mounted by subPath is never replaced."""
    for pod in pods(objects):
        renewed = {
            volume["name"]
            for volume in pod.spec.get("volumes", ())
            if "configMap" in volume or "secret" in volume
        }
        for container in pod.containers:
            for mount in container.get("volumeMounts", ()):
                if mount["name"] in renewed and ("subPath" in mount or "subPathExpr" in mount):
                    yield (
                        f"{pod.where} {container['name']} mounts {mount['name']} by subPath: a "
                        "change would never arrive; mount the folder"
                    )
    for thing in of_kind(objects, "ConfigMap", "Secret"):
        if thing.get("immutable"):
            yield f"{name_of(thing)} is immutable: a change would never arrive"

"""The Pod Security Standard `restricted`, and a little more, for every pod."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from tests.kubernetes.objects import Object, Objects, Pod, pods

_VOLUMES: Final = frozenset(
    {
        "configMap",
        "csi",
        "downwardAPI",
        "emptyDir",
        "ephemeral",
        "persistentVolumeClaim",
        "projected",
        "secret",
    }
)
_SECCOMP: Final = ("RuntimeDefault", "Localhost")
# What an application needs is its own to know.
_OURS: Final = ("sidehook", "worker", "test")


def restricted(objects: Objects) -> Iterator[str]:
    """What `restricted` refuses; besides, tokens, writable root file systems, no requests."""
    for pod in pods(objects):
        yield from (f"{pod.where} {problem}" for problem in _pod(pod))
        for container in pod.containers:
            for problem in _container(pod, container):
                yield f"{pod.where} {container['name']} {problem}"


def _pod(pod: Pod) -> Iterator[str]:
    for key in ("hostNetwork", "hostPID", "hostIPC"):
        if pod.spec.get(key):
            yield f"has {key}"
    if pod.spec.get("automountServiceAccountToken") is not False:
        yield "gets a token of its service account; set automountServiceAccountToken: false"
    security = pod.spec.get("securityContext", {})
    if security.get("sysctls"):
        yield "sets sysctls"
    if security.get("runAsUser") == 0:
        yield "runs as root"
    for volume in pod.spec.get("volumes", ()):
        if kinds := set(volume) - {"name"} - _VOLUMES:
            yield f"has a volume of the kind {', '.join(sorted(kinds))}"


def _container(pod: Pod, container: Object) -> Iterator[str]:
    security = container.get("securityContext", {})
    seccomp = _either(pod, security, "seccompProfile") or {}
    capabilities = security.get("capabilities", {})
    faults = {
        "does not drop every capability": "ALL" not in capabilities.get("drop", ()),
        "adds capabilities": set(capabilities.get("add", ())) - {"NET_BIND_SERVICE"},
        "is privileged": security.get("privileged"),
        "may escalate its privileges": security.get("allowPrivilegeEscalation") is not False,
        "may run as root": _either(pod, security, "runAsNonRoot") is not True,
        "runs as root": security.get("runAsUser") == 0,
        "has no seccomp profile": seccomp.get("type") not in _SECCOMP,
        "has another procMount": security.get("procMount", "Default") != "Default",
        "has a hostPort": any(port.get("hostPort") for port in container.get("ports", ())),
        "may write to its root file system": security.get("readOnlyRootFilesystem") is not True,
        "requests no resources": container["name"] in _OURS and not _requests(container),
    }
    yield from (fault for fault, is_there in faults.items() if is_there)


def _requests(container: Object) -> bool:
    requests = (container.get("resources") or {}).get("requests") or {}
    return {"cpu", "memory"} <= set(requests)


def _either(pod: Pod, security: Object, key: str) -> Any:
    """What a container says, else what its pod says."""
    return security.get(key, pod.spec.get("securityContext", {}).get(key))

"""A pod's end: everything that takes time must fit before it is killed."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Final

from sidehook_server.config.load import load_config
from tests.kubernetes.checks.configuration import loaded, sidecars
from tests.kubernetes.objects import Object, Objects, Pod, pods

CLOSING_SECONDS: Final = 7.5
"""What a sidecar may take after its drain: five for the decision log, two and a half to close."""

# Kubernetes' own default.
_GRACE: Final = 30
_DRAIN_DEFAULT: Final = load_config(None, environment={}).limits.drain_timeout
_SLEEP: Final = re.compile(r"time\.sleep\(float\(sys\.argv\[1\]\)\)")


def endings(objects: Objects) -> Iterator[str]:
    """Waits of preStop, drains and graces that the pod has no time for; children before parents."""
    drains = {name: config.limits.drain_timeout for name, config in loaded(objects).items()}
    for pod in pods(objects):
        grace = float(pod.spec.get("terminationGracePeriodSeconds", _GRACE))
        for container, config in sidecars(pod):
            drain = drains.get(config, _DRAIN_DEFAULT)
            needed = pre_stop(container) + drain + CLOSING_SECONDS
            if needed > grace:
                yield (
                    f"{pod.where} is killed after {grace:g} s, and its sidecar needs "
                    f"{pre_stop(container):g} + {drain:g} + {CLOSING_SECONDS:g}"
                )
        for container in pod.containers:
            yield from _worker(pod, container, grace)
        yield from _order(pod, drains)


def pre_stop(container: Object) -> float:
    """Return how long a container waits before it is told to stop, in seconds."""
    handler: Mapping[str, object] = container.get("lifecycle", {}).get("preStop", {})
    sleep = handler.get("sleep")
    if isinstance(sleep, dict):
        return float(sleep["seconds"])
    command = handler.get("exec")
    if isinstance(command, dict) and _SLEEP.search(" ".join(command["command"])):
        return float(command["command"][-1])
    return 0.0


def _worker(pod: Pod, container: Object, grace: float) -> Iterator[str]:
    words = [*container.get("command", ()), *container.get("args", ())]
    if "--grace" not in words:
        return
    own = float(words[words.index("--grace") + 1])
    if pre_stop(container) + own >= grace:
        yield (
            f"{pod.where} is killed after {grace:g} s, and {container['name']} needs "
            f"{pre_stop(container):g} + {own:g}"
        )


def _order(pod: Pod, drains: Mapping[str, float]) -> Iterator[str]:
    """Whoever starts last is stopped first, so workers come before the sidecar that drains to them.

    Without native sidecars all are stopped at once, and a worker waits until the drain is over.
    """
    names = [each["name"] for each in pod.spec.get("initContainers", ())]
    for container, config in sidecars(pod):
        for other in pod.containers:
            if not _attaches(other):
                continue
            where = f"{pod.where} {other['name']}"
            if container["name"] in names and other["name"] in names:
                if names.index(other["name"]) > names.index(container["name"]):
                    yield f"{where} is stopped before the sidecar that drains to it"
            elif pre_stop(other) < pre_stop(container) + drains.get(config, _DRAIN_DEFAULT):
                yield f"{where} is stopped before the sidecar has drained to it"


def _attaches(container: Object) -> bool:
    variables = {each["name"] for each in container.get("env", ())}
    return "SIDEHOOK_WORKERS_TARGET" in variables

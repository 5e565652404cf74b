"""An upgrade from the charts of the last tag: what the API server would refuse to change."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from tests.kubernetes.objects import Object, Objects, at, name_of, namespace_of

CHARTS_OF_LAST_TAG: Final = Path(__file__).parent / "charts-of-last-tag"
"""A folder for the last version: its charts, packed, and the example values it had."""

# `None` is a value of its own, and not the absence of an address.
_IMMUTABLE: Final[Mapping[str, tuple[str, ...]]] = {
    "Deployment": ("spec.selector",),
    "DaemonSet": ("spec.selector",),
    "StatefulSet": (
        "spec.selector",
        "spec.serviceName",
        "spec.podManagementPolicy",
        "spec.volumeClaimTemplates",
    ),
    "Job": ("spec.template", "spec.selector", "spec.completions", "spec.completionMode"),
    "Service": ("spec.clusterIP", "spec.clusterIPs", "spec.ipFamilies"),
    "PersistentVolumeClaim": (
        "spec.accessModes",
        "spec.selector",
        "spec.storageClassName",
        "spec.volumeMode",
        "spec.volumeName",
    ),
    "StorageClass": ("provisioner", "parameters", "reclaimPolicy"),
}
# A test's pod is made anew each time; what else others hold on to must not get another name.
_HELD_ON_TO: Final = ("Deployment", "Service", "PersistentVolumeClaim", "ConfigMap")


def upgrade_problems(old: Objects, new: Objects) -> Iterator[str]:
    """Yield what of an upgrade from `old` to `new` would be refused, or would take things away."""
    now = {_key(thing): thing for thing in new}
    for thing in old:
        later = now.get(_key(thing))
        if later is None:
            if thing["kind"] in _HELD_ON_TO:
                yield f"{name_of(thing)} would be gone"
            continue
        for path in _IMMUTABLE.get(thing["kind"], ()):
            before, after = _value(thing, path), _value(later, path)
            if before != after:
                yield f"{name_of(thing)} {path} would change from {before!r} to {after!r}"


def _key(thing: Object) -> tuple[str, str, str]:
    return str(thing["kind"]), namespace_of(thing), str(thing["metadata"]["name"])


def _value(thing: Object, path: str) -> Any:
    return next((value for _, value in at(thing, path)), None)

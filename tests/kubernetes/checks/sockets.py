"""Unix sockets: how long their paths are, who shares their folders, who may replace them."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import PurePosixPath
from typing import Final

from sidehook_server.config.model import Listen
from tests.kubernetes.checks.configuration import loaded, sidecars
from tests.kubernetes.objects import Object, Objects, Pod, pods, texts

LONGEST: Final = 107
"""The bytes of a socket's path: 108, and one of them ends it."""

_TARGET: Final = re.compile(r"unix:(?://)?(/[^\s\"',]+)")
_BY_VARIABLE: Final = {"SIDEHOOK_TARGET": "socket", "SIDEHOOK_WORKERS_TARGET": "workers_socket"}


def sockets(objects: Objects) -> Iterator[str]:
    """Paths that are too long, targets where nobody listens, folders that are not shared."""
    found = loaded(objects)
    for pod in pods(objects):
        for where, text in texts(pod.spec):
            for path in _TARGET.findall(text):
                yield from _length(f"{pod.where} {where}", path)
        for sidecar, name in sidecars(pod):
            if name in found:
                listen = found[name].listen
                yield from _targets(pod, sidecar, listen)
                yield from _doors(pod, sidecar, listen.socket, listen.workers_socket)


def _targets(pod: Pod, sidecar: Object, listen: Listen) -> Iterator[str]:
    for other in pod.containers:
        for variable in other.get("env", ()):
            if key := _BY_VARIABLE.get(variable["name"]):
                path = str(getattr(listen, key))
                yield from _reaches(pod, sidecar, other, str(variable["value"]), path)


def _length(where: str, path: str) -> Iterator[str]:
    if len(os.fsencode(path)) > LONGEST:
        yield f"{where}: the socket {path} has {len(os.fsencode(path))} bytes, over {LONGEST}"


def _reaches(pod: Pod, sidecar: Object, other: Object, target: str, path: str) -> Iterator[str]:
    owner = f"{pod.where} {other['name']}"
    if not target.startswith("unix:"):
        return
    if target != f"unix://{path}":
        yield f"{owner} looks at {target}, and the sidecar listens at unix://{path}"
        return
    ours, theirs = _volume(sidecar, path), _volume(other, path)
    if ours is None or theirs is None or ours["name"] != theirs["name"]:
        yield f"{owner} does not share the folder of {path} with the sidecar"
    elif not theirs.get("readOnly"):
        yield f"{owner} may replace the socket {path}; mount it read-only"


def _doors(pod: Pod, sidecar: Object, calls: str, registers: str) -> Iterator[str]:
    """Who may call and who may register are told apart by what they mount."""
    volume = _volume(sidecar, registers)
    for other in pod.containers:
        is_worker = any(e["name"] == "SIDEHOOK_WORKERS_TARGET" for e in other.get("env", ()))
        is_app = any(e["name"] == "SIDEHOOK_TARGET" for e in other.get("env", ()))
        mounts = {each["name"] for each in other.get("volumeMounts", ())}
        if is_app and not is_worker and volume is not None and volume["name"] in mounts:
            yield f"{pod.where} {other['name']} calls, and may register too: it mounts {registers}"
    for path in (calls, registers):
        mount = _volume(sidecar, path)
        source: Object = next(
            (v for v in pod.spec.get("volumes", ()) if mount and v["name"] == mount["name"]), {}
        )
        empty = source.get("emptyDir", {})
        if empty.get("medium") != "Memory" or "sizeLimit" not in empty:
            yield f"{pod.where}: {path} is in no emptyDir in memory with a sizeLimit"


def _volume(container: Object, path: str) -> Object | None:
    """The mount whose folder a path is in; the nearest."""
    above = {str(folder) for folder in PurePosixPath(path).parents}
    mounts = [m for m in container.get("volumeMounts", ()) if m["mountPath"] in above]
    found: Object | None = max(mounts, key=lambda m: len(m["mountPath"]), default=None)
    return found

"""The sidecar's configuration in every ConfigMap, read by the sidecar's own loader."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Final

from sidehook_server.config.load import load_config
from sidehook_server.config.model import Config
from sidehook_server.config.problems import ConfigError
from tests.kubernetes.checks.values import amount
from tests.kubernetes.objects import Object, Objects, Pod, at, name_of, of_kind, pods

FILE: Final = "sidehook.yaml"
"""What the configuration is called in a ConfigMap."""

_FOLDER: Final = "/etc/sidehook"


def configuration(objects: Objects) -> Iterator[str]:
    """What is wrong with a configuration, in the sidecar's own words."""
    for thing in of_kind(objects, "ConfigMap"):
        if FILE in thing["data"]:
            for problem in _read(thing["data"][FILE])[1]:
                yield f"{name_of(thing)}: {problem}"
    for pod in pods(objects):
        for container, config in sidecars(pod):
            there = {each["metadata"]["name"] for each in with_file(objects)}
            if config not in there:
                yield f"{pod.where} {container['name']} reads {FILE} of {config}: not there"


def probed_address(objects: Objects) -> Iterator[str]:
    """Probes that ask where the sidecar does not listen, and ports that it does not listen on."""
    found = loaded(objects)
    for pod in pods(objects):
        for container, name in sidecars(pod):
            if name not in found:
                continue
            listen, owner = found[name].listen, f"{pod.where} {container['name']}"
            numbers = {
                each.get("name", each["containerPort"]): each["containerPort"]
                for each in container.get("ports", ())
            }
            for probe in ("startupProbe", "livenessProbe", "readinessProbe"):
                if probe not in container:
                    yield f"{owner} has no {probe}"
                    continue
                yield from _asks(owner, probe, container[probe], numbers, listen.admin)
            open_to_all = {
                address.port
                for address in (listen.tcp, listen.tcp_workers, listen.admin)
                if address is not None and address.host not in ("127.0.0.1", "[::1]")
            }
            for port in sorted(set(numbers.values()) ^ open_to_all):
                yield f"{owner}: the port {port} is listened on or declared, and not both"


def _asks(
    owner: str, probe: str, asked: Object, numbers: Mapping[object, int], admin: object
) -> Iterator[str]:
    host, _, port = str(admin).rpartition(":")
    for _, named in at(asked, "httpGet.port"):
        if str(numbers.get(named, named)) != port or host == "127.0.0.1":
            yield f"{owner} {probe} asks port {named}, and the admin port is {admin}"
    for _, path in at(asked, "httpGet.path"):
        if path not in ("/healthz/started", "/healthz/ready", "/healthz/live"):
            yield f"{owner} {probe} asks for {path}: no such page"
    words: list[str] | None = next((words for _, words in at(asked, "exec.command")), None)
    if words is not None and words[-1] not in ("--started", "--ready", "--live"):
        yield f"{owner} {probe} asks {words[-1]}: no such question"
    if words is not None and f"http://127.0.0.1:{port}" not in words:
        yield f"{owner} {probe} does not ask port {port}, where the admin port is"


def journal_room(objects: Objects) -> Iterator[str]:
    """A journal that may grow over the size of its volume: kubelet would evict the pod."""
    found = loaded(objects)
    for pod in pods(objects):
        sizes = {
            volume["name"]: amount(volume["emptyDir"].get("sizeLimit", "0"))
            for volume in pod.spec.get("volumes", ())
            if "emptyDir" in volume
        }
        for container, name in sidecars(pod):
            detached = found[name].detached if name in found else None
            if detached is None or detached.journal is None:
                continue
            needed = 2 * detached.max_bytes + 64 * 1024**2
            for mount in container["volumeMounts"]:
                size = sizes.get(mount["name"])
                inside = detached.journal.startswith(f"{mount['mountPath']}/")
                if inside and size is not None and size < needed:
                    yield (
                        f"{pod.where} {mount['name']} has {size:.0f} bytes, and its journal may "
                        f"grow to {needed}"
                    )


def sidecars(pod: Pod) -> Iterator[tuple[Object, str]]:
    """Yield every sidecar of a pod, and the name of the ConfigMap that it reads."""
    config_maps = {
        each["name"]: each["configMap"]["name"]
        for each in pod.spec.get("volumes", ())
        if "configMap" in each
    }
    for container in pod.containers:
        words = [*container.get("command", ()), *container.get("args", ())]
        if words[:2] != ["sidehook", "serve"]:
            continue
        mounted = next(
            (
                config_maps.get(mount["name"], "")
                for mount in container.get("volumeMounts", ())
                if mount["mountPath"] == _FOLDER and f"{_FOLDER}/{FILE}" in words
            ),
            "",
        )
        yield container, mounted


def with_file(objects: Objects) -> list[Object]:
    """Return the ConfigMaps that have a configuration."""
    return [each for each in of_kind(objects, "ConfigMap") if FILE in each["data"]]


def loaded(objects: Objects) -> Mapping[str, Config]:
    """Return every configuration that can be read, by the name of its ConfigMap."""
    read = {each["metadata"]["name"]: _read(each["data"][FILE])[0] for each in with_file(objects)}
    return {name: config for name, config in read.items() if config is not None}


@cache
def _read(text: str) -> tuple[Config | None, tuple[str, ...]]:
    """The certificates that it names are elsewhere: in the cluster's secrets."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / FILE
        file.write_text(text)
        try:
            return load_config(file, environment={}, reads_certificates=False), ()
        except ConfigError as error:
            return None, tuple(str(problem) for problem in error.problems)

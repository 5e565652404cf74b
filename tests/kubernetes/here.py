"""A rendered pod on this machine: its containers' commands, with paths and ports of a test.

What is run is what was rendered; only the folders of volumes and the numbers of ports are
others, because a test shares the machine with the rest of the suite.
"""

from __future__ import annotations

import os
import re
import socket
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.e2e.processes import Process
from tests.kubernetes.objects import Object, Objects, Pod, of_kind


@dataclass(frozen=True, slots=True)
class Here:
    """A pod, and the folder that stands for its node."""

    pod: Pod
    objects: Objects
    folder: Path
    ports: dict[int, int] = field(default_factory=dict)

    def prepare(self) -> None:
        """Make the folder of every volume, and fill those of ConfigMaps."""
        for volume in self.pod.spec.get("volumes", ()):
            self.volume(volume["name"]).mkdir(parents=True)
            if "configMap" in volume:
                self.write(volume["name"], self.config_map(volume["configMap"]["name"]))

    def volume(self, name: str) -> Path:
        """Return the folder of a volume. Its name is short, for the sockets in it."""
        names = [volume["name"] for volume in self.pod.spec["volumes"]]
        return self.folder / f"v{names.index(name)}"

    def config_map(self, name: str) -> Mapping[str, str]:
        """Return what a ConfigMap holds, as it has to be here."""
        data = next(
            each["data"]
            for each in of_kind(self.objects, "ConfigMap")
            if each["metadata"]["name"] == name
        )
        return {key: self.text(value) for key, value in data.items()}

    def write(self, volume: str, files: Mapping[str, str]) -> None:
        """Put files into a volume as kubelet does: links through `..data`, which is replaced."""
        folder = self.volume(volume)
        version = folder / f"..{len(list(folder.iterdir()))}"
        version.mkdir()
        for name, text in files.items():
            (version / name).write_text(text)
            if not (folder / name).is_symlink():
                (folder / name).symlink_to(Path("..data") / name)
        (folder / "..next").symlink_to(version.name)
        (folder / "..next").replace(folder / "..data")

    def container(self, name: str) -> Object:
        """Return a container."""
        return next(each for each in self.pod.containers if each["name"] == name)

    def start(self, container: Object, **more: str) -> Process:
        """Run a container's command. `more` are environment variables besides its own."""
        words = [*container.get("command", ()), *container.get("args", ())]
        return self.run(container["name"], words, {**self.environment(container), **more})

    def run(self, name: str, words: list[str], environment: Mapping[str, str]) -> Process:
        """Run a command of a container, with the commands of this environment on the path."""
        command = [self.text(word) for word in words]
        command[0] = {"python3": sys.executable}.get(command[0], command[0])
        scripts = Path(sys.executable).parent
        if (scripts / command[0]).is_file():
            command[0] = str(scripts / command[0])
        path = f"{scripts}:{os.environ['PATH']}"
        return Process(name, command, {**os.environ, "PATH": path, **environment})

    def environment(self, container: Object) -> dict[str, str]:
        """Return what is set in a container: `$(NAME)` is what stands before it, as in kubelet."""
        known: dict[str, str] = {}
        for each in container.get("env", ()):
            text = self.text(str(each.get("value", self.pod.where)))
            known[each["name"]] = re.sub(
                r"\$\((\w+)\)", lambda found: known.get(found[1], found[0]), text
            )
        return known

    def port(self, number: int) -> int:
        """Return the port that stands for a port of the pod."""
        if number not in self.ports:
            with socket.socket() as probe:
                probe.bind(("127.0.0.1", 0))
                self.ports[number] = probe.getsockname()[1]
        return self.ports[number]

    def text(self, text: str) -> str:
        """Return a text with this machine's paths and ports in place of the pod's."""
        mounts = {
            mount["mountPath"]: str(self.volume(mount["name"]))
            for container in self.pod.containers
            for mount in container.get("volumeMounts", ())
        }
        for path in sorted(mounts, key=len, reverse=True):
            text = re.sub(rf"{re.escape(path)}(?=[/\s\"',]|$)", mounts[path], text)
        return re.sub(
            r"(?:0\.0\.0\.0|127\.0\.0\.1|dns:///[a-z0-9.-]+):(\d+)",
            lambda found: f"127.0.0.1:{self.port(int(found[1]))}",
            text,
        )

    def probe(self, container: Object, kind: str) -> tuple[str, Any]:
        """Return what a probe asks: `url` with a URL, or `command` with its words."""
        asked = container[kind]
        if "httpGet" in asked:
            numbers = {each["name"]: each["containerPort"] for each in container["ports"]}
            port = self.port(numbers[asked["httpGet"]["port"]])
            return "url", f"http://127.0.0.1:{port}{asked['httpGet']['path']}"
        return "command", asked["exec"]["command"]

"""What a test is played on: containers of the images, and what joins them. Gone when it is over."""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from docker.client import DockerClient
from testcontainers.core.container import DockerContainer

from tests.containers.member import App, Member

PREFIX: Final = os.environ.get("IMAGE_PREFIX", "sidehook-")
TAG: Final = os.environ.get("IMAGE_TAG", "dev")
SIDECAR: Final = f"{PREFIX}sidecar:{TAG}"
WORKER: Final = f"{PREFIX}worker:{TAG}"

PROGRAMS: Final = Path(__file__).parent / "programs"
SOCKETS: Final = "/run/sidehook"
GROUP: Final = 10001
"""Who may use the sockets."""

LOCKED_DOWN: Final[Mapping[str, Any]] = {
    "read_only": True,
    "cap_drop": ["ALL"],
    "security_opt": ["no-new-privileges"],
}
"""As the policy `restricted` of Kubernetes asks for, and a root file system that is read only."""

_numbers = itertools.count()


class Stage:
    """Starts containers. To be had by `stage_for`, which removes everything."""

    def __init__(self, engine: DockerClient, folder: Path) -> None:
        self.engine = engine
        self.members: list[Member] = []
        self._folder = folder
        self._made: list[Any] = []

    def network(self) -> str:
        """A network of its own, with names for its members. Nothing leads out of it."""
        name = f"sh-{os.getpid()}-{next(_numbers)}"
        self._made.append(self.engine.networks.create(name, driver="bridge", internal=True))
        return name

    def memory(self) -> str:
        """A folder in memory, for sockets: the group's, whatever its user."""
        options = {"type": "tmpfs", "device": "tmpfs", "o": f"size=1m,mode=2770,gid={GROUP}"}
        return self._volume(driver="local", driver_opts=options)

    def disk(self) -> str:
        """A folder that outlives its containers. It begins as what an image has in its place."""
        return self._volume()

    def file(self, name: str, text: str) -> Path:
        """A file that every user may read, to be mounted."""
        path = self._folder / name
        path.write_text(text)
        path.chmod(0o644)
        return path

    def sidecar(self, configuration: str, **terms: Any) -> Member:
        """Start a sidecar, and wait until it listens."""
        file = self.file(f"sidehook-{next(_numbers)}.yaml", configuration)
        mounted = {file: "/etc/sidehook/sidehook.yaml:ro", **terms.pop("mounts", {})}
        member = self.start(SIDECAR, name=terms.pop("name", "sidecar"), mounts=mounted, **terms)
        member.said("^READY sidecar")
        return member

    def worker(self, name: str, *flags: str, wait: bool = True, **terms: Any) -> Member:
        """Start the worker with the hooks of the program of its name, and wait until it serves."""
        member = self.start(
            WORKER,
            name=name,
            command=[f"/programs/{name}.py", "--name", name, *flags],
            mounts={PROGRAMS: "/programs:ro", **terms.pop("mounts", {})},
            **terms,
        )
        if wait:
            member.said("^READY")
        return member

    def app(self, *arguments: str, program: str = "caller.py", **terms: Any) -> App:
        """Start an application that calls all the time."""
        app = self.start(
            WORKER,
            name=terms.pop("name", "app"),
            kind=App,
            entrypoint=["python", f"/programs/{program}"],
            command=list(arguments),
            mounts={PROGRAMS: "/programs:ro", **terms.pop("mounts", {})},
            **terms,
        )
        assert isinstance(app, App)
        return app

    def start(
        self,
        image: str,
        *,
        name: str,
        kind: type[Member] = Member,
        command: list[str] | None = None,
        mounts: Mapping[Path | str, str] | None = None,
        environment: Mapping[str, str] | None = None,
        network: str = "none",
        memory: tuple[str, ...] = (),
        **terms: Any,
    ) -> Member:
        """Start a container. `mounts` maps a volume or a path to `/where[:ro]` in it.

        `network` is one of `network()`, on which the container has its name, or a mode of the
        engine's such as `container:ID`. `memory` are folders of its own in memory. Other terms
        are docker-py's.
        """
        container = DockerContainer(image).with_kwargs(**terms, **self._joined(network, name))
        if command is not None:
            container.with_command(command)
        for variable, value in (environment or {}).items():
            container.with_env(variable, value)
        for folder in memory:
            container.with_tmpfs_mount(folder, f"mode=2770,gid={GROUP}")
        for source, place in (mounts or {}).items():
            where, _, mode = place.partition(":")
            container.with_volume_mapping(str(source), where, mode or "rw")
        self._made.append(container)
        container.start()
        member = kind(name, container)
        self.members.append(member)
        return member

    def connect(self, member: Member, network: str) -> None:
        """Put it on a network again, under its name."""
        self.engine.networks.get(network).connect(member.id, aliases=[member.name])

    def disconnect(self, member: Member, network: str) -> None:
        """Take it off a network, as a cable that is pulled out would."""
        self.engine.networks.get(network).disconnect(member.id)

    def clear(self) -> None:
        """Remove everything, the last first."""
        for made in reversed(self._made):
            if isinstance(made, DockerContainer):
                made.stop()
            else:
                made.remove()

    def _volume(self, **terms: Any) -> str:
        volume = self.engine.volumes.create(f"sh-{os.getpid()}-{next(_numbers)}", **terms)
        self._made.append(volume)
        name: str = volume.name
        return name

    def _joined(self, network: str, name: str) -> dict[str, Any]:
        if network == "none" or ":" in network:
            return {"network_mode": network}
        alias = self.engine.api.create_endpoint_config(aliases=[name])
        return {"network": network, "networking_config": {network: alias}, "hostname": name}


@contextmanager
def stage_for(engine: DockerClient, folder: Path) -> Iterator[Stage]:
    """Lend a stage."""
    stage = Stage(engine, folder)
    try:
        yield stage
    finally:
        stage.clear()

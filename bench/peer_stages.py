"""Stages of the peers: each in an environment of its own, servers as they ship.

The application process is like ours in every peer: uvloop, gRPC's event engine off. Their
servers log warnings only, which spares them work; nothing else about them is changed.
"""

from __future__ import annotations

import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Final

from bench.ours import Workers, sidecar
from bench.processes import ROOT, TUNED, WITHIN, Process, ProcessError, Processes, module
from bench.stage import APPLICATION, MissingPeerError, Opening, Stage

CPEX: Final = ROOT / ".venv-cpex/bin/python"
MELLEA: Final = ROOT / ".venv-mellea/bin/python"
LITELLM: Final = ROOT / ".venv-litellm/bin/python"

_GRPC_SERVER: Final = "cpex.framework.external.grpc.server.runtime"
_UNIX_SERVER: Final = "cpex.framework.external.unix.server.runtime"
_QUIET: Final = {"PLUGINS_LOG_LEVEL": "WARNING"}
_OFFLINE: Final = {"LITELLM_LOCAL_MODEL_COST_MAP": "True", "LITELLM_LOG": "ERROR"}


@contextmanager
def cpex(transport: str) -> Iterator[Stage]:
    """Five plugins of cpex: `local`, or external over `grpc`, `grpc_unix` or `unix`."""
    _must_exist(CPEX)
    with (
        tempfile.TemporaryDirectory(prefix="bench-cpex-") as name,
        Processes(Path(name)) as processes,
    ):
        folder = Path(name)
        serve = _CPEX_SERVERS.get(transport)
        address = _address(transport, folder)
        server: tuple[Process, ...] = ()
        if serve is not None:
            plugins = _configuration(folder, "local")
            command, environment = serve(plugins, address)
            server = (processes.start("plugins", command, {**_QUIET, **environment}),)
            _wait_for(address)
        configuration = _configuration(folder, transport, address)
        application = processes.start(
            APPLICATION,
            module("bench.peers.cpex_app", str(configuration), python=CPEX),
            {**_QUIET, **TUNED},
        )
        application.until("READY")
        yield Stage(application, server)


@contextmanager
def litellm() -> Iterator[Stage]:
    """LiteLLM's generic guardrail, and a server that answers it."""
    _must_exist(LITELLM)
    with (
        tempfile.TemporaryDirectory(prefix="bench-litellm-") as name,
        Processes(Path(name)) as processes,
    ):
        port = _free_port()
        command = module("bench.peers.litellm_server", str(port), python=LITELLM)
        server = processes.start("guardrail", command)
        server.until("READY")
        url = f"http://127.0.0.1:{port}"
        command = module("bench.peers.litellm_app", url, python=LITELLM)
        application = processes.start(APPLICATION, command, {**_OFFLINE, **TUNED})
        application.until("READY")
        yield Stage(application, (server,))


@contextmanager
def mellea_in_process() -> Iterator[Stage]:
    """Five hooks of mellea in its own process."""
    _must_exist(MELLEA)
    with (
        tempfile.TemporaryDirectory(prefix="bench-mellea-") as name,
        Processes(Path(name)) as processes,
    ):
        command = module("bench.peers.mellea_app", "local", python=MELLEA)
        application = processes.start(APPLICATION, command, TUNED)
        application.until("READY")
        yield Stage(application)


@contextmanager
def mellea_through_us() -> Iterator[Stage]:
    """The same five hooks behind mellea in a worker of ours."""
    _must_exist(MELLEA)
    workers = Workers(groups=(("mellea_five",),))
    with sidecar(workers, application="bench.peers.mellea_app", python=MELLEA) as stage:
        yield stage


CPEX_LOCAL: Final[Opening] = partial(cpex, "local")
CPEX_GRPC: Final[Opening] = partial(cpex, "grpc")
CPEX_GRPC_UNIX: Final[Opening] = partial(cpex, "grpc_unix")
CPEX_UNIX: Final[Opening] = partial(cpex, "unix")


def _must_exist(python: Path) -> None:
    environment = python.parent.parent
    if python.exists():
        return
    why = environment.with_suffix(".error")
    said = f": {why.read_text().strip()[-1000:]}" if why.exists() else ""
    raise MissingPeerError(f"there is no {environment.name}{said}")


def _configuration(folder: Path, kind: str, address: str = "") -> Path:
    """Let cpex's own environment write it: only there the plugins can be imported."""
    file = folder / f"{kind}.yaml"
    script = (
        "import json, sys\n"
        "from bench.peers.cpex_plugins import configuration\n"
        "json.dump(configuration(*sys.argv[1:]), sys.stdout)\n"
    )
    command = [str(CPEX), "-c", script, kind, address]
    file.write_bytes(subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.PIPE).stdout)
    return file


def _address(transport: str, folder: Path) -> str:
    return f"127.0.0.1:{_free_port()}" if transport == "grpc" else str(folder / "plugins.sock")


def _grpc(configuration: Path, address: str) -> tuple[list[str], Mapping[str, str]]:
    host, _, port = address.rpartition(":")
    options = ("--config", str(configuration), "--host", host, "--port", port)
    return module(_GRPC_SERVER, *options, python=CPEX), {}


def _grpc_unix(configuration: Path, address: str) -> tuple[list[str], Mapping[str, str]]:
    command = module(_GRPC_SERVER, "--config", str(configuration), python=CPEX)
    return command, {"PLUGINS_GRPC_SERVER_UDS": address}


def _unix(configuration: Path, address: str) -> tuple[list[str], Mapping[str, str]]:
    names = {"PLUGINS_CONFIG_PATH": str(configuration), "PLUGINS_UNIX_SOCKET_PATH": address}
    return module(_UNIX_SERVER, python=CPEX), names


_CPEX_SERVERS: Final[Mapping[str, Callable[[Path, str], tuple[list[str], Mapping[str, str]]]]] = {
    "grpc": _grpc,
    "grpc_unix": _grpc_unix,
    "unix": _unix,
}


def _wait_for(address: str) -> None:
    """Wait until somebody listens there: cpex's gRPC server does not say when it does."""
    host, _, port = address.rpartition(":")
    family = socket.AF_INET if host else socket.AF_UNIX
    deadline = time.monotonic() + WITHIN
    while time.monotonic() < deadline:
        with socket.socket(family, socket.SOCK_STREAM) as probe, suppress(OSError):
            probe.connect((host, int(port)) if host else address)
            return
        time.sleep(0.05)
    raise ProcessError(f"nobody listens on {address}")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port

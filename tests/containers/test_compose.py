"""The two Compose files, as they stand: one command up, what they promise, one command down."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.containers.member import WITHIN
from tests.containers.stage import SIDECAR, WORKER
from tests.repository import ROOT
from tests.supervised import until

pytestmark = pytest.mark.timeout(300)

COMPOSE = Path(sys.executable).with_name("docker-compose")
PROMETHEUS = os.environ.get("PROMETHEUS_IMAGE", "sidehook-prometheus:debian")
PORT = 19090
PROJECTS = {"compose.yaml": "sidehook", "compose.shared.yaml": "sidehook-shared"}


class Project:
    """What one Compose file describes, while it is up."""

    def __init__(self, file: str) -> None:
        self._command = (str(COMPOSE), "--file", str(ROOT / "docker" / file))
        self._environment = os.environ | {
            "SIDEHOOK_SIDECAR_IMAGE": SIDECAR,
            "SIDEHOOK_WORKER_IMAGE": WORKER,
            "PROMETHEUS_IMAGE": PROMETHEUS,
            "PROMETHEUS_PORT": str(PORT),
        }

    def compose(self, *arguments: str) -> str:
        """Run a command of Compose to its end, and return what it wrote."""
        ended = subprocess.run(
            (*self._command, *arguments),
            env=self._environment,
            capture_output=True,
            text=True,
            timeout=240,
            check=False,
        )
        assert ended.returncode == 0, f"{arguments}: {ended.stdout}{ended.stderr}\n{self.logs()}"
        return ended.stdout

    def logs(self) -> str:
        """What its services wrote."""
        ended = subprocess.run(
            (*self._command, "logs", "--no-color"),
            env=self._environment,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        return ended.stdout

    def until_logged(self, service: str, text: str) -> None:
        """Wait until a service has written this."""
        waits_until(
            lambda: text in self.compose("logs", "--no-color", service), f"{service}: {text}"
        )

    def container(self, engine: Any, service: str) -> dict[str, Any]:
        """What the engine says of the first container of a service."""
        identity = self.compose("ps", "--all", "--quiet", service).split()[0]
        attributes: dict[str, Any] = engine.containers.get(identity).attrs
        return attributes


@contextmanager
def up(engine: Any, file: str) -> Iterator[Project]:
    """Bring a file up with one command, and down with one; nothing of it is left."""
    project = Project(file)
    try:
        project.compose("up", "--wait", "--wait-timeout", "180")
        yield project
    finally:
        project.compose("down", "--volumes")
    ours = {"label": f"com.docker.compose.project={PROJECTS[file]}"}
    left = [*engine.containers.list(all=True, filters=ours), *engine.volumes.list(filters=ours)]
    assert [*left, *engine.networks.list(filters=ours)] == []


def waits_until(holds: Callable[[], bool], what: str) -> None:
    assert until(holds, within=WITHIN, every=0.5), f"not within {WITHIN:g} s: {what}"


def asked_of_prometheus(query: str) -> float:
    """The value of a query; 0 while there is none."""
    url = f"http://127.0.0.1:{PORT}/api/v1/query?query={query}"
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(url, timeout=5) as answer:
            found = json.load(answer)["data"]["result"]
    except (urllib.error.URLError, ConnectionError):
        return 0
    return float(found[0]["value"][1]) if found else 0


@pytest.fixture(scope="module")
def prometheus(engine: Any) -> None:
    """Prometheus out of Debian's package, where no other image of it is named."""
    if "PROMETHEUS_IMAGE" in os.environ:
        return
    base = engine.images.get(SIDECAR).labels["org.opencontainers.image.base.name"]
    folder = str(ROOT / ".engine" / "prometheus")
    engine.images.build(path=folder, tag=PROMETHEUS, buildargs={"BASE_IMAGE": base}, rm=True)


@pytest.mark.usefixtures("prometheus")
def test_the_pod_s_file_serves_an_application_and_shows_it_to_prometheus(engine: Any) -> None:
    with up(engine, "compose.yaml") as project:
        project.until_logged("app", "Instruction: go on with {'temperature': 0.7}")
        told = project.compose("exec", "-T", "app", "python", "/app/app.py", "--once", "forbidden")
        assert told == "forbidden: blocked, NOT_ALLOWED\n"
        project.until_logged("watchers", "blocked")
        waits_until(lambda: asked_of_prometheus("up") == 1, "Prometheus reaches the sidecar")
        calls = "sum(sidehook_calls_total)"
        waits_until(lambda: asked_of_prometheus(calls) > 0, "Prometheus has seen calls")

        healthy = [
            check["End"]
            for check in project.container(engine, "sidecar")["State"]["Health"]["Log"]
            if check["ExitCode"] == 0
        ]
        began = project.container(engine, "app")["State"]["StartedAt"]
        assert min(healthy)[:19] <= began[:19], "the application waits for the gate"


def test_the_shared_file_serves_two_applications_with_replicas_of_the_guards(engine: Any) -> None:
    with up(engine, "compose.shared.yaml") as project:
        for app in ("app-one", "app-two"):
            project.until_logged(app, "Instruction: go on with {'temperature': 0.7}")
        replicas = project.compose("ps", "--quiet", "guards").split()
        assert len(replicas) == 2
        status = project.compose("exec", "-T", "sidecar", "sidehook", "status", "--json")
        connected = {each["name"]: each["instances"] for each in json.loads(status)["workers"]}
        assert len(connected["guards"]) == 2
        engine.containers.get(replicas[0]).kill()
        told = project.compose("exec", "-T", "app-two", "python", "/app/app.py", "--once", "other")
        assert told == "other: go on with {'temperature': 0.7}\n"

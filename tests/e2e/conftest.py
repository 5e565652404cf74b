"""Real sidecars and workers for a test: started, waited for, shown when it fails, stopped.

async def test_it(start_sidecar, start_worker):
    sidecar = await start_sidecar("hook_types: [{name: mine, writable: [text]}]")
    await start_worker(sidecar, '''
        from sidehook import hook

        @hook("mine")
        def look(payload, ctx): ...
    ''')
    async with sidecar.client() as hooks:
        await hooks.invoke("mine", text="hello")
"""

import os
import subprocess
import textwrap
from collections.abc import AsyncIterator, Callable, Generator, Iterator
from pathlib import Path
from typing import Protocol

import pytest

from tests.e2e.processes import COMMAND, Process, Sidecar, Worker

_PROCESSES = pytest.StashKey[list[Process]]()


class StartSidecar(Protocol):
    """Starts a sidecar and waits until it listens.

    `config` is YAML. Sockets and state are in a folder of the test, in one of their own
    below it for each `name`: a sidecar started again under a name takes up where the
    one before stopped. `flags` go to `sidehook serve`.
    """

    async def __call__(
        self, config: str = "", *, name: str = "sidecar", flags: tuple[str, ...] = ()
    ) -> Sidecar: ...


class StartWorker(Protocol):
    """Starts a worker and waits until it serves; its hooks are active then.

    `source` is the text of its file. It attaches to the sidecar; with `listen` it waits
    there to be dialled instead. `flags` go to `sidehook worker`.
    """

    async def __call__(
        self,
        sidecar: Sidecar | None,
        source: str,
        *,
        name: str = "worker",
        instance: str = "",
        listen: str = "",
        flags: tuple[str, ...] = (),
    ) -> Worker: ...


@pytest.fixture
def environment(socket_folder: Path) -> dict[str, str]:
    """The environment of every process of the test: nothing of the user's, a folder of its own."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    return {**kept, "XDG_RUNTIME_DIR": str(socket_folder), "PYTHONUNBUFFERED": "1"}


@pytest.fixture
def processes(request: pytest.FixtureRequest) -> Iterator[list[Process]]:
    """Every process of the test. Those that still run at its end are stopped, last first."""
    started: list[Process] = []
    request.node.stash[_PROCESSES] = started
    yield started
    for process in reversed(started):
        process.stop_and_wait()


@pytest.fixture
async def start_sidecar(
    socket_folder: Path, environment: dict[str, str], processes: list[Process]
) -> AsyncIterator[StartSidecar]:
    """Starts sidecars. The test fails when one of them logs a fault of its own."""
    sidecars: list[Sidecar] = []

    async def start(
        config: str = "", *, name: str = "sidecar", flags: tuple[str, ...] = ()
    ) -> Sidecar:
        folder = socket_folder / name
        folder.mkdir(exist_ok=True)
        file = folder / "sidehook.yaml"
        file.write_text(textwrap.dedent(config))
        command = (
            *(COMMAND, "serve", "--config", str(file), "--log-level", "debug"),
            *("--socket", str(folder / "sidehook.sock")),
            *("--workers-socket", str(folder / "workers.sock")),
            *("--state-dir", str(folder / "state"), "--admin", "127.0.0.1:0"),
            *flags,
        )
        process = Process(name, command, environment)
        processes.append(process)
        sidecar = await Sidecar.ready(process)
        sidecars.append(sidecar)
        return sidecar

    yield start
    for sidecar in sidecars:
        await sidecar.process.stop()
        faulty = "traceback=" in sidecar.process.log or "Traceback" in sidecar.process.log
        assert sidecar.tolerates_faults or not faulty, sidecar.process.log


@pytest.fixture
def start_worker(
    socket_folder: Path, environment: dict[str, str], processes: list[Process]
) -> StartWorker:
    """Starts workers."""

    async def start(
        sidecar: Sidecar | None,
        source: str,
        *,
        name: str = "worker",
        instance: str = "",
        listen: str = "",
        flags: tuple[str, ...] = (),
    ) -> Worker:
        folder = socket_folder / "workers"
        folder.mkdir(exist_ok=True)
        file = folder / f"{name}{len(processes)}.py"
        file.write_text(textwrap.dedent(source))
        assert sidecar is not None or listen, "a worker attaches, or it listens"
        way = ("--listen", listen) if sidecar is None else ("--attach", sidecar.workers[0])
        identity = ("--name", name, *(("--instance", instance) if instance else ()))
        process = Process(
            instance or name, (COMMAND, "worker", str(file), *way, *identity, *flags), environment
        )
        processes.append(process)
        line = await process.line(r"^READY (\S+) (?:attached to|listening on) (\S+)$")
        return Worker(process=process, name=name, target="" if sidecar else line[2])

    return start


@pytest.fixture
def run_sidehook(
    environment: dict[str, str],
) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Runs the command to its end: `run_sidehook("serve", "--config", file)`."""

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            (COMMAND, *arguments),
            env=environment,
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
        )

    return run


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Show what every process of a failed test wrote."""
    report = yield
    if report.failed:
        for process in item.stash.get(_PROCESSES, []):
            report.sections.append((f"{process.name} ({' '.join(process.command)})", process.log))
    return report

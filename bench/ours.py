"""Stages of the project itself: a real sidecar, real workers, an application with our client."""

from __future__ import annotations

import json
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from bench.payloads import HOOK_TYPE, WRITABLE
from bench.processes import TUNED, Process, Processes, module
from bench.stage import APPLICATION, LegError, Stage
from tests.certificates import Authority
from tests.supervised import sidecar_state

FIVE: Final = ("gate", "change", "observe", "check", "tell")
"""One hook of each mode, a file each."""

MODES: Final = ("sequential", "transform", "audit", "concurrent", "fire_and_forget")

_HOOKS: Final = "bench/hooks"


@dataclass(frozen=True, slots=True, kw_only=True)
class Workers:
    """`groups` are the hook files of each worker; `many` is what `many.py` is told to make."""

    groups: tuple[tuple[str, ...], ...] = ()
    many: tuple[str, ...] = ()
    types: tuple[str, ...] = (HOOK_TYPE,)


NOBODY: Final = Workers()
ONE: Final = Workers(groups=(("gate",),))
FIVE_ON_ONE: Final = Workers(groups=(FIVE,))
FIVE_ON_FIVE: Final = Workers(groups=tuple((name,) for name in FIVE))


@contextmanager
def sidecar(
    workers: Workers = NOBODY,
    *,
    application: str = "bench.apps.hooks",
    python: Path | None = None,
    transport: str = "unix",
    environment: Mapping[str, str] = TUNED,
) -> Iterator[Stage]:
    """A sidecar with these workers, and an application that calls it over `transport`.

    `transport` is `unix`, `tcp` or `tls`; `python` runs the application in another environment.
    """
    with (
        tempfile.TemporaryDirectory(prefix="bench-") as name,
        Processes(Path(name)) as processes,
    ):
        folder = Path(name)
        serving, target, admin = _start_sidecar(processes, folder, workers, transport)
        started = list(_start_workers(processes, folder, workers))
        for worker in started:
            worker.until("READY")
        arguments = [target, str(folder / "authority.pem")] if transport == "tls" else [target]
        command = module(application, *arguments, python=python)
        calling = processes.start(APPLICATION, command, environment)
        calling.until("READY")
        yield Stage(calling, (serving, *started))
        _check_nothing_lost(admin)


@contextmanager
def idle_sidecar() -> Iterator[Process]:
    """A sidecar with default features and nobody connected."""
    with (
        tempfile.TemporaryDirectory(prefix="bench-") as name,
        Processes(Path(name)) as processes,
    ):
        yield _start_sidecar(processes, Path(name), None, "unix")[0]


def _start_sidecar(
    processes: Processes, folder: Path, workers: Workers | None, transport: str
) -> tuple[Process, str, str]:
    """Start the sidecar; the process, the target that applications call, and the admin port."""
    command = [
        *(str(Path(sys.executable).parent / "sidehook"), "serve"),
        *("--socket", str(folder / "sidehook.sock")),
        *("--workers-socket", str(folder / "workers.sock")),
        *("--state-dir", str(folder / "state"), "--admin", "127.0.0.1:0"),
        *("--log-level", "warning"),
    ]
    if workers is not None:
        configuration = folder / "sidehook.yaml"
        # Every JSON document is a YAML document.
        configuration.write_text(json.dumps(_configuration(folder, workers, transport)))
        command += ["--config", str(configuration)]
    serving = processes.start("sidecar", command)
    ready = serving.until("READY")
    told = dict(word.split("=", 1) for word in ready.split() if "=" in word)
    if transport == "unix":
        return serving, f"unix://{folder / 'sidehook.sock'}", told["admin"]
    target = next(each for each in told["calls"].split(",") if each.startswith("127."))
    return serving, target, told["admin"]


def _check_nothing_lost(admin: str) -> None:
    """Raise LegError unless every detached event of this sidecar was delivered.

    Calls that shed their detached hooks would be cheaper than calls that did not.
    """
    counts = sidecar_state(admin)["detached"]
    if counts["accepted"] != counts["delivered"] or counts["shed"]:
        raise LegError(f"detached events were lost: {counts}")


def _configuration(folder: Path, workers: Workers, transport: str) -> dict[str, Any]:
    configuration: dict[str, Any] = {
        "hook_types": [{"name": name, "writable": [WRITABLE]} for name in workers.types]
    }
    if transport != "unix":
        configuration["listen"] = {"tcp": "127.0.0.1:0"}
    if transport == "tls":
        pair = Authority(folder).issue_for_this_machine()
        configuration["listen"]["tls"] = {
            "certificate": str(pair.certificate),
            "key": str(pair.key),
        }
    return configuration


def _start_workers(processes: Processes, folder: Path, workers: Workers) -> Iterator[Process]:
    for number, files in enumerate(workers.groups):
        paths = [f"{_HOOKS}/{each}.py" for each in files]
        yield _start_worker(processes, folder, f"worker-{number + 1}", paths)
    if workers.many:
        many = {"BENCH_HOOKS": ",".join(workers.many)}
        yield _start_worker(processes, folder, "worker-many", [f"{_HOOKS}/many.py"], many)


def _start_worker(
    processes: Processes,
    folder: Path,
    name: str,
    files: Sequence[str],
    environment: Mapping[str, str] | None = None,
) -> Process:
    command = [
        *(str(Path(sys.executable).parent / "sidehook"), "worker", *files),
        *("--name", name, "--attach", f"unix://{folder / 'workers.sock'}"),
        *("--log-level", "warning"),
    ]
    return processes.start(name, command, environment)

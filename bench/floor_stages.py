"""Stages of the floors. Their processes have the settings of our own (docs/process-settings.md)."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bench.processes import TUNED, Process, Processes, module
from bench.stage import APPLICATION, Stage


@contextmanager
def unary_echo() -> Iterator[Stage]:
    """Bare grpc.aio: caller, worker."""
    with _floor("unary") as (processes, folder):
        address = f"unix://{folder / 'worker.sock'}"
        worker = _start(processes, "worker-1", "unary", "worker", address)
        yield Stage(_start(processes, APPLICATION, "unary", "caller", address), (worker,))


@contextmanager
def unary_relay() -> Iterator[Stage]:
    """Bare grpc.aio: caller, relay, worker."""
    with _floor("unary") as (processes, folder):
        worker_address = f"unix://{folder / 'worker.sock'}"
        address = f"unix://{folder / 'relay.sock'}"
        worker = _start(processes, "worker-1", "unary", "worker", worker_address)
        relay = _start(processes, "relay", "unary", "relay", address, worker_address)
        caller = _start(processes, APPLICATION, "unary", "caller", address)
        yield Stage(caller, (relay, worker))


@contextmanager
def relay() -> Iterator[Stage]:
    """The bare multiplexed relay on our frames: the floor that the targets name."""
    with _attached("mux", "unix://") as stage:
        yield stage


@contextmanager
def raw_relay() -> Iterator[Stage]:
    """A relay on raw sockets: the floor below every protocol."""
    with _attached("raw", "") as stage:
        yield stage


@contextmanager
def _attached(kind: str, prefix: str) -> Iterator[Stage]:
    """A relay that worker and caller connect to."""
    with _floor(kind) as (processes, folder):
        calls = f"{prefix}{folder / 'calls.sock'}"
        workers = f"{prefix}{folder / 'workers.sock'}"
        relay = _start(processes, "relay", kind, "relay", calls, workers)
        worker = _start(processes, "worker-1", kind, "worker", workers)
        yield Stage(_start(processes, APPLICATION, kind, "caller", calls), (relay, worker))


@contextmanager
def _floor(kind: str) -> Iterator[tuple[Processes, Path]]:
    with (
        tempfile.TemporaryDirectory(prefix=f"bench-{kind}-") as name,
        Processes(Path(name)) as processes,
    ):
        yield processes, Path(name)


def _start(processes: Processes, role: str, kind: str, part: str, *addresses: str) -> Process:
    process = processes.start(role, module(f"bench.floors.{kind}", part, *addresses), TUNED)
    process.until("READY")
    return process

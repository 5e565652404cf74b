"""The example workers without an SDK: how each is built, started and spoken to.

Everything here speaks to them with generated code and grpcio alone, as the sidecar may.
"""

import asyncio
import subprocess
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import grpc
import grpc.aio

from sidehook.v1 import payload_pb2, worker_service_pb2, worker_service_pb2_grpc
from tests.repository import ROOT

if TYPE_CHECKING:  # the stub of an asyncio channel is a type only, with no class behind it
    from sidehook.v1.worker_service_pb2_grpc import WorkerServiceAsyncStub

DEADLINE_SECONDS = 30.0
TOOL_IS_MISSING = 69


@dataclass(frozen=True, slots=True)
class Language:
    """A language with an example worker.

    `code` is what the names of its hooks begin with, and `priority` that of its TRANSFORM hook.
    """

    code: str
    folder: Path
    priority: int

    @property
    def worker(self) -> str:
        """The name in the worker's manifest."""
        return f"{self.code}-worker"

    def hook(self, name: str) -> str:
        """Return the full name of one of its hooks: tag, guard or fail."""
        return f"{self.code}-{name}"

    def __str__(self) -> str:
        return self.code


GO = Language("go", ROOT / "examples" / "no-sdk" / "go", priority=30)
TYPESCRIPT = Language("ts", ROOT / "examples" / "no-sdk" / "typescript", priority=40)
LANGUAGES = (GO, TYPESCRIPT)


class ToolchainMissingError(Exception):
    """The language's tools are not on this machine; the text says which."""


class BuildError(Exception):
    """The worker does not build; the text is what the build printed."""


@cache
def build(language: Language) -> Path:
    """Build a worker, once in a process, and return its executable.

    Blocks, for minutes on a machine that has never built it. Raises ToolchainMissingError or
    BuildError.
    """
    built = subprocess.run(
        [language.folder / "build.sh"], capture_output=True, text=True, check=False
    )
    if built.returncode == TOOL_IS_MISSING:
        raise ToolchainMissingError(built.stderr.strip())
    if built.returncode != 0:
        raise BuildError(built.stdout + built.stderr)
    return language.folder / "build" / "worker"


@dataclass(frozen=True, slots=True)
class RunningWorker:
    """A worker process that serves, and a stub on a channel to it."""

    address: str
    process: Process
    stub: "WorkerServiceAsyncStub"

    async def run(
        self, hook: str, fields: Mapping[str, payload_pb2.Value]
    ) -> worker_service_pb2.HookResult:
        """Run one hook and return its result. Raises AioRpcError."""
        response = await self.stub.Run(run_request(hook, fields=fields), timeout=DEADLINE_SECONDS)
        return response.result

    async def logged(self, text: str) -> str:
        """Wait for a line of its standard error that holds a text, and return the line."""
        assert self.process.stderr is not None
        async with asyncio.timeout(DEADLINE_SECONDS):
            async for line in self.process.stderr:
                if text in line.decode():
                    return line.decode()
        raise AssertionError(f"the worker ended without logging {text!r}")


@asynccontextmanager
async def running(
    executable: Path, address: str, *, delay_ms: int = 0
) -> AsyncIterator[RunningWorker]:
    """Start a worker, wait until it can be dialled, and kill what is left of it at the end.

    `delay_ms` is how long each of its hooks waits before it answers.
    """
    process = await start(executable, address, delay_ms=delay_ms)
    try:
        served = await _ready(process)
        options = [("grpc.max_receive_message_length", -1)]
        async with grpc.aio.insecure_channel(served, options) as channel:
            stub = worker_service_pb2_grpc.WorkerServiceStub(channel)
            yield RunningWorker(served, process, stub)
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


async def start(executable: Path, address: str, *, delay_ms: int = 0) -> Process:
    """Start a worker and do not wait for it; `running` is for all who want to talk to it."""
    return await asyncio.create_subprocess_exec(
        executable, "--listen", address, "--delay-ms", str(delay_ms), stdout=PIPE, stderr=PIPE
    )


async def _ready(process: Process) -> str:
    assert process.stdout is not None
    assert process.stderr is not None
    line = await asyncio.wait_for(process.stdout.readline(), DEADLINE_SECONDS)
    word, _, address = line.decode().strip().partition(" ")
    if word != "READY":
        raise AssertionError(f"the worker did not start: {(await process.stderr.read()).decode()}")
    return address


def run_request(
    *hooks: str, fields: Mapping[str, payload_pb2.Value] | None = None, call_id: str = "call-1"
) -> worker_service_pb2.RunRequest:
    """Return a run of one step with these hooks."""
    return worker_service_pb2.RunRequest(
        call_id=call_id,
        hook_type="component_pre_execute",
        steps=[step(*hooks)],
        payload=payload_pb2.Payload(fields=fields),
    )


def step(*hooks: str) -> worker_service_pb2.RunStep:
    """Return a step with these hooks."""
    return worker_service_pb2.RunStep(
        hooks=[worker_service_pb2.HookRun(hook=name) for name in hooks]
    )


def json_value(text: str) -> payload_pb2.Value:
    """Return a value of JSON text, octet for octet."""
    return payload_pb2.Value(json=text.encode())

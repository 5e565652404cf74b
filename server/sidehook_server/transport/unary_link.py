"""A link to a worker that serves single runs only: one RPC for each."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping
from typing import Final, TypeAlias

import grpc
import grpc.aio

from sidehook import _wire
from sidehook._errors import MalformedError
from sidehook._manifest import WorkerManifest
from sidehook._run import HookFailure, HookResult, Notice, RunRequest
from sidehook._types import FailureClass
from sidehook_server.dispatch import failures
from sidehook_server.dispatch.link import RunHandle, RunSink
from sidehook_server.pipeline.answers import malformed

_log: Final = logging.getLogger("sidehook.transport")

UnaryMethod: TypeAlias = "grpc.aio.UnaryUnaryMultiCallable[bytes, bytes]"
"""A unary RPC, with its messages as octets."""

_NEVER_CONNECTED: Final = "failed to connect to all addresses"
"""How gRPC begins the details of an RPC that it had no connection for. It never left."""

# The time of a hook is kept by the sidecar's clock, which cancels the RPC. An RPC that
# ended at the same moment by itself might do so as cancelled, and not as timed out.
_BACKSTOP_SECONDS: Final = 0.25

_CLASSES: Final[Mapping[grpc.StatusCode, FailureClass]] = {
    grpc.StatusCode.UNAVAILABLE: FailureClass.UNREACHABLE,
    grpc.StatusCode.DEADLINE_EXCEEDED: FailureClass.TIMEOUT,
    grpc.StatusCode.RESOURCE_EXHAUSTED: FailureClass.OVERLOADED,
    grpc.StatusCode.NOT_FOUND: FailureClass.MALFORMED,
    grpc.StatusCode.INVALID_ARGUMENT: FailureClass.MALFORMED,
    grpc.StatusCode.UNIMPLEMENTED: FailureClass.MALFORMED,
}
"""What a status means for the hook; every other one counts as raised."""


class UnaryLink:
    """Runs as single RPCs, each a task that is owned here.

    `on_trouble` is called when a run finds the worker unreachable.
    """

    def __init__(
        self,
        link_id: str,
        manifest: WorkerManifest,
        *,
        run: UnaryMethod,
        on_trouble: Callable[[], None],
    ) -> None:
        self.link_id: Final = link_id
        self.worker: Final = manifest.worker
        self.instance: Final = manifest.instance
        self.max_in_flight: Final = manifest.limits.max_in_flight
        self._max_message_bytes = manifest.limits.max_message_bytes
        self._run = run
        self._on_trouble = on_trouble
        self._tasks: dict[asyncio.Task[None], RunSink] = {}
        self._released: Callable[[], None] = _nobody_waits
        self._closed = False

    @property
    def tells_begin(self) -> bool:
        """Never: a single run has nothing to say but its answer."""
        return False

    @property
    def fuses(self) -> bool:
        """Never: a single run is of one hook."""
        return False

    @property
    def in_flight(self) -> int:
        """Runs sent and not yet answered or failed, and cancelled ones whose RPC goes on."""
        return len(self._tasks)

    @property
    def healthy(self) -> bool:
        """Whether the link is open; whether the worker answers is asked elsewhere."""
        return not self._closed

    @property
    def draining(self) -> bool:
        """Never: a worker of single runs has no way to say goodbye."""
        return False

    def send(self, run: RunRequest, sink: RunSink) -> RunHandle | HookFailure:
        """Starts the RPC; a failure when the worker's limits leave no room for it."""
        if self._closed:
            return failures.link_closed(self.worker)
        if len(self._tasks) >= self.max_in_flight:
            return failures.no_room(self.worker, f"{self.max_in_flight} runs are under way on it")
        body = _wire.encode_run(run)
        if len(body) > self._max_message_bytes:
            return failures.too_large(self.worker, len(body), self._max_message_bytes)
        timeout = min(run.steps[0][0].timeout, run.time_left) + _BACKSTOP_SECONDS
        task = asyncio.create_task(self._make(body, timeout, sink))
        self._tasks[task] = sink
        task.add_done_callback(self._forget)
        return _UnaryRun(task)

    def on_release(self, callback: Callable[[], None]) -> None:
        """Calls back whenever a run holds its place no longer."""
        self._released = callback

    def notify(self, notice: Notice) -> None:
        """Drops the notice: single runs have no way back but their answer."""

    async def finished(self) -> None:
        """Waits until no run is under way; each has its deadline. Sends nothing more."""
        self._closed = True
        while self._tasks:
            await asyncio.wait(self._tasks)

    async def close(self) -> None:
        """Every run that is under way fails. Waits until their RPCs are cancelled."""
        self._closed = True
        tasks, self._tasks = self._tasks, {}
        for task, sink in tasks.items():
            if not task.done():
                task.cancel()
                sink.failed(failures.connection_lost(self.worker, self.instance), sent=True)
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _make(self, body: bytes, timeout: float, sink: RunSink) -> None:  # noqa: ASYNC109 - the RPC's own
        sent = True
        outcome: HookResult | HookFailure
        try:
            outcome = _wire.decode_run_response(await self._run(body, timeout=timeout))
        except grpc.aio.AioRpcError as error:
            outcome = self._failure(error.code())
            sent = not (error.details() or "").startswith(_NEVER_CONNECTED)
        except MalformedError as error:
            outcome = malformed(str(error))
        except Exception:
            _log.exception("run_broken worker=%s instance=%s", self.worker, self.instance)
            outcome = failures.connection_lost(self.worker, self.instance)
        self._done(outcome, sink, sent=sent)

    def _done(self, outcome: HookResult | HookFailure, sink: RunSink, *, sent: bool) -> None:
        task = asyncio.current_task()
        if task is not None:
            # Before the sink asks for the next instance, this run is no longer in flight.
            self._forget(task)
        if isinstance(outcome, HookFailure):
            sink.failed(outcome, sent=sent)
        else:
            sink.answered(outcome)

    def _failure(self, code: grpc.StatusCode) -> HookFailure:
        if code is grpc.StatusCode.UNAVAILABLE:
            self._on_trouble()
        # The status's own message is left out: a worker may have put payload text there.
        return HookFailure(
            failure_class=_CLASSES.get(code, FailureClass.RAISED),
            code=code.name,
            message=f"worker {self.worker} ended the run with status {code.name}; see its log",
        )

    def _forget(self, task: asyncio.Task[None]) -> None:
        if self._tasks.pop(task, None) is not None:
            self._released()


def _nobody_waits() -> None:
    """Until dispatch wants to know, there is nobody to tell."""


class _UnaryRun:
    """One RPC under way."""

    __slots__ = ("_task",)

    def __init__(self, task: asyncio.Task[None]) -> None:
        self._task = task

    def cancel(self, index: int | None = None) -> None:
        """Cancels it; it has one hook only."""
        self._task.cancel()

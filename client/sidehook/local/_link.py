"""How runs reach a worker inside this process: as a task each, and as octets all the same."""

from __future__ import annotations

import asyncio
import contextvars
import logging
from collections.abc import Callable
from functools import partial
from typing import Final, Protocol

from sidehook import _wire
from sidehook._run import HookFailure, HookResult, Notice, RunRequest
from sidehook._types import FailureClass
from sidehook.worker._dispatch import Dispatcher
from sidehook.worker._runs import log_notice

_CANCEL_SECONDS: Final = 1.0

_log = logging.getLogger("sidehook.local")


class Sink(Protocol):
    """Takes what comes of one run, as the sidecar's dispatch describes it."""

    def begun(self) -> None:
        """The hook is called."""
        ...

    def extended(self, extra: float) -> None:
        """The hook asks for so many seconds more."""
        ...

    def answered(self, result: HookResult) -> None:
        """The hook answered."""
        ...

    def failed(self, failure: HookFailure, *, sent: bool) -> None:
        """No answer will come."""
        ...


class LocalLink:
    """Runs on one worker; a `WorkerLink` of the sidecar's. Belongs to one event loop.

    Runs, answers and the manifest are encoded and decoded as for a worker that is
    elsewhere, so that what cannot travel fails here too. `context` is what handlers find
    in context variables: what surrounds a call does not travel either.
    """

    healthy: Final = True
    draining: Final = False
    tells_begin: Final = True

    def __init__(
        self, link_id: str, dispatcher: Dispatcher, *, context: contextvars.Context
    ) -> None:
        self.manifest: Final = _wire.decode_manifest(_wire.encode_manifest(dispatcher.manifest()))
        self.link_id: Final = link_id
        self.worker: Final = self.manifest.worker
        self.instance: Final = self.manifest.instance
        self._dispatcher = dispatcher
        self._context = context
        # A run that was cancelled has no sink any more, and is owned until it has ended.
        self._runs: dict[asyncio.Task[HookResult], Sink | None] = {}
        self._released: Callable[[], None] = _nobody_waits

    @property
    def max_in_flight(self) -> int:
        """How many runs the worker takes at once."""
        return self.manifest.limits.max_in_flight

    @property
    def in_flight(self) -> int:
        """Runs that have not ended, cancelled ones whose handler goes on included."""
        return len(self._runs)

    def send(self, run: RunRequest, sink: Sink) -> LocalRun | HookFailure:
        """Start one run, or say why there is no room for it."""
        limit = self.max_in_flight
        if len(self._runs) >= limit:
            return HookFailure(
                failure_class=FailureClass.OVERLOADED,
                code="WORKER_BUSY",
                message=f"worker {self.worker} takes no more now: {limit} runs are under way on it",
            )
        task = asyncio.create_task(
            self._answer(_wire.encode_run(run), sink), context=self._context.copy()
        )
        self._runs[task] = sink
        # Not in the coroutine: one that is cancelled before its first step never runs at all.
        task.add_done_callback(self._ended)
        return LocalRun(partial(self._cancel, task))

    def on_release(self, callback: Callable[[], None]) -> None:
        """Call back whenever a run has ended."""
        self._released = callback

    def notify(self, notice: Notice) -> None:
        """Leave a word in the worker's log."""
        log_notice(notice)

    async def idle(self, within: float) -> None:
        """Wait until no run is under way, at most `within` seconds."""
        deadline = asyncio.get_running_loop().time() + within
        while self._runs and (left := deadline - asyncio.get_running_loop().time()) > 0:
            # With the last one, the sidecar may send the next: look again.
            await asyncio.wait(self._runs, timeout=left)

    async def close(self) -> None:
        """Cancel what runs, and wait for it, a second for handlers that will not go."""
        for task in tuple(self._runs):
            self._cancel(task)
        if self._runs:
            await asyncio.wait(self._runs, timeout=_CANCEL_SECONDS)
        if self._runs:
            _log.warning(
                "handlers_ignore_cancellation worker=%s count=%d", self.worker, len(self._runs)
            )
        self._dispatcher.close()

    async def _answer(self, run: bytes, sink: Sink) -> HookResult:
        result = await self._dispatcher.run(
            _wire.decode_run(run), on_started=sink.begun, on_extend=sink.extended
        )
        return _wire.decode_result(_wire.encode_result(result))

    def _cancel(self, task: asyncio.Task[HookResult]) -> None:
        if task in self._runs:
            self._runs[task] = None
            task.cancel()

    def _ended(self, task: asyncio.Task[HookResult]) -> None:
        sink = self._runs.pop(task)
        self._released()
        error = None if task.cancelled() else task.exception()
        if error is not None:
            _log.error("run_broke worker=%s", self.worker, exc_info=error)
        if sink is None:
            return
        if error is None and not task.cancelled():
            sink.answered(task.result())
            return
        failure = HookFailure(
            failure_class=FailureClass.RAISED,
            code="INTERNAL",
            message="the worker's own code failed",
        )
        sink.failed(failure, sent=True)


def _nobody_waits() -> None:
    """Until dispatch wants to know, there is nobody to tell."""


class LocalRun:
    """One run under way."""

    __slots__ = ("cancel",)

    def __init__(self, cancel: partial[None]) -> None:
        self.cancel = cancel

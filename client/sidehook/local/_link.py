"""How runs reach a worker inside this process: as a task each, and as octets all the same."""

from __future__ import annotations

import asyncio
import contextvars
import logging
from collections.abc import Callable, Coroutine
from functools import partial
from typing import Final, Protocol

from sidehook import _wire
from sidehook._run import HookFailure, HookResult, Notice, RunRequest
from sidehook._types import FailureClass
from sidehook.worker._dispatch import Dispatcher
from sidehook.worker._fused import FusedRun
from sidehook.worker._runs import log_notice

_CANCEL_SECONDS: Final = 1.0

_log = logging.getLogger("sidehook.local")


class Sink(Protocol):
    """Takes what comes of one run, as the sidecar's dispatch describes it."""

    def begun(self, index: int = 0) -> None:
        """A hook is called."""
        ...

    def extended(self, extra: float, index: int = 0) -> None:
        """A hook asks for so many seconds more."""
        ...

    def answered(self, result: HookResult) -> None:
        """A hook answered."""
        ...

    def spoiled(self, failure: HookFailure, index: int | None) -> None:
        """An answer cannot be read; None: nor whose it is."""
        ...

    def ended(self) -> None:
        """Nothing more comes for a run of several hooks."""
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
    fuses: Final = True

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
        self._runs: dict[asyncio.Task[HookResult | None], Sink | None] = {}
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
        octets = _wire.encode_run(run)
        serve: Coroutine[None, None, HookResult | None]
        fused: FusedRun | None = None
        outlet: _Outlet | None = None
        if run.is_fused:
            outlet = _Outlet(sink, len([hook for step in run.steps for hook in step]))
            fused = self._dispatcher.fused(_wire.decode_run(octets), outlet)
            serve = _serve(fused)
        else:
            serve = self._answer(octets, sink)
        task = asyncio.create_task(serve, context=self._context.copy())
        self._runs[task] = sink
        # Not in the coroutine: one that is cancelled before its first step never runs at all.
        task.add_done_callback(self._ended)
        return LocalRun(partial(self._cancel, task), fused, outlet)

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

    def _cancel(self, task: asyncio.Task[HookResult | None]) -> None:
        if task in self._runs:
            self._runs[task] = None
            task.cancel()

    def _ended(self, task: asyncio.Task[HookResult | None]) -> None:
        sink = self._runs.pop(task)
        self._released()
        error = None if task.cancelled() else task.exception()
        if error is not None:
            _log.error("run_broke worker=%s", self.worker, exc_info=error)
        if sink is None:
            return
        if error is None and not task.cancelled():
            result = task.result()
            if result is None:
                sink.ended()
            else:
                sink.answered(result)
            return
        failure = HookFailure(
            failure_class=FailureClass.RAISED,
            code="INTERNAL",
            message="the worker's own code failed",
        )
        sink.failed(failure, sent=True)


def _nobody_waits() -> None:
    """Until dispatch wants to know, there is nobody to tell."""


class _Outlet:
    """Takes what is said about the hooks of one run to its sink, until it is cancelled."""

    def __init__(self, sink: Sink, hooks: int) -> None:
        self._sink = sink
        self._hooks = hooks
        self.is_cancelled = False

    def started(self, index: int) -> None:
        """The hook is called."""
        if not self.is_cancelled:
            self._sink.begun(index)

    async def flush(self) -> None:
        """There is nothing that it would have to leave."""

    def extend(self, seconds: float, index: int) -> None:
        """The hook asks for more time."""
        if not self.is_cancelled:
            self._sink.extended(seconds, index)

    def result(self, result: HookResult) -> HookResult:
        """The hook answered; what cannot travel raises."""
        told = _wire.decode_result(_wire.encode_result(result), hooks=self._hooks)
        if not self.is_cancelled:
            self._sink.answered(told)
        return result


async def _serve(fused: FusedRun) -> HookResult | None:
    """Nothing but its end is left to be told when a run of several hooks is over."""
    await fused.serve()
    return None


class LocalRun:
    """One run under way. `fused` None: it is of one hook."""

    __slots__ = ("_cancel", "_fused", "_outlet")

    def __init__(
        self,
        cancel: Callable[[], None],
        fused: FusedRun | None = None,
        outlet: _Outlet | None = None,
    ) -> None:
        self._cancel = cancel
        self._fused = fused
        self._outlet = outlet

    def cancel(self, index: int | None = None) -> None:
        """Stop it, or a hook of it."""
        if index is not None and self._fused is not None:
            self._fused.cancel(index)
            return
        if self._outlet is not None:
            self._outlet.is_cancelled = True
        self._cancel()

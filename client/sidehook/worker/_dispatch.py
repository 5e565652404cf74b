"""From a run to the result of its hook: finds the handler, calls it, checks what it says.

Knows nothing of streams and sockets. Whoever drives it decides when a run is cancelled.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import os
import re
import socket
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from importlib import metadata
from typing import cast

from sidehook._call import Fields
from sidehook._errors import DefinitionError
from sidehook._hello import CONTINUATIONS, FUSED_RUNS, SPLIT_FRAMES
from sidehook._manifest import HookSpec, Limits, WorkerManifest
from sidehook._mux import LARGEST_BATCH_BYTES
from sidehook._payload import Payload
from sidehook._run import HookAnswer, HookFailure, HookResult, RunRequest
from sidehook._types import FailureClass
from sidehook.views import VIEWS
from sidehook.worker._answers import checked, not_one_hook, overloaded, raised, with_state
from sidehook.worker._collect import Hook, Item, collect
from sidehook.worker._context import Cancellation, Context
from sidehook.worker._fused import FusedRun, Outlet, Turn
from sidehook.worker._threads import DEFAULT_MAX_THREADS, PoolFullError, Threads

CAPABILITIES = frozenset({CONTINUATIONS, FUSED_RUNS, SPLIT_FRAMES})
"""What this library can do beyond the base contract."""

_WORKER_NAME = re.compile(r"[A-Za-z0-9_.-]{1,128}")


@dataclass(frozen=True, slots=True, kw_only=True)
class DispatchStats:
    """How busy a worker is: blocking handlers that run, that wait, and how many could run."""

    busy_threads: int
    waiting: int
    threads: int


class Dispatcher:
    """Serves the hooks of one worker: `run` calls one, `manifest` introduces them all.

    `hooks` is whatever `collect` understands. `instance` names this process among the
    replicas, host and process id when not given. At most `max_threads` blocking handlers
    run at once and at most `max_waiting` wait; one more is answered as OVERLOADED.
    Coroutine handlers run on the loop that awaits `run`; several loops may.

    Raises DefinitionError for hooks that cannot be served and for a bad worker name.
    """

    def __init__(
        self,
        hooks: Iterable[Item],
        worker_name: str,
        *,
        instance: str | None = None,
        tenant: str = "",
        max_threads: int = DEFAULT_MAX_THREADS,
        max_waiting: int = 256,
        limits: Limits | None = None,
    ) -> None:
        self._manifest = WorkerManifest(
            worker=check_worker_name(worker_name),
            instance=f"{socket.gethostname()}:{os.getpid()}" if instance is None else instance,
            hooks=(),
            capabilities=CAPABILITIES,
            limits=Limits(max_batch_bytes=LARGEST_BATCH_BYTES) if limits is None else limits,
            sdk=f"sidehook-python/{metadata.version('sidehook')}",
            tenant=tenant,
        )
        self._hooks: Mapping[str, Hook] = {hook.spec.name: hook for hook in collect(hooks)}
        self._threads = Threads(max_threads, max_waiting=max_waiting)

    @property
    def worker(self) -> str:
        """The worker's name."""
        return self._manifest.worker

    @property
    def limits(self) -> Limits:
        """What this worker accepts on a stream."""
        return self._manifest.limits

    @property
    def hooks(self) -> tuple[HookSpec, ...]:
        """What is served, as it is proposed to the sidecar."""
        return tuple(hook.spec for hook in self._hooks.values())

    @property
    def stats(self) -> DispatchStats:
        """How busy the threads for blocking handlers are."""
        threads = self._threads
        return DispatchStats(
            busy_threads=threads.busy, waiting=threads.waiting, threads=threads.slots
        )

    def manifest(self) -> WorkerManifest:
        """Return how the worker introduces itself."""
        return replace(self._manifest, hooks=self.hooks)

    async def run(
        self,
        request: RunRequest,
        *,
        on_started: Callable[[], None] | None = None,
        on_extend: Callable[[float], None] | None = None,
    ) -> HookResult:
        """Run the one hook of `request` and return what it answered, failures included.

        `on_started` is called on the loop when the handler is about to be called, which
        for a blocking one is when it gets a thread; `on_extend` when the handler asks for
        so many seconds more. Cancelling the task that awaits this
        cancels a coroutine handler; a blocking one is told by `ctx.cancelled` and keeps
        its thread until it returns.
        """
        names = [run.hook for step in request.steps for run in step]
        if len(names) != 1:
            return HookResult(answer=not_one_hook(len(names)))
        hook = self._hooks.get(names[0])
        if hook is None or hook.spec.hook_type != request.hook_type:
            return HookResult(answer=self._not_served(names[0], request.hook_type))
        cancellation = Cancellation(asyncio.current_task())
        context = Context(
            request,
            request.steps[0][0],
            cancellation,
            ask_for_time=None if on_extend is None else _from_any_thread(on_extend),
        )
        started = on_started or _ignore
        payload = _payload_for(hook.spec, request.hook_type, request.fields)
        if hook.is_async:
            answer = await _run_coroutine(hook, payload, context, started)
        else:
            begin = partial(_call_soon, started)
            answer = await self._run_blocking(hook, payload, context, begin, cancellation)
        return with_state(hook, context, answer)

    def fused(self, request: RunRequest, outlet: Outlet) -> FusedRun:
        """Return what runs the several hooks of `request`; `outlet` is told what comes of it."""
        return FusedRun(request, self.worker, self._call, outlet)

    async def _call(self, turn: Turn, outlet: Outlet) -> HookResult:
        """Call one hook of a run of several."""
        request, run, index = turn.request, turn.run, turn.index
        hook = self._hooks.get(run.hook)
        if hook is None or hook.spec.hook_type != request.hook_type:
            return HookResult(answer=self._not_served(run.hook, request.hook_type), index=index)
        cancellation = Cancellation(asyncio.current_task())
        context = Context(
            request,
            run,
            cancellation,
            ask_for_time=_from_any_thread(partial(_extend, outlet, index)),
            state=turn.state,
            time_left=turn.time_left,
        )
        payload = _payload_for(hook.spec, request.hook_type, turn.fields)
        # The sidecar sends again what was not started, which only some hooks bear.
        is_told_first = not (turn.is_first or hook.spec.idempotent)
        if not hook.is_async:
            begin = partial(_tell_from_thread if is_told_first else _say_from_thread, outlet, index)
            answer = await self._run_blocking(hook, payload, context, begin, cancellation)
        elif is_told_first:
            await _tell(outlet, index)
            answer = await _run_coroutine(hook, payload, context, _ignore)
        else:
            # The result of a hook that answers at once says well enough that it was called.
            soon = asyncio.get_running_loop().call_soon(outlet.started, index)
            answer = await _run_coroutine(hook, payload, context, _ignore)
            soon.cancel()
        return with_state(hook, context, answer, index=index)

    def close(self) -> None:
        """Let idle threads end. Blocking handlers that still run are left alone. Idempotent."""
        self._threads.close()

    async def _run_blocking(
        self,
        hook: Hook,
        payload: Payload,
        context: Context,
        begin: Callable[[asyncio.AbstractEventLoop, float], None],
        cancellation: Cancellation,
    ) -> HookAnswer:
        """Call a blocking handler in a thread; `begin` is called there before it."""
        loop = asyncio.get_running_loop()

        def call() -> HookAnswer:
            if context.time_left() <= 0:
                return overloaded(
                    hook, "EXPIRED_IN_QUEUE", "its time ran out before a thread was free"
                )
            try:
                begin(loop, context.time_left())
            except (TimeoutError, concurrent.futures.CancelledError):
                return overloaded(
                    hook, "SIDECAR_SLOW", "the sidecar did not read that it is about to be"
                )
            return _call_blocking(hook, payload, context)

        try:
            return await self._threads.run(call)
        except PoolFullError:
            return overloaded(
                hook,
                "NO_THREAD",
                f"all {self._threads.slots} threads are busy and the queue is full",
            )
        except asyncio.CancelledError:
            cancellation.end()
            raise

    def _not_served(self, name: str, hook_type: str) -> HookFailure:
        known = ", ".join(f"{s.name} ({s.hook_type})" for s in self.hooks) or "none"
        return HookFailure(
            failure_class=FailureClass.RAISED,
            code="UNKNOWN_HOOK",
            message=f"worker {self.worker} serves no hook {name} for {hook_type}; "
            f"it serves {known}",
        )


def check_worker_name(name: str) -> str:
    """Return `name`; raises DefinitionError unless a worker may be called that."""
    if not _WORKER_NAME.fullmatch(name):
        raise DefinitionError(
            f"{name!r} is no name for a worker: 1 to 128 of letters, digits, _ - and ."
        )
    return name


def _call_soon(
    started: Callable[[], None], loop: asyncio.AbstractEventLoop, time_left: float
) -> None:
    loop.call_soon_threadsafe(started)


def _say_from_thread(
    outlet: Outlet, index: int, loop: asyncio.AbstractEventLoop, time_left: float
) -> None:
    loop.call_soon_threadsafe(outlet.started, index)


def _tell_from_thread(
    outlet: Outlet, index: int, loop: asyncio.AbstractEventLoop, time_left: float
) -> None:
    asyncio.run_coroutine_threadsafe(_tell(outlet, index), loop).result(time_left)


async def _tell(outlet: Outlet, index: int) -> None:
    """Say that a hook is about to be called, and wait until that has left."""
    outlet.started(index)
    await outlet.flush()


def _extend(outlet: Outlet, index: int, seconds: float) -> None:
    outlet.extend(seconds, index)


def _from_any_thread(callback: Callable[[float], None]) -> Callable[[float], None]:
    loop = asyncio.get_running_loop()
    return lambda seconds: _on_loop(loop, callback, seconds)


def _on_loop(
    loop: asyncio.AbstractEventLoop, callback: Callable[[float], None], seconds: float
) -> None:
    try:
        loop.call_soon_threadsafe(callback, seconds)
    except RuntimeError:
        # The loop is closed, so nobody waits any more.
        return


def _ignore() -> None:
    """Nobody wants to know that a hook started."""


def _payload_for(spec: HookSpec, hook_type: str, fields: Fields) -> Payload:
    if spec.fields is not None:
        fields = {name: fields[name] for name in spec.fields if name in fields}
    return VIEWS.get(hook_type, Payload)(fields)


async def _run_coroutine(
    hook: Hook, payload: Payload, context: Context, started: Callable[[], None]
) -> HookAnswer:
    started()
    try:
        # The collector looked: this handler is a coroutine function.
        returned = await cast("Awaitable[object]", hook.handler(payload, context))
        return checked(hook, returned)
    except (KeyboardInterrupt, GeneratorExit):
        # The process or the loop ends, which is not the handler's doing.
        raise
    except BaseException as error:
        if isinstance(error, asyncio.CancelledError) and context.cancelled:
            raise
        return raised(hook, context, error)


def _call_blocking(hook: Hook, payload: Payload, context: Context) -> HookAnswer:
    try:
        return checked(hook, hook.handler(payload, context))
    except BaseException as error:  # in a thread of its own, so nothing may escape
        return raised(hook, context, error)

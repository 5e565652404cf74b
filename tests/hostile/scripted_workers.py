"""Workers over real sockets that fail in one way, each way known by a name.

A worker serves some hooks, waits until every one of them was called, and then does what
its fault says to all of them. It attaches, or is dialled for a stream or for single runs.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import assert_never

import grpc

from sidehook import _wire as wire
from sidehook._frames import EventTag, Frame, RunTag
from sidehook._manifest import WorkerManifest
from sidehook._run import HookFailure, HookResult, RunRequest
from sidehook._types import FailureClass
from sidehook_server.transport.dial import Dialer
from tests.e2e.relay import Relay
from tests.transport.raw_worker import (
    PROCEED,
    AttachedWorker,
    Context,
    Frames,
    ListeningWorker,
)
from tests.transport.sidecar import QUICK, running, until
from tests.unit.rpc.peers import Running


class Way(StrEnum):
    """How a run reaches a worker."""

    ATTACH = "attach"
    DIAL_STREAM = "dial_stream"
    DIAL_UNARY = "dial_unary"


class Fault(StrEnum):
    """What a worker does to its runs."""

    REFUSED = "refused"
    """It was there and is gone; nobody listens."""
    SLOW = "slow"
    """It answers, after the time of the hook."""
    HANG = "hang"
    """It begins and never answers."""
    QUEUED = "queued"
    """It never begins."""
    RESET = "reset"
    """The connection is cut while it runs."""
    GARBAGE = "garbage"
    """Its answer is no message."""
    ERROR = "error"
    """It says that it failed."""
    OVERLOAD = "overload"
    """It says that it has no room."""


_CLAIMS = {Fault.ERROR: FailureClass.RAISED, Fault.OVERLOAD: FailureClass.OVERLOADED}
_STATUSES = {
    Fault.ERROR: grpc.StatusCode.INTERNAL,
    Fault.OVERLOAD: grpc.StatusCode.RESOURCE_EXHAUSTED,
}

Prepared = Callable[[], Awaitable[None]]
"""Brings the worker into the state in which its hooks are to be called."""


@dataclass(frozen=True, kw_only=True)
class Scene:
    """A sidecar, a folder for sockets, and a worker with its manifest and its fault."""

    sidecar: Running
    folder: Path
    manifest: WorkerManifest
    fault: Fault

    @property
    def links(self) -> int:
        """The connections that the sidecar has with the worker."""
        worker = self.sidecar.sidecar._registry.current.workers.get(self.manifest.worker)
        return 0 if worker is None else len(worker.links)

    def socket(self, kind: str) -> Path:
        return self.folder / f"{kind}-{self.manifest.worker}.sock"


@asynccontextmanager
async def misbehaving(scene: Scene, way: Way) -> AsyncIterator[None]:
    """The worker, ready to be called; under REFUSED it was there, and is gone."""
    async with AsyncExitStack() as stack:
        there = stack
        if scene.fault is Fault.REFUSED:
            there = await stack.enter_async_context(AsyncExitStack())
        if way is Way.ATTACH:
            await _attach(scene, there)
        else:
            await _listen_and_be_dialled(scene, way, there, stack)
        if scene.fault is Fault.REFUSED:
            await there.aclose()
            if way is not Way.DIAL_UNARY:
                await until(lambda: scene.links == 0)
        yield


async def _attach(scene: Scene, stack: AsyncExitStack) -> None:
    target, cut = scene.sidecar.workers, _nothing_to_cut
    if scene.fault is Fault.RESET:
        onward = Path(target.removeprefix("unix://"))
        relay = await stack.enter_async_context(Relay(scene.socket("relay"), onward))
        target, cut = relay.target, relay.cut
    worker = await stack.enter_async_context(AttachedWorker(target))
    await worker.attach(scene.manifest)
    await _beside(stack, _on_stream(worker, scene, cut))


async def _listen_and_be_dialled(
    scene: Scene, way: Way, there: AsyncExitStack, stack: AsyncExitStack
) -> None:
    path = scene.socket("worker")
    target, cut = f"unix://{path}", _nothing_to_cut
    worker = ListeningWorker(scene.manifest)
    if scene.fault is Fault.RESET:
        relay = Relay(scene.socket("relay"), path)
        target, cut = relay.target, relay.cut
        await stack.enter_async_context(relay)
    if way is Way.DIAL_STREAM:
        worker.on_stream = lambda frames: _on_stream(frames, scene, cut)
    else:
        worker.on_run = _Unary(scene, cut)
    await there.enter_async_context(worker.listening(f"unix:{path}"))
    await stack.enter_async_context(
        running(Dialer(scene.sidecar.sidecar._local, target, times=QUICK))
    )
    await until(lambda: scene.links == 1)


async def _on_stream(frames: Frames, scene: Scene, cut: Callable[[], None]) -> None:
    """Serves one stream until it ends."""
    runs: list[Frame] = []
    for _ in scene.manifest.hooks:
        runs.append(await _next(frames, RunTag.RUN))
        if scene.fault is not Fault.QUEUED:
            await frames.send(Frame(runs[-1].id, EventTag.STARTED, wire.encode_started()))
    match scene.fault:
        case Fault.SLOW:
            for _ in runs:
                late = await _next(frames, RunTag.CANCEL)
                await frames.answer(late.id)
        case Fault.RESET:
            cut()
            return
        case Fault.GARBAGE:
            await frames.send(*(Frame(run.id, EventTag.RESULT, b"\xff") for run in runs))
        case Fault.ERROR | Fault.OVERLOAD:
            result = wire.encode_result(HookResult(answer=_claim(scene.fault)))
            await frames.send(*(Frame(run.id, EventTag.RESULT, result) for run in runs))
        case Fault.HANG | Fault.QUEUED | Fault.REFUSED:
            pass
        case _:
            assert_never(scene.fault)
    while await frames.next() is not None:
        pass


class _Unary:
    """Serves single runs. Slow is the same as hanging here: a late answer has no way back."""

    def __init__(self, scene: Scene, cut: Callable[[], None]) -> None:
        self._scene = scene
        self._cut = cut
        self._runs = 0

    async def __call__(self, _run: RunRequest, context: Context) -> HookResult:
        self._runs += 1
        fault = self._scene.fault
        if fault in _STATUSES:
            await context.abort(_STATUSES[fault], "as scripted")
        if fault is Fault.GARBAGE:
            # An answer with an index beyond its run: the message is one, its content is not.
            return HookResult(answer=PROCEED.answer, index=7)
        if fault is Fault.RESET and self._runs == len(self._scene.manifest.hooks):
            self._cut()
        await asyncio.Event().wait()
        raise AssertionError("an RPC that hangs is cancelled")


async def _next(frames: Frames, tag: RunTag) -> Frame:
    """The next frame of a kind; notices and the like are passed over."""
    while (frame := await frames.next()) is not None:
        if frame.tag == tag:
            return frame
    raise asyncio.CancelledError("the stream ended")


def _claim(fault: Fault) -> HookFailure:
    return HookFailure(failure_class=_CLAIMS[fault], code="SCRIPTED", message="as scripted")


def _nothing_to_cut() -> None:
    """The fault is another one."""


async def _beside(stack: AsyncExitStack, serving: Awaitable[None]) -> None:
    """Serves until the stack is left."""
    task = asyncio.ensure_future(serving)

    async def stop() -> None:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    stack.push_async_callback(stop)

"""A run of several hooks: one step after another, with each hook's rights in between."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

from sidehook._call import Fields
from sidehook._run import HookResult, HookRun, RunRequest
from sidehook.worker._rights import Standing, ends_call, narrowed


class Outlet(Protocol):
    """Takes to the sidecar what is said about the hooks of one run, by their index."""

    def started(self, index: int) -> None:
        """The hook is about to be called, or was just called."""

    async def flush(self) -> None:
        """Returns once what was said has left this process."""

    def extend(self, seconds: float, index: int) -> None:
        """The hook asks for so many seconds more."""

    def result(self, result: HookResult) -> HookResult:
        """The hook answered. Gives what was sent, which is a failure if that could not be."""


@dataclass(frozen=True, slots=True)
class Turn:
    """One hook that is called, in a run, with its rights, on this payload and state.

    `time_left` is what the call has left in seconds. `is_first`: it is in the first step, so
    that the sidecar takes it to be called without being told.
    """

    request: RunRequest
    run: HookRun
    index: int
    fields: Fields
    state: Mapping[str, bytes]
    time_left: float
    is_first: bool


CallHook = Callable[[Turn, Outlet], Awaitable[HookResult]]
"""Calls one hook, and gives what came of it, failures included."""


class FusedRun:
    """The hooks of one run. `call` calls one of them; `serve` is awaited once, by a task."""

    def __init__(self, request: RunRequest, worker: str, call: CallHook, outlet: Outlet) -> None:
        self._request = request
        self._call = call
        self._outlet = outlet
        self._standing = Standing(request, worker)
        self._arrived = time.monotonic()
        self._cancelled: set[int] = set()
        self._task: asyncio.Task[None] | None = None
        self._tasks: dict[int, asyncio.Task[HookResult | None]] = {}
        self._serving: int | None = None

    async def serve(self) -> None:
        """Call every hook in its turn, up to one behind which none has its turn."""
        self._task = asyncio.current_task()
        index = 0
        for step in self._request.steps:
            results = await (self._one if len(step) == 1 else self._at_once)(index, step)
            # In the order of their indexes, so that arrival never matters.
            for run, result in zip(step, results, strict=True):
                if result is not None and (
                    ends_call(run, result) or not self._standing.take(run, result)
                ):
                    return
            index += len(step)

    def cancel(self, index: int) -> bool:
        """Stop one hook, or never call it; nothing more is said of it.

        Return whether there is such a hook. Safe to call twice.
        """
        if not 0 <= index < sum(len(step) for step in self._request.steps):
            return False
        if index not in self._cancelled:
            self._cancelled.add(index)
            task = self._task if index == self._serving else self._tasks.get(index)
            if task is not None:
                task.cancel()
        return True

    async def _one(self, index: int, step: tuple[HookRun, ...]) -> list[HookResult | None]:
        """A step of one hook, in the task of the run."""
        if index in self._cancelled:
            return [None]
        self._serving = index
        result: HookResult | None = None
        try:
            result = await self._answer(index, step[0])
        except asyncio.CancelledError:
            if index not in self._cancelled:
                raise
        self._serving = None
        # The next hook must not find itself cancelled because this one was.
        if index in self._cancelled and self._task is not None and self._task.uncancel():
            raise asyncio.CancelledError
        return [result]

    async def _at_once(self, index: int, step: tuple[HookRun, ...]) -> list[HookResult | None]:
        """A step of several hooks, each in a task of its own."""
        for at, run in enumerate(step, start=index):
            if at not in self._cancelled:
                self._tasks[at] = asyncio.create_task(self._beside(at, run))
        tasks = self._tasks
        try:
            if tasks:
                await asyncio.wait(tasks.values())
        finally:
            for task in tasks.values():
                task.cancel()
            await asyncio.gather(*tasks.values(), return_exceptions=True)
            self._tasks = {}
        ended = {at: task for at, task in tasks.items() if not task.cancelled()}
        return [
            ended[at].result() if at in ended else None for at in range(index, index + len(step))
        ]

    async def _beside(self, index: int, run: HookRun) -> HookResult | None:
        """One hook of several; the others are stopped when its answer ends the call."""
        result = await self._answer(index, run)
        if result is not None and ends_call(run, result):
            for other in self._tasks:
                if other != index:
                    self.cancel(other)
        return result

    async def _answer(self, index: int, run: HookRun) -> HookResult | None:
        """What came of a hook, as it was sent; None when nobody wants to know any more."""
        turn = Turn(
            self._request,
            run,
            index,
            self._standing.fields,
            self._standing.state,
            self._request.time_left - (time.monotonic() - self._arrived),
            is_first=index < len(self._request.steps[0]),
        )
        result = narrowed(run, await self._call(turn, self._outlet))
        return None if index in self._cancelled else self._outlet.result(result)

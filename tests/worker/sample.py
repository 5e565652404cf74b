"""Hooks that the tests serve, and a worker to serve them in the test's own process."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from sidehook._payload import Payload
from sidehook.worker import Context, aio_serve, block, hook, modify
from sidehook.worker._collect import Item
from tests.worker.waiting import DEADLINE

TYPE = "component_pre_execute"


@hook(TYPE, mode="transform")
async def shout(payload: Payload, ctx: Context) -> object:
    """Makes the word louder."""
    return modify(payload, word=payload.word.upper())


@hook(TYPE)
def guard(payload: Payload, ctx: Context) -> object:
    return block("not that word", code="WORD") if payload.word == "bad" else None


@hook(TYPE)
async def broken(payload: Payload, ctx: Context) -> object:
    raise LookupError(payload.word)


@hook(TYPE)
async def swell(payload: Payload, ctx: Context) -> object:
    return modify(payload, word=payload.word * payload["times"])


@hook(TYPE)
async def remember(payload: Payload, ctx: Context) -> object:
    ctx.state.set("seen", ctx.state.get("seen", 0) + 1)
    return modify(payload, who=f"{ctx.user}@{ctx.tenant}", call=ctx.call_id)


class Held:
    """A hook that waits, as a coroutine, until the test lets it go."""

    def __init__(self) -> None:
        self.entered = asyncio.Event()
        self.go_on = asyncio.Event()
        self.cancelled = asyncio.Event()
        self.calls = 0

    @hook(TYPE, name="held")
    async def wait(self, payload: Payload, ctx: Context) -> object:
        self.calls += 1
        self.entered.set()
        try:
            await self.go_on.wait()
        except asyncio.CancelledError:
            assert ctx.cancelled
            self.cancelled.set()
            raise
        return modify(payload, word="let go")


class Stubborn:
    """A coroutine hook that does not let itself be cancelled."""

    def __init__(self) -> None:
        self.entered = asyncio.Event()
        self.go_on = asyncio.Event()

    @hook(TYPE, name="stubborn")
    async def wait(self, payload: Payload, ctx: Context) -> object:
        self.entered.set()
        while not self.go_on.is_set():
            with contextlib.suppress(asyncio.CancelledError):
                await self.go_on.wait()
        return None


class Blocking:
    """A hook that waits in its thread until it is cancelled or let go."""

    def __init__(self) -> None:
        self.entered = threading.Event()
        self.go_on = threading.Event()
        self.told = threading.Event()

    @hook(TYPE, name="blocking")
    def wait(self, payload: Payload, ctx: Context) -> object:
        self.entered.set()
        if ctx.wait_cancelled(DEADLINE):
            self.told.set()
        assert self.go_on.wait(DEADLINE)
        return None


class Worker:
    """A worker that `serving` runs. `ready` holds what it announced."""

    def __init__(self) -> None:
        self.stop = asyncio.Event()
        self.ready: list[str] = []
        self.announced = asyncio.Event()
        self.task: asyncio.Task[None]
        self.awaited = False

    def announce(self, line: str) -> None:
        self.ready.append(line)
        self.announced.set()

    async def is_ready(self) -> str:
        async with asyncio.timeout(DEADLINE):
            await self.announced.wait()
        return self.ready[0]

    async def ended(self) -> None:
        """Until it ended; raises what it raised."""
        self.awaited = True
        async with asyncio.timeout(DEADLINE):
            await asyncio.shield(self.task)


@asynccontextmanager
async def serving(
    *items: Item,
    attach: str | None = None,
    listen: str | None = None,
    grace: float = DEADLINE,
    name: str = "sample",
) -> AsyncIterator[Worker]:
    """Serve `items` until the block ends, then stop in an orderly way."""
    worker = Worker()
    worker.task = asyncio.create_task(
        aio_serve(
            *items,
            attach=attach,
            listen=listen,
            name=name,
            grace=grace,
            stop=worker.stop,
            on_ready=worker.announce,
        )
    )
    try:
        yield worker
        worker.stop.set()
        if not worker.awaited:
            await worker.ended()
    finally:
        worker.task.cancel()
        await asyncio.gather(worker.task, return_exceptions=True)

"""The transports with the project's own worker library at the other end."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from sidehook._call import CallFailure, Proceed, Violation
from sidehook._payload import Payload
from sidehook._types import HookOutcome
from sidehook.worker import Context, aio_serve, block, hook, modify
from sidehook_server.transport.dial import Dialer
from tests.transport.sidecar import HOOK_TYPE, QUICK, Sidecar, attach_server, running, until


@hook(HOOK_TYPE, mode="transform")
async def set_temperature(payload: Payload, ctx: Context) -> object:
    return modify(payload, model_options={**payload.model_options, "temperature": 0.7})


@hook(HOOK_TYPE)
async def guard(payload: Payload, ctx: Context) -> object:
    return block("not that", code="NOT_THAT") if payload.get("component_type") == "bad" else None


class Slow:
    """A hook that waits until it is cancelled."""

    def __init__(self) -> None:
        self.entered = asyncio.Event()
        self.cancelled = asyncio.Event()

    @hook(HOOK_TYPE, name="slow")
    async def wait(self, payload: Payload, ctx: Context) -> object:
        self.entered.set()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            self.cancelled.set()
            raise
        return None


@asynccontextmanager
async def served(*items: object, sidecar: Sidecar, way: str, folder: Path) -> AsyncIterator[None]:
    """Serves hooks, attached or dialled, until the context is left in an orderly way."""
    stop = asyncio.Event()
    path = folder / "s.sock"

    async def serve(**where: str) -> None:
        await aio_serve(*items, name="sdk", stop=stop, grace=2.0, on_ready=_quiet, **where)  # type: ignore[arg-type]  # as the caller names them

    async with asyncio.TaskGroup() as tasks:
        if way == "attach":
            async with attach_server(sidecar, path) as target:
                worker = tasks.create_task(serve(attach=target))
                await sidecar.connected()
                yield
                stop.set()
                await worker
        else:
            worker = tasks.create_task(serve(listen=f"unix:{path}"))
            async with running(Dialer(sidecar.local, f"unix:{path}", times=QUICK)):
                await sidecar.connected()
                yield
                stop.set()
                await worker


def _quiet(_ready: str) -> None:
    """The READY line is for people."""


@pytest.mark.parametrize("way", ["attach", "listen"])
async def test_hooks_of_the_library_modify_block_and_are_cancelled(
    socket_folder: Path, way: str
) -> None:
    sidecar, slow = Sidecar(), Slow()
    async with served(set_temperature, guard, sidecar=sidecar, way=way, folder=socket_folder):
        answer = await sidecar.invoke(model_options='{"seed": 1}', component_type='"good"')
        assert isinstance(answer.outcome, Proceed)
        assert b"0.7" in answer.outcome.patch["model_options"].octets
        blocked = await sidecar.invoke(model_options="{}", component_type='"bad"')
        assert isinstance(blocked.outcome, Violation)
        assert (blocked.outcome.worker, blocked.outcome.code) == ("sdk", "NOT_THAT")
    await sidecar.connected(0)
    assert (await sidecar.invoke()).receipt.lines[0].outcome is HookOutcome.FAILED_CLOSED

    other = Sidecar()
    async with served(slow, sidecar=other, way=way, folder=socket_folder):
        handle, answered = other.start()
        await slow.entered.wait()
        handle.cancel()
        await slow.cancelled.wait()
        assert isinstance((await answered).outcome, CallFailure)


@pytest.mark.parametrize("way", ["attach", "listen"])
async def test_a_worker_that_leaves_in_an_orderly_way_fails_no_call_under_way(
    socket_folder: Path, way: str
) -> None:
    sidecar = Sidecar()
    go_on = asyncio.Event()
    entered = asyncio.Event()

    @hook(HOOK_TYPE)
    async def held(payload: Payload, ctx: Context) -> object:
        entered.set()
        await go_on.wait()
        return None

    async with served(held, sidecar=sidecar, way=way, folder=socket_folder):
        _, answer = sidecar.start()
        await entered.wait()
        letting_go = asyncio.create_task(_let_go(sidecar, go_on))
    await letting_go
    assert isinstance((await answer).outcome, Proceed)


async def _let_go(sidecar: Sidecar, go_on: asyncio.Event) -> None:
    await until(lambda: all(link.draining for link in sidecar.links))
    go_on.set()

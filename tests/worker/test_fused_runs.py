"""Runs of several hooks on a worker's stream, sent by stock generated code."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from sidehook._payload import Payload
from sidehook.v1 import hook_pb2, worker_service_pb2
from sidehook.worker import Context, block, hook, modify
from tests.worker.fakes import FakeRegistry, SidecarEnd, fake_registry, run_request, values_of
from tests.worker.sample import TYPE, Held, serving

pytestmark = pytest.mark.timeout(30)


@pytest.fixture
async def registry(socket_folder: Path) -> AsyncIterator[FakeRegistry]:
    async with fake_registry(f"unix:{socket_folder / 'w.sock'}") as registry:
        yield registry


@hook(TYPE, name="louder")
async def louder(payload: Payload, ctx: Context) -> object:
    return modify(payload, word=payload.word.upper(), secret="no")


@hook(TYPE, name="echo")
def echo(payload: Payload, ctx: Context) -> object:
    return modify(payload, note=payload.word)


@hook(TYPE, name="stop", idempotent=True)
async def stop(payload: Payload, ctx: Context) -> object:
    return block("enough")


def fused(*steps: tuple[str, ...], word: str = "hush") -> worker_service_pb2.RunRequest:
    """A run of several hooks, which may block and write the fields `word` and `note`."""
    request = run_request(steps[0][0], {"word": word})
    template = request.steps[0].hooks[0]
    template.writable_fields.extend(("word", "note"))
    del request.steps[:]
    for names in steps:
        hooks = request.steps.add().hooks
        for name in names:
            run = hooks.add()
            run.CopyFrom(template)
            run.hook = name
    return request


def said(end: SidecarEnd, run: int) -> list[tuple[str | None, int]]:
    """What the worker said about a run, and about which hook."""
    events = [event for event in end.events if event.id == run]
    return [
        (kind, getattr(event, kind).index if kind in ("result", "started") else -1)
        for event in events
        if (kind := event.WhichOneof("body")) is not None
    ]


async def test_the_hooks_of_a_run_answer_one_after_another(registry: FakeRegistry) -> None:
    async with serving(louder, echo, attach=registry.target):
        end = await registry.worker()
        run = await end.start(fused(("louder",), ("echo",)))
        await end.event("end", run)

        first, second = (event.result for event in end.seen("result", run))
        assert values_of(first.patch) == {"word": "HUSH"}
        assert list(first.rejected_fields) == ["secret"]
        assert values_of(second.patch) == {"note": "HUSH"}
        # One that answers at once says with its result that it was called.
        assert said(end, run) == [("result", 0), ("started", 1), ("result", 1), ("end", -1)]


async def test_a_run_ends_behind_a_block(registry: FakeRegistry) -> None:
    async with serving(louder, stop, attach=registry.target):
        end = await registry.worker()
        run = await end.start(fused(("stop",), ("louder",)))
        await end.event("end", run)

        assert said(end, run) == [("result", 0), ("end", -1)]


async def test_a_cancel_names_one_hook_of_a_run(registry: FakeRegistry) -> None:
    held = Held()
    async with serving(held, echo, attach=registry.target):
        end = await registry.worker()
        run = await end.start(fused(("held",), ("echo",)))
        await held.entered.wait()
        await end.cancel(run, index=0)
        await end.event("end", run)

        assert held.cancelled.is_set()
        assert [index for kind, index in said(end, run) if kind == "result"] == [1]


async def test_a_cancel_of_a_run_stops_it_whole(registry: FakeRegistry) -> None:
    held = Held()
    async with serving(held, echo, attach=registry.target):
        end = await registry.worker()
        run = await end.start(fused(("held",), ("echo",)))
        await held.entered.wait()
        await end.cancel(run)
        await end.event("end", run)

        assert [kind for kind, _ in said(end, run)] == ["started", "end"]


async def test_hooks_at_once_answer_by_their_index(registry: FakeRegistry) -> None:
    held = Held()
    async with serving(held, echo, attach=registry.target):
        end = await registry.worker()
        run = await end.start(fused(("held", "echo")))
        await end.until(lambda: ("result", 1) in said(end, run))
        held.go_on.set()
        await end.event("end", run)

        results = [index for kind, index in said(end, run) if kind == "result"]
        assert results == [1, 0]


async def test_a_worker_declares_that_it_takes_them(registry: FakeRegistry) -> None:
    async with serving(echo, attach=registry.target):
        end = await registry.worker()
        (hello,) = end.seen("hello")
        assert "fused_runs" in hello.hello.manifest.capabilities
        assert hello.hello.manifest.hooks[0].mode == hook_pb2.MODE_UNSPECIFIED

"""Slow workers, deadlines, and callers that give up."""

import asyncio

import pytest

import sidehook
from sidehook import FailureClass
from tests.e2e.conftest import StartSidecar, StartWorker
from tests.e2e.receipts import outcomes

TYPE = "component_pre_execute"

SLOW = """
    import asyncio
    from sidehook import PluginMode, hook

    @hook("component_pre_execute", timeout={timeout}, on_error="{on_error}", priority=10)
    async def slow(payload, ctx):
        print("inside", flush=True)
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            print("cancelled in the worker", flush=True)
            raise

    @hook("component_pre_execute", priority=20)
    def later(payload, ctx):
        print("time left", ctx.time_left(), flush=True)

    @hook("component_pre_execute", mode=PluginMode.FIRE_AND_FORGET)
    def telemetry(payload, ctx):
        end = ctx.call_end
        print("ended", end.outcome.value, end.code, sorted(payload), flush=True)
"""


async def test_a_slow_hook_is_given_up_and_the_chain_goes_on_under_ignore(
    start_sidecar: StartSidecar, start_worker: StartWorker
) -> None:
    sidecar = await start_sidecar()
    worker = await start_worker(sidecar, SLOW.format(timeout=0.2, on_error="ignore"))
    async with sidecar.client(budget=5) as hooks:
        payload = await hooks.invoke(TYPE, component_type="Instruction")
    assert outcomes(payload.receipt) == {
        "worker/slow": "failed_open",
        "worker/later": "proceeded",
        "worker/telemetry": "detached",
    }
    await worker.process.line("cancelled in the worker")
    left = await worker.process.line(r"time left ([\d.]+)")
    assert 0 < float(left[1]) < 4.9


async def test_a_slow_hook_fails_the_call_as_a_timeout_under_fail(
    start_sidecar: StartSidecar, start_worker: StartWorker
) -> None:
    sidecar = await start_sidecar()
    await start_worker(sidecar, SLOW.format(timeout=0.2, on_error="fail"))
    async with sidecar.client() as hooks:
        with pytest.raises(sidehook.HookFailedError) as failed:
            await hooks.invoke(TYPE, component_type="Instruction")
    assert failed.value.failure_class is FailureClass.TIMEOUT
    assert outcomes(failed.value.receipt)["worker/later"] == "skipped_halted"


async def test_the_sidecar_answers_with_a_receipt_before_the_client_gives_up(
    start_sidecar: StartSidecar, start_worker: StartWorker
) -> None:
    sidecar = await start_sidecar()
    worker = await start_worker(sidecar, SLOW.format(timeout=30, on_error="ignore"))
    async with sidecar.client(budget=0.5) as hooks:
        with pytest.raises(sidehook.DeadlineExceededError) as ended:
            await hooks.invoke(TYPE, component_type="Instruction")
    assert outcomes(ended.value.receipt) == {
        "worker/slow": "cancelled",
        "worker/later": "skipped_halted",
        "worker/telemetry": "detached",
    }
    await worker.process.line("cancelled in the worker")
    await worker.process.line(r"ended deadline DEADLINE_EXCEEDED \['component_type'\]")


async def test_a_caller_that_gives_up_is_seen_by_the_hook_and_by_telemetry(
    start_sidecar: StartSidecar, start_worker: StartWorker
) -> None:
    sidecar = await start_sidecar()
    worker = await start_worker(sidecar, SLOW.format(timeout=30, on_error="fail"))
    async with sidecar.client() as hooks:
        call = asyncio.create_task(hooks.invoke(TYPE, component_type="Instruction"))
        await worker.process.line("inside")
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
        await worker.process.line("cancelled in the worker")
        await worker.process.line(r"ended cancelled CANCELLED \[\]")

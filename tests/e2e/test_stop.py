"""How a sidecar stops: what is under way is finished, what is detached is delivered."""

import asyncio
import signal

import pytest

import sidehook
from tests.e2e.conftest import StartSidecar, StartWorker

SLOW = """
    import asyncio
    from sidehook import hook

    @hook("component_pre_execute", timeout=60)
    async def slow(payload, ctx):
        print("running", flush=True)
        await asyncio.sleep(float(payload.component_type))
"""
DETACHED = """
    import asyncio
    from sidehook import PluginMode, hook

    @hook("component_pre_execute", mode=PluginMode.FIRE_AND_FORGET, timeout=60)
    async def after(payload, ctx):
        print("running", flush=True)
        await asyncio.sleep(float(payload.component_type))
        print("delivered", flush=True)
"""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_a_call_under_way_is_finished(
    start_sidecar: StartSidecar, start_worker: StartWorker, number: signal.Signals
) -> None:
    sidecar = await start_sidecar()
    worker = await start_worker(sidecar, SLOW)
    async with sidecar.client() as hooks:
        calling = asyncio.create_task(hooks.invoke("component_pre_execute", component_type="0.5"))
        await worker.process.line("^running$")
        sidecar.process.send(number)
        await sidecar.process.line("event=signal")
        with pytest.raises(sidehook.SidecarUnavailableError):
            await hooks.invoke("component_pre_execute", component_type="0")
        payload = await calling
    assert payload["component_type"] == "0.5"
    assert await sidecar.process.ended() == 0
    assert "event=sidecar_stopped cut_calls=0" in sidecar.process.log


async def test_a_call_that_takes_too_long_is_cut(
    start_sidecar: StartSidecar, start_worker: StartWorker
) -> None:
    sidecar = await start_sidecar("limits: {drain_timeout: 200ms}")
    worker = await start_worker(sidecar, SLOW)
    async with sidecar.client(budget=60) as hooks:
        calling = asyncio.create_task(hooks.invoke("component_pre_execute", component_type="60"))
        await worker.process.line("^running$")
        assert await sidecar.process.stop() == 0
        with pytest.raises(sidehook.SidecarError):
            await calling
    assert "event=sidecar_stopped cut_calls=1" in sidecar.process.log


async def test_detached_work_is_delivered_first(
    start_sidecar: StartSidecar, start_worker: StartWorker
) -> None:
    sidecar = await start_sidecar()
    worker = await start_worker(sidecar, DETACHED)
    async with sidecar.client() as hooks:
        await hooks.invoke("component_pre_execute", component_type="0.5")
    await worker.process.line("^running$")
    assert await sidecar.process.stop() == 0
    await worker.process.line("^delivered$")
    assert "undelivered_events=0" in sidecar.process.log


async def test_what_could_not_be_delivered_is_reported(
    start_sidecar: StartSidecar, start_worker: StartWorker
) -> None:
    sidecar = await start_sidecar("limits: {drain_timeout: 200ms}")
    worker = await start_worker(sidecar, DETACHED, name="slow")
    async with sidecar.client() as hooks:
        payload = await hooks.invoke("component_pre_execute", component_type="60")
    assert payload.receipt is not None
    await worker.process.line("^running$")
    assert await sidecar.process.stop() == 0
    lost = await sidecar.process.line("event=event_undelivered")
    assert f"worker=slow hook=after call_id={payload.receipt.call_id}" in lost.string


async def test_a_second_signal_ends_it_at_once(
    start_sidecar: StartSidecar, start_worker: StartWorker
) -> None:
    sidecar = await start_sidecar("limits: {drain_timeout: 1h}")
    worker = await start_worker(sidecar, SLOW)
    async with sidecar.client(budget=60) as hooks:
        calling = asyncio.create_task(hooks.invoke("component_pre_execute", component_type="60"))
        await worker.process.line("^running$")
        sidecar.process.send(signal.SIGTERM)
        await sidecar.process.line("event=signal")
        sidecar.process.send(signal.SIGTERM)
        assert await sidecar.process.ended() == 128 + signal.SIGTERM
        with pytest.raises(sidehook.SidecarUnavailableError):
            await calling


async def test_draining_is_not_ready_and_the_process_lives(
    start_sidecar: StartSidecar, start_worker: StartWorker
) -> None:
    sidecar = await start_sidecar()
    worker = await start_worker(sidecar, SLOW)
    async with sidecar.client() as hooks:
        calling = asyncio.create_task(hooks.invoke("component_pre_execute", component_type="2"))
        await worker.process.line("^running$")
        sidecar.process.send(signal.SIGTERM)
        await sidecar.process.line("event=signal")
        assert await sidecar.page("/healthz/ready") == (503, "draining\n")
        assert await sidecar.page("/healthz/live") == (200, "ok\n")
        await calling
    assert await sidecar.process.ended() == 0

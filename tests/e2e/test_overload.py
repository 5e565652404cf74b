"""More work than a worker, or the sidecar, takes at once."""

import asyncio

import pytest

import sidehook
from sidehook import FailureClass
from tests.e2e.conftest import StartSidecar, StartWorker
from tests.e2e.processes import Sidecar
from tests.e2e.receipts import outcomes
from tests.e2e.waiting import until

FOUR_AT_ONCE = """
hook_types: [{name: mine, writable: [most]}]
workers: [{name: worker, max_in_flight: 4}]
"""

COUNTING = """
    import asyncio
    from sidehook import hook, modify

    running = most = 0

    @hook("mine")
    async def count(payload, ctx):
        global running, most
        running += 1
        most = max(most, running)
        await asyncio.sleep(0.005)
        running -= 1
        return modify(payload, most=most)
"""

HELD = """
    import asyncio
    from sidehook import PluginMode, hook

    go_on = asyncio.Event()

    @hook("mine", timeout={timeout})
    async def gate(payload, ctx):
        if payload.get("held"):
            await go_on.wait()

    @hook("mine", mode=PluginMode.AUDIT)
    async def watch(payload, ctx):
        pass

    @hook("mine", mode=PluginMode.FIRE_AND_FORGET)
    async def tell(payload, ctx):
        pass

    @hook("release")
    async def release(payload, ctx):
        go_on.set()
"""

TEN_AT_ONCE = """
hook_types: [{name: mine}, {name: release}]
limits: {max_in_flight: 10}
"""


async def until_in_flight(sidecar: Sidecar, count: int) -> None:
    async def are_there() -> bool:
        return await sidecar.metric("sidehook_calls_in_flight") == count

    await until(are_there)


async def test_a_worker_of_four_at_once_serves_sixty_calls_and_never_five_at_once(
    start_sidecar: StartSidecar, start_worker: StartWorker
) -> None:
    sidecar = await start_sidecar(FOUR_AT_ONCE)
    await start_worker(sidecar, COUNTING)
    async with sidehook.aio.Client(sidecar.calls[0]) as hooks:
        payloads = await asyncio.gather(*(hooks.invoke("mine") for _ in range(60)))
    assert max(payload["most"] for payload in payloads) == 4
    waited = await sidecar.metric("sidehook_run_wait_seconds_count", worker="worker")
    assert 0 < waited <= 56
    assert await sidecar.metric("sidehook_runs_waiting") == 0


async def test_a_sidecar_near_its_limit_sheds_observers_then_refuses_and_guards_still_decide(
    start_sidecar: StartSidecar, start_worker: StartWorker
) -> None:
    sidecar = await start_sidecar(TEN_AT_ONCE)
    await start_worker(sidecar, HELD.format(timeout=30))
    async with sidecar.client(budget=30) as hooks:
        held = [asyncio.create_task(hooks.invoke("mine", held=True)) for _ in range(8)]
        await until_in_flight(sidecar, 8)
        payload = await hooks.invoke("mine")
        assert outcomes(payload.receipt) == {
            "worker/gate": "proceeded",
            "worker/watch": "proceeded",
            "worker/tell": "shed",
        }
        held.append(asyncio.create_task(hooks.invoke("mine", held=True)))
        await until_in_flight(sidecar, 9)
        payload = await hooks.invoke("mine")
        assert outcomes(payload.receipt) == {
            "worker/gate": "proceeded",
            "worker/watch": "shed",
            "worker/tell": "shed",
        }
        assert payload.receipt is not None
        assert {line.code for line in payload.receipt.lines[1:]} == {"SATURATED"}
        assert await sidecar.metric("sidehook_load_level") == 2
        # One place is left for whoever releases the others.
        await hooks.invoke("release")
        await asyncio.gather(*held)
    lost = "sidehook_detached_lost_total"
    # Those that were held began at 8 of 10 and above, but for the first eight.
    assert await sidecar.metric(lost, hook="tell", cause="saturated") == 3
    assert await sidecar.metric("sidehook_hook_outcomes_total", hook="watch", outcome="shed") == 1
    await sidecar.process.line("hooks_shed")


async def test_a_call_over_the_limit_is_refused_and_counted_by_its_cause(
    start_sidecar: StartSidecar, start_worker: StartWorker
) -> None:
    sidecar = await start_sidecar(TEN_AT_ONCE)
    await start_worker(sidecar, HELD.format(timeout=30))
    async with sidehook.aio.Client(sidecar.calls[0], budget=30) as hooks:
        held = [asyncio.create_task(hooks.invoke("mine", held=True)) for _ in range(10)]
        await until_in_flight(sidecar, 10)
        with pytest.raises(sidehook.OverloadedError, match="10 calls are under way"):
            await hooks.invoke("mine")
        held.pop().cancel()
        await until_in_flight(sidecar, 9)
        await hooks.invoke("release")
        await asyncio.gather(*held)
    assert await sidecar.metric("sidehook_calls_refused_total", cause="limit") == 1


async def test_a_guard_whose_turn_never_comes_fails_as_overloaded(
    start_sidecar: StartSidecar, start_worker: StartWorker
) -> None:
    sidecar = await start_sidecar("""
        hook_types: [{name: mine}, {name: release}]
        workers: [{name: worker, max_in_flight: 1}]
    """)
    await start_worker(sidecar, HELD.format(timeout=0.5))
    async with sidecar.client() as hooks:
        held = asyncio.create_task(hooks.invoke("mine", held=True))
        await until_in_flight(sidecar, 1)
        waiting = await asyncio.gather(
            *(hooks.invoke("mine", held=True) for _ in range(3)), return_exceptions=True
        )
        with pytest.raises(sidehook.HookFailedError) as failed:
            await held
    assert failed.value.failure_class is FailureClass.TIMEOUT
    classes = [error.failure_class for error in waiting if isinstance(error, sidehook.SidecarError)]
    assert FailureClass.OVERLOADED in classes
    assert len(classes) == 3
    assert await sidecar.metric("sidehook_circuits_open") == 0

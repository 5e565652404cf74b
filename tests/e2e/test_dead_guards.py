"""A guard that is gone is a failure of the call, by its policy, and never an absence."""

import asyncio
import os
import signal

import pytest

import sidehook
from sidehook import FailureClass
from tests.e2e.conftest import StartSidecar, StartWorker
from tests.e2e.processes import Sidecar
from tests.e2e.receipts import outcomes, planned
from tests.e2e.waiting import until

TYPE = "component_pre_execute"

GUARD = """
    from sidehook import hook

    @hook("component_pre_execute")
    def guard(payload, ctx): ...
"""

LENIENT = """
    from sidehook import hook

    @hook("component_pre_execute", on_error="ignore")
    def lenient(payload, ctx): ...
"""

WAITS = """
    from sidehook import hook

    @hook("component_pre_execute", idempotent={idempotent})
    def waits(payload, ctx):
        print("inside", flush=True)
        ctx.wait_cancelled(0 if payload.component_type == "quick" else 60)
"""


async def until_instances(sidecar: Sidecar, worker: str, count: int) -> None:
    """Wait until the sidecar knows of so many instances of a worker."""

    async def there_are() -> bool:
        return await instances(sidecar, worker) == count

    await until(there_are)


async def instances(sidecar: Sidecar, worker: str) -> int:
    workers = (await sidecar.state())["workers"]
    assert isinstance(workers, list)
    count = 0
    for each in workers:
        assert isinstance(each, dict)
        if each["name"] == worker:
            assert isinstance(each["instances"], list)
            count += len(each["instances"])
    return count


async def fails_as_unreachable(hooks: sidehook.aio.Client) -> sidehook.HookFailedError:
    with pytest.raises(sidehook.HookFailedError) as failed:
        await hooks.invoke(TYPE, component_type="Instruction")
    assert failed.value.failure_class is FailureClass.UNREACHABLE
    return failed.value


async def test_a_worker_killed_in_the_middle_of_a_call_fails_the_call(
    start_sidecar: StartSidecar, start_worker: StartWorker
) -> None:
    sidecar = await start_sidecar()
    worker = await start_worker(sidecar, WAITS.format(idempotent=False))
    async with sidecar.client() as hooks:
        call = asyncio.create_task(fails_as_unreachable(hooks))
        await worker.process.line("inside")
        worker.process.kill()
        error = await call
    assert error.started
    assert outcomes(error.receipt) == {"worker/waits": "failed_closed"}


async def test_a_worker_killed_between_calls_fails_the_next_one(
    start_sidecar: StartSidecar, start_worker: StartWorker
) -> None:
    sidecar = await start_sidecar()
    worker = await start_worker(sidecar, GUARD)
    async with sidecar.client() as hooks:
        await hooks.invoke(TYPE, component_type="Instruction")
        worker.process.kill()
        await until_instances(sidecar, "worker", 0)
        error = await fails_as_unreachable(hooks)
    assert not error.started
    assert "worker/guard" in str(error)


async def test_a_dead_guard_under_ignore_is_in_the_receipt_and_in_the_counter(
    start_sidecar: StartSidecar, start_worker: StartWorker
) -> None:
    sidecar = await start_sidecar()
    worker = await start_worker(sidecar, LENIENT)
    worker.process.kill()
    await until_instances(sidecar, "worker", 0)
    async with sidecar.client() as hooks:
        payload = await hooks.invoke(TYPE, component_type="Instruction")
    assert outcomes(payload.receipt) == {"worker/lenient": "failed_open"}
    assert await sidecar.metric("sidehook_guard_missed_total") == 1


async def test_with_one_of_two_replicas_killed_the_other_serves(
    start_sidecar: StartSidecar, start_worker: StartWorker
) -> None:
    sidecar = await start_sidecar()
    first = await start_worker(sidecar, GUARD, instance="first")
    await start_worker(sidecar, GUARD, instance="second")
    first.process.kill()
    await until_instances(sidecar, "worker", 1)
    async with sidecar.client() as hooks:
        for _ in range(20):
            payload = await hooks.invoke(TYPE, component_type="Instruction")
            assert payload.receipt is not None
            assert payload.receipt.lines[0].instance == "second"


@pytest.mark.parametrize("idempotent", [True, False])
async def test_a_run_that_was_sent_is_repeated_only_for_an_idempotent_hook(
    start_sidecar: StartSidecar, start_worker: StartWorker, *, idempotent: bool
) -> None:
    sidecar = await start_sidecar()
    replicas = [
        await start_worker(sidecar, WAITS.format(idempotent=idempotent), instance=name)
        for name in ("first", "second")
    ]
    async with sidecar.client() as hooks:
        call = asyncio.create_task(hooks.invoke(TYPE, component_type="Instruction"))
        inside = [asyncio.create_task(each.process.line("inside")) for each in replicas]
        await asyncio.wait(inside, return_when=asyncio.FIRST_COMPLETED)
        served = next(n for n, task in enumerate(inside) if task.done())
        replicas[served].process.kill()
        if idempotent:
            await inside[1 - served]
            call.cancel()
            await asyncio.gather(call, return_exceptions=True)
        else:
            with pytest.raises(sidehook.HookFailedError):
                await call
            replicas[1 - served].process.kill()
            await asyncio.gather(*inside, return_exceptions=True)
            assert "inside" not in replicas[1 - served].process.log


async def test_replicas_that_all_left_in_an_orderly_way_are_missed_until_retired(
    start_sidecar: StartSidecar, start_worker: StartWorker
) -> None:
    sidecar = await start_sidecar()
    replicas = [await start_worker(sidecar, GUARD, instance=name) for name in ("a", "b")]
    codes = await asyncio.gather(*(each.process.stop() for each in replicas))
    assert codes == [0, 0]
    await until_instances(sidecar, "worker", 0)
    async with sidecar.client() as hooks:
        await fails_as_unreachable(hooks)
        await retire(sidecar, "worker")
        payload = await hooks.invoke(TYPE, component_type="Instruction")
    assert outcomes(payload.receipt) == {}


async def retire(sidecar: Sidecar, worker: str) -> None:
    """Take a worker's hooks out of the plan, as an operator does."""
    command = sidecar.process.command[0]
    process = await asyncio.create_subprocess_exec(
        command, "retire", worker, "--target", sidecar.workers[0], env=dict(os.environ)
    )
    assert await process.wait() == 0


async def test_a_worker_that_comes_back_without_a_guard_leaves_it_unreachable(
    start_sidecar: StartSidecar, start_worker: StartWorker
) -> None:
    two = (
        GUARD
        + """
    @hook("component_pre_execute")
    def lost(payload, ctx): ...
"""
    )
    sidecar = await start_sidecar()
    worker = await start_worker(sidecar, two)
    await worker.process.stop()
    await start_worker(sidecar, GUARD)
    async with sidecar.client() as hooks:
        error = await fails_as_unreachable(hooks)
    assert error.hook == "lost"
    assert planned(await sidecar.state(), TYPE) == ["worker/guard", "worker/lost"]


async def test_a_sidecar_that_starts_before_its_workers_knows_what_it_misses(
    start_sidecar: StartSidecar, start_worker: StartWorker
) -> None:
    sidecar = await start_sidecar()
    worker = await start_worker(sidecar, GUARD)
    worker.process.send(signal.SIGSTOP)
    sidecar.process.kill()
    again = await start_sidecar()
    async with again.client() as hooks:
        await fails_as_unreachable(hooks)
        worker.process.send(signal.SIGCONT)
        await until_instances(again, "worker", 1)
        payload = await hooks.invoke(TYPE, component_type="Instruction")
    assert outcomes(payload.receipt) == {"worker/guard": "proceeded"}


async def test_a_worker_that_listens_comes_back_by_itself(
    start_sidecar: StartSidecar, start_worker: StartWorker, socket_folder: os.PathLike[str]
) -> None:
    address = f"unix://{socket_folder}/guard.sock"
    sidecar = await start_sidecar(f"workers: [{{name: worker, target: '{address}'}}]")
    async with sidecar.client() as hooks:
        with pytest.raises(sidehook.RequiredHookMissingError, match="worker"):
            await hooks.invoke(TYPE, component_type="Instruction")
        first = await start_worker(None, GUARD, listen=address)
        await until_instances(sidecar, "worker", 1)
        await hooks.invoke(TYPE, component_type="Instruction")
        first.process.kill()
        await until_reachable(sidecar, it_is=False)
        await fails_as_unreachable(hooks)
        await start_worker(None, GUARD, listen=address)
        await until_reachable(sidecar, it_is=True)
        payload = await hooks.invoke(TYPE, component_type="Instruction")
    assert outcomes(payload.receipt) == {"worker/guard": "proceeded"}


async def until_reachable(sidecar: Sidecar, *, it_is: bool) -> None:
    """Wait until the sidecar can, or cannot, reach every hook."""

    async def holds() -> bool:
        degraded = (await sidecar.state())["degraded"]
        return ("is unreachable" not in str(degraded)) is it_is

    await until(holds)


async def test_a_frozen_sidecar_is_never_taken_for_nobody_listens(
    start_sidecar: StartSidecar,
) -> None:
    sidecar = await start_sidecar()
    async with sidehook.aio.Client(sidecar.calls[0], budget=0.5) as hooks:

        async def nobody_listens() -> bool:
            return not hooks.has_hooks(TYPE)

        async def invoke_fails() -> bool:
            try:
                await hooks.invoke(TYPE, component_type="Instruction")
            except sidehook.SidecarError:
                return True
            return False

        await until(nobody_listens)
        assert not await invoke_fails()
        sidecar.process.send(signal.SIGSTOP)
        await until(invoke_fails)
        assert hooks.has_hooks(TYPE)
        sidecar.process.send(signal.SIGCONT)

"""Breakers, disabled hooks, shadows, gates, conditions and time, with real processes."""

from __future__ import annotations

import asyncio

import pytest

import sidehook
from sidehook import FailureClass
from tests.e2e.conftest import StartSidecar, StartWorker
from tests.e2e.receipts import outcomes
from tests.e2e.waiting import until

TYPE = "component_pre_execute"
QUICK = "breaker: {failures: 2, pause: 200ms, longest_pause: 200ms}"


async def test_a_disabled_hook_is_left_out_and_heals_by_itself(
    start_sidecar: StartSidecar, start_worker: StartWorker
) -> None:
    sidecar = await start_sidecar(QUICK)
    await start_worker(
        sidecar,
        """
        from sidehook import hook

        @hook("component_pre_execute", on_error="disable")
        def guard(payload, ctx):
            if payload.component_type == "poison":
                raise ValueError
        """,
        instance="i1",
    )
    async with sidecar.client() as hooks:
        failed = await hooks.invoke(TYPE, component_type="poison")
        left_out = await hooks.invoke(TYPE, component_type="fine")
        circuits = (await sidecar.state())["circuits"]

        async def healed() -> bool:
            answer = await hooks.invoke(TYPE, component_type="fine")
            return outcomes(answer.receipt) == {"worker/guard": "proceeded"}

        await until(healed)
    assert outcomes(failed.receipt) == {"worker/guard": "failed_open"}
    assert outcomes(left_out.receipt) == {"worker/guard": "skipped_disabled"}
    assert circuits == [
        {
            "hook": "worker/guard",
            "hook_type": TYPE,
            "instance": "i1",
            "state": "open",
        }
    ]
    assert (await sidecar.state())["circuits"] == []
    assert await sidecar.metric("sidehook_guard_missed_total", cause="disabled") >= 1
    assert await sidecar.metric("sidehook_circuit_changes_total", state="closed") == 1


async def test_a_guard_that_fails_again_and_again_fails_calls_at_once_and_heals(
    start_sidecar: StartSidecar, start_worker: StartWorker
) -> None:
    sidecar = await start_sidecar(QUICK)
    worker = await start_worker(
        sidecar,
        """
        import asyncio
        from sidehook import hook

        @hook("component_pre_execute", timeout=0.1)
        async def guard(payload, ctx):
            print("inside", flush=True)
            if payload.component_type == "slow":
                await asyncio.sleep(60)
        """,
    )
    async with sidecar.client() as hooks:
        classes = []
        for _ in range(3):
            with pytest.raises(sidehook.HookFailedError) as caught:
                await hooks.invoke(TYPE, component_type="slow")
            classes.append(caught.value.failure_class)

        async def healed() -> bool:
            try:
                await hooks.invoke(TYPE, component_type="fine")
            except sidehook.HookFailedError as error:
                classes.append(error.failure_class)
                return False
            return True

        await until(healed)
    assert classes[:2] == [FailureClass.TIMEOUT, FailureClass.TIMEOUT]
    assert set(classes[2:]) == {FailureClass.CIRCUIT_OPEN}
    assert worker.process.log.count("inside") == 3


async def test_a_guard_in_shadow_says_what_it_would_have_done_and_does_nothing(
    start_sidecar: StartSidecar, start_worker: StartWorker
) -> None:
    sidecar = await start_sidecar(
        "workers: [{name: worker, optional: true, hooks: ["
        "{name: guard, shadow: true}, {name: rewrite, shadow: true}]}]"
    )
    await start_worker(
        sidecar,
        """
        from sidehook import block, hook, modify

        @hook("component_pre_execute", priority=1)
        def guard(payload, ctx):
            return block("not that", code="NO")

        @hook("component_pre_execute", mode="transform")
        def rewrite(payload, ctx):
            return modify(payload, model_options={"temperature": 0.1})
        """,
    )
    async with sidecar.client() as hooks:
        payload = await hooks.invoke(TYPE, model_options={"temperature": 0.9})
    assert payload["model_options"] == {"temperature": 0.9}
    assert payload.receipt is not None
    guard, rewrite = payload.receipt.lines
    assert (guard.outcome, guard.code, guard.shadowed) == ("would_block", "NO", True)
    assert (rewrite.outcome, rewrite.changed_fields) == ("would_modify", ("model_options",))


async def test_a_gate_approves_what_is_returned_where_an_ordinary_guard_did_not(
    start_sidecar: StartSidecar, start_worker: StartWorker
) -> None:
    sidecar = await start_sidecar()
    worker = await start_worker(
        sidecar,
        """
        from sidehook import hook, modify

        @hook("component_pre_execute")
        def guard(payload, ctx):
            print("guard saw", payload.model_options, flush=True)

        @hook("component_pre_execute", requires_final_payload=True)
        def gate(payload, ctx):
            print("gate saw", payload.model_options, flush=True)

        @hook("component_pre_execute", mode="transform")
        def rewrite(payload, ctx):
            return modify(payload, model_options={"text": "B"})
        """,
    )
    async with sidecar.client() as hooks:
        payload = await hooks.invoke(TYPE, model_options={"text": "A"})
    assert payload["model_options"] == {"text": "B"}
    await worker.process.line("guard saw {'text': 'A'}")
    await worker.process.line("gate saw {'text': 'B'}")
    receipt = payload.receipt
    assert receipt is not None
    assert [line.hook for line in receipt.lines] == ["guard", "rewrite", "gate"]
    assert len(receipt.payload_digest) == 64
    assert receipt.lines[2].payload_digest == receipt.payload_digest


async def test_a_condition_decides_without_a_hop_and_its_error_follows_on_error(
    start_sidecar: StartSidecar, start_worker: StartWorker
) -> None:
    sidecar = await start_sidecar(
        "workers: [{name: worker, optional: true, hooks: ["
        "{name: watched, condition: 'context.tenant == \"acme\"'}]}]"
    )
    worker = await start_worker(
        sidecar,
        """
        from sidehook import hook

        @hook("component_pre_execute")
        def watched(payload, ctx):
            print("inside", ctx.tenant, flush=True)

        @hook("component_pre_execute", condition="payload.model_options.temperature > 0.5")
        def warm(payload, ctx): ...
        """,
    )
    async with sidecar.client() as hooks:
        with hooks.session("s1", tenant="acme"):
            acme = await hooks.invoke(TYPE, model_options={"temperature": 0.9})
        other = await hooks.invoke(TYPE, model_options={"temperature": 0.1})
        with pytest.raises(sidehook.HookFailedError, match="condition could not be evaluated"):
            await hooks.invoke(TYPE, model_options={})
    assert outcomes(acme.receipt) == {"worker/warm": "proceeded", "worker/watched": "proceeded"}
    assert outcomes(other.receipt) == {
        "worker/warm": "skipped_condition",
        "worker/watched": "skipped_condition",
    }
    assert worker.process.log.count("inside") == 1


async def test_a_run_that_never_got_a_thread_is_overloaded_and_one_that_hangs_timed_out(
    start_sidecar: StartSidecar, start_worker: StartWorker
) -> None:
    sidecar = await start_sidecar()
    worker = await start_worker(
        sidecar,
        """
        import asyncio
        from sidehook import hook

        @hook("component_pre_execute", timeout=30)
        def hang(payload, ctx):
            print("inside", flush=True)
            ctx.wait_cancelled(60)

        @hook("tool_pre_invoke", timeout=0.3)
        def waits(payload, ctx): ...

        @hook("tool_post_invoke", timeout=0.3)
        async def hangs(payload, ctx):
            await asyncio.sleep(60)
        """,
        flags=("--threads", "1"),
    )
    async with sidecar.client() as hooks:
        call = asyncio.create_task(hooks.invoke(TYPE, component_type="I"))
        await worker.process.line("inside")
        with pytest.raises(sidehook.HookFailedError) as waited:
            await hooks.invoke("tool_pre_invoke")
        with pytest.raises(sidehook.HookFailedError) as hung:
            await hooks.invoke("tool_post_invoke")
        call.cancel()
    assert waited.value.failure_class is FailureClass.OVERLOADED
    assert hung.value.failure_class is FailureClass.TIMEOUT


async def test_a_hook_that_asks_for_more_time_gets_it_out_of_what_is_left(
    start_sidecar: StartSidecar, start_worker: StartWorker
) -> None:
    sidecar = await start_sidecar()
    await start_worker(
        sidecar,
        """
        import asyncio
        from sidehook import hook

        @hook("component_pre_execute", timeout=0.3)
        async def thorough(payload, ctx):
            assert ctx.extend(4)
            await asyncio.sleep(0.6)
            assert ctx.time_left() > 0
        """,
    )
    async with sidecar.client() as hooks:
        payload = await hooks.invoke(TYPE, component_type="I")
    assert outcomes(payload.receipt) == {"worker/thorough": "proceeded"}

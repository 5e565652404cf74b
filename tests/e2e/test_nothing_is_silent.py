"""What a hook may not do, and what went wrong without a word to the caller: all of it is told."""

import asyncio
from pathlib import Path

import pytest

import sidehook
from tests.e2e.conftest import StartSidecar, StartWorker
from tests.e2e.receipts import outcomes

TYPE = "component_pre_execute"

OVERSTEPS = """
    from sidehook import PluginMode, block, hook, modify

    @hook("component_pre_execute", mode=PluginMode.TRANSFORM)
    def says_no(payload, ctx):
        return block("S3CRET reason", code="NOT_YOURS")

    @hook("component_pre_execute", mode=PluginMode.AUDIT)
    def writes(payload, ctx):
        return modify(payload, model_options={"a": "S3CRET"})

    @hook("component_pre_execute", mode=PluginMode.CONCURRENT)
    async def writes_too(payload, ctx):
        return modify(payload, model_options={"a": "S3CRET"})
"""


async def test_what_a_mode_does_not_allow_is_in_receipt_counter_and_both_logs(
    start_sidecar: StartSidecar, start_worker: StartWorker
) -> None:
    sidecar = await start_sidecar()
    worker = await start_worker(sidecar, OVERSTEPS)
    async with sidecar.client() as hooks:
        payload = await hooks.invoke(TYPE, model_options={"a": 1})
    assert payload.model_options == {"a": 1}
    assert outcomes(payload.receipt) == {
        "worker/says_no": "block_suppressed",
        "worker/writes": "patch_discarded",
        "worker/writes_too": "patch_discarded",
    }
    assert await sidecar.metric("sidehook_blocks_suppressed_total", hook="says_no") == 1
    assert await sidecar.metric("sidehook_patches_discarded_total", hook="writes") == 1
    assert await sidecar.metric("sidehook_patches_discarded_total", hook="writes_too") == 1
    for event, hook in (
        ("block_suppressed", "says_no"),
        ("patch_discarded", "writes"),
        ("patch_discarded", "writes_too"),
    ):
        await sidecar.process.line(f"event={event} .*hook=worker/{hook} ")
        await worker.process.line(f"sidecar_notice code={event.upper()} hook={hook} ")
    assert "S3CRET" not in sidecar.process.log


async def test_a_detached_hook_that_oversteps_or_fails_is_told_and_never_reaches_the_caller(
    start_sidecar: StartSidecar, start_worker: StartWorker
) -> None:
    sidecar = await start_sidecar()
    worker = await start_worker(
        sidecar,
        """
        from sidehook import PluginMode, block, hook, modify

        @hook("component_pre_execute", mode=PluginMode.FIRE_AND_FORGET)
        def says_no(payload, ctx):
            return block("no")

        @hook("component_pre_execute", mode=PluginMode.FIRE_AND_FORGET)
        def writes(payload, ctx):
            return modify(payload, model_options={"a": 2})

        @hook("component_pre_execute", mode=PluginMode.FIRE_AND_FORGET, on_error="fail")
        def raises(payload, ctx):
            raise KeyError("it")
        """,
    )
    async with sidecar.client() as hooks:
        payload = await hooks.invoke(TYPE, model_options={"a": 1})
    assert payload.model_options == {"a": 1}
    assert set(outcomes(payload.receipt).values()) == {"detached"}
    await sidecar.until_metric("sidehook_blocks_suppressed_total", 1, hook="says_no")
    await sidecar.until_metric("sidehook_patches_discarded_total", 1, hook="writes")
    await sidecar.until_metric("sidehook_detached_lost_total", 1, hook="raises")
    await worker.process.line("sidecar_notice code=BLOCK_SUPPRESSED hook=says_no ")
    await worker.process.line("sidecar_notice code=PATCH_DISCARDED hook=writes ")


@pytest.mark.parametrize("on_rejected", ["drop", "error"])
async def test_a_field_that_hooks_may_not_write_is_told_to_everyone(
    start_sidecar: StartSidecar, start_worker: StartWorker, on_rejected: str
) -> None:
    sidecar = await start_sidecar(
        "workers: [{name: worker, optional: true, "
        f"hooks: [{{name: greedy, on_rejected: {on_rejected}}}]}}]"
    )
    worker = await start_worker(
        sidecar,
        """
        from sidehook import hook, modify

        @hook("component_pre_execute")
        def greedy(payload, ctx):
            return modify(payload, component_type="mine", model_options={"a": 2})
        """,
    )
    async with sidecar.client() as hooks:
        asking = hooks.invoke(TYPE, component_type="yours", model_options={"a": 1})
        if on_rejected == "drop":
            payload = await asking
            assert (payload.component_type, payload.model_options) == ("yours", {"a": 2})
            receipt = payload.receipt
        else:
            with pytest.raises(sidehook.HookFailedError) as failed:
                await asking
            assert failed.value.failure_class is sidehook.FailureClass.MALFORMED
            receipt = failed.value.receipt
    expected = {"drop": "modified", "error": "failed_closed"}[on_rejected]
    assert outcomes(receipt) == {"worker/greedy": expected}
    assert receipt is not None
    assert receipt.lines[0].rejected_fields == ("component_type",)
    assert await sidecar.metric("sidehook_fields_rejected_total", hook="greedy") == 1
    told = await worker.process.line("sidecar_notice code=FIELDS_REJECTED hook=greedy ")
    assert "component_type" in told.string


async def test_what_the_operator_says_of_a_hook_stands_over_its_worker(
    start_sidecar: StartSidecar, start_worker: StartWorker
) -> None:
    sidecar = await start_sidecar(
        "workers: [{name: worker, optional: true, hooks: [{name: guard, mode: audit}]}]"
    )
    await start_worker(
        sidecar,
        """
        from sidehook import block, hook

        @hook("component_pre_execute")
        def guard(payload, ctx):
            assert not ctx.cancelled
            return block("no")
        """,
    )
    async with sidecar.client() as hooks:
        payload = await hooks.invoke(TYPE, model_options={})
    assert outcomes(payload.receipt) == {"worker/guard": "would_block"}


async def test_a_call_whose_caller_is_gone_is_in_the_log_and_in_the_metrics(
    start_sidecar: StartSidecar, start_worker: StartWorker
) -> None:
    sidecar = await start_sidecar()
    worker = await start_worker(
        sidecar,
        """
        import asyncio
        from sidehook import hook

        @hook("component_pre_execute", timeout=60)
        async def slow(payload, ctx):
            print("inside", ctx.call_id, flush=True)
            await asyncio.sleep(60)

        @hook("component_pre_execute", priority=90)
        def later(payload, ctx): ...
        """,
    )
    async with sidecar.client() as hooks:
        call = asyncio.create_task(hooks.invoke(TYPE, model_options={}))
        inside = await worker.process.line(r"^inside (\S+)$")
        call.cancel()
        await asyncio.gather(call, return_exceptions=True)
        await sidecar.until_metric("sidehook_calls_total", 1, outcome="cancelled")
    ended = await sidecar.process.line("event=call_failed .*reason=CANCELLED")
    assert f"call_id={inside[1]}" in ended.string
    name = "sidehook_hook_outcomes_total"
    assert await sidecar.metric(name, hook="slow", outcome="cancelled") == 1
    assert await sidecar.metric(name, hook="later", outcome="skipped_halted") == 1


async def test_a_call_that_went_on_without_a_sidecar_is_a_guard_that_was_missed(
    start_sidecar: StartSidecar, socket_folder: Path
) -> None:
    folder = socket_folder / "sidecar"
    folder.mkdir()
    target = f"unix://{folder}/sidehook.sock"
    async with sidehook.aio.Client(target, on_unavailable="proceed") as hooks:
        alone = await hooks.invoke(TYPE, model_options={})
        assert alone.receipt is None
        sidecar = await start_sidecar()
        await hooks.connect()
        # A call that names a scope is made although nobody listens.
        with hooks.scope("anything"):
            await hooks.invoke(TYPE, model_options={})
            await hooks.invoke(TYPE, model_options={})
    assert await sidecar.metric("sidehook_guard_missed_total", cause="unguarded") == 1
    assert "event=unguarded_calls" in sidecar.process.log


async def test_a_worker_that_comes_back_weaker_is_refused_its_new_terms_and_told(
    start_sidecar: StartSidecar, start_worker: StartWorker
) -> None:
    guard = """
        from sidehook import block, hook

        @hook("component_pre_execute", mode="{mode}")
        def guard(payload, ctx):
            return block("no")
    """
    sidecar = await start_sidecar()
    strong = await start_worker(sidecar, guard.format(mode="sequential"))
    await strong.process.stop()
    weak = await start_worker(sidecar, guard.format(mode="audit"))
    await weak.process.line("sidecar_notice code=DOWNGRADE_REFUSED hook=guard ")
    await sidecar.process.line("event=downgrade_refused ")
    async with sidecar.client() as hooks:
        with pytest.raises(sidehook.HookFailedError) as failed:
            await hooks.invoke(TYPE, model_options={})
        assert failed.value.failure_class is sidehook.FailureClass.UNREACHABLE
        assert failed.value.receipt is not None
        assert failed.value.receipt.lines[0].mode is sidehook.Mode.SEQUENTIAL
        await start_worker(sidecar, guard.format(mode="sequential"), instance="strong")
        with pytest.raises(sidehook.ViolationError):
            await hooks.invoke(TYPE, model_options={})


async def test_state_is_a_workers_own_and_comes_back_from_blocked_and_failed_calls(
    start_sidecar: StartSidecar, start_worker: StartWorker
) -> None:
    counts = """
        from sidehook import block, hook

        @hook("component_pre_execute")
        def count(payload, ctx):
            seen = ctx.state.get("seen", 0) + 1
            ctx.state.set("seen", seen)
            ctx.state.set("shared.last", "{name}")
            print("{name}", seen, sorted(ctx.state), flush=True)
            if payload.component_type == "{name} says no":
                return block("no")
            if payload.component_type == "{name} breaks":
                raise KeyError("it")
    """
    sidecar = await start_sidecar()
    one = await start_worker(sidecar, counts.format(name="one"), name="one")
    two = await start_worker(sidecar, counts.format(name="two"), name="two")
    async with sidecar.client() as hooks:
        with hooks.session("s") as session:
            await hooks.invoke(TYPE, component_type="Instruction")
            with pytest.raises(sidehook.ViolationError):
                await hooks.invoke(TYPE, component_type="two says no")
            with pytest.raises(sidehook.HookFailedError):
                await hooks.invoke(TYPE, component_type="two breaks")
            assert dict(session.state) == {"one/seen": 3, "two/seen": 2, "shared.last": "one"}
    await one.process.line(r"^one 3 \['seen', 'shared\.last'\]$")
    # What it wrote before it failed was not kept.
    await two.process.line(r"^two 3 \['seen', 'shared\.last'\]$")

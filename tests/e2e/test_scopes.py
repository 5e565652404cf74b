"""Sessions with hooks of their own, many at once."""

import asyncio
from collections import Counter

import sidehook
from sidehook import Context, Payload, PluginMode, hook, modify
from sidehook.worker import HookReturn
from tests.e2e.conftest import StartSidecar, StartWorker

TYPE = "component_pre_execute"
SESSIONS = 200
CALLS = 5

REMOTE = """
    from sidehook import hook, modify

    @hook("component_pre_execute", priority=10)
    def first(payload, ctx):
        return modify(payload, model_options={**payload.model_options, "remote": True})
"""


async def test_two_hundred_sessions_never_fire_each_others_hooks(
    start_sidecar: StartSidecar, start_worker: StartWorker
) -> None:
    sidecar = await start_sidecar()
    await start_worker(sidecar, REMOTE)
    fired: Counter[tuple[int, int]] = Counter()

    async def session(hooks: sidehook.aio.Client, number: int) -> None:
        @hook(TYPE, mode=PluginMode.TRANSFORM, name="own")
        def own(payload: Payload, ctx: Context) -> HookReturn:
            assert payload.model_options["remote"] is True
            fired[number, payload.model_options["asked_by"]] += 1
            return modify(payload, model_options={**payload.model_options, "served_by": number})

        with hooks.session(f"session-{number}"):
            async with hooks.plugin_scope(own):
                for _ in range(CALLS):
                    payload = await hooks.invoke(TYPE, model_options={"asked_by": number})
                    assert payload.model_options["served_by"] == number
                    assert payload.receipt is not None
                    assert [line.hook for line in payload.receipt.lines] == ["first", "own"]

    async with sidehook.aio.Client(sidecar.calls[0], budget=60) as hooks:
        await asyncio.gather(*(session(hooks, number) for number in range(SESSIONS)))
        after = await hooks.invoke(TYPE, model_options={"asked_by": -1})
    assert "served_by" not in after.model_options
    assert fired == {(number, number): CALLS for number in range(SESSIONS)}


async def test_named_scopes_of_two_tenants_do_not_meet(
    start_sidecar: StartSidecar, start_worker: StartWorker
) -> None:
    scoped = """
        from sidehook import hook, modify

        @hook("component_pre_execute", scope="guardrails")
        def mark(payload, ctx):
            return modify(payload, model_options={{"by": "{tenant}"}})
    """
    sidecar = await start_sidecar()
    for tenant in ("red", "blue"):
        await start_worker(
            sidecar, scoped.format(tenant=tenant), name=tenant, flags=("--tenant", tenant)
        )
    async with sidecar.client() as hooks:
        for tenant in ("red", "blue"):
            with hooks.session(tenant=tenant), hooks.scope("guardrails"):
                payload = await hooks.invoke(TYPE, model_options={})
            assert payload.model_options == {"by": tenant}
            with hooks.session(tenant=tenant):
                payload = await hooks.invoke(TYPE, model_options={})
            assert payload.model_options == {}

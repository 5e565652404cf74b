"""Sessions, named scopes and `plugin_scope`: what surrounds the calls of a local client."""

import asyncio

import pytest

from sidehook import (
    CallRefusedError,
    Context,
    HookFailedError,
    Mode,
    Payload,
    UnknownScopeError,
    ViolationError,
    block,
    hook,
    local,
    modify,
)
from sidehook._results import HookReturn
from sidehook._types import FailureClass
from sidehook.local import Worker
from tests.unit.local.hooks import TYPE, Telemetry, first, outcomes, temperature


@hook(TYPE, name="count")
def count(payload: Payload, ctx: Context) -> HookReturn:
    ctx.state.set("calls", ctx.state.get("calls", 0) + 1)
    ctx.state.set("shared.last", ctx.session_id)
    return block("enough") if ctx.state.get("calls") == 3 else None


async def test_a_session_carries_its_state_from_call_to_call_also_over_a_block() -> None:
    async with local.aio.Client(Worker("guards", count)) as hooks:
        with hooks.session("s-1") as session:
            await hooks.invoke(TYPE)
            await hooks.invoke(TYPE)
            with pytest.raises(ViolationError):
                await hooks.invoke(TYPE)
        with hooks.session("s-2", state={"guards/calls": 7}) as other:
            await hooks.invoke(TYPE)

    assert session.state == {"guards/calls": 3, "shared.last": "s-1"}
    assert other.state == {"guards/calls": 8, "shared.last": "s-2"}


async def test_who_a_call_is_for_reaches_the_hooks() -> None:
    @hook(TYPE, mode=Mode.TRANSFORM)
    def tell(payload: Payload, ctx: Context) -> HookReturn:
        who = [ctx.session_id, ctx.tenant, ctx.user, dict(ctx.labels), list(ctx.scopes)]
        return modify(payload, model_options={"who": who})

    async with local.aio.Client(tell, tenant="t", user="u", labels={"app": "a"}) as hooks:
        with hooks.session("s", user="other", labels={"b": "c"}), hooks.scope("guardrails"):
            payload = await hooks.invoke(TYPE)

    assert payload["model_options"] == {
        "who": ["s", "t", "other", {"app": "a", "b": "c"}, ["guardrails"]]
    }


@hook(TYPE, scope="strict", name="scoped")
def scoped(payload: Payload, ctx: Context) -> HookReturn:
    return block("strictly no")


async def test_a_scoped_hook_runs_only_for_calls_of_its_tenant_that_name_the_scope() -> None:
    async with local.aio.Client(Worker("guards", scoped, tenant="t")) as hooks:
        await hooks.invoke(TYPE)
        with hooks.scope("strict"):
            answer = await hooks.invoke(TYPE)
            assert outcomes(answer.receipt) == {"scoped": "skipped_scope"}
            with hooks.session(tenant="t"), pytest.raises(ViolationError, match="strictly no"):
                await hooks.invoke(TYPE)


async def test_a_scope_that_no_hook_knows_is_in_the_receipt_or_an_error() -> None:
    async with local.aio.Client(first) as hooks:
        with hooks.scope("strcit"):
            answer = await hooks.invoke(TYPE, component_type="I")
    assert answer.receipt is not None
    assert answer.receipt.unknown_scopes == ("strcit",)

    async with local.aio.Client(first, config={"strict_scopes": True}) as hooks:
        with hooks.scope("strcit"), pytest.raises(UnknownScopeError):
            await hooks.invoke(TYPE, component_type="I")


@hook(TYPE, name="own", priority=15)
async def own(payload: Payload, ctx: Context) -> HookReturn:
    return modify(payload, model_options={"seed": 1})


async def test_functions_of_the_application_run_in_their_place_of_the_order() -> None:
    async with local.aio.Client(first, temperature) as hooks:
        async with hooks.plugin_scope(own):
            inside = await hooks.invoke(TYPE, component_type="I", model_options={})
        outside = await hooks.invoke(TYPE, component_type="I", model_options={})

    assert inside["model_options"] == {"temperature": 0.7, "seed": 1}
    assert list(outcomes(inside.receipt)) == ["first", "own", "temperature"]
    assert list(outcomes(outside.receipt)) == ["first", "temperature"]


def test_the_blocking_client_has_scopes_of_its_own_hooks_too() -> None:
    with local.Client(first, temperature) as hooks:
        with hooks.plugin_scope(own):
            inside = hooks.invoke(TYPE, component_type="I", model_options={})
        outside = hooks.invoke(TYPE, component_type="I", model_options={})

    assert list(outcomes(inside.receipt)) == ["first", "own", "temperature"]
    assert list(outcomes(outside.receipt)) == ["first", "temperature"]


async def test_two_scopes_at_once_never_fire_each_other_s_hooks() -> None:
    fired: dict[int, list[str]] = {}

    async with local.aio.Client() as hooks:

        async def session(number: int) -> None:
            @hook(TYPE)
            async def mine(payload: Payload, ctx: Context) -> None:
                fired.setdefault(number, []).append(payload.component_type)

            async with hooks.plugin_scope(mine):
                for _ in range(5):
                    await hooks.invoke(TYPE, component_type=f"of {number}")

        await asyncio.gather(*map(session, range(20)))

    assert fired == {number: [f"of {number}"] * 5 for number in range(20)}


async def test_a_call_that_names_a_scope_that_is_gone_fails_by_its_hooks_policy() -> None:
    entered, left = asyncio.Event(), asyncio.Event()

    async with local.aio.Client() as hooks:

        async def afterwards() -> None:
            entered.set()
            await left.wait()
            await hooks.invoke(TYPE, component_type="I")

        async with hooks.plugin_scope(own):
            late = asyncio.create_task(afterwards())
            await entered.wait()
        left.set()
        with pytest.raises(HookFailedError) as caught:
            await late

    assert caught.value.failure_class is FailureClass.UNREACHABLE


async def test_leaving_a_scope_delivers_its_telemetry() -> None:
    telemetry = Telemetry()

    async with local.aio.Client() as hooks:
        async with hooks.plugin_scope(telemetry):
            for _ in range(50):
                await hooks.invoke(TYPE, component_type="I")
        assert len(telemetry.seen) == 50


async def test_hooks_that_the_sidecar_refuses_are_refused_when_the_scope_is_entered() -> None:
    async with local.aio.Client() as hooks:
        with pytest.raises(CallRefusedError, match="no other scope") as caught:
            async with hooks.plugin_scope(scoped):
                pass
        assert caught.value.reason == "INVALID_MANIFEST"
        await hooks.invoke(TYPE, component_type="I")


async def test_a_scope_of_a_client_that_is_closed_is_not_entered() -> None:
    async with local.aio.Client() as hooks:
        scope = hooks.plugin_scope(own)

    with pytest.raises(Exception, match="closed"):
        async with scope:
            pass

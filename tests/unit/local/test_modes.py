"""One call through hooks of every mode, and what ends it, as both local clients see it."""

import asyncio

import pytest

import sidehook
from sidehook import (
    Context,
    DeadlineExceededError,
    FailureClass,
    HookFailedError,
    Mode,
    Payload,
    ViolationError,
    hook,
    local,
    modify,
)
from sidehook._results import HookReturn
from sidehook.local import Worker
from tests.unit.local.hooks import (
    TYPE,
    Telemetry,
    Waiting,
    audit,
    beside,
    first,
    outcomes,
    temperature,
)

FOUR = (first, temperature, audit, beside)
ALL_RAN = {
    "first": "proceeded",
    "temperature": "modified",
    "audit": "block_suppressed",
    "beside": "proceeded",
}


async def test_a_call_goes_through_all_five_modes() -> None:
    telemetry = Telemetry()

    async with local.aio.Client(*FOUR, telemetry) as hooks:
        payload = await hooks.invoke(TYPE, component_type="I", model_options={"seed": 1})

    assert payload["model_options"] == {"temperature": 0.7, "seed": 1}
    assert outcomes(payload.receipt) == {**ALL_RAN, "Telemetry.note": "detached"}
    assert telemetry.seen == [dict(payload)]


def test_the_blocking_client_goes_through_them_too() -> None:
    telemetry = Telemetry()

    with local.Client(*FOUR, telemetry) as hooks:
        payload = hooks.invoke(TYPE, component_type="I", model_options={"seed": 1})

    assert payload["model_options"] == {"temperature": 0.7, "seed": 1}
    assert outcomes(payload.receipt) == {**ALL_RAN, "Telemetry.note": "detached"}
    assert telemetry.seen == [dict(payload)]


async def test_a_block_is_a_violation_that_names_hook_and_worker() -> None:
    async with local.aio.Client(Worker("guards", *FOUR)) as hooks:
        with pytest.raises(ViolationError) as caught:
            await hooks.invoke(TYPE, component_type="forbidden", model_options={})

    violation = caught.value
    assert (violation.worker, violation.hook) == ("guards", "first")
    assert (violation.reason, violation.code) == ("not this one", "NOT_THIS")
    assert violation.details == {"seen": "forbidden"}
    assert outcomes(violation.receipt) == {
        "first": "blocked",
        "temperature": "skipped_halted",
        "audit": "skipped_halted",
        "beside": "skipped_halted",
    }


async def test_a_block_beside_others_ends_the_call() -> None:
    async with local.aio.Client(*FOUR) as hooks:
        with pytest.raises(ViolationError) as caught:
            await hooks.invoke(TYPE, component_type="I", model_options={"max_tokens": 101})

    assert caught.value.code == "TOKENS"


@hook(TYPE, name="failing")
def failing(payload: Payload, ctx: Context) -> HookReturn:
    raise LookupError("secret-payload-text")


@hook(TYPE, name="failing", on_error="ignore")
def failing_open(payload: Payload, ctx: Context) -> HookReturn:
    raise LookupError


async def test_a_failing_guard_fails_the_call_and_is_no_violation() -> None:
    async with local.aio.Client(failing) as hooks:
        with pytest.raises(HookFailedError) as caught:
            await hooks.invoke(TYPE, component_type="I")

    failure = caught.value
    assert (failure.worker, failure.hook) == ("local", "failing")
    assert failure.failure_class is FailureClass.RAISED
    assert failure.started
    assert "secret-payload-text" not in str(failure)
    assert outcomes(failure.receipt) == {"failing": "failed_closed"}


async def test_a_guard_that_fails_open_lets_the_call_go_on() -> None:
    async with local.aio.Client(failing_open) as hooks:
        payload = await hooks.invoke(TYPE, component_type="I")

    assert outcomes(payload.receipt) == {"failing": "failed_open"}


async def test_workers_run_in_the_order_of_the_plan_not_in_that_they_are_given_in() -> None:
    async with local.aio.Client(Worker("b", first), first, Worker("a", first)) as hooks:
        payload = await hooks.invoke(TYPE, component_type="I")

    assert payload.receipt is not None
    assert [line.worker for line in payload.receipt.lines] == ["a", "b", "local"]


async def test_a_hook_that_takes_too_long_is_cancelled_and_times_out() -> None:
    slow = Waiting()
    config = {"workers": [{"name": "local", "hooks": [{"name": "waiting", "timeout": "50ms"}]}]}

    async with local.aio.Client(slow, config=config) as hooks:
        with pytest.raises(HookFailedError) as caught:
            await hooks.invoke(TYPE, component_type="I")
        await asyncio.wait_for(slow.cancelled.wait(), 5)

    assert caught.value.failure_class is FailureClass.TIMEOUT


async def test_a_budget_that_runs_out_is_the_deadline_error() -> None:
    async with local.aio.Client(Waiting(), budget=0.1) as hooks:
        with pytest.raises(DeadlineExceededError):
            await hooks.invoke(TYPE, component_type="I")


async def test_a_call_that_its_caller_cancels_cancels_the_handler() -> None:
    waiting, telemetry = Waiting(), Telemetry()

    async with local.aio.Client(waiting, telemetry) as hooks:
        call = asyncio.create_task(hooks.invoke(TYPE, component_type="I"))
        await waiting.running.wait()
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
        await asyncio.wait_for(waiting.cancelled.wait(), 5)
        assert hooks.stats.calls_cancelled == 1

    assert (telemetry.ends, telemetry.seen) == (["cancelled"], [{}])


async def test_one_call_s_terms_may_be_its_own() -> None:
    @hook(TYPE, mode=Mode.TRANSFORM)
    def tell(payload: Payload, ctx: Context) -> HookReturn:
        return modify(payload, model_options={"of": ctx.request_id, "soon": ctx.time_left() <= 2})

    async with local.aio.Client(tell) as hooks:
        payload = await hooks.call(TYPE, {"component_type": "I"}, budget=2, request_id="r-1")

    assert payload["model_options"] == {"of": "r-1", "soon": True}


async def test_a_type_that_nobody_listens_to_needs_no_call() -> None:
    async with local.aio.Client(first) as hooks:
        assert hooks.has_hooks(TYPE)
        assert not hooks.has_hooks("tool_pre_invoke")
        payload = await hooks.invoke("tool_pre_invoke", name="ls")

        assert payload.receipt is not None
        assert payload.receipt.lines == ()
        assert (hooks.stats.calls, hooks.stats.calls_skipped) == (0, 1)


async def test_without_any_hooks_every_call_goes_on() -> None:
    async with local.aio.Client() as hooks:
        assert await hooks.invoke(TYPE, component_type="I") == {"component_type": "I"}


async def test_an_application_s_function_takes_a_local_client_for_the_real_one() -> None:
    async def application(hooks: sidehook.aio.Client) -> object:
        return (await hooks.invoke(TYPE, component_type="I", model_options={})).model_options

    async with sidehook.local.aio.Client(temperature) as hooks:
        assert await application(hooks) == {"temperature": 0.7}

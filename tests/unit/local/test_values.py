"""What does not travel to a real sidecar does not pass here either."""

import asyncio
import contextvars
from collections.abc import Mapping

import pytest

from sidehook import (
    Context,
    EncodeError,
    HookFailedError,
    Mode,
    Payload,
    PayloadTooLargeError,
    UnknownHookTypeError,
    Violation,
    hook,
    local,
    modify,
)
from sidehook._results import HookReturn
from sidehook._types import FailureClass
from tests.unit.local.hooks import TYPE, outcomes

OWN_TYPE: Mapping[str, object] = {"hook_types": [{"name": "mine", "writable": ["text"]}]}


async def test_values_arrive_in_hooks_and_come_back_as_they_are() -> None:
    given = {"big": 2**60 + 1, "one": 1, "float": 1.0, "deep": [{"é": None}], "text": "→ 🙂"}
    seen: list[object] = []

    @hook("mine")
    def look(payload: Payload, ctx: Context) -> HookReturn:
        seen.append(payload.value)
        return modify(payload, text=payload.value)

    async with local.aio.Client(look, config=OWN_TYPE) as hooks:
        answer = await hooks.invoke("mine", value=given, raw=b"\xff\x00")

    assert repr(seen) == repr([given])
    assert repr(answer.text) == repr(given)
    assert answer.raw == b"\xff\x00"


async def test_a_value_that_json_cannot_carry_is_refused_with_its_path() -> None:
    async with local.aio.Client(config=OWN_TYPE) as hooks:
        with pytest.raises(EncodeError, match=r"^value\.tags"):
            await hooks.invoke("mine", value={"tags": {1, 2}})


async def test_a_hook_that_answers_with_such_a_value_fails() -> None:
    @hook("mine")
    def bad(payload: Payload, ctx: Context) -> HookReturn:
        return modify(payload, text=object())

    async with local.aio.Client(bad, config=OWN_TYPE) as hooks:
        with pytest.raises(HookFailedError) as caught:
            await hooks.invoke("mine", text="a")

    assert caught.value.failure_class is FailureClass.RAISED


async def test_an_answer_that_no_message_can_carry_is_a_failure_too() -> None:
    @hook("mine")
    def bad(payload: Payload, ctx: Context) -> HookReturn:
        return Violation(reason="a lone surrogate: \ud800")

    async with local.aio.Client(bad, config=OWN_TYPE) as hooks:
        with pytest.raises(HookFailedError, match="the worker's own code failed"):
            await hooks.invoke("mine", text="a")


async def test_a_context_that_no_message_can_carry_is_an_error_of_the_caller() -> None:
    @hook("mine")
    def look(payload: Payload, ctx: Context) -> None: ...

    async with local.aio.Client(look, config=OWN_TYPE, user="\ud800") as hooks:
        with pytest.raises(EncodeError, match="lone surrogate"):
            await hooks.invoke("mine", text="a")


async def test_what_a_hook_changes_in_place_is_refused_and_reaches_nobody() -> None:
    given = {"temperature": 1}

    @hook(TYPE)
    def meddle(payload: Payload, ctx: Context) -> None:
        payload.model_options["temperature"] = 2

    async with local.aio.Client(meddle) as hooks:
        with pytest.raises(HookFailedError, match="TypeError"):
            await hooks.invoke(TYPE, component_type="I", model_options=given)

    assert given == {"temperature": 1}


async def test_fields_that_hooks_may_not_write_are_rejected() -> None:
    @hook("mine", mode=Mode.TRANSFORM)
    def both(payload: Payload, ctx: Context) -> HookReturn:
        return modify(payload, text="changed", fixed="changed")

    async with local.aio.Client(both, config=OWN_TYPE) as hooks:
        answer = await hooks.invoke("mine", text="a", fixed="b")

    assert dict(answer) == {"text": "changed", "fixed": "b"}
    assert answer.receipt is not None
    assert [line.rejected_fields for line in answer.receipt.lines] == [("fixed",)]


async def test_a_rejected_field_is_told_to_the_worker_s_log(
    caplog: pytest.LogCaptureFixture,
) -> None:
    @hook(TYPE, mode=Mode.AUDIT)
    def audit(payload: Payload, ctx: Context) -> HookReturn:
        return modify(payload, model_options={})

    with caplog.at_level("WARNING", "sidehook.worker"):
        async with local.aio.Client(audit) as hooks:
            answer = await hooks.invoke(TYPE, model_options={"a": 1})

    assert outcomes(answer.receipt) == {"audit": "patch_discarded"}
    assert "code=PATCH_DISCARDED hook=audit" in caplog.text


async def test_an_undeclared_type_is_refused_by_name() -> None:
    async with local.aio.Client() as hooks:
        with pytest.raises(UnknownHookTypeError, match="'mine' is not declared"):
            await hooks.invoke("mine", text="a")
        # With a scope the call is made, and it is the pipeline that refuses it.
        with hooks.scope("any"), pytest.raises(UnknownHookTypeError, match="'mine' is not"):
            await hooks.invoke("mine", text="a")
        with pytest.raises(UnknownHookTypeError):
            hooks.has_hooks("mine")


async def test_a_payload_over_the_limit_is_refused_before_any_hook_runs() -> None:
    ran: list[object] = []

    @hook("mine")
    def look(payload: Payload, ctx: Context) -> None:
        ran.append(payload)

    config = {"hook_types": [{"name": "mine", "max_payload_bytes": 100}]}
    async with local.aio.Client(look, config=config) as hooks:
        with pytest.raises(PayloadTooLargeError):
            await hooks.invoke("mine", text="x" * 100)

    assert ran == []


REQUEST = contextvars.ContextVar("REQUEST", default="nothing")


async def test_context_variables_of_the_caller_do_not_reach_hooks() -> None:
    seen: list[str] = []

    @hook(TYPE)
    async def on_the_loop(payload: Payload, ctx: Context) -> None:
        seen.append(REQUEST.get())

    @hook(TYPE)
    def in_a_thread(payload: Payload, ctx: Context) -> None:
        seen.append(REQUEST.get())

    REQUEST.set("the caller's")
    async with local.aio.Client(on_the_loop, in_a_thread) as hooks:
        await hooks.invoke(TYPE, component_type="I")

    assert seen == ["nothing", "nothing"]


async def test_a_handler_may_use_what_belongs_to_the_loop_of_the_test() -> None:
    asked: asyncio.Queue[str] = asyncio.Queue()

    @hook(TYPE)
    async def ask(payload: Payload, ctx: Context) -> None:
        await asked.put(payload.component_type)

    async with local.aio.Client(ask) as hooks:
        await hooks.invoke(TYPE, component_type="I")

    assert asked.get_nowait() == "I"

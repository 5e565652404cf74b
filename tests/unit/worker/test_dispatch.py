import asyncio
import logging
import threading
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager

import pytest

from sidehook._call import CallContext, Violation
from sidehook._errors import DefinitionError
from sidehook._manifest import ErrorPolicy, Limits
from sidehook._payload import Payload
from sidehook._run import HookFailure, HookResult, HookRun, NothingToSay, Patch, RunRequest
from sidehook._types import FailureClass, Mode, Value, ValueKind
from sidehook.views import ComponentPreExecute
from sidehook.worker import Context, Dispatcher, block, hook, modify
from tests.worker.waiting import DEADLINE, until

TYPE = "component_pre_execute"
SECRET = "the secret that no message may hold"


def a_run(name: str) -> HookRun:
    return HookRun(
        hook=name,
        mode=Mode.SEQUENTIAL,
        may_block=True,
        may_modify=True,
        writable_fields=frozenset({"word"}),
        timeout=5.0,
        on_error=ErrorPolicy(),
    )


def request(
    *hooks: str,
    values: Mapping[str, object] | None = None,
    hook_type: str = TYPE,
    time_left: float = 5.0,
) -> RunRequest:
    return RunRequest(
        call_id="c1",
        hook_type=hook_type,
        steps=tuple((a_run(name),) for name in hooks),
        fields=Payload.from_values(values or {}).wire_fields,
        context=CallContext(state={"seen": b"1", "old": b"2"}),
        time_left=time_left,
    )


@asynccontextmanager
async def serving(
    *handlers: Callable[..., object], max_threads: int = 4, max_waiting: int = 4
) -> AsyncIterator[Dispatcher]:
    dispatcher = Dispatcher(handlers, "guards", max_threads=max_threads, max_waiting=max_waiting)
    try:
        yield dispatcher
    finally:
        dispatcher.close()


async def answer(handler: Callable[..., object], **values: object) -> HookResult:
    async with serving(hook(TYPE, name="check")(handler)) as dispatcher:
        return await dispatcher.run(request("check", values=values))


def both(body: Callable[[Payload, Context], object]) -> list[Callable[..., object]]:
    """The same handler as a blocking function and as a coroutine function."""

    def blocking(payload: Payload, ctx: Context) -> object:
        return body(payload, ctx)

    async def coroutine(payload: Payload, ctx: Context) -> object:
        await asyncio.sleep(0)
        return body(payload, ctx)

    return [blocking, coroutine]


def failure(result: HookResult) -> HookFailure:
    assert isinstance(result.answer, HookFailure)
    return result.answer


async def test_nothing_returned_is_nothing_to_say() -> None:
    for handler in both(lambda payload, ctx: None):
        assert (await answer(handler)).answer == NothingToSay()


async def test_a_modification_becomes_a_patch() -> None:
    for handler in both(lambda payload, ctx: modify(payload, word=payload.word.upper())):
        result = await answer(handler, word="hush", other=1)

        assert result.answer == Patch({"word": Value(ValueKind.JSON, b'"HUSH"')})


async def test_a_modification_that_changes_nothing_is_nothing_to_say() -> None:
    for handler in both(lambda payload, ctx: modify(payload, word=payload.word)):
        assert (await answer(handler, word="hush")).answer == NothingToSay()


async def test_a_block_becomes_a_violation() -> None:
    for handler in both(lambda payload, ctx: block("no", code="NO")):
        assert (await answer(handler)).answer == Violation(reason="no", code="NO")


@pytest.mark.parametrize("returned", ["text", True, {"word": "x"}, [], 0, ("a", "b"), HookResult])
async def test_any_other_return_value_is_malformed_and_says_so(returned: object) -> None:
    for handler in both(lambda payload, ctx: returned):
        failed = failure(await answer(handler))

        assert (failed.failure_class, failed.code) == (FailureClass.MALFORMED, "BAD_RETURN")
        assert failed.message == (
            f"check returned {type(returned).__qualname__}; "
            "return None, modify(payload, ...) or block(...)"
        )


async def test_a_returned_payload_is_malformed_too() -> None:
    for handler in both(lambda payload, ctx: payload):
        assert failure(await answer(handler)).failure_class is FailureClass.MALFORMED


async def test_a_forgotten_async_is_malformed_with_the_way_out() -> None:
    async def later() -> None: ...

    failed = failure(await answer(both(lambda payload, ctx: later())[0]))

    assert failed.message == "check returned coroutine; declare the handler with `async def`"


def fail_with_payload_text(payload: Payload, ctx: Context) -> object:
    raise LookupError(payload.word)


async def test_an_exception_is_a_failure_that_names_its_class_and_place(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.CRITICAL, logger="sidehook.worker")
    for handler in both(fail_with_payload_text):
        failed = failure(await answer(handler, word=SECRET))

        line = fail_with_payload_text.__code__.co_firstlineno + 1
        assert (failed.failure_class, failed.code) == (FailureClass.RAISED, "LookupError")
        assert failed.message == (
            f"check raised LookupError at test_dispatch.py:{line}; "
            "the worker's log has the traceback"
        )


async def test_the_traceback_of_an_exception_is_in_the_workers_log(
    caplog: pytest.LogCaptureFixture,
) -> None:
    await answer(fail_with_payload_text, word=SECRET)

    (record,) = caplog.records
    assert record.name == "sidehook.worker"
    assert record.exc_info is not None
    assert isinstance(record.exc_info[1], LookupError)


class Odd(BaseException):
    """An exception that is no Exception."""


@pytest.mark.parametrize("error", [SystemExit(3), Odd()])
async def test_a_handler_that_exits_fails_and_the_worker_goes_on(error: BaseException) -> None:
    def leave(payload: Payload, ctx: Context) -> object:
        raise error

    for handler in both(leave):
        assert failure(await answer(handler)).code == type(error).__name__


async def test_a_blocking_handler_that_raises_stop_iteration_fails() -> None:
    def stop(payload: Payload, ctx: Context) -> object:
        raise StopIteration

    assert failure(await answer(both(stop)[0])).code == "StopIteration"


async def test_a_value_that_json_cannot_carry_is_an_error_of_its_author() -> None:
    for handler in both(lambda payload, ctx: modify(payload, word={1, 2})):
        failed = failure(await answer(handler))

        assert (failed.failure_class, failed.code) == (FailureClass.RAISED, "EncodeError")


async def test_changing_the_payload_in_place_is_an_error_that_names_modify() -> None:
    def mutate(payload: Payload, ctx: Context) -> object:
        payload["options"]["a"] = 2
        return None

    for handler in both(mutate):
        assert failure(await answer(handler, options={"a": 1})).code == "TypeError"


async def test_an_asyncio_cancellation_of_the_handlers_own_is_a_failure() -> None:
    async def handler(payload: Payload, ctx: Context) -> None:
        raise asyncio.CancelledError

    assert failure(await answer(handler)).code == "CancelledError"


async def test_the_payload_is_the_view_of_its_hook_type() -> None:
    seen: list[object] = []
    for handler in both(lambda payload, ctx: seen.append(payload)):
        await answer(handler, component_type="Instruction")

    assert [type(payload) for payload in seen] == [ComponentPreExecute, ComponentPreExecute]


async def test_a_hook_receives_only_the_fields_it_asked_for() -> None:
    seen: list[dict[str, object]] = []

    @hook(TYPE, fields=("word", "absent"))
    async def check(payload: Payload, ctx: Context) -> None:
        seen.append(dict(payload))

    async with serving(check) as dispatcher:
        await dispatcher.run(request("check", values={"word": "a", "secret": SECRET}))

    assert seen == [{"word": "a"}]


async def test_staged_state_goes_with_every_answer_but_a_failure() -> None:
    def stage(payload: Payload, ctx: Context) -> object:
        ctx.state.set("seen", ctx.state.get("seen") + 1)
        ctx.state.set("shared.last", "x")
        ctx.state.delete("old")
        if payload["answer"] == "raise":
            raise ValueError
        return {"proceed": None, "patch": modify(payload, word="x"), "block": block("no")}[
            payload["answer"]
        ]

    for kind in ("proceed", "patch", "block"):
        for handler in both(stage):
            state = (await answer(handler, answer=kind, word="y")).state
            assert state.set == {"seen": b"2", "shared.last": b'"x"'}
            assert state.removed == {"old"}
    for handler in both(stage):
        assert not (await answer(handler, answer="raise")).state


async def test_state_that_json_cannot_carry_is_malformed() -> None:
    for handler in both(lambda payload, ctx: ctx.state.set("bad", {SECRET: object()})):
        failed = failure(await answer(handler))

        assert (failed.failure_class, failed.code) == (FailureClass.MALFORMED, "EncodeError")
        assert SECRET not in failed.message


@pytest.mark.parametrize("hooks", [(), ("check", "check")])
async def test_a_run_without_exactly_one_hook_is_malformed(hooks: tuple[str, ...]) -> None:
    @hook(TYPE)
    async def check(payload: Payload, ctx: Context) -> None: ...

    async with serving(check) as dispatcher:
        failed = failure(await dispatcher.run(request(*hooks)))

    assert (failed.failure_class, failed.code) == (FailureClass.MALFORMED, "NOT_ONE_HOOK")
    assert failed.message.startswith(f"the run names {len(hooks)} hooks;")


@pytest.mark.parametrize(("name", "hook_type"), [("other", TYPE), ("check", "tool_pre_invoke")])
async def test_a_hook_that_is_not_served_is_a_failure_that_names_those_that_are(
    name: str, hook_type: str
) -> None:
    @hook(TYPE)
    async def check(payload: Payload, ctx: Context) -> None: ...

    async with serving(check) as dispatcher:
        failed = failure(await dispatcher.run(request(name, hook_type=hook_type)))

    assert (failed.failure_class, failed.code) == (FailureClass.RAISED, "UNKNOWN_HOOK")
    assert failed.message == (
        f"worker guards serves no hook {name} for {hook_type}; it serves check ({TYPE})"
    )


async def test_it_tells_when_a_handler_is_about_to_be_called() -> None:
    order: list[str] = []
    for handler in both(lambda payload, ctx: order.append("handler")):
        async with serving(hook(TYPE, name="check")(handler)) as dispatcher:
            await dispatcher.run(request("check"), on_started=lambda: order.append("started"))

    assert sorted(order) == ["handler", "handler", "started", "started"]
    assert order[2:] == ["started", "handler"]


async def test_cancelling_reaches_a_coroutine_handler() -> None:
    entered = asyncio.Event()
    seen: list[bool] = []

    @hook(TYPE)
    async def check(payload: Payload, ctx: Context) -> None:
        entered.set()
        try:
            await asyncio.sleep(DEADLINE)
        finally:
            seen.append(ctx.cancelled)

    async with serving(check) as dispatcher:
        running = asyncio.create_task(dispatcher.run(request("check")))
        await entered.wait()
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running

    assert seen == [True]


async def test_a_cancelled_blocking_handler_is_told_and_keeps_its_thread_until_it_returns() -> None:
    entered, returned = threading.Event(), threading.Event()
    seen: list[bool] = []

    @hook(TYPE)
    def check(payload: Payload, ctx: Context) -> None:
        entered.set()
        seen.append(ctx.wait_cancelled(DEADLINE))
        seen.append(ctx.cancelled)
        assert returned.wait(DEADLINE)

    async with serving(check, max_threads=1, max_waiting=0) as dispatcher:
        running = asyncio.create_task(dispatcher.run(request("check")))
        assert await asyncio.to_thread(entered.wait, DEADLINE)
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running

        assert dispatcher.stats.busy_threads == 1
        refused = failure(await dispatcher.run(request("check")))
        assert (refused.failure_class, refused.code) == (FailureClass.OVERLOADED, "NO_THREAD")

        returned.set()
        await until(lambda: dispatcher.stats.busy_threads == 0)

    assert seen == [True, True]


async def test_a_blocking_handler_that_timed_out_stays_told() -> None:
    entered, look = threading.Event(), threading.Event()
    seen: list[bool] = []

    @hook(TYPE)
    def check(payload: Payload, ctx: Context) -> None:
        entered.set()
        assert look.wait(DEADLINE)
        seen.append(ctx.cancelled)

    async with serving(check) as dispatcher:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.05):
                await dispatcher.run(request("check"))
        look.set()
        await until(lambda: seen)

    assert seen == [True]


async def test_time_that_runs_out_in_the_queue_is_overload_and_nothing_is_called() -> None:
    entered, go_on = threading.Event(), threading.Event()
    called: list[str] = []

    @hook(TYPE)
    def slow(payload: Payload, ctx: Context) -> None:
        entered.set()
        assert go_on.wait(DEADLINE)

    @hook(TYPE)
    def check(payload: Payload, ctx: Context) -> None:
        called.append("check")

    async with serving(slow, check, max_threads=1) as dispatcher:
        running = asyncio.create_task(dispatcher.run(request("slow")))
        assert await asyncio.to_thread(entered.wait, DEADLINE)
        waiting = asyncio.create_task(dispatcher.run(request("check", time_left=0.0)))
        await asyncio.sleep(0)
        assert dispatcher.stats.waiting == 1
        go_on.set()
        await running
        failed = failure(await waiting)

    assert (failed.failure_class, failed.code) == (FailureClass.OVERLOADED, "EXPIRED_IN_QUEUE")
    assert called == []


def test_the_manifest_introduces_worker_and_hooks() -> None:
    @hook(TYPE, priority=3)
    def check(payload: Payload, ctx: Context) -> None: ...

    limits = Limits(max_in_flight=7)
    manifest = Dispatcher([check], "guards", tenant="acme", instance="i1", limits=limits).manifest()

    assert (manifest.worker, manifest.tenant, manifest.instance) == ("guards", "acme", "i1")
    assert [(spec.name, spec.priority) for spec in manifest.hooks] == [("check", 3)]
    assert manifest.capabilities == {"continuations", "fused_runs", "split_frames"}
    assert manifest.limits == limits
    assert manifest.sdk.startswith("sidehook-python/")
    assert manifest.protocol_version == 1


def test_the_instance_is_host_and_process_when_not_given() -> None:
    assert Dispatcher([], "guards").manifest().instance.rpartition(":")[2].isdecimal()


@pytest.mark.parametrize("name", ["", "a b", "a/b", "x" * 129])
def test_a_bad_worker_name_is_refused(name: str) -> None:
    with pytest.raises(DefinitionError, match="is no name for a worker: 1 to 128"):
        Dispatcher([], name)

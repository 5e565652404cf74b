"""Several hooks in one run: what each sees, what is said of it, and when the run stops."""

import asyncio
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace

import pytest

from sidehook._call import CallContext, Violation
from sidehook._manifest import ErrorPolicy
from sidehook._payload import Payload
from sidehook._run import HookFailure, HookResult, HookRun, NothingToSay, Patch, RunRequest
from sidehook._types import FailureClass, Mode, OnError, OnRejected
from sidehook.worker import Context, Dispatcher, block, hook, modify
from sidehook.worker._fused import FusedRun
from tests.worker.waiting import DEADLINE, until

TYPE = "component_pre_execute"
Handler = Callable[..., object]


def step(name: str, *, mode: Mode = Mode.SEQUENTIAL, **rights: object) -> HookRun:
    run = HookRun(
        hook=name,
        mode=mode,
        may_block=mode in (Mode.SEQUENTIAL, Mode.CONCURRENT),
        may_modify=mode in (Mode.SEQUENTIAL, Mode.TRANSFORM),
        writable_fields=frozenset({"word", "note"}),
        timeout=5.0,
        on_error=ErrorPolicy(overrides=dict.fromkeys(FailureClass, OnError.FAIL)),
    )
    return replace(run, **rights)  # type: ignore[arg-type]  # the rights are named by the tests


IGNORED = ErrorPolicy(overrides=dict.fromkeys(FailureClass, OnError.IGNORE))


def a_request(*steps: HookRun | tuple[HookRun, ...], **rest: object) -> RunRequest:
    request = RunRequest(
        call_id="c1",
        hook_type=TYPE,
        steps=tuple(it if isinstance(it, tuple) else (it,) for it in steps),
        fields=Payload.from_values({"word": "hush", "other": 1}).wire_fields,
        context=CallContext(state={"seen": b"1"}),
        time_left=5.0,
        idempotency_key="c1/w/",
    )
    return replace(request, **rest)  # type: ignore[arg-type]  # the parts are named by the tests


@dataclass
class Outlet:
    """Writes down what is said. `flushes` waits for `go` when there is one."""

    said: list[str] = field(default_factory=list)
    results: list[HookResult] = field(default_factory=list)
    go: asyncio.Event | None = None
    instead: dict[int, HookFailure] = field(default_factory=dict)

    def started(self, index: int) -> None:
        self.said.append(f"started {index}")

    async def flush(self) -> None:
        self.said.append("flush")
        if self.go is not None:
            await self.go.wait()

    def extend(self, seconds: float, index: int) -> None:
        self.said.append(f"extend {index} {seconds}")

    def result(self, result: HookResult) -> HookResult:
        if result.index in self.instead:
            result = HookResult(answer=self.instead[result.index], index=result.index)
        self.said.append(f"result {result.index}")
        self.results.append(result)
        return result


@asynccontextmanager
async def running(
    request: RunRequest, outlet: Outlet, *handlers: Handler
) -> AsyncIterator[tuple[FusedRun, asyncio.Task[None]]]:
    dispatcher = Dispatcher(handlers, "w")
    fused = dispatcher.fused(request, outlet)
    task = asyncio.create_task(fused.serve())
    try:
        yield fused, task
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        dispatcher.close()


async def ran(request: RunRequest, *handlers: Handler, outlet: Outlet | None = None) -> Outlet:
    outlet = outlet or Outlet()
    async with running(request, outlet, *handlers) as (_, task):
        await asyncio.wait_for(task, DEADLINE)
    return outlet


def a_hook(name: str, body: Callable[[Payload, Context], object], **terms: object) -> Handler:
    async def handler(payload: Payload, ctx: Context) -> object:
        return body(payload, ctx)

    return hook(TYPE, name=name, **terms)(handler)  # type: ignore[arg-type]  # named by the tests


def nothing(payload: Payload, ctx: Context) -> object:
    return None


async def test_each_hook_sees_the_payload_and_the_state_as_those_before_it_left_them() -> None:
    seen: list[tuple[object, ...]] = []

    def one(payload: Payload, ctx: Context) -> object:
        ctx.state.set("k", 1)
        ctx.state.delete("seen")
        return modify(payload, word="louder")

    def two(payload: Payload, ctx: Context) -> object:
        seen.append((payload["word"], payload["other"], ctx.state.get("k"), "seen" in ctx.state))
        seen.append((ctx.hook, ctx.idempotency_key, ctx.mode))
        return None

    outlet = await ran(
        a_request(step("one"), step("two", mode=Mode.AUDIT)),
        a_hook("one", one),
        a_hook("two", two, idempotent=True),
    )
    assert seen == [("louder", 1, 1, False), ("two", "c1/w/two", Mode.AUDIT)]
    assert [result.index for result in outlet.results] == [0, 1]
    assert outlet.results[0].state.set == {"k": b"1"}


async def test_a_hook_gets_only_the_fields_that_it_asked_for() -> None:
    seen: list[list[str]] = []

    def look(payload: Payload, ctx: Context) -> object:
        seen.append(sorted(payload))
        return None

    await ran(
        a_request(step("one"), step("two")),
        a_hook("one", look),
        a_hook("two", look, fields=["other"], idempotent=True),
    )
    assert seen == [["other", "word"], ["other"]]


async def test_what_a_hook_may_not_write_is_taken_out_of_its_patch_and_named() -> None:
    seen: list[object] = []
    outlet = await ran(
        a_request(step("one"), step("watch", mode=Mode.AUDIT), step("two")),
        a_hook("one", lambda payload, _: modify(payload, word="a", other=2)),
        a_hook("watch", lambda payload, _: modify(payload, word="b"), idempotent=True),
        a_hook("two", lambda payload, _: seen.append(dict(payload)), idempotent=True),
    )
    one, watch, _ = outlet.results
    assert isinstance(one.answer, Patch)
    assert (sorted(one.answer.fields), one.rejected_fields) == (["word"], ("other",))
    assert (watch.answer, watch.rejected_fields) == (Patch({}), ("word",))
    assert seen == [{"word": "a", "other": 1}]


async def test_state_of_an_audit_hook_and_of_one_that_failed_is_not_kept() -> None:
    seen: list[object] = []

    def sets(payload: Payload, ctx: Context) -> object:
        ctx.state.set("k", 1)
        if ctx.hook == "fails":
            raise LookupError
        return None

    await ran(
        a_request(step("fails", on_error=IGNORED), step("watch", mode=Mode.AUDIT), step("looks")),
        a_hook("fails", sets),
        a_hook("watch", sets, idempotent=True),
        a_hook("looks", lambda _, ctx: seen.append("k" in ctx.state), idempotent=True),
    )
    assert seen == [False]


async def test_it_stops_after_a_block_that_ends_the_call_and_not_after_another() -> None:
    outlet = await ran(
        a_request(step("no", mode=Mode.TRANSFORM), step("stop"), step("never")),
        a_hook("no", lambda *_: block("no")),
        a_hook("stop", lambda *_: block("stop"), idempotent=True),
        a_hook("never", nothing, idempotent=True),
    )
    assert [type(result.answer) for result in outlet.results] == [Violation, Violation]


@pytest.mark.parametrize(("policy", "went_on"), [(IGNORED, True), (ErrorPolicy(), False)])
async def test_a_failure_goes_on_as_its_class_says_and_ends_the_run_where_nothing_is_said(
    policy: ErrorPolicy, *, went_on: bool
) -> None:
    def fails(payload: Payload, ctx: Context) -> object:
        raise LookupError

    outlet = await ran(
        a_request(step("one", on_error=policy), step("two")),
        a_hook("one", fails),
        a_hook("two", nothing, idempotent=True),
    )
    assert isinstance(outlet.results[0].answer, HookFailure)
    assert (len(outlet.results) == 2) is went_on


async def test_a_hook_that_is_not_served_fails_by_its_own_policy() -> None:
    outlet = await ran(
        a_request(step("absent", on_error=IGNORED), step("two")),
        a_hook("two", nothing, idempotent=True),
    )
    assert isinstance(outlet.results[0].answer, HookFailure)
    assert [result.answer for result in outlet.results[1:]] == [NothingToSay()]


async def test_started_has_left_before_a_later_hook_that_is_not_idempotent_is_called() -> None:
    outlet = Outlet(go=asyncio.Event())
    called: list[str] = []
    handlers = [a_hook(name, lambda _, ctx: called.append(ctx.hook)) for name in ("one", "two")]
    async with running(a_request(step("one"), step("two")), outlet, *handlers) as (_, task):
        await until(lambda: "flush" in outlet.said)
        assert called == ["one"]
        assert outlet.said == ["result 0", "started 1", "flush"]
        assert outlet.go is not None
        outlet.go.set()
        await asyncio.wait_for(task, DEADLINE)
    assert called == ["one", "two"]


async def test_a_blocking_hook_is_told_of_before_it_is_called_too() -> None:
    outlet = Outlet()
    order: list[str] = []

    @hook(TYPE, name="two")
    def two(payload: Payload, ctx: Context) -> None:
        order.extend(outlet.said)

    await ran(a_request(step("one"), step("two")), a_hook("one", nothing), two, outlet=outlet)
    assert order == ["result 0", "started 1", "flush"]
    assert outlet.said[-1] == "result 1"


async def test_an_idempotent_hook_that_waits_is_said_to_have_started() -> None:
    outlet = Outlet()
    entered, go_on = asyncio.Event(), asyncio.Event()

    @hook(TYPE, name="two", idempotent=True)
    async def two(payload: Payload, ctx: Context) -> None:
        entered.set()
        await go_on.wait()

    request = a_request(step("one"), step("two"))
    async with running(request, outlet, a_hook("one", nothing), two) as (_, task):
        await until(lambda: "started 1" in outlet.said)
        assert entered.is_set()
        go_on.set()
        await asyncio.wait_for(task, DEADLINE)
    assert outlet.said == ["result 0", "started 1", "result 1"]


async def test_the_hooks_of_one_step_run_at_once() -> None:
    together = threading.Barrier(2, timeout=DEADLINE)

    def meets(payload: Payload, ctx: Context) -> None:
        together.wait()

    left = hook(TYPE, name="left", mode="concurrent")(meets)

    @hook(TYPE, name="right", mode="concurrent")
    def right(payload: Payload, ctx: Context) -> None:
        together.wait()

    both = (step("left", mode=Mode.CONCURRENT), step("right", mode=Mode.CONCURRENT))
    outlet = await ran(a_request(step("one"), both), a_hook("one", nothing), left, right)
    assert sorted(result.index for result in outlet.results) == [0, 1, 2]


async def test_a_block_stops_the_hooks_beside_it_and_nothing_is_said_of_them() -> None:
    stopped = asyncio.Event()

    @hook(TYPE, name="slow", mode="concurrent")
    async def slow(payload: Payload, ctx: Context) -> None:
        try:
            await asyncio.Event().wait()
        finally:
            stopped.set()

    both = (step("slow", mode=Mode.CONCURRENT), step("no", mode=Mode.CONCURRENT))
    outlet = await ran(a_request(both, step("never")), slow, a_hook("no", lambda *_: block("no")))
    assert stopped.is_set()
    assert [result.index for result in outlet.results] == [1]


async def test_cancelling_one_hook_goes_on_with_the_next() -> None:
    outlet = Outlet()
    entered = asyncio.Event()
    cancelled: list[bool] = []

    @hook(TYPE, name="one")
    async def one(payload: Payload, ctx: Context) -> None:
        entered.set()
        await asyncio.Event().wait()

    two = a_hook("two", lambda _, ctx: cancelled.append(ctx.cancelled), idempotent=True)
    request = a_request(step("one"), step("two"), step("three"))
    async with running(request, outlet, one, two, a_hook("three", nothing)) as (fused, task):
        await entered.wait()
        assert fused.cancel(0)
        assert fused.cancel(0)
        assert fused.cancel(2)
        assert not fused.cancel(3)
        await asyncio.wait_for(task, DEADLINE)
    assert [result.index for result in outlet.results] == [1]
    assert cancelled == [False]


async def test_cancelling_one_of_several_at_once_leaves_the_others_alone() -> None:
    outlet = Outlet()
    entered, go_on = asyncio.Event(), asyncio.Event()

    @hook(TYPE, name="slow", mode="concurrent")
    async def slow(payload: Payload, ctx: Context) -> None:
        entered.set()
        await asyncio.Event().wait()

    @hook(TYPE, name="steady", mode="concurrent")
    async def steady(payload: Payload, ctx: Context) -> None:
        await go_on.wait()

    both = (step("slow", mode=Mode.CONCURRENT), step("steady", mode=Mode.CONCURRENT))
    async with running(a_request(both), outlet, slow, steady) as (fused, task):
        await entered.wait()
        fused.cancel(0)
        go_on.set()
        await asyncio.wait_for(task, DEADLINE)
    assert [result.index for result in outlet.results] == [1]


async def test_cancelling_the_run_cancels_what_runs_and_calls_nothing_more() -> None:
    outlet = Outlet()
    entered = asyncio.Event()

    @hook(TYPE, name="one")
    async def one(payload: Payload, ctx: Context) -> None:
        entered.set()
        await asyncio.Event().wait()

    async with running(a_request(step("one"), step("two")), outlet, one) as (fused, task):
        await entered.wait()
        fused.cancel(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asyncio.wait_for(task, DEADLINE)
    assert outlet.results == []


async def test_a_hook_asks_for_more_time_by_its_index() -> None:
    outlet = await ran(
        a_request(step("one"), step("two")),
        a_hook("one", nothing),
        a_hook("two", lambda _, ctx: ctx.extend(2.0) and None, idempotent=True),
    )
    await until(lambda: "extend 1 2.0" in outlet.said)


@pytest.mark.parametrize(
    ("first", "rest"),
    [
        (step("one", on_rejected=OnRejected.ERROR), {}),
        (step("one"), {"payload_room": 3}),
        (step("one"), {"state_room": 3}),
    ],
)
async def test_it_ends_the_run_where_the_sidecar_may_not_take_the_answer_as_it_is(
    first: HookRun, rest: dict[str, object]
) -> None:
    def one(payload: Payload, ctx: Context) -> object:
        ctx.state.set("k", "text")
        return modify(payload, word="a longer word", other=2)

    outlet = await ran(
        a_request(first, step("two"), **rest),
        a_hook("one", one),
        a_hook("two", nothing, idempotent=True),
    )
    assert [result.index for result in outlet.results] == [0]


async def test_an_answer_that_could_not_be_sent_counts_as_what_was_sent_instead() -> None:
    outlet = Outlet(instead={0: HookFailure(failure_class=FailureClass.MALFORMED)})
    seen: list[object] = []
    await ran(
        a_request(step("one", on_error=IGNORED), step("two")),
        a_hook("one", lambda payload, _: modify(payload, word="lost")),
        a_hook("two", lambda payload, _: seen.append(payload["word"]), idempotent=True),
        outlet=outlet,
    )
    assert seen == ["hush"]

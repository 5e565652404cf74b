"""Invoke, the simple door: a block is OK, a failure is a status with everything in it."""

import asyncio

import grpc
import grpc.aio
import pytest

from sidehook import _wire as wire
from sidehook._call import CallFailure, CallRequest, Proceed, Receipt, Violation
from sidehook._frames import RunTag
from sidehook._run import HookFailure, HookResult, NothingToSay, Patch
from sidehook._types import FailureClass, HookOutcome, Value, ValueKind
from tests.transport.raw_worker import a_manifest, a_spec
from tests.unit.rpc.peers import (
    HOOK_SERVICE,
    HOOK_TYPE,
    Running,
    a_call,
    active_worker,
    read_error,
    unary,
)

INVOKE = f"{HOOK_SERVICE}/Invoke"
GUARDED = a_manifest(a_spec("guard", hook_type=HOOK_TYPE))
GOOD = Value(ValueKind.JSON, b'{"a":1}')


async def invoke(
    channel: grpc.aio.Channel, call: CallRequest, *, within: float | None = None
) -> Proceed | Violation | CallFailure:
    octets = await unary(channel, INVOKE, wire.encode_invoke(call), within=within)
    return wire.decode_answer(octets).outcome


async def failure_of(
    channel: grpc.aio.Channel, call: CallRequest, *, within: float | None = None
) -> tuple[grpc.StatusCode, CallFailure, Receipt | None]:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await invoke(channel, call, within=within)
    return read_error(caught.value)


async def test_nobody_listens_and_the_application_goes_on(channel: grpc.aio.Channel) -> None:
    assert await invoke(channel, a_call()) == Proceed({})


async def test_a_patch_comes_back(sidecar: Running, channel: grpc.aio.Channel) -> None:
    async with active_worker(sidecar, GUARDED) as worker:
        calling = asyncio.create_task(invoke(channel, a_call()))
        run, _ = await worker.run()
        await worker.answer(run, HookResult(answer=Patch({"model_tool_call": GOOD})))
        assert await calling == Proceed({"model_tool_call": GOOD})


async def test_a_block_is_a_successful_rpc(sidecar: Running, channel: grpc.aio.Channel) -> None:
    async with active_worker(sidecar, GUARDED) as worker:
        calling = asyncio.create_task(invoke(channel, a_call()))
        run, _ = await worker.run()
        await worker.answer(run, HookResult(answer=Violation(reason="no", code="NO")))
        assert await calling == Violation(reason="no", code="NO", hook="guard", worker="w")


async def test_a_failure_after_a_hook_was_started_is_aborted_and_never_unavailable(
    sidecar: Running, channel: grpc.aio.Channel
) -> None:
    """A mesh tries UNAVAILABLE again by itself; this call has had its effects."""
    async with active_worker(sidecar, GUARDED) as worker:
        failing = asyncio.create_task(failure_of(channel, a_call(call_id="mine")))
        run, _ = await worker.run()
        raised = HookFailure(failure_class=FailureClass.RAISED, code="KeyError", message="oh")
        await worker.answer(run, HookResult(answer=raised))
        code, failure, receipt = await failing
    assert code is grpc.StatusCode.ABORTED
    assert failure.reason == "HOOK_FAILED"
    assert failure.failure_class is FailureClass.RAISED
    assert (failure.worker, failure.hook) == ("w", "guard")
    assert failure.started
    assert receipt is not None
    assert receipt.call_id == "mine"
    assert [line.outcome for line in receipt.lines] == [HookOutcome.FAILED_CLOSED]


async def test_a_failure_before_any_hook_was_started_is_unavailable(
    sidecar: Running, channel: grpc.aio.Channel
) -> None:
    async with active_worker(sidecar, GUARDED):
        pass
    code, failure, receipt = await failure_of(channel, a_call())
    assert code is grpc.StatusCode.UNAVAILABLE
    assert failure.reason == "HOOK_FAILED"
    assert failure.failure_class is FailureClass.UNREACHABLE
    assert not failure.started
    assert receipt is not None
    assert [line.hook for line in receipt.lines] == ["guard"]


async def test_the_deadline_of_the_rpc_bounds_the_budget(
    sidecar: Running, channel: grpc.aio.Channel
) -> None:
    async with active_worker(sidecar, GUARDED) as worker:
        code, failure, _ = await failure_of(channel, a_call(budget=60.0), within=0.4)
        assert code is grpc.StatusCode.DEADLINE_EXCEEDED
        assert failure.reason == "DEADLINE_EXCEEDED"
        assert failure.started
        run, request = await worker.run()
        assert request.time_left < 0.4
        assert (await worker.expect(RunTag.CANCEL)).id == run


async def test_a_cancelled_rpc_cancels_the_hook(
    sidecar: Running, channel: grpc.aio.Channel
) -> None:
    async with active_worker(sidecar, GUARDED) as worker:
        calling = asyncio.create_task(invoke(channel, a_call()))
        run, _ = await worker.run()
        calling.cancel()
        assert (await worker.expect(RunTag.CANCEL)).id == run


@pytest.mark.parametrize("hook_type", ["", "nobody_declared_this"])
async def test_a_hook_type_that_is_not_declared_is_an_invalid_argument(
    channel: grpc.aio.Channel, hook_type: str
) -> None:
    code, failure, _ = await failure_of(channel, a_call(hook_type))
    assert code is grpc.StatusCode.INVALID_ARGUMENT
    assert failure.reason == "UNKNOWN_HOOK_TYPE"


async def test_octets_that_are_no_call_are_an_invalid_argument(channel: grpc.aio.Channel) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await unary(channel, INVOKE, b"\xff\xff")
    code, failure, _ = read_error(caught.value)
    assert code is grpc.StatusCode.INVALID_ARGUMENT
    assert failure.reason == "MALFORMED_REQUEST"


async def test_a_call_in_another_version_is_refused(channel: grpc.aio.Channel) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await unary(channel, INVOKE, wire.encode_invoke(a_call()) + b"\x40\x02")
    code, failure, _ = read_error(caught.value)
    assert code is grpc.StatusCode.FAILED_PRECONDITION
    assert failure.reason == "UNKNOWN_PROTOCOL_VERSION"


async def test_a_scope_handle_that_nobody_minted_is_unavailable(
    channel: grpc.aio.Channel,
) -> None:
    code, failure, _ = await failure_of(channel, a_call(scope_handles=("guessed",)))
    assert code is grpc.StatusCode.UNAVAILABLE
    assert failure.reason == "SCOPE_HANDLE_UNKNOWN"


async def test_calls_are_refused_while_the_sidecar_drains(
    sidecar: Running, channel: grpc.aio.Channel
) -> None:
    await sidecar.sidecar.drain()
    code, failure, _ = await failure_of(channel, a_call())
    assert code is grpc.StatusCode.UNAVAILABLE
    assert failure.reason == "DRAINING"


async def test_many_calls_at_once_get_their_own_answers(
    sidecar: Running, channel: grpc.aio.Channel
) -> None:
    async with active_worker(sidecar, GUARDED) as worker:
        calls = {f"call-{number}": a_call(call_id=f"call-{number}") for number in range(20)}
        answering = [asyncio.create_task(invoke(channel, call)) for call in calls.values()]
        runs = [await worker.run() for _ in calls]
        for run, request in reversed(runs):
            said = Value(ValueKind.JSON, f'"{request.call_id}"'.encode())
            await worker.answer(run, HookResult(answer=Patch({"model_tool_call": said})))
        answers = await asyncio.gather(*answering)
        for call_id, answer in zip(calls, answers, strict=True):
            said = Value(ValueKind.JSON, f'"{call_id}"'.encode())
            assert answer == Proceed({"model_tool_call": said})


async def test_a_hook_that_proceeds_changes_nothing(
    sidecar: Running, channel: grpc.aio.Channel
) -> None:
    async with active_worker(sidecar, GUARDED) as worker:
        calling = asyncio.create_task(invoke(channel, a_call(fields={"a": "1"})))
        await worker.answer((await worker.run())[0], HookResult(answer=NothingToSay()))
        assert await calling == Proceed({})

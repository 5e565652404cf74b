"""Who may register and retire at which door."""

from pathlib import Path

import grpc
import grpc.aio
import pytest

from sidehook import _wire as wire
from sidehook._call import CallFailure, Proceed
from sidehook._frames import EventTag, Frame
from sidehook._hello import RetireRequest
from sidehook._rpc import RpcEndedError
from sidehook._run import HookResult, Patch
from sidehook._types import Mode, Value, ValueKind
from tests.transport.raw_worker import AttachedWorker, a_manifest, a_spec
from tests.unit.rpc.peers import (
    HOOK_TYPE,
    CallStream,
    Running,
    a_call,
    active_worker,
    channel_to,
    invoke_frame,
    read_error,
    running_sidecar,
    unary,
)

RETIRE = "/sidehook.v1.RegistryService/Retire"
GUARDED = a_manifest(a_spec("guard", hook_type=HOOK_TYPE))


async def refusal(worker: AttachedWorker) -> tuple[grpc.StatusCode, CallFailure]:
    with pytest.raises(RpcEndedError) as caught:
        await worker.next()
    assert caught.value.failure is not None
    return grpc.StatusCode[caught.value.code], caught.value.failure


async def retire(target: str, worker: str, hook: str = "") -> tuple[str, ...]:
    request = wire.encode_retire_request(RetireRequest(worker=worker, hook=hook))
    async with channel_to(target) as channel:
        return wire.decode_retire_response(await unary(channel, RETIRE, request))


async def test_workers_register_on_the_workers_socket(sidecar: Running) -> None:
    async with AttachedWorker(sidecar.workers) as worker:
        hello = await worker.attach(GUARDED)
        assert hello.protocol_version == 1
        assert hello.scope_handle == ""
        assert (await worker.notice()).code == "HOOKS_ACTIVE"


async def test_a_worker_on_the_applications_socket_is_sent_to_the_right_one(
    sidecar: Running,
) -> None:
    async with AttachedWorker(sidecar.calls) as worker:
        await worker.introduce(GUARDED)
        code, failure = await refusal(worker)
    assert code is grpc.StatusCode.PERMISSION_DENIED
    assert failure.reason == "REGISTRATION_FORBIDDEN"
    assert sidecar.workers in failure.message
    assert failure.metadata["workers_target"] == sidecar.workers


@pytest.mark.parametrize("door", ["calls", "workers"])
async def test_a_scope_of_the_application_attaches_at_both_doors(
    sidecar: Running, channel: grpc.aio.Channel, door: str
) -> None:
    async with AttachedWorker(getattr(sidecar, door)) as worker:
        handle = (await worker.attach(GUARDED, scope_only=True)).scope_handle
        assert len(handle) >= 32
        stream = CallStream(channel)
        await stream.greet()
        await stream.send(
            invoke_frame(1, a_call(scope_handles=(handle,))), invoke_frame(2, a_call())
        )
        run, request = await worker.run()
        said = Value(ValueKind.JSON, b'"scoped"')
        await worker.answer(run, HookResult(answer=Patch({"model_tool_call": said})))
        answers = dict([await stream.answer() for _ in range(2)])
        assert answers[1].outcome == Proceed({"model_tool_call": said})
        assert answers[2].outcome == Proceed({})
        assert answers[2].receipt.lines == ()
        assert request.hook_type == HOOK_TYPE


async def test_every_problem_of_a_manifest_is_named_at_once(sidecar: Running) -> None:
    manifest = a_manifest(
        a_spec("twice", hook_type=HOOK_TYPE),
        a_spec("twice", hook_type=HOOK_TYPE),
        a_spec("empty", hook_type=""),
        a_spec("unknown", hook_type="nobody_declared_this"),
    )
    async with AttachedWorker(sidecar.workers) as worker:
        await worker.introduce(manifest)
        code, failure = await refusal(worker)
    assert code is grpc.StatusCode.INVALID_ARGUMENT
    assert failure.reason == "INVALID_MANIFEST"
    problems = [text for name, text in failure.metadata.items() if name.startswith("problem_")]
    assert len(problems) == int(failure.metadata["problems"]) == 3
    for name in ("twice", "empty", "nobody_declared_this"):
        assert any(name in problem for problem in problems)
        assert name in failure.message


async def test_an_unknown_mode_in_a_manifest_is_refused(sidecar: Running) -> None:
    manifest = wire.encode_manifest(a_manifest(a_spec("guard", mode=Mode.CONCURRENT)))
    unknown = manifest.replace(b"\x18\x04", b"\x18\x63")
    assert unknown != manifest
    hello = b"\x0a" + bytes([len(unknown)]) + unknown
    async with AttachedWorker(sidecar.workers) as worker:
        await worker.send(Frame(0, EventTag.HELLO, hello))
        code, failure = await refusal(worker)
    assert code is grpc.StatusCode.INVALID_ARGUMENT
    assert "mode" in failure.message


async def test_a_worker_that_speaks_another_version_is_refused(sidecar: Running) -> None:
    async with AttachedWorker(sidecar.workers) as worker:
        await worker.introduce(a_manifest(version=7))
        code, failure = await refusal(worker)
    assert code is grpc.StatusCode.FAILED_PRECONDITION
    assert failure.reason == "UNKNOWN_PROTOCOL_VERSION"
    assert "version 7" in failure.message


async def test_a_retired_hook_leaves_the_plan(sidecar: Running, channel: grpc.aio.Channel) -> None:
    async with active_worker(sidecar, GUARDED):
        pass
    stream = CallStream(channel)
    await stream.greet()
    await stream.send(invoke_frame(1, a_call()))
    assert (await stream.failure())[1].reason == "HOOK_FAILED"
    assert await retire(sidecar.workers, "w", "guard") == ("w/guard",)
    await stream.send(invoke_frame(2, a_call()))
    assert (await stream.answer())[1].outcome == Proceed({})
    assert await retire(sidecar.workers, "w", "guard") == ()


async def test_a_hook_that_is_served_cannot_be_retired(sidecar: Running) -> None:
    async with active_worker(sidecar, GUARDED):
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await retire(sidecar.workers, "w")
    code, failure, _ = read_error(caught.value)
    assert code is grpc.StatusCode.FAILED_PRECONDITION
    assert failure.reason == "HOOK_IN_USE"


async def test_hooks_cannot_be_retired_where_applications_call(sidecar: Running) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await retire(sidecar.calls, "w")
    code, failure, _ = read_error(caught.value)
    assert code is grpc.StatusCode.PERMISSION_DENIED
    assert failure.metadata["workers_target"] == sidecar.workers


async def test_retiring_needs_the_name_of_a_worker(sidecar: Running) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await retire(sidecar.workers, "")
    assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT


async def test_a_name_that_is_bound_to_another_user_is_refused(socket_folder: Path) -> None:
    yaml = """
        listen: {admin: off}
        workers: [{name: w, optional: true, uid: 4242}]
    """
    async with (
        running_sidecar(socket_folder, yaml) as running,
        AttachedWorker(running.workers) as worker,
    ):
        await worker.introduce(GUARDED)
        code, failure = await refusal(worker)
    assert code is grpc.StatusCode.PERMISSION_DENIED
    assert failure.reason == "WORKER_IDENTITY"

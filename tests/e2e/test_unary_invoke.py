"""HookService.Invoke as an application without our library calls it: generated stubs and grpcio."""

import re
from collections.abc import AsyncIterator, Mapping
from typing import NamedTuple, TypeAlias

import grpc
import grpc.aio
import pytest
from google.protobuf.duration_pb2 import Duration

from sidehook._wire._rpc import ErrorInfo, Status
from sidehook.v1 import hook_service_pb2, payload_pb2, receipt_pb2
from sidehook.v1.hook_service_pb2_grpc import HookServiceStub
from tests.e2e.conftest import StartSidecar, StartWorker
from tests.e2e.processes import Sidecar, Worker
from tests.e2e.waiting import until

TYPE = "component_pre_execute"
CONFIG = """
    listen: {tcp: '127.0.0.1:0'}
    hook_types: [{name: component_pre_execute, max_payload_bytes: 1KiB}]
"""
HOOKS = """
    import asyncio
    from sidehook import PluginMode, block, hook, modify

    @hook("component_pre_execute", priority=10)
    async def gate(payload, ctx):
        match payload.component_type:
            case "forbidden":
                return block("not this one", code="NOT_THIS", details={"limit": 2**60 + 1})
            case "broken":
                raise KeyError("S3CRET")
            case "slow":
                try:
                    await asyncio.sleep(60)
                except asyncio.CancelledError:
                    print("cancelled in the worker", flush=True)
                    raise

    @hook("component_pre_execute", mode=PluginMode.TRANSFORM)
    def add(payload, ctx):
        if "model_options" in payload:
            return modify(payload, model_options={**payload.model_options, "added": 1.0})
"""
Channels: TypeAlias = tuple[grpc.aio.Channel, grpc.aio.Channel]

OK = receipt_pb2.HOOK_OUTCOME_PROCEEDED


class Refusal(NamedTuple):
    """What a status other than OK says."""

    code: grpc.StatusCode
    message: str
    info: ErrorInfo
    receipt: receipt_pb2.Receipt | None


@pytest.fixture
async def sidecar(start_sidecar: StartSidecar) -> Sidecar:
    return await start_sidecar(CONFIG)


@pytest.fixture
async def worker(sidecar: Sidecar, start_worker: StartWorker) -> Worker:
    return await start_worker(sidecar, HOOKS, name="hooks")


@pytest.fixture
async def channels(sidecar: Sidecar, worker: Worker) -> AsyncIterator[Channels]:
    """One to the Unix socket, and one to the TCP address."""
    unix, tcp = sidecar.calls
    async with grpc.aio.insecure_channel(unix) as one, grpc.aio.insecure_channel(tcp) as two:
        yield one, two


def a_call(
    component_type: str = "Instruction", *, hook_type: str = TYPE, protocol_version: int = 1
) -> hook_service_pb2.InvokeRequest:
    return hook_service_pb2.InvokeRequest(
        call_id="mine",
        hook_type=hook_type,
        payload=a_payload({"component_type": f'"{component_type}"'}),
        budget=Duration(seconds=10),
        protocol_version=protocol_version,
    )


def a_payload(fields: Mapping[str, str]) -> payload_pb2.Payload:
    values = {name: payload_pb2.Value(json=text.encode()) for name, text in fields.items()}
    return payload_pb2.Payload(fields=values)


async def refusal(channel: grpc.aio.Channel, octets: bytes) -> Refusal:
    """The status that a request ends with, read as any gRPC library can."""
    invoke: grpc.aio.UnaryUnaryMultiCallable[bytes, bytes] = channel.unary_unary(
        "/sidehook.v1.HookService/Invoke"
    )
    with pytest.raises(grpc.aio.AioRpcError) as raised:
        await invoke(octets, timeout=30)
    error = raised.value
    details = dict(error.trailing_metadata() or ())["grpc-status-details-bin"]
    assert isinstance(details, bytes)
    status = Status.FromString(details)
    assert (status.code, status.message) == (error.code().value[0], error.details())
    by_type = {each.type_url.rpartition("/")[2]: each.value for each in status.details}
    info = ErrorInfo.FromString(by_type["google.rpc.ErrorInfo"])
    assert info.domain == "sidehook"
    octets = by_type.get("sidehook.v1.Receipt", b"")
    receipt = receipt_pb2.Receipt.FromString(octets) if octets else None
    return Refusal(error.code(), error.details() or "", info, receipt)


def outcomes(receipt: receipt_pb2.Receipt | None) -> list[tuple[str, int]]:
    assert receipt is not None
    return [(f"{line.worker}/{line.hook}", line.outcome) for line in receipt.lines]


async def test_a_call_that_proceeds_gets_the_changed_fields_alone(
    channels: Channels,
) -> None:
    for channel in channels:
        call = a_call()
        call.payload.fields["model_options"].json = b'{"n":1152921504606846977}'
        response = await HookServiceStub(channel).Invoke(call, timeout=30)
        assert response.WhichOneof("outcome") == "proceed"
        fields = response.proceed.patch.fields
        assert {name: value.json for name, value in fields.items()} == {
            "model_options": b'{"n":1152921504606846977,"added":1.0}'
        }
        assert response.receipt.call_id == "mine"
        assert outcomes(response.receipt) == [
            ("hooks/gate", OK),
            ("hooks/add", receipt_pb2.HOOK_OUTCOME_MODIFIED),
        ]


async def test_a_block_is_a_successful_rpc_that_says_who_and_why(
    channels: Channels,
) -> None:
    for channel in channels:
        response = await HookServiceStub(channel).Invoke(a_call("forbidden"), timeout=30)
        assert response.WhichOneof("outcome") == "blocked"
        violation = response.blocked
        assert (violation.worker, violation.hook) == ("hooks", "gate")
        assert (violation.code, violation.reason) == ("NOT_THIS", "not this one")
        assert violation.details == b'{"limit":1152921504606846977}'
        assert outcomes(response.receipt) == [
            ("hooks/gate", receipt_pb2.HOOK_OUTCOME_BLOCKED),
            ("hooks/add", receipt_pb2.HOOK_OUTCOME_SKIPPED_HALTED),
        ]


async def test_a_failure_is_a_status_with_one_error_info_and_the_receipt(
    channels: Channels,
) -> None:
    for channel in channels:
        failed = await refusal(channel, a_call("broken").SerializeToString())
        assert failed.code is grpc.StatusCode.ABORTED
        assert failed.info.reason == "HOOK_FAILED"
        metadata = dict(failed.info.metadata)
        assert (
            metadata.items()
            >= {
                "failure_class": "raised",
                "worker": "hooks",
                "hook": "gate",
                "call_id": "mine",
                "started": "true",
            }.items()
        )
        assert outcomes(failed.receipt) == [
            ("hooks/gate", receipt_pb2.HOOK_OUTCOME_FAILED_CLOSED),
            ("hooks/add", receipt_pb2.HOOK_OUTCOME_SKIPPED_HALTED),
        ]
        assert "S3CRET" not in str(failed)


async def test_a_budget_that_runs_out_is_the_deadline_error_with_the_receipt(
    channels: Channels, worker: Worker
) -> None:
    for channel in channels:
        call = a_call("slow")
        call.budget.CopyFrom(Duration(nanos=500_000_000))
        late = await refusal(channel, call.SerializeToString())
        assert late.code is grpc.StatusCode.DEADLINE_EXCEEDED
        assert late.info.reason == "DEADLINE_EXCEEDED"
        assert late.info.metadata["started"] == "true"
        assert outcomes(late.receipt) == [
            ("hooks/gate", receipt_pb2.HOOK_OUTCOME_CANCELLED),
            ("hooks/add", receipt_pb2.HOOK_OUTCOME_SKIPPED_HALTED),
        ]

    async def both_are_cancelled() -> bool:
        return worker.process.log.count("cancelled in the worker") == len(channels)

    await until(both_are_cancelled)


async def test_a_guard_that_is_gone_is_unavailable_and_safe_to_try_again(
    channels: Channels, sidecar: Sidecar, worker: Worker
) -> None:
    worker.process.kill()
    await sidecar.until_metric("sidehook_hooks_unreachable", 2)
    for channel in channels:
        gone = await refusal(channel, a_call().SerializeToString())
        assert gone.code is grpc.StatusCode.UNAVAILABLE
        assert gone.info.reason == "HOOK_FAILED"
        assert gone.info.metadata["failure_class"] == "unreachable"
        assert gone.info.metadata["started"] == "false"


@pytest.mark.parametrize("hook_type", ["", "nobody_declared_this"])
async def test_a_hook_type_that_is_not_declared_is_refused_by_name(
    channels: Channels, hook_type: str
) -> None:
    for channel in channels:
        refused = await refusal(channel, a_call(hook_type=hook_type).SerializeToString())
        assert refused.code is grpc.StatusCode.INVALID_ARGUMENT
        assert refused.info.reason == "UNKNOWN_HOOK_TYPE"
        assert hook_type in refused.message
        assert "configuration" in refused.message


async def test_a_payload_over_the_limit_is_refused_with_both_sizes(
    channels: Channels, sidecar: Sidecar
) -> None:
    for channel in channels:
        refused = await refusal(channel, a_call("x" * 2000).SerializeToString())
        assert refused.code is grpc.StatusCode.INVALID_ARGUMENT
        assert refused.info.reason == "PAYLOAD_TOO_LARGE"
        size = len("component_type") + len('""') + 2000
        assert refused.info.metadata["payload_bytes"] == str(size)
        assert refused.info.metadata["limit_bytes"] == "1024"
        assert await sidecar.metric("sidehook_hook_outcomes_total") == 0


async def test_a_field_that_stands_twice_on_the_wire_is_malformed(
    channels: Channels, sidecar: Sidecar
) -> None:
    """A stock library would keep the last of the two, and never know."""
    entries = [
        a_payload({"component_type": text}).SerializeToString() for text in ('"a"', '"S3CRET"')
    ]
    payload = b"".join(entries)
    assert hook_service_pb2.InvokeRequest.DESCRIPTOR.fields_by_name["payload"].number == 3
    call = a_call()
    call.ClearField("payload")
    octets = call.SerializeToString() + b"\x1a" + bytes([len(payload)]) + payload
    assert len(hook_service_pb2.InvokeRequest.FromString(octets).payload.fields) == 1
    for channel in channels:
        refused = await refusal(channel, octets)
        assert refused.code is grpc.StatusCode.INVALID_ARGUMENT
        assert refused.info.reason == "MALFORMED_REQUEST"
        assert "payload" in refused.message
        assert "twice" in refused.message
        assert "S3CRET" not in str(refused)
        assert await sidecar.metric("sidehook_hook_outcomes_total") == 0


async def test_a_call_in_another_version_of_the_contract_is_refused_with_both_versions(
    channels: Channels,
) -> None:
    for channel in channels:
        refused = await refusal(channel, a_call(protocol_version=7).SerializeToString())
        assert refused.code is grpc.StatusCode.FAILED_PRECONDITION
        assert refused.info.reason == "UNKNOWN_PROTOCOL_VERSION"
        assert "protocol_version" in refused.message
        assert {"7", "1"} <= set(re.findall(r"\d+", refused.message))


async def test_octets_that_are_no_request_are_malformed(channels: Channels) -> None:
    for channel in channels:
        refused = await refusal(channel, b"\xff\xff")
        assert refused.code is grpc.StatusCode.INVALID_ARGUMENT
        assert refused.info.reason == "MALFORMED_REQUEST"

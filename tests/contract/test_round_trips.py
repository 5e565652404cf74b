"""Every message comes back as it went in, and stock generated code reads the same."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from google.protobuf.message import Message
from google.protobuf.unknown_fields import UnknownFieldSet
from hypothesis import given
from hypothesis import strategies as st

from sidehook import _wire as wire
from sidehook._call import CallRequest, size_of
from sidehook._errors import MalformedError
from sidehook._run import HookResult, Patch, RunRequest
from sidehook._types import Value, ValueKind
from sidehook.v1 import (
    hook_pb2,
    hook_service_pb2,
    payload_pb2,
    receipt_pb2,
    registry_service_pb2,
    stream_pb2,
    worker_service_pb2,
)
from tests.contract import strategies as some

# The data differs from row to row, so its type cannot be said here.
Row = tuple[st.SearchStrategy[Any], Callable[[Any], bytes], Callable[[bytes], Any], type[Message]]

MESSAGES: dict[str, Row] = {
    "InvokeRequest": (
        some.CALLS, wire.encode_invoke, wire.decode_invoke, hook_service_pb2.InvokeRequest,
    ),
    "InvokeResponse": (
        some.ANSWERS, wire.encode_answer, wire.decode_answer, hook_service_pb2.InvokeResponse,
    ),
    "Receipt": (
        some.RECEIPTS, wire.encode_receipt, wire.decode_receipt, receipt_pb2.Receipt,
    ),
    "RunRequest": (
        some.RUNS, wire.encode_run, wire.decode_run, worker_service_pb2.RunRequest,
    ),
    "RunResponse": (
        some.RESULTS, wire.encode_run_response, wire.decode_run_response,
        worker_service_pb2.RunResponse,
    ),
    "HookResult": (
        some.RESULTS, wire.encode_result, wire.decode_result, worker_service_pb2.HookResult,
    ),
    "WorkerManifest": (
        some.MANIFESTS, wire.encode_manifest, wire.decode_manifest, hook_pb2.WorkerManifest,
    ),
    "DescribeRequest": (
        some.DESCRIBE_REQUESTS, wire.encode_describe_request, wire.decode_describe_request,
        worker_service_pb2.DescribeRequest,
    ),
    "DescribeResponse": (
        some.MANIFESTS, wire.encode_describe_response, wire.decode_describe_response,
        worker_service_pb2.DescribeResponse,
    ),
    "ClientHello": (
        some.CLIENT_HELLOS, wire.encode_client_hello, wire.decode_client_hello,
        stream_pb2.ClientHello,
    ),
    "SidecarHello": (
        some.SIDECAR_HELLOS, wire.encode_sidecar_hello, wire.decode_sidecar_hello,
        stream_pb2.SidecarHello,
    ),
    "WorkerHello": (
        some.WORKER_HELLOS, wire.encode_worker_hello, wire.decode_worker_hello,
        worker_service_pb2.WorkerHello,
    ),
    "Notice": (
        some.NOTICES, wire.encode_notice, wire.decode_notice, worker_service_pb2.Notice,
    ),
    "CancelRun": (
        some.optional(some.UINT32), wire.encode_cancel_run, wire.decode_cancel_run,
        worker_service_pb2.CancelRun,
    ),
    "HookStarted": (
        some.UINT32, wire.encode_started, wire.decode_started, worker_service_pb2.HookStarted,
    ),
    "ExtendHook": (
        st.tuples(some.TIMES, some.UINT32), lambda extend: wire.encode_extend(*extend),
        wire.decode_extend, worker_service_pb2.ExtendHook,
    ),
    "Goodbye": (
        some.TEXT, wire.encode_goodbye, wire.decode_goodbye, worker_service_pb2.Goodbye,
    ),
    "WatchHooksRequest": (
        some.WATCH_REQUESTS, wire.encode_watch_request, wire.decode_watch_request,
        hook_service_pb2.WatchHooksRequest,
    ),
    "WatchHooksResponse": (
        some.WATCH_RESPONSES, wire.encode_watch_response, wire.decode_watch_response,
        hook_service_pb2.WatchHooksResponse,
    ),
    "RetireRequest": (
        some.RETIRE_REQUESTS, wire.encode_retire_request, wire.decode_retire_request,
        registry_service_pb2.RetireRequest,
    ),
    "RetireResponse": (
        some.TEXTS, wire.encode_retire_response, wire.decode_retire_response,
        registry_service_pb2.RetireResponse,
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", MESSAGES)
@given(data=st.data())
def test_a_message_comes_back_as_it_went_in(name: str, data: st.DataObject) -> None:
    strategy, encode, decode, _ = MESSAGES[name]
    message = data.draw(strategy)
    assert decode(encode(message)) == message


@pytest.mark.parametrize("name", MESSAGES)
@given(data=st.data())
def test_stock_code_passes_a_message_on_unchanged(name: str, data: st.DataObject) -> None:
    strategy, encode, decode, stock = MESSAGES[name]
    message = data.draw(strategy)
    parsed = stock.FromString(encode(message))
    assert stock.DESCRIPTOR.name == name
    assert len(UnknownFieldSet(parsed)) == 0
    assert decode(parsed.SerializeToString()) == message


@pytest.mark.parametrize("name", MESSAGES)
@given(octets=st.binary(max_size=40))
def test_octets_are_a_message_or_malformed_and_never_anything_else(
    name: str, octets: bytes
) -> None:
    _, encode, decode, _ = MESSAGES[name]
    try:
        message = decode(octets)
    except MalformedError:
        return
    assert decode(encode(message)) == message


@pytest.mark.parametrize("name", ["InvokeRequest", "InvokeResponse", "RunRequest", "HookResult"])
@given(data=st.data())
def test_a_message_with_one_octet_changed_never_breaks_the_reader(
    name: str, data: st.DataObject
) -> None:
    strategy, encode, decode, _ = MESSAGES[name]
    octets = bytearray(encode(data.draw(strategy)))
    if octets:
        octets[data.draw(st.integers(0, len(octets) - 1))] = data.draw(st.integers(0, 255))
    try:
        decode(bytes(octets))
    except MalformedError as error:
        assert error.what  # noqa: PT017 - that it may not raise is the other half


@given(some.CALLS)
def test_a_payload_keeps_the_order_of_its_fields(call: CallRequest) -> None:
    assert list(wire.decode_invoke(wire.encode_invoke(call)).fields) == list(call.fields)


@given(some.FIELDS)
def test_stock_code_sees_the_payload_as_a_map(fields: dict[str, Value]) -> None:
    octets = wire.encode_result(HookResult(answer=Patch(fields)))
    stock = worker_service_pb2.HookResult.FromString(octets)
    assert {
        name: Value(ValueKind.JSON, value.json)
        if value.HasField("json")
        else Value(ValueKind.RAW, value.raw)
        for name, value in stock.patch.fields.items()
    } == fields


@given(some.FIELDS)
def test_a_payload_of_stock_code_is_read(fields: dict[str, Value]) -> None:
    patch = payload_pb2.Payload()
    for name, (kind, octets) in fields.items():
        setattr(patch.fields[name], "json" if kind is ValueKind.JSON else "raw", octets)
    octets = worker_service_pb2.HookResult(patch=patch).SerializeToString()
    assert wire.decode_result(octets).answer == Patch(fields)


@given(some.FIELDS)
def test_the_size_of_a_payload_is_names_and_octets(fields: dict[str, Value]) -> None:
    sizes = [len(name.encode()) + len(value.octets) for name, value in fields.items()]
    assert size_of(fields) == sum(sizes)


@given(some.CALLS, some.NAMES)
def test_a_replaced_value_is_in_none_of_the_octets(call: CallRequest, name: str) -> None:
    secret = Value(ValueKind.JSON, b'"the secret that a TRANSFORM hook removed"')
    before = replace(call, fields={**call.fields, name: secret})
    received = wire.decode_invoke(wire.encode_invoke(before))
    patched = replace(received, fields={**received.fields, name: Value(ValueKind.JSON, b'""')})
    assert secret.octets in wire.encode_invoke(before)
    assert secret.octets not in wire.encode_invoke(patched)


@given(some.RUNS, st.floats(max_value=0, allow_nan=False, allow_infinity=False))
def test_time_that_is_over_is_told_as_none_left(run: RunRequest, time_left: float) -> None:
    octets = wire.encode_run(replace(run, time_left=time_left))
    assert wire.decode_run(octets).time_left == 0


@given(some.CALLS, st.floats(min_value=0, max_value=1e-6, exclude_min=True))
def test_the_shortest_budget_is_not_none(call: CallRequest, budget: float) -> None:
    received = wire.decode_invoke(wire.encode_invoke(replace(call, budget=budget))).budget
    assert received is not None
    assert 0 < received <= 1e-6

"""One good input for each target, from which the fuzzer begins: `seeds()` by target."""

from __future__ import annotations

from collections.abc import Mapping

from sidehook import _wire as wire
from sidehook._call import (
    CallAnswer,
    CallContext,
    CallEnd,
    CallFailure,
    CallRequest,
    Proceed,
    Receipt,
    ReceiptLine,
    StateChange,
    Violation,
)
from sidehook._frames import Frame, encode_frame, pack, split
from sidehook._hello import ClientHello, DescribeRequest, RetireRequest, SidecarHello, WorkerHello
from sidehook._hook_list import HookList, HookTypeStatus, ScopeName, WatchRequest, WatchResponse
from sidehook._manifest import ErrorPolicy, HookSpec, WorkerManifest
from sidehook._run import HookFailure, HookResult, HookRun, NothingToSay, Notice, Patch, RunRequest
from sidehook._types import (
    CallOutcome,
    FailureClass,
    HookOutcome,
    Mode,
    OnError,
    OnRejected,
    Value,
    ValueKind,
)
from sidehook_server.ops import manifest_file
from sidehook_server.registry.effects import KeptHook, KeptWorker

_FIELDS = {"a": Value(ValueKind.JSON, b'{"b":[1,2.5,"x"]}'), "r": Value(ValueKind.RAW, b"\xff")}
_STATE = StateChange({"k": b"1"}, frozenset({"gone"}))
_CONTEXT = CallContext(
    request_id="r", session_id="s", labels={"l": "x"}, state={"w/k": b"1"}, scopes=("one",)
)
_POLICY = ErrorPolicy(default=OnError.FAIL, overrides={FailureClass.TIMEOUT: OnError.IGNORE})
_SPEC = HookSpec(
    name="h",
    hook_type="t",
    mode=Mode.AUDIT,
    priority=-3,
    timeout=1.5,
    on_error=_POLICY,
    scope="s",
    condition="true",
    fields=("a",),
    idempotent=True,
    on_rejected=OnRejected.ERROR,
    sample=0.5,
    description="d",
)
_MANIFEST = WorkerManifest(worker="w", instance="i", hooks=(_SPEC,), sdk="x", tenant="t")
_RECEIPT = Receipt(
    call_id="c",
    generation=3,
    lines=(
        ReceiptLine(
            hook="h",
            worker="w",
            mode=Mode.SEQUENTIAL,
            outcome=HookOutcome.FAILED_OPEN,
            duration=0.25,
            failure_class=FailureClass.TIMEOUT,
            rejected_fields=("a",),
        ),
    ),
    unknown_scopes=("u",),
)
_FAILURE = CallFailure(
    reason="HOOK_FAILED", message="m", failure_class=FailureClass.RAISED, metadata={"a": "b"}
)
_RUN = RunRequest(
    call_id="c",
    hook_type="t",
    steps=(
        (
            HookRun(
                hook="h",
                mode=Mode.SEQUENTIAL,
                may_block=True,
                may_modify=True,
                writable_fields=frozenset({"a"}),
                timeout=1.0,
                on_error=_POLICY,
            ),
        ),
    ),
    fields=_FIELDS,
    context=_CONTEXT,
    time_left=2.0,
    call_end=CallEnd(outcome=CallOutcome.BLOCKED, hook="w/h", field_names=("a",)),
)
_RESULTS = (
    HookResult(answer=NothingToSay(), annotations={"a": "b"}),
    HookResult(answer=Patch(_FIELDS), state=_STATE, rejected_fields=("z",)),
    HookResult(answer=Violation(reason="no", code="NO", details=b'{"a":1}')),
    HookResult(answer=HookFailure(failure_class=FailureClass.RAISED, code="C", message="m")),
)
_JSON = (b'{"a":[1,-2.5e3,"\\u00e9",null,true],"b":{}}', b"[18446744073709551615]", b'"x"')
_LIST = HookList(
    version=2,
    types={
        "t": HookTypeStatus(
            hook_type="t",
            has_hooks=True,
            scopes=frozenset({ScopeName("x", "s")}),
            writable_fields=frozenset({"a"}),
        )
    },
    complete=True,
)


def seeds() -> Mapping[str, tuple[bytes, ...]]:
    """Good inputs by target."""
    frames = [encode_frame(Frame(1, 7, b"")), *split(2, b"x" * 100, 40)]
    results = tuple(map(wire.encode_result, _RESULTS))
    kept = KeptWorker("w", (KeptHook(_SPEC, "tenant"),))
    return {
        "batch": (pack(frames),),
        "joiner": (b"\x41\x00\x05\x01\x01\x05", b"\x42\x00\x09\x32\x00\x00\x22\x00\x03"),
        "json_decode": _JSON,
        "json_object": _JSON,
        "json_value": _JSON,
        "kept_manifest": (manifest_file.render(kept).encode(),),
        "result_with_values": results,
        "status": (wire.encode_status(_FAILURE, _RECEIPT).details,),
        "answer": tuple(
            wire.encode_answer(CallAnswer(outcome, _RECEIPT, _STATE))
            for outcome in (Proceed(_FIELDS), Violation(reason="no"), _FAILURE)
        ),
        "cancel_run": (wire.encode_cancel_run(3), wire.encode_cancel_run()),
        "client_hello": (wire.encode_client_hello(ClientHello(sdk="x")),),
        "describe_request": (wire.encode_describe_request(DescribeRequest(sidecar="s")),),
        "describe_response": (wire.encode_describe_response(_MANIFEST),),
        "extend": (wire.encode_extend(1.5, 2),),
        "goodbye": (wire.encode_goodbye("why"),),
        "invoke": (
            wire.encode_invoke(
                CallRequest(
                    hook_type="t", fields=_FIELDS, call_id="c", budget=1.5, context=_CONTEXT
                )
            ),
        ),
        "invoke_by_hand": tuple(
            wire.encode_invoke(CallRequest(hook_type="t", fields=fields, call_id="c", budget=1.5))
            for fields in ({}, _FIELDS)
        ),
        "manifest": (wire.encode_manifest(_MANIFEST),),
        "notice": (wire.encode_notice(Notice(code="C", message="m", fields=("a",))),),
        "receipt": (wire.encode_receipt(_RECEIPT),),
        "result": results,
        "retire_request": (wire.encode_retire_request(RetireRequest(worker="w", hook="h")),),
        "retire_response": (wire.encode_retire_response(["w/h"]),),
        "run": (wire.encode_run(_RUN),),
        "run_response": tuple(map(wire.encode_run_response, _RESULTS)),
        "sidecar_hello": (wire.encode_sidecar_hello(SidecarHello(sidecar="s")),),
        "started": (wire.encode_started(1),),
        "watch_request": (wire.encode_watch_request(WatchRequest(probe=1, applied_version=2)),),
        "watch_response": (
            wire.encode_watch_response(
                WatchResponse(probe=1, version=2, lease=2.0, hook_list=_LIST)
            ),
        ),
        "worker_hello": (wire.encode_worker_hello(WorkerHello(manifest=_MANIFEST)),),
    }

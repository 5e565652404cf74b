"""Octets that break the contract are refused, each by name."""

from collections.abc import Callable
from typing import Any

import pytest
from google.protobuf.duration_pb2 import Duration
from google.protobuf.message import Message

from sidehook import _wire as wire
from sidehook._call import CallContext, CallFailure, CallRequest, Proceed, Violation
from sidehook._errors import EncodeError, MalformedError
from sidehook._manifest import Limits
from sidehook._run import HookFailure, HookResult, NothingToSay
from sidehook._types import FailureClass, Value, ValueKind
from sidehook.v1 import (
    context_pb2,
    hook_pb2,
    hook_service_pb2,
    payload_pb2,
    receipt_pb2,
    stream_pb2,
    worker_service_pb2,
)

ONE_SECOND = Duration(seconds=1)


def delimited(number: int, octets: bytes) -> bytes:
    """A length-delimited field on the wire, short enough for one octet of length."""
    assert len(octets) < 0x80
    return bytes([number << 3 | 2, len(octets)]) + octets


def entry(name: bytes, value: bytes) -> bytes:
    """One entry of a payload's fields."""
    return delimited(1, delimited(1, name) + delimited(2, value))


JSON_1 = delimited(1, b"1")
JSON_2 = delimited(1, b"2")
RAW = delimited(2, b"1")
CONTINUATION = delimited(3, delimited(1, b"[") + delimited(5, b"]"))

BAD_PAYLOADS = {
    "the field 'a' stands twice": entry(b"a", JSON_1) + entry(b"a", JSON_2),
    "the field 'a' stands twice;": entry(b"a", JSON_1) + entry(b"b", RAW) + entry(b"a", JSON_1),
    "empty name": entry(b"", JSON_1),
    "empty name ": delimited(1, delimited(2, JSON_1)),
    "the field 'a' has no kind": entry(b"a", b""),
    "the field 'a' has no kind ": delimited(1, delimited(1, b"a")),
    # Field 4 is nobody's.
    "the field 'a' has no kind  ": entry(b"a", delimited(4, b"reference")),
    "the field 'a' has two kinds": entry(b"a", JSON_1 + RAW),
    "the field 'a' has two kinds ": entry(b"a", JSON_1 + CONTINUATION),
    "the field 'a' has two kinds  ": entry(b"a", CONTINUATION + RAW),
    "the field 'a' continues a list that is not kept": entry(b"a", CONTINUATION),
    "not a serialized message": entry(b"\xff", JSON_1),
}
CARRIERS: dict[str, Callable[[bytes], object]] = {
    "call": lambda payload: wire.decode_invoke(delimited(3, payload)),
    "verdict": lambda patch: wire.decode_answer(delimited(1, delimited(1, patch))),
    "run": lambda payload: wire.decode_run(a_run().SerializeToString() + delimited(4, payload)),
    "result": lambda patch: wire.decode_result(delimited(3, patch)),
    "unary result": lambda patch: wire.decode_run_response(delimited(1, delimited(3, patch))),
}


def a_run() -> worker_service_pb2.RunRequest:
    hook = worker_service_pb2.HookRun(
        hook="hook",
        mode=hook_pb2.MODE_SEQUENTIAL,
        timeout=ONE_SECOND,
        on_rejected=hook_pb2.ON_REJECTED_DROP,
    )
    step = worker_service_pb2.RunStep(hooks=[hook])
    return worker_service_pb2.RunRequest(steps=[step], time_left=ONE_SECOND)


def a_hook_of(run: worker_service_pb2.RunRequest) -> worker_service_pb2.HookRun:
    return run.steps[0].hooks[0]


def refused(decode: Callable[[bytes], object], octets: bytes | Message) -> MalformedError:
    with pytest.raises(MalformedError) as caught:
        decode(octets if isinstance(octets, bytes) else octets.SerializeToString())
    return caught.value


@pytest.mark.parametrize("carrier", CARRIERS)
@pytest.mark.parametrize("problem", BAD_PAYLOADS)
def test_a_broken_payload_is_refused_on_every_leg(carrier: str, problem: str) -> None:
    error = refused(CARRIERS[carrier], BAD_PAYLOADS[problem])
    assert problem.strip() in error.problem


@pytest.mark.parametrize("carrier", CARRIERS)
def test_a_good_payload_is_taken_on_every_leg(carrier: str) -> None:
    CARRIERS[carrier](entry(b"a", JSON_1) + entry(b"b", RAW))


def test_a_name_twice_is_refused_in_a_payload_that_comes_in_two_pieces() -> None:
    octets = delimited(3, entry(b"a", JSON_1)) + delimited(3, entry(b"a", JSON_2))
    assert "twice" in refused(wire.decode_invoke, octets).problem


def test_stock_code_would_have_kept_the_last_of_two() -> None:
    payload = payload_pb2.Payload.FromString(entry(b"a", JSON_1) + entry(b"a", JSON_2))
    assert payload.fields["a"].json == b"2"


@pytest.mark.parametrize("name", ["x" * 256, "ü" * 128, "😀" * 64])
def test_a_name_of_256_bytes_is_taken(name: str) -> None:
    call = CallRequest(hook_type="t", fields={name: Value(ValueKind.RAW, b"")})
    assert wire.decode_invoke(wire.encode_invoke(call)) == call


@pytest.mark.parametrize("name", ["x" * 257, "ü" * 129, "😀" * 65])
def test_a_longer_name_is_refused_by_writer_and_reader(name: str) -> None:
    with pytest.raises(EncodeError, match="over 256 bytes"):
        wire.encode_invoke(CallRequest(hook_type="t", fields={name: Value(ValueKind.RAW, b"")}))
    message = hook_service_pb2.InvokeRequest()
    message.payload.fields[name].raw = b""
    assert "over 256 bytes" in refused(wire.decode_invoke, message).problem


def test_an_empty_name_is_refused_by_the_writer() -> None:
    with pytest.raises(EncodeError, match="empty name"):
        wire.encode_invoke(CallRequest(hook_type="t", fields={"": Value(ValueKind.RAW, b"")}))


def test_a_relay_does_not_look_into_values() -> None:
    octets = delimited(3, entry(b"a", delimited(1, b"no JSON")))
    assert wire.decode_invoke(octets).fields == {"a": Value(ValueKind.JSON, b"no JSON")}


PROCEED, BLOCKED, FAILED = (delimited(number, b"") for number in (1, 2, 3))


@pytest.mark.parametrize(
    ("octets", "problem"),
    [
        (b"", "0 are set"),
        (delimited(4, b""), "0 are set"),
        (PROCEED + BLOCKED, "2 are set"),
        (BLOCKED + PROCEED, "2 are set"),
        (PROCEED + BLOCKED + FAILED, "3 are set"),
    ],
)
def test_an_answer_has_exactly_one_outcome(octets: bytes, problem: str) -> None:
    error = refused(wire.decode_answer, octets)
    assert error.what == "InvokeResponse.outcome"
    assert problem in error.problem


@pytest.mark.parametrize(
    ("octets", "kind"), [(PROCEED, Proceed), (BLOCKED, Violation), (FAILED, CallFailure)]
)
def test_an_empty_outcome_is_one(octets: bytes, kind: type) -> None:
    assert isinstance(wire.decode_answer(octets).outcome, kind)


NOTHING, PATCH, BLOCK, ERROR = (delimited(number, b"") for number in (2, 3, 4, 5))


@pytest.mark.parametrize(
    "octets", [b"", delimited(6, b""), NOTHING + PATCH, BLOCK + NOTHING, PATCH + ERROR]
)
@pytest.mark.parametrize(
    "decode",
    [wire.decode_result, lambda octets: wire.decode_run_response(delimited(1, octets))],
    ids=["stream", "unary"],
)
def test_a_hook_answers_with_exactly_one_thing(
    decode: Callable[[bytes], object], octets: bytes
) -> None:
    assert refused(decode, octets).what == "HookResult.answer"


def test_a_unary_answer_without_a_result_is_refused() -> None:
    assert refused(wire.decode_run_response, b"").what == "HookResult.answer"


def test_the_index_of_a_result_lies_in_its_run() -> None:
    octets = worker_service_pb2.HookResult(
        index=1, proceed=worker_service_pb2.NoChange()
    ).SerializeToString()
    assert refused(wire.decode_result, octets).what == "HookResult.index"
    assert refused(wire.decode_run_response, delimited(1, octets)).what == "HookResult.index"
    assert wire.decode_result(octets, hooks=2).index == 1


@pytest.mark.parametrize(
    "given_class",
    [
        hook_pb2.FAILURE_CLASS_UNSPECIFIED,
        hook_pb2.FAILURE_CLASS_UNREACHABLE,
        hook_pb2.FAILURE_CLASS_TIMEOUT,
        hook_pb2.FAILURE_CLASS_CIRCUIT_OPEN,
        hook_pb2.FAILURE_CLASS_RAISED,
        99,
    ],
)
def test_a_worker_cannot_give_its_failure_a_class_that_is_not_its_own(
    given_class: hook_pb2.FailureClass.ValueType,
) -> None:
    error = worker_service_pb2.HookError(failure_class=given_class, code="Boom")
    octets = worker_service_pb2.HookResult(error=error).SerializeToString()
    assert wire.decode_result(octets).answer == HookFailure(
        failure_class=FailureClass.RAISED, code="Boom"
    )


def test_annotations_are_few_and_short() -> None:
    result = worker_service_pb2.HookResult(proceed=worker_service_pb2.NoChange())
    for number in range(16):
        result.annotations[f"{number:02}"] = "x" * 254
    assert len(wire.decode_result(result.SerializeToString()).annotations) == 16
    result.annotations["more"] = ""
    assert "over 16" in refused(wire.decode_result, result).problem
    del result.annotations["more"]
    result.annotations["00"] += "x"
    assert "over 256 bytes" in refused(wire.decode_result, result).problem


def test_annotations_over_their_limits_are_refused_at_the_worker() -> None:
    many = {str(number): "" for number in range(17)}
    for annotations in (many, {"name": "x" * 253}, {"name": "€" * 85}):
        with pytest.raises(EncodeError, match="annotations: "):
            wire.encode_result(HookResult(answer=NothingToSay(), annotations=annotations))


@pytest.mark.parametrize(
    "call",
    [
        CallRequest(hook_type="a\ud800", fields={}),
        CallRequest(hook_type="t", fields={"a\ud800": Value(ValueKind.RAW, b"")}),
        CallRequest(hook_type="t", fields={}, context=CallContext(user="a\ud800")),
        CallRequest(hook_type="t", fields={}, context=CallContext(labels={"a": "a\ud800"})),
        CallRequest(hook_type="t", fields={}, context=CallContext(scopes=("a\ud800",))),
    ],
    ids=["hook type", "field name", "user", "label", "scope"],
)
def test_a_lone_surrogate_in_a_call_is_refused_at_the_application(call: CallRequest) -> None:
    with pytest.raises(EncodeError, match="call: a text with a lone surrogate, at character 1"):
        wire.encode_invoke(call)


@pytest.mark.parametrize("encode", [wire.encode_result, wire.encode_run_response])
def test_a_lone_surrogate_in_an_answer_is_refused_at_the_worker(
    encode: Callable[[HookResult], bytes],
) -> None:
    with pytest.raises(EncodeError, match="answer: a text with a lone surrogate, at character 1"):
        encode(HookResult(answer=Violation(reason="a\ud800")))
    with pytest.raises(EncodeError, match="answer: a text with a lone surrogate"):
        encode(HookResult(answer=NothingToSay(), annotations={"\ud800": "short"}))


def test_a_key_is_set_or_removed_and_not_both() -> None:
    change = context_pb2.StateChange(set={"key": b"1"}, removed=["key"])
    result = worker_service_pb2.HookResult(proceed=worker_service_pb2.NoChange(), state=change)
    assert refused(wire.decode_result, result).what == "HookResult.state"


def test_a_call_carries_64_labels_at_most() -> None:
    labels = {str(number): "" for number in range(64)}
    call = CallRequest(hook_type="t", fields={}, context=CallContext(labels=labels))
    assert wire.decode_invoke(wire.encode_invoke(call)) == call
    labels["more"] = ""
    with pytest.raises(EncodeError, match="labels"):
        wire.encode_invoke(call)
    message = hook_service_pb2.InvokeRequest(context=context_pb2.CallContext(labels=labels))
    assert refused(wire.decode_invoke, message).what == "InvokeRequest.context.labels"


@pytest.mark.parametrize(
    "budget",
    [
        Duration(),
        Duration(seconds=-1),
        Duration(nanos=-1),
        Duration(seconds=1, nanos=10**9),
        Duration(seconds=10**12),
    ],
    ids=["zero", "negative", "negative nanos", "too many nanos", "too long"],
)
def test_a_budget_is_over_zero(budget: Duration) -> None:
    message = hook_service_pb2.InvokeRequest(budget=budget)
    assert refused(wire.decode_invoke, message).what == "InvokeRequest.budget"


@pytest.mark.parametrize("version", [2, 2**32 - 1])
def test_a_call_of_another_version_is_refused_by_name(version: int) -> None:
    message = hook_service_pb2.InvokeRequest(protocol_version=version)
    error = refused(wire.decode_invoke, message)
    assert error.what == "InvokeRequest.protocol_version"
    assert str(version) in error.problem


def test_a_call_that_names_no_version_is_of_the_first() -> None:
    assert wire.decode_invoke(b"") == CallRequest(hook_type="", fields={})


def test_a_run_needs_time_steps_and_hooks() -> None:
    run = a_run()
    wire.decode_run(run.SerializeToString())
    run.ClearField("time_left")
    assert refused(wire.decode_run, run).what == "RunRequest.time_left"
    run = a_run()
    run.steps.add()
    assert refused(wire.decode_run, run).what == "RunRequest.steps"
    run.ClearField("steps")
    assert refused(wire.decode_run, run).what == "RunRequest.steps"


@pytest.mark.parametrize("number", [0, 77])
@pytest.mark.parametrize("field", ["mode", "on_rejected"])
def test_a_right_that_is_unset_or_unknown_is_refused(field: str, number: int) -> None:
    run = a_run()
    setattr(a_hook_of(run), field, number)
    assert refused(wire.decode_run, run).what == f"RunRequest.steps.hooks.{field}"


def test_a_hook_in_a_run_has_some_time() -> None:
    run = a_run()
    a_hook_of(run).ClearField("timeout")
    assert refused(wire.decode_run, run).what == "RunRequest.steps.hooks.timeout"


@pytest.mark.parametrize("number", [0, 77])
def test_an_end_that_is_unset_or_unknown_is_refused(number: int) -> None:
    run = a_run()
    run.call_end.outcome = number  # type: ignore[assignment] # a number that a newer peer might send
    run.call_end.SetInParent()
    assert refused(wire.decode_run, run).what == "RunRequest.call_end.outcome"


@pytest.mark.parametrize("number", [0, 77])
@pytest.mark.parametrize("field", ["mode", "on_rejected"])
def test_a_term_of_a_manifest_that_is_unset_or_unknown_is_refused(field: str, number: int) -> None:
    spec = hook_pb2.HookSpec(name="guard")
    setattr(spec, field, number)
    error = refused(wire.decode_manifest, hook_pb2.WorkerManifest(hooks=[spec]))
    assert f"hook 'guard'.{field}" in error.problem


@pytest.mark.parametrize("number", [0, 77])
def test_an_error_policy_that_is_unset_or_unknown_is_refused(number: int) -> None:
    for policy in (
        hook_pb2.ErrorPolicy(default_action=number),  # type: ignore[arg-type] # of a newer peer
        hook_pb2.ErrorPolicy(
            overrides=[
                hook_pb2.ErrorOverride(
                    failure_class=number,  # type: ignore[arg-type] # as above
                    action=hook_pb2.ON_ERROR_FAIL,
                )
            ]
        ),
        hook_pb2.ErrorPolicy(
            overrides=[
                hook_pb2.ErrorOverride(
                    failure_class=hook_pb2.FAILURE_CLASS_TIMEOUT,
                    action=number,  # type: ignore[arg-type] # as above
                )
            ]
        ),
    ):
        spec = hook_pb2.HookSpec(name="guard", on_error=policy)
        error = refused(wire.decode_manifest, hook_pb2.WorkerManifest(hooks=[spec]))
        assert "hook 'guard'.on_error" in error.problem


def test_an_error_policy_names_each_class_once() -> None:
    override = hook_pb2.ErrorOverride(
        failure_class=hook_pb2.FAILURE_CLASS_TIMEOUT, action=hook_pb2.ON_ERROR_FAIL
    )
    policy = hook_pb2.ErrorPolicy(overrides=[override, override])
    spec = hook_pb2.HookSpec(name="guard", on_error=policy)
    error = refused(wire.decode_manifest, hook_pb2.WorkerManifest(hooks=[spec]))
    assert "a failure class stands twice" in error.problem


def test_a_timeout_of_zero_is_refused_in_a_manifest() -> None:
    spec = hook_pb2.HookSpec(name="guard", timeout=Duration())
    error = refused(wire.decode_manifest, hook_pb2.WorkerManifest(hooks=[spec]))
    assert "hook 'guard'.timeout: must be over 0" in error.problem


def test_a_refused_manifest_names_every_problem() -> None:
    specs = [
        hook_pb2.HookSpec(name="one", mode=77),  # type: ignore[arg-type] # of a newer worker
        hook_pb2.HookSpec(name="two"),
        hook_pb2.HookSpec(name="three", timeout=Duration()),
    ]
    error = refused(wire.decode_manifest, hook_pb2.WorkerManifest(hooks=specs))
    assert "'one'" in error.problem
    assert "'two'" not in error.problem
    assert "'three'" in error.problem


@pytest.mark.parametrize("decode", [wire.decode_worker_hello, wire.decode_describe_response])
def test_a_worker_without_a_manifest_is_refused(decode: Callable[[bytes], object]) -> None:
    assert refused(decode, b"").what.endswith(".manifest")


def test_limits_of_zero_are_the_defaults() -> None:
    assert wire.decode_client_hello(b"").limits == Limits()
    hello = stream_pb2.SidecarHello(limits=stream_pb2.Limits(max_in_flight=7))
    assert wire.decode_sidecar_hello(hello.SerializeToString()).limits == Limits(max_in_flight=7)


def test_a_peer_that_takes_batches_of_next_to_nothing_is_refused() -> None:
    limits = stream_pb2.Limits(max_batch_bytes=127)
    manifest = hook_pb2.WorkerManifest(limits=limits)
    for decode, message in (
        (wire.decode_client_hello, stream_pb2.ClientHello(limits=limits)),
        (wire.decode_sidecar_hello, stream_pb2.SidecarHello(limits=limits)),
        (wire.decode_manifest, manifest),
        (wire.decode_worker_hello, worker_service_pb2.WorkerHello(manifest=manifest)),
    ):
        assert refused(decode, message).what.endswith(".limits.max_batch_bytes")


def test_a_hook_type_stands_once_in_the_live_list() -> None:
    status = hook_service_pb2.HookTypeStatus(hook_type="t")
    hook_list = hook_service_pb2.HookList(types=[status, status])
    message = hook_service_pb2.WatchHooksResponse(list=hook_list)
    assert refused(wire.decode_watch_response, message).what == "HookList.types"


def test_an_answer_without_a_lease_gives_none() -> None:
    assert wire.decode_watch_response(b"").lease == 0


def test_a_wish_for_no_more_time_is_refused() -> None:
    assert refused(wire.decode_extend, b"").what == "ExtendHook.extra"


def test_values_of_a_newer_sidecar_stay_in_the_receipt_as_unknown() -> None:
    line = receipt_pb2.ReceiptLine(
        mode=99,  # type: ignore[arg-type] # of a newer sidecar
        outcome=98,  # type: ignore[arg-type] # as above
        failure_class=97,  # type: ignore[arg-type] # as above
    )
    octets = receipt_pb2.Receipt(call_id="call", lines=[line]).SerializeToString()
    receipt = wire.decode_receipt(octets)
    (read,) = receipt.lines
    assert (read.mode, read.outcome, read.failure_class) == (
        "unknown(99)",
        "unknown(98)",
        "unknown(97)",
    )
    assert receipt_pb2.Receipt.FromString(wire.encode_receipt(receipt)).lines[0] == line


def test_an_unset_mode_or_outcome_of_a_line_is_unknown_and_an_unset_class_is_none() -> None:
    octets = receipt_pb2.Receipt(lines=[receipt_pb2.ReceiptLine()]).SerializeToString()
    (line,) = wire.decode_receipt(octets).lines
    assert (line.mode, line.outcome, line.failure_class) == ("unknown(0)", "unknown(0)", None)


def test_text_that_is_no_outcome_cannot_be_sent_in_a_receipt() -> None:
    octets = receipt_pb2.Receipt(lines=[receipt_pb2.ReceiptLine()]).SerializeToString()
    receipt = wire.decode_receipt(octets)
    (line,) = receipt.lines
    object.__setattr__(line, "outcome", "surprised")
    with pytest.raises(ValueError, match="'surprised' is none of proceeded, modified"):
        wire.encode_receipt(receipt)


def test_the_class_of_a_failure_that_is_not_known_stays_in_its_metadata() -> None:
    failure = receipt_pb2.CallFailure(
        reason="HOOK_FAILED",
        failure_class=99,  # type: ignore[arg-type] # of a newer sidecar
    )
    message = hook_service_pb2.InvokeResponse(failed=failure)
    outcome = wire.decode_answer(message.SerializeToString()).outcome
    assert outcome == CallFailure(
        reason="HOOK_FAILED", message="", metadata={"failure_class": "unknown(99)"}
    )


def test_a_manifest_is_not_looked_into_beyond_its_limits() -> None:
    many = hook_pb2.WorkerManifest(hooks=[hook_pb2.HookSpec()] * 1001)
    assert "1001 hooks, at most 1000" in refused(wire.decode_manifest, many).problem
    large = hook_pb2.WorkerManifest(sdk="x" * 2**20)
    for decode, octets in (
        (wire.decode_manifest, large.SerializeToString()),
        (wire.decode_worker_hello, worker_service_pb2.WorkerHello(manifest=large)),
        (wire.decode_describe_response, worker_service_pb2.DescribeResponse(manifest=large)),
    ):
        assert "over the limit of 1048576" in refused(decode, octets).problem


def test_the_problems_of_a_manifest_are_told_up_to_a_number() -> None:
    bad = hook_pb2.HookSpec(name="h", timeout=Duration(seconds=-1))
    error = refused(wire.decode_manifest, hook_pb2.WorkerManifest(hooks=[bad] * 100))
    assert error.problem.count("hook 'h'") == 20
    assert error.problem.endswith("and 80 more")


def a_patch(fields: int) -> worker_service_pb2.HookResult:
    patch = payload_pb2.Payload()
    for number in range(fields):
        patch.fields[str(number)].json = b"1"
    return worker_service_pb2.HookResult(patch=patch)


def test_a_payload_has_only_so_many_fields() -> None:
    wire.decode_result(a_patch(4096).SerializeToString())
    error = refused(wire.decode_result, a_patch(4097))
    assert (error.what, error.problem) == (
        "HookResult.patch",
        "4097 fields, at most 4096 are taken",
    )
    fields = {str(number): Value(ValueKind.JSON, b"1") for number in range(4097)}
    with pytest.raises(EncodeError, match="4097 fields"):
        wire.encode_invoke(CallRequest(hook_type="t", fields=fields))


@pytest.mark.parametrize(
    ("message", "what"),
    [
        ({"rejected_fields": ["a"] * 4097}, "HookResult.rejected_fields"),
        ({"rejected_fields": ["a" * 257]}, "HookResult.rejected_fields"),
        ({"annotations": {str(n): "" for n in range(17)}}, "HookResult.annotations"),
        (
            {"state": context_pb2.StateChange(removed=[str(n) for n in range(2**16 + 1)])},
            "HookResult.state",
        ),
    ],
)
def test_a_result_is_not_looked_into_beyond_its_limits(message: dict[str, Any], what: str) -> None:
    result = worker_service_pb2.HookResult(proceed=worker_service_pb2.NoChange(), **message)
    assert refused(wire.decode_result, result).what == what


@pytest.mark.parametrize("seconds", [float("nan"), float("inf")])
def test_a_time_that_is_no_number_is_not_written(seconds: float) -> None:
    with pytest.raises((ValueError, OverflowError)):
        wire.encode_extend(seconds)


def test_a_duration_beyond_ten_thousand_years_is_refused() -> None:
    longest = Duration(seconds=315_576_000_000)
    extend = worker_service_pb2.ExtendHook(extra=longest)
    assert wire.decode_extend(extend.SerializeToString()) == (315_576_000_000.0, 0)
    extend.extra.nanos = 1
    assert refused(wire.decode_extend, extend).what == "ExtendHook.extra"

"""What is taken apart and put together by hand is what protobuf makes of it, whatever it is."""

from collections.abc import Callable
from typing import TypeVar

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from sidehook import MalformedError
from sidehook import _wire as wire
from sidehook._call import CallAnswer, CallRequest, Proceed, Receipt, WireFields, size_of
from sidehook._frames import Frame, FrameError, decode_frame, encode_frame, pack, read_batch, unpack
from sidehook._run import HookResult, RunRequest
from sidehook._types import Value, ValueKind
from sidehook._wire._call import read_invoke
from sidehook._wire._run import read_result, read_run
from sidehook.v1 import hook_service_pb2, worker_service_pb2
from tests.contract import strategies

T = TypeVar("T")


@st.composite
def spoilt(draw: st.DrawFn, whole: st.SearchStrategy[bytes]) -> bytes:
    """Octets of which some are others, doubled, or gone; most often all is as it was."""
    octets = draw(whole)
    for _ in range(draw(st.integers(0, 3))):
        at = draw(st.integers(0, len(octets)))
        to = draw(st.integers(at, min(len(octets), at + 12)))
        octets = (
            octets[:at] + draw(st.binary(max_size=4)) + octets[draw(st.sampled_from((at, to))) :]
        )
    return octets


def outcome(read: Callable[[bytes], T], octets: bytes) -> T | str:
    try:
        return read(octets)
    except MalformedError as error:
        return str(error)


CALL = CallRequest(
    hook_type="t", fields={"a": Value(ValueKind.JSON, b"1")}, call_id="c", budget=1.0
)
ENTRY = b"\x0a\x0a\x0a\x01a\x12\x05\x0a\x03" + b"123"


@given(octets=spoilt(strategies.CALLS.map(wire.encode_invoke)))
@example(octets=wire.encode_invoke(CALL))
def test_a_call_is_read_by_hand_as_protobuf_reads_it(octets: bytes) -> None:
    wire.decode_invoke(wire.encode_invoke(CALL))  # Its context is known by now.
    assert outcome(wire.decode_invoke, octets) == outcome(read_invoke, octets)


@given(octets=spoilt(strategies.RUNS.map(wire.encode_run)), again=st.booleans())
def test_a_run_is_read_by_hand_as_protobuf_reads_it(octets: bytes, *, again: bool) -> None:
    if again:
        outcome(read_run, octets)  # Its steps, its context and its end are known by now.
    assert outcome(wire.decode_run, octets) == outcome(read_run, octets)


@given(run=strategies.RUNS)
def test_a_run_is_written_as_protobuf_writes_it(run: RunRequest) -> None:
    octets = wire.encode_run(run)
    stock = worker_service_pb2.RunRequest.FromString(octets)
    assert len(stock.SerializeToString()) == len(octets)


@given(octets=spoilt(strategies.RESULTS.map(wire.encode_result)))
@example(octets=b"\x08\x02\x1a\x0c" + ENTRY)
@example(octets=b"\x08\x03\x1a\x0c" + ENTRY)
@example(octets=b"\x1a\x0c" + ENTRY + b"\x12\x00")
def test_a_result_is_read_by_hand_as_protobuf_reads_it(octets: bytes) -> None:
    def by_hand(octets: bytes) -> HookResult:
        return wire.decode_result(octets, hooks=3)

    assert outcome(by_hand, octets) == outcome(lambda it: read_result(it, hooks=3), octets)


@given(result=strategies.RESULTS)
def test_a_result_is_written_as_protobuf_writes_it(result: HookResult) -> None:
    octets = wire.encode_result(result)
    stock = worker_service_pb2.HookResult.FromString(octets)
    assert len(stock.SerializeToString()) == len(octets)


@given(octets=spoilt(strategies.ANSWERS.map(wire.encode_answer)))
def test_an_answer_whose_receipt_is_read_later_is_the_answer(octets: bytes) -> None:
    def later(octets: bytes) -> CallAnswer:
        verdict = wire.decode_verdict(octets)
        receipt = verdict.receipt() if callable(verdict.receipt) else verdict.receipt
        return CallAnswer(verdict.outcome, receipt, verdict.state)

    read, expected = outcome(later, octets), outcome(wire.decode_answer, octets)
    assert read == expected or (isinstance(read, str) and isinstance(expected, str))


@given(call=strategies.CALLS)
def test_a_call_is_written_as_protobuf_writes_it(call: CallRequest) -> None:
    octets = wire.encode_invoke(call)
    stock = hook_service_pb2.InvokeRequest.FromString(octets)
    # Maps are written in any order, so the length and what is read have to do.
    assert len(stock.SerializeToString()) == len(octets)


@given(answer=strategies.ANSWERS)
def test_an_answer_is_written_as_protobuf_writes_it(answer: CallAnswer) -> None:
    octets = wire.encode_answer(answer)
    assert len(hook_service_pb2.InvokeResponse.FromString(octets).SerializeToString()) == len(
        octets
    )


def invoke_with(payload: bytes) -> bytes:
    context = b"\x2a\x00\x40\x01"
    return b"\x0a\x01c\x12\x01t\x1a" + bytes((len(payload),)) + payload + context


@pytest.mark.parametrize(
    "payload",
    [
        pytest.param(ENTRY + b"\x12\x00", id="a field of a payload that nobody knows"),
        pytest.param(b"\x0a\x0c\x0a\x01a\x12\x07\x0a\x031230\x00"[:14], id="cut short"),
        pytest.param(b"\x0a\x0c\x0a\x01a\x12\x07\x0a\x03123\x18\x01", id="more in a value"),
        pytest.param(b"\x0a\x0d\x0a\x01a\x12\x05\x0a\x03123\x1a\x01x", id="more in an entry"),
        pytest.param(b"\x0a\x0e\x0a\x01a\x12\x04\x0a\x0212\x12\x03\x0a\x011", id="two values"),
        pytest.param(b"\x0a\x0b\x0a\x01a\x12\x06\x0a\x83\x00123", id="a longer length"),
        pytest.param(ENTRY + ENTRY, id="a name twice"),
    ],
)
def test_octets_that_hold_more_than_their_fields_do_not_travel_on(payload: bytes) -> None:
    wire.decode_invoke(wire.encode_invoke(CALL))
    octets = invoke_with(payload)
    read = outcome(wire.decode_invoke, octets)
    assert read == outcome(read_invoke, octets)
    assert not isinstance(read, CallRequest) or not isinstance(read.fields, WireFields)


def test_a_payload_that_nobody_changed_travels_on_as_it_came() -> None:
    wire.decode_invoke(wire.encode_invoke(CALL))
    read = wire.decode_invoke(invoke_with(ENTRY))
    assert isinstance(read.fields, WireFields)
    assert read.fields.octets == ENTRY
    assert size_of(read.fields) == size_of(dict(read.fields)) == 4
    assert ENTRY in wire.encode_answer(CallAnswer(Proceed(read.fields), Receipt(call_id="c")))


def test_a_field_that_was_changed_leaves_nothing_of_its_value_behind() -> None:
    wire.decode_invoke(wire.encode_invoke(CALL))
    read = wire.decode_invoke(invoke_with(ENTRY))
    changed = {**read.fields, "a": Value(ValueKind.JSON, b"4")}
    octets = wire.encode_answer(CallAnswer(Proceed(changed), Receipt(call_id="c")))
    assert b"123" not in octets


FRAMES = st.builds(
    Frame,
    id=st.integers(0, 2**53 - 1),
    tag=st.one_of(st.integers(4, 15), st.integers(16, 5000)),
    body=st.binary(max_size=200),
    seq=st.integers(0, 300),
    more=st.booleans(),
)
BATCHES = st.lists(FRAMES.map(encode_frame), max_size=6).map(pack)


@given(batch=spoilt(BATCHES))
def test_a_batch_is_read_at_once_as_it_is_read_frame_by_frame(batch: bytes) -> None:
    def one_by_one(octets: bytes) -> list[Frame | str]:
        return [outcome(decode_frame, frame) for frame in unpack(octets)]

    def at_once(octets: bytes) -> list[Frame | str]:
        return [str(each) if isinstance(each, FrameError) else each for each in read_batch(octets)]

    assert outcome(at_once, batch) == outcome(one_by_one, batch)

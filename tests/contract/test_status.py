"""A failure as the status of a unary RPC."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import grpc
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidehook import _wire as wire
from sidehook._call import CallFailure, Receipt, ReceiptLine
from sidehook._errors import MalformedError
from sidehook._types import FailureClass, HookOutcome, Mode
from tests.contract import strategies as some

REASONS = [
    "HOOK_FAILED",
    "REQUIRED_HOOK_MISSING",
    "DRAINING",
    "OVERLOADED",
    "DEADLINE_EXCEEDED",
    "CANCELLED",
    "UNKNOWN_HOOK_TYPE",
    "UNKNOWN_SCOPE",
    "MALFORMED_REQUEST",
    "PAYLOAD_TOO_LARGE",
    "UNKNOWN_PROTOCOL_VERSION",
    "INVALID_MANIFEST",
    "INTERNAL",
]
FAILURE = CallFailure(
    reason="HOOK_FAILED",
    message="worker/guard did not answer within 5 s",
    failure_class=FailureClass.TIMEOUT,
    hook="guard",
    worker="worker",
    metadata={"timeout": "5"},
    started=True,
)


def a_line(number: int, outcome: HookOutcome = HookOutcome.PROCEEDED) -> ReceiptLine:
    return ReceiptLine(
        hook=f"hook-{number}",
        worker="worker",
        mode=Mode.SEQUENTIAL,
        outcome=outcome,
        duration=0.001,
        message="x" * 50,
    )


def a_receipt(lines: int) -> Receipt:
    return Receipt(call_id="call", generation=7, lines=tuple(map(a_line, range(lines))))


def test_a_failure_crosses_with_everything_it_says() -> None:
    receipt = a_receipt(3)
    status = wire.encode_status(FAILURE, receipt)
    failure, received = wire.decode_status(*status)
    assert failure == replace(FAILURE, metadata={"timeout": "5", "call_id": "call"})
    assert received == receipt


@given(some.FAILURES, st.none() | some.RECEIPTS)
def test_any_failure_crosses(failure: CallFailure, receipt: Receipt | None) -> None:
    decoded, received = wire.decode_status(*wire.encode_status(failure, receipt))
    own = {"started", "failure_class", "hook", "worker", "call_id"}
    assert decoded.metadata.items() >= {
        (name, text) for name, text in failure.metadata.items() if name not in own
    }
    assert replace(decoded, metadata={}) == replace(failure, metadata={})
    assert received == receipt


def test_without_a_receipt_there_is_none() -> None:
    status = wire.encode_status(FAILURE, None)
    assert wire.decode_status(*status) == (FAILURE, None)


@pytest.mark.parametrize("reason", REASONS)
def test_unavailable_means_that_no_hook_was_started(reason: str) -> None:
    failure = CallFailure(reason=reason, message="")
    assert wire.status_code(failure) in grpc.StatusCode.__members__
    assert wire.status_code(failure) != "OK"
    started = wire.status_code(replace(failure, started=True))
    assert started in {"ABORTED", "DEADLINE_EXCEEDED", "CANCELLED", "INTERNAL"}


def test_what_meshes_may_try_again_is_unavailable() -> None:
    unavailable = {
        reason
        for reason in REASONS
        if wire.status_code(CallFailure(reason=reason, message="")) == "UNAVAILABLE"
    }
    assert unavailable == {"HOOK_FAILED", "REQUIRED_HOOK_MISSING", "DRAINING"}


def test_the_details_name_the_code_of_the_status() -> None:
    # google.rpc.Status: field 1, a varint, is the code; ABORTED is 10.
    status = wire.encode_status(FAILURE, None)
    assert (status.code, status.details[:2]) == ("ABORTED", b"\x08\x0a")
    assert grpc.StatusCode.ABORTED.value[0] == 10


def test_a_long_receipt_is_cut_and_says_by_how_many_lines() -> None:
    receipt = a_receipt(500)
    _, cut = wire.decode_status(*wire.encode_status(FAILURE, receipt))
    assert cut is not None
    assert len(wire.encode_receipt(cut)) <= wire.MAX_RECEIPT_BYTES
    assert len(cut.lines) > 20
    assert cut.lines == receipt.lines[: len(cut.lines)]
    assert cut.lines_omitted == 500 - len(cut.lines)
    assert (cut.call_id, cut.generation) == ("call", 7)


def test_the_line_that_ended_the_call_is_never_cut() -> None:
    receipt = a_receipt(500)
    ending = a_line(500, HookOutcome.FAILED_CLOSED)
    cut = wire.cut_receipt(replace(receipt, lines=(*receipt.lines, ending)), 4096)
    assert cut.lines[-1] == ending
    assert cut.lines[:-1] == receipt.lines[: len(cut.lines) - 1]
    assert cut.lines_omitted + len(cut.lines) == 501


def test_an_ending_line_that_is_too_long_itself_does_not_push_the_others_out() -> None:
    ending = replace(a_line(0, HookOutcome.FAILED_CLOSED), message="x" * 5000)
    cut = wire.cut_receipt(Receipt(call_id="call", lines=(ending, a_line(1))), 4096)
    assert (cut.lines, cut.lines_omitted) == ((a_line(1),), 1)


def test_a_receipt_that_was_cut_before_counts_on() -> None:
    cut = wire.cut_receipt(replace(a_receipt(500), lines_omitted=100), 1000)
    assert cut.lines_omitted + len(cut.lines) == 600


def test_a_receipt_with_too_many_unknown_scopes_goes_without_them() -> None:
    receipt = Receipt(call_id="call", unknown_scopes=tuple(map(str, range(10_000))))
    assert wire.cut_receipt(receipt, 4096) == Receipt(call_id="call")


@pytest.mark.parametrize("code", ["UNAVAILABLE", "INTERNAL", "UNIMPLEMENTED"])
@pytest.mark.parametrize("details", [None, b""])
def test_a_status_of_somebody_else_keeps_its_code_as_the_reason(
    code: str, details: bytes | None
) -> None:
    failure, receipt = wire.decode_status(code, "no healthy upstream", details)
    # Only what is refused at the door surely started nothing.
    started = code != "UNIMPLEMENTED"
    assert failure == CallFailure(reason=code, message="no healthy upstream", started=started)
    assert receipt is None


def test_details_of_another_domain_are_not_taken_for_ours() -> None:
    octets = wire.encode_status(FAILURE, None).details.replace(b"sidehook", b"sidecart")
    failure, _ = wire.decode_status("ABORTED", "m", octets)
    assert failure.reason == "ABORTED"


def test_details_that_cannot_be_parsed_are_malformed() -> None:
    with pytest.raises(MalformedError, match=r"google\.rpc\.Status"):
        wire.decode_status("ABORTED", "", b"\xff")


@asynccontextmanager
async def failing_server(folder: Path, status: wire.RpcStatus) -> AsyncIterator[grpc.aio.Channel]:
    """A channel to a server that ends every RPC with this status."""

    async def fail(_: bytes, context: grpc.aio.ServicerContext[bytes, bytes]) -> bytes:
        context.set_trailing_metadata(((wire.STATUS_DETAILS_KEY, status.details),))
        await context.abort(grpc.StatusCode[status.code], status.message)
        raise AssertionError

    handler: grpc.RpcMethodHandler[bytes, bytes] = grpc.unary_unary_rpc_method_handler(fail)
    handlers = {"Invoke": handler}
    server = grpc.aio.server()
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("Service", handlers),))
    target = f"unix://{folder / 'socket'}"
    server.add_insecure_port(target)
    await server.start()
    try:
        async with grpc.aio.insecure_channel(target) as channel:
            yield channel
    finally:
        await server.stop(None)


@pytest.mark.parametrize("letter", ["x", "%", "€"])
async def test_the_longest_status_passes_through_grpc(socket_folder: Path, letter: str) -> None:
    failure = replace(
        FAILURE,
        message=letter * 10_000,
        metadata={str(number): letter * 100 for number in range(100)},
    )
    status = wire.encode_status(failure, a_receipt(500))
    async with failing_server(socket_folder, status) as channel:
        invoke: grpc.aio.UnaryUnaryMultiCallable[bytes, bytes] = channel.unary_unary(
            "/Service/Invoke"
        )
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await invoke(b"")
    error = caught.value
    # Not as a dict, which the metadata of older grpcio does not turn into.
    (details,) = [
        value for name, value in error.trailing_metadata() if name == wire.STATUS_DETAILS_KEY
    ]
    assert isinstance(details, bytes)
    received, receipt = wire.decode_status(error.code().name, error.details() or "", details)
    assert received.reason == "HOOK_FAILED"
    assert received.message.endswith("…")
    assert received.message == status.message
    assert receipt is not None
    assert receipt.lines_omitted + len(receipt.lines) == 500

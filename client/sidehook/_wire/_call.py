"""A call and its answer."""

from __future__ import annotations

from typing import assert_never

from sidehook._call import CallAnswer, CallFailure, CallRequest, Proceed, Violation
from sidehook._continuations import Received, Sent
from sidehook._errors import EncodeError, MalformedError
from sidehook._manifest import PROTOCOL_VERSION
from sidehook._wire._context import read_context, read_state, write_context, write_state
from sidehook._wire._durations import read_positive, write_duration
from sidehook._wire._lists import completes, continues
from sidehook._wire._payload import read_payload, write_payload
from sidehook._wire._receipt import (
    read_failure,
    read_receipt,
    read_violation,
    write_failure,
    write_receipt,
    write_violation,
)
from sidehook._wire._schema import InvokeRequest, InvokeResponse, lone_surrogate, parse
from sidehook.v1 import hook_service_pb2


def encode_invoke(request: CallRequest, sent: Sent | None = None) -> bytes:
    """Serialize a call; its long lists without what was `sent` before, when that is given.

    Raises EncodeError for a bad field name, too many labels, a lone surrogate in a text.
    """
    message = InvokeRequest()
    try:
        _write_call(message, request, sent)
    except UnicodeEncodeError as error:
        raise EncodeError("call", lone_surrogate(error)) from None
    return message.SerializeToString()


def decode_invoke(octets: bytes, received: Received | None = None) -> CallRequest:
    """Parse a call. Raises MalformedError.

    Its `what` is `InvokeRequest.protocol_version` for a version of the contract that
    this package does not speak. Raises UnknownItemsError for lists that go on from what
    was not `received` before.
    """
    message = parse(InvokeRequest, octets, "InvokeRequest")
    version = message.protocol_version
    if version not in (0, PROTOCOL_VERSION):
        raise MalformedError(
            "InvokeRequest.protocol_version",
            f"{version} is not spoken here, {PROTOCOL_VERSION} is; upgrade the older of the two",
        )
    has_budget = message.HasField("budget")
    context = read_context(message.context, "InvokeRequest.context")
    lists = completes(context, received)
    return CallRequest(
        hook_type=message.hook_type,
        fields=read_payload(message.payload, "InvokeRequest.payload", lists),
        call_id=message.call_id,
        budget=read_positive(message.budget, "InvokeRequest.budget") if has_budget else None,
        context=context,
        scope_handles=tuple(message.scope_handles),
        unguarded_calls=message.unguarded_calls,
    )


def encode_answer(answer: CallAnswer) -> bytes:
    """Serialize the answer to a call."""
    message = InvokeResponse()
    outcome = answer.outcome
    match outcome:
        case Proceed():
            write_payload(message.proceed.patch, outcome.patch)
        case Violation():
            write_violation(message.blocked, outcome)
        case CallFailure():
            write_failure(message.failed, outcome)
        case _:
            assert_never(outcome)
    write_receipt(message.receipt, answer.receipt)
    write_state(message.state, answer.state)
    return message.SerializeToString()


def decode_answer(octets: bytes) -> CallAnswer:
    """Parse the answer to a call. Raises MalformedError, for none and two outcomes too."""
    message = parse(InvokeResponse, octets, "InvokeResponse")
    return CallAnswer(
        outcome=_read_outcome(message),
        receipt=read_receipt(message.receipt, "InvokeResponse.receipt"),
        state=read_state(message.state, "InvokeResponse.state"),
    )


def _write_call(
    message: hook_service_pb2.InvokeRequest, request: CallRequest, sent: Sent | None
) -> None:
    message.call_id = request.call_id
    message.hook_type = request.hook_type
    message.protocol_version = PROTOCOL_VERSION
    write_payload(message.payload, request.fields, continues(request.context, sent))
    write_context(message.context, request.context)
    if request.budget is not None:
        write_duration(message.budget, request.budget)
    if request.scope_handles:
        message.scope_handles.extend(request.scope_handles)
    if request.unguarded_calls:
        message.unguarded_calls = request.unguarded_calls


def _read_outcome(message: hook_service_pb2.InvokeResponse) -> Proceed | Violation | CallFailure:
    outcomes: list[Proceed | Violation | CallFailure] = []
    if message.HasField("proceed"):
        patch = read_payload(message.proceed.patch, "InvokeResponse.proceed.patch")
        outcomes.append(Proceed(patch))
    if message.HasField("blocked"):
        outcomes.append(read_violation(message.blocked))
    if message.HasField("failed"):
        outcomes.append(read_failure(message.failed))
    if len(outcomes) != 1:
        raise MalformedError("InvokeResponse.outcome", f"{len(outcomes)} are set in place of one")
    return outcomes[0]

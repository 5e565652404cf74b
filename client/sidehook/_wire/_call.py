"""A call and its answer."""

from __future__ import annotations

from functools import partial
from typing import Final, assert_never

from sidehook._call import (
    NO_CHANGE,
    CallAnswer,
    CallFailure,
    CallRequest,
    Proceed,
    Verdict,
    Violation,
)
from sidehook._continuations import Received, Sent
from sidehook._errors import EncodeError, MalformedError
from sidehook._manifest import PROTOCOL_VERSION
from sidehook._wire import _octets
from sidehook._wire._context import context_octets, read_context, read_state, write_state
from sidehook._wire._durations import read_positive
from sidehook._wire._lists import completes, continues
from sidehook._wire._payload import read_payload
from sidehook._wire._receipt import (
    encode_receipt,
    read_failure,
    read_receipt,
    read_violation,
    write_failure,
    write_violation,
)
from sidehook._wire._scan import scan_invoke, scan_proceeding
from sidehook._wire._schema import InvokeRequest, InvokeResponse, lone_surrogate, parse
from sidehook._wire._schema import Receipt as ReceiptMessage
from sidehook.v1 import hook_service_pb2

_VERSION: Final = _octets.number(b"\x40", PROTOCOL_VERSION)


def encode_invoke(
    request: CallRequest, *, budget: float | None = None, sent: Sent | None = None
) -> bytes:
    """Serialize a call; a `budget` in seconds takes the place of its own.

    Its long lists travel without what was `sent` before, when that is given.

    Raises EncodeError for a bad field name, too many labels, a lone surrogate in a text.
    """
    try:
        seconds = request.budget if budget is None else budget
        payload = _octets.payload(request.fields, continues(request.context, sent))
        context = context_octets(request.context)
        octets = b"".join(
            (
                _octets.text(b"\x0a", request.call_id),
                _octets.text(b"\x12", request.hook_type),
                _octets.head(b"\x1a", len(payload)),
                payload,
                b"" if seconds is None else _duration(b"\x22", seconds),
                _octets.head(b"\x2a", len(context)),
                context,
            )
        )
        for handle in request.scope_handles:
            octets += _octets.nested(b"\x32", handle.encode())
        return octets + _octets.number(b"\x38", request.unguarded_calls) + _VERSION
    except UnicodeEncodeError as error:
        raise EncodeError("call", lone_surrogate(error)) from None


def decode_invoke(octets: bytes, received: Received | None = None) -> CallRequest:
    """Parse a call. Raises MalformedError.

    Its `what` is `InvokeRequest.protocol_version` for a version of the contract that
    this package does not speak. Raises UnknownItemsError for lists that go on from what
    was not `received` before.
    """
    try:
        found = scan_invoke(octets, PROTOCOL_VERSION)
    except (LookupError, UnicodeDecodeError):
        found = None
    return read_invoke(octets, received) if found is None else found


def read_invoke(octets: bytes, received: Received | None = None) -> CallRequest:
    """As `decode_invoke`, whatever the form of the octets."""
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
    outcome = answer.outcome
    if isinstance(outcome, Proceed):
        patch = _octets.payload(outcome.patch)
        octets = _octets.nested(b"\x0a", _octets.nested(b"\x0a", patch))
    else:
        octets = _ending_octets(outcome)
    octets += _octets.nested(b"\x22", encode_receipt(answer.receipt))
    if answer.state:
        message = InvokeResponse()
        write_state(message.state, answer.state)
        octets += message.SerializeToString()
    return octets


def decode_answer(octets: bytes) -> CallAnswer:
    """Parse the answer to a call. Raises MalformedError, for none and two outcomes too."""
    message = parse(InvokeResponse, octets, "InvokeResponse")
    return CallAnswer(
        outcome=_read_outcome(message),
        receipt=read_receipt(message.receipt, "InvokeResponse.receipt"),
        state=read_state(message.state, "InvokeResponse.state"),
    )


def decode_verdict(octets: bytes) -> Verdict:
    """As `decode_answer`; of a call that proceeds, the receipt is made when it is asked for.

    Times in it that are none are found only then.
    """
    try:
        found = scan_proceeding(octets)
    except (LookupError, UnicodeDecodeError):
        found = None
    if found is None:
        answer = decode_answer(octets)
        return Verdict(answer.outcome, answer.receipt, answer.state)
    patch, receipt = found
    message = parse(ReceiptMessage, receipt, "InvokeResponse.receipt")
    return Verdict(
        Proceed(patch), partial(read_receipt, message, "InvokeResponse.receipt"), NO_CHANGE
    )


def _ending_octets(outcome: Violation | CallFailure) -> bytes:
    message = InvokeResponse()
    match outcome:
        case Violation():
            write_violation(message.blocked, outcome)
        case CallFailure():
            write_failure(message.failed, outcome)
        case _:
            assert_never(outcome)
    return message.SerializeToString()


def _duration(key: bytes, seconds: float) -> bytes:
    return _octets.nested(key, _octets.duration(seconds))


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

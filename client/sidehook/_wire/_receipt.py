"""Receipts, violations and call failures."""

from __future__ import annotations

from typing import Final

from sidehook._call import CallFailure, Receipt, ReceiptLine, Violation
from sidehook._wire._durations import read_duration, write_duration
from sidehook._wire._enums import FAILURE_CLASSES, HOOK_OUTCOMES, MODES
from sidehook._wire._schema import Receipt as ReceiptMessage
from sidehook._wire._schema import parse
from sidehook.v1 import receipt_pb2

# The metadata of a call failure whose class is not known here.
_FAILURE_CLASS: Final = "failure_class"


def encode_receipt(receipt: Receipt) -> bytes:
    """Serialize a receipt."""
    message = ReceiptMessage()
    write_receipt(message, receipt)
    return message.SerializeToString()


def decode_receipt(octets: bytes) -> Receipt:
    """Parse a receipt. Raises MalformedError."""
    return read_receipt(parse(ReceiptMessage, octets, "Receipt"), "Receipt")


def write_receipt(target: receipt_pb2.Receipt, receipt: Receipt) -> None:
    """Set a receipt."""
    target.call_id = receipt.call_id
    target.generation = receipt.generation
    write_duration(target.duration, receipt.duration)
    target.unknown_scopes.extend(receipt.unknown_scopes)
    target.development = receipt.development
    target.lines_omitted = receipt.lines_omitted
    target.payload_digest = receipt.payload_digest
    add = target.lines.add
    for line in receipt.lines:
        write_line(add(), line)


def read_receipt(source: receipt_pb2.Receipt, what: str) -> Receipt:
    """Read a receipt. Values that are not known stay, as `unknown(n)`."""
    return Receipt(
        call_id=source.call_id,
        generation=source.generation,
        lines=tuple([_read_line(line, what) for line in source.lines]),
        duration=read_duration(source.duration, f"{what}.duration"),
        unknown_scopes=tuple(source.unknown_scopes),
        development=source.development,
        lines_omitted=source.lines_omitted,
        payload_digest=source.payload_digest,
    )


def write_line(target: receipt_pb2.ReceiptLine, line: ReceiptLine) -> None:
    """Set one line of a receipt."""
    target.hook = line.hook
    target.worker = line.worker
    target.instance = line.instance
    target.mode = MODES.number_of_shown(line.mode)
    target.outcome = HOOK_OUTCOMES.number_of_shown(line.outcome)
    if line.duration is not None:
        write_duration(target.duration, line.duration)
    if line.changed_fields:
        target.changed_fields.extend(line.changed_fields)
    if line.rejected_fields:
        target.rejected_fields.extend(line.rejected_fields)
    if line.failure_class is not None:
        target.failure_class = FAILURE_CLASSES.number_of_shown(line.failure_class)
    target.code = line.code
    target.message = line.message
    target.shadowed = line.shadowed
    target.payload_digest = line.payload_digest


def _read_line(source: receipt_pb2.ReceiptLine, what: str) -> ReceiptLine:
    failure_class = source.failure_class
    return ReceiptLine(
        hook=source.hook,
        worker=source.worker,
        mode=MODES.shown(source.mode),
        outcome=HOOK_OUTCOMES.shown(source.outcome),
        instance=source.instance,
        duration=(
            read_duration(source.duration, f"{what}.lines.duration")
            if source.HasField("duration")
            else None
        ),
        changed_fields=tuple(source.changed_fields),
        rejected_fields=tuple(source.rejected_fields),
        failure_class=FAILURE_CLASSES.shown(failure_class) if failure_class else None,
        code=source.code,
        message=source.message,
        shadowed=source.shadowed,
        payload_digest=source.payload_digest,
    )


def write_violation(target: receipt_pb2.Violation, violation: Violation) -> None:
    """Set a violation."""
    target.reason = violation.reason
    target.code = violation.code
    target.description = violation.description
    target.details = violation.details
    target.hook = violation.hook
    target.worker = violation.worker
    target.SetInParent()


def read_violation(source: receipt_pb2.Violation) -> Violation:
    """Read a violation; its reason may be empty."""
    return Violation(
        reason=source.reason,
        code=source.code,
        description=source.description,
        details=source.details,
        hook=source.hook,
        worker=source.worker,
    )


def write_failure(target: receipt_pb2.CallFailure, failure: CallFailure) -> None:
    """Set a call failure."""
    target.reason = failure.reason
    target.message = failure.message
    if failure.failure_class is not None:
        target.failure_class = FAILURE_CLASSES.number(failure.failure_class)
    target.hook = failure.hook
    target.worker = failure.worker
    target.metadata.update(failure.metadata)
    target.started = failure.started
    target.SetInParent()


def read_failure(source: receipt_pb2.CallFailure) -> CallFailure:
    """Read a call failure. A class that is not known stays in its metadata, as `unknown(n)`."""
    metadata = dict(source.metadata)
    failure_class = FAILURE_CLASSES.find(source.failure_class)
    if source.failure_class and failure_class is None:
        metadata[_FAILURE_CLASS] = FAILURE_CLASSES.shown(source.failure_class)
    return CallFailure(
        reason=source.reason,
        message=source.message,
        failure_class=failure_class,
        hook=source.hook,
        worker=source.worker,
        metadata=metadata,
        started=source.started,
    )

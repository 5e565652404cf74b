"""Receipts, violations and call failures."""

from __future__ import annotations

from typing import Final

from sidehook._call import CallFailure, Receipt, ReceiptLine, Violation
from sidehook._wire import _octets
from sidehook._wire._durations import read_duration
from sidehook._wire._enums import FAILURE_CLASSES, HOOK_OUTCOMES, MODES
from sidehook._wire._schema import Receipt as ReceiptMessage
from sidehook._wire._schema import parse
from sidehook.v1 import receipt_pb2

# The metadata of a call failure whose class is not known here.
_FAILURE_CLASS: Final = "failure_class"

_REMEMBERED: Final = 4096

# The first fields of lines, serialized: hook, worker, instance, mode, outcome.
_heads: dict[tuple[str, str, str, str, str], bytes] = {}


def encode_receipt(receipt: Receipt) -> bytes:
    """Serialize a receipt."""
    return b"".join(
        (
            _octets.text(b"\x0a", receipt.call_id),
            _octets.number(b"\x10", receipt.generation),
            *[_octets.nested(b"\x1a", _line_octets(line)) for line in receipt.lines],
            _octets.nested(b"\x22", _octets.duration(receipt.duration)),
            *[_octets.nested(b"\x2a", scope.encode()) for scope in receipt.unknown_scopes],
            b"\x30\x01" if receipt.development else b"",
            _octets.number(b"\x38", receipt.lines_omitted),
            _octets.text(b"\x42", receipt.payload_digest),
        )
    )


def decode_receipt(octets: bytes) -> Receipt:
    """Parse a receipt. Raises MalformedError."""
    return read_receipt(parse(ReceiptMessage, octets, "Receipt"), "Receipt")


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


def _line_octets(line: ReceiptLine) -> bytes:
    head = _heads.get((line.hook, line.worker, line.instance, line.mode, line.outcome))
    octets = _head_of(line) if head is None else head
    if line.duration is not None:
        octets += _octets.nested(b"\x32", _octets.duration(line.duration))
    if line.changed_fields or line.rejected_fields or line.failure_class is not None:
        octets += _changes_of(line)
    if line.code or line.message or line.shadowed or line.payload_digest:
        octets += (
            _octets.text(b"\x52", line.code)
            + _octets.text(b"\x5a", line.message)
            + (b"\x60\x01" if line.shadowed else b"")
            + _octets.text(b"\x6a", line.payload_digest)
        )
    return octets


def _head_of(line: ReceiptLine) -> bytes:
    """The first fields of a line, which are the same for nearly all runs of a hook."""
    head = (
        _octets.text(b"\x0a", line.hook)
        + _octets.text(b"\x12", line.worker)
        + _octets.text(b"\x1a", line.instance)
        + _octets.number(b"\x20", MODES.number_of_shown(line.mode))
        + _octets.number(b"\x28", HOOK_OUTCOMES.number_of_shown(line.outcome))
    )
    if len(_heads) >= _REMEMBERED:
        _heads.clear()
    _heads[line.hook, line.worker, line.instance, line.mode, line.outcome] = head
    return head


def _changes_of(line: ReceiptLine) -> bytes:
    return b"".join(
        (
            *[_octets.nested(b"\x3a", name.encode()) for name in line.changed_fields],
            *[_octets.nested(b"\x42", name.encode()) for name in line.rejected_fields],
            b""
            if line.failure_class is None
            else _octets.number(b"\x48", FAILURE_CLASSES.number_of_shown(line.failure_class)),
        )
    )


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

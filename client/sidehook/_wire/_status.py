"""Failures of a call as the status of a unary RPC, and back.

A status names the failure three times: as a gRPC code for meshes and balancers, as a
sentence for people, and as one google.rpc.ErrorInfo for programs.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Final, NamedTuple

from sidehook._call import CallFailure, Receipt, ReceiptLine
from sidehook._types import FailureClass, HookOutcome
from sidehook._wire._receipt import decode_receipt, encode_receipt
from sidehook._wire._rpc import ErrorInfo, Status
from sidehook._wire._schema import parse

DOMAIN: Final = "sidehook"
"""The domain of every ErrorInfo of this contract."""

STATUS_DETAILS_KEY: Final = "grpc-status-details-bin"
"""The trailing metadata that carries a serialized google.rpc.Status."""

MAX_RECEIPT_BYTES: Final = 4096
"""What of a receipt fits a status, in bytes."""

# gRPC peers refuse metadata from 8 KiB on; the other trailers need some of it.
_MAX_TRAILER_BYTES: Final = 7 * 1024
_MAX_MESSAGE_BYTES: Final = 1024
_MAX_METADATA_BYTES: Final = 1024
_MAX_FACT_BYTES: Final = 256

_INFO_URL: Final = "type.googleapis.com/google.rpc.ErrorInfo"
_RECEIPT_URL: Final = "type.googleapis.com/sidehook.v1.Receipt"

# The numbers of the gRPC codes that this contract uses, and those it may meet.
_CODES: Final[Mapping[str, int]] = {
    "OK": 0,
    "CANCELLED": 1,
    "UNKNOWN": 2,
    "INVALID_ARGUMENT": 3,
    "DEADLINE_EXCEEDED": 4,
    "NOT_FOUND": 5,
    "ALREADY_EXISTS": 6,
    "PERMISSION_DENIED": 7,
    "RESOURCE_EXHAUSTED": 8,
    "FAILED_PRECONDITION": 9,
    "ABORTED": 10,
    "OUT_OF_RANGE": 11,
    "UNIMPLEMENTED": 12,
    "INTERNAL": 13,
    "UNAVAILABLE": 14,
    "DATA_LOSS": 15,
    "UNAUTHENTICATED": 16,
}
# By reason, while no hook was started. UNAVAILABLE invites meshes to try again.
_REASON_CODES: Final[Mapping[str, str]] = {
    "HOOK_FAILED": "UNAVAILABLE",
    "REQUIRED_HOOK_MISSING": "UNAVAILABLE",
    "DRAINING": "UNAVAILABLE",
    "OVERLOADED": "RESOURCE_EXHAUSTED",
    "DEADLINE_EXCEEDED": "DEADLINE_EXCEEDED",
    "CANCELLED": "CANCELLED",
    "UNKNOWN_HOOK_TYPE": "INVALID_ARGUMENT",
    "UNKNOWN_SCOPE": "INVALID_ARGUMENT",
    "MALFORMED_REQUEST": "INVALID_ARGUMENT",
    "PAYLOAD_TOO_LARGE": "INVALID_ARGUMENT",
    "SCOPE_HANDLE_UNKNOWN": "UNAVAILABLE",
    "CALLER_FORBIDDEN": "PERMISSION_DENIED",
    "INVALID_MANIFEST": "INVALID_ARGUMENT",
    "WORKER_IDENTITY": "PERMISSION_DENIED",
    "REGISTRATION_FORBIDDEN": "PERMISSION_DENIED",
    "HOOK_IN_USE": "FAILED_PRECONDITION",
    "UNKNOWN_PROTOCOL_VERSION": "FAILED_PRECONDITION",
    "INTERNAL": "INTERNAL",
}
# These say what they say whether a hook was started or not.
_STEADY_CODES: Final = frozenset({"DEADLINE_EXCEEDED", "CANCELLED", "INTERNAL"})
# A status without details comes from gRPC itself or something between. With these codes
# the call was refused at the door; with any other one a hook may have been started.
_REFUSED_CODES: Final = frozenset({"UNIMPLEMENTED", "UNAUTHENTICATED", "PERMISSION_DENIED"})

_ENDING: Final = frozenset({HookOutcome.FAILED_CLOSED, HookOutcome.BLOCKED})


class RpcStatus(NamedTuple):
    """The status of an RPC: the name of its gRPC code, its message, its serialized details."""

    code: str
    message: str
    details: bytes


def status_code(failure: CallFailure) -> str:
    """The name of the gRPC code: UNAVAILABLE only while no hook was started, ABORTED later."""
    code = _REASON_CODES.get(failure.reason, "INTERNAL")
    return "ABORTED" if failure.started and code not in _STEADY_CODES else code


def encode_status(failure: CallFailure, receipt: Receipt | None) -> RpcStatus:
    """Put a failure into the status of a unary RPC, with as much of the receipt as fits.

    `details` is for the trailing metadata `grpc-status-details-bin`. The message is cut
    at 1 KiB, the receipt at 4 KiB, earlier lines first and the one that ended the call
    always; `lines_omitted` counts the others.
    """
    message = _cut(failure.message, _MAX_MESSAGE_BYTES)
    status = Status(code=_CODES[status_code(failure)], message=message)
    info = ErrorInfo(reason=failure.reason, domain=DOMAIN)
    info.metadata.update(_metadata(failure, receipt))
    status.details.add(type_url=_INFO_URL, value=info.SerializeToString())
    if receipt is not None:
        room = _room(message, status.ByteSize())
        cut = cut_receipt(receipt, min(MAX_RECEIPT_BYTES, room))
        status.details.add(type_url=_RECEIPT_URL, value=encode_receipt(cut))
    return RpcStatus(status_code(failure), message, status.SerializeToString())


def decode_status(
    code: str, message: str, details: bytes | None
) -> tuple[CallFailure, Receipt | None]:
    """Read the failure and the receipt out of a status.

    `code` is the name of the gRPC code. A status that is not the sidecar's (no details,
    or those of somebody else) becomes a failure whose reason is the code. Raises
    MalformedError for details that cannot be parsed.
    """
    infos: list[ErrorInfo] = []
    receipt: Receipt | None = None
    for detail in parse(Status, details or b"", "google.rpc.Status").details:
        if detail.type_url == _INFO_URL:
            infos.append(parse(ErrorInfo, detail.value, "google.rpc.ErrorInfo"))
        elif detail.type_url == _RECEIPT_URL:
            receipt = decode_receipt(detail.value)
    for info in infos:
        if info.domain == DOMAIN:
            return _failure(info.reason, message, dict(info.metadata)), receipt
    return CallFailure(reason=code, message=message, started=code not in _REFUSED_CODES), receipt


def cut_receipt(receipt: Receipt, max_bytes: int) -> Receipt:
    """The receipt with as many of its lines as fit, those that ended the call first."""
    if len(encode_receipt(receipt)) <= max_bytes:
        return receipt
    total = receipt.lines_omitted + len(receipt.lines)
    bare = replace(receipt, lines=(), lines_omitted=total)
    if len(encode_receipt(bare)) > max_bytes:
        bare = replace(bare, unknown_scopes=())
    kept = _lines_that_fit(receipt.lines, max_bytes - len(encode_receipt(bare)))
    return replace(bare, lines=kept, lines_omitted=total - len(kept))


def _lines_that_fit(lines: tuple[ReceiptLine, ...], room: int) -> tuple[ReceiptLine, ...]:
    """Lines that ended the call first, then the others until one does not fit; in plan order."""
    kept: list[int] = []
    for position, line in sorted(enumerate(lines), key=lambda item: not _ended(item[1])):
        size = _line_size(line)
        if size <= room:
            room -= size
            kept.append(position)
        elif not _ended(line):
            break
    return tuple([lines[position] for position in sorted(kept)])


def _ended(line: ReceiptLine) -> bool:
    return line.outcome in _ENDING


def _line_size(line: ReceiptLine) -> int:
    return len(encode_receipt(Receipt(call_id="", lines=(line,))))


def _metadata(failure: CallFailure, receipt: Receipt | None) -> dict[str, str]:
    facts = {
        "failure_class": failure.failure_class or "",
        "hook": failure.hook,
        "worker": failure.worker,
        "call_id": receipt.call_id if receipt is not None else "",
    }
    metadata = {name: _cut(text, _MAX_FACT_BYTES) for name, text in facts.items() if text}
    metadata["started"] = "true" if failure.started else "false"
    room = _MAX_METADATA_BYTES
    for name, text in failure.metadata.items():
        room -= len(name.encode()) + len(text.encode())
        if room >= 0:
            metadata.setdefault(name, text)
    return metadata


def _failure(reason: str, message: str, metadata: dict[str, str]) -> CallFailure:
    started = metadata.pop("started", "true") != "false"
    failure_class = None
    if metadata.get("failure_class") in _CLASSES:
        failure_class = FailureClass(metadata.pop("failure_class"))
    return CallFailure(
        reason=reason,
        message=message,
        failure_class=failure_class,
        hook=metadata.pop("hook", ""),
        worker=metadata.pop("worker", ""),
        metadata=metadata,
        started=started,
    )


_CLASSES: Final = frozenset(FailureClass)


def _room(message: str, size: int) -> int:
    """The bytes left for a receipt: gRPC sends the message escaped and the details in base64."""
    escaped = sum(1 if 0x20 <= octet < 0x7F and octet != 0x25 else 3 for octet in message.encode())
    envelope = 64
    return max(0, (_MAX_TRAILER_BYTES - escaped) * 3 // 4 - size - envelope)


def _cut(text: str, max_bytes: int) -> str:
    octets = text.encode()
    if len(octets) <= max_bytes:
        return text
    return octets[: max_bytes - len("…".encode())].decode(errors="ignore") + "…"

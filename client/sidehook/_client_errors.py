"""From what came back, or did not, to the errors of the client.

The tables here are the only place that knows which reason and which gRPC status is
which class of error.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeVar

from sidehook import _json
from sidehook._call import CallFailure, Receipt, Violation
from sidehook._client_target import socket_path, start_command
from sidehook._errors import (
    CallerForbiddenError,
    CallRefusedError,
    DeadlineExceededError,
    HookFailedError,
    MalformedError,
    OverloadedError,
    PayloadTooLargeError,
    ProtocolError,
    RequiredHookMissingError,
    SidecarError,
    SidecarUnavailableError,
    UnknownHookTypeError,
    UnknownScopeError,
    ViolationError,
)
from sidehook._manifest import PROTOCOL_VERSION
from sidehook._types import JSON, FailureClass

SidecarErrorT = TypeVar("SidecarErrorT", bound=SidecarError)

BY_REASON: Mapping[str, type[SidecarError]] = {
    "CALLER_FORBIDDEN": CallerForbiddenError,
    "DEADLINE_EXCEEDED": DeadlineExceededError,
    "DRAINING": SidecarUnavailableError,
    "HOOK_FAILED": HookFailedError,
    "MALFORMED_REQUEST": CallRefusedError,
    "OVERLOADED": OverloadedError,
    "PAYLOAD_TOO_LARGE": PayloadTooLargeError,
    "REQUIRED_HOOK_MISSING": RequiredHookMissingError,
    "UNKNOWN_HOOK_TYPE": UnknownHookTypeError,
    "UNKNOWN_PROTOCOL_VERSION": ProtocolError,
    "UNKNOWN_SCOPE": UnknownScopeError,
}
"""The error of each reason a sidecar gives; a reason that is not here is a SidecarError."""


def failure_error(
    failure: CallFailure, *, hook_type: str = "", receipt: Receipt | None = None
) -> SidecarError:
    """Return the error for a call that the sidecar could not decide."""
    return BY_REASON.get(failure.reason, SidecarError)(
        failure.message or f"the sidecar gave up with reason {failure.reason}",
        reason=failure.reason,
        hook_type=hook_type,
        failure_class=failure.failure_class,
        hook=failure.hook,
        worker=failure.worker,
        metadata=failure.metadata,
        started=failure.started,
        receipt=receipt,
    )


def violation_error(
    violation: Violation, *, hook_type: str, receipt: Receipt | None
) -> ViolationError:
    """Return the error for a call that a hook said no to."""
    return ViolationError(
        hook_type=hook_type,
        reason=violation.reason,
        code=violation.code,
        description=violation.description,
        details=_details(violation.details),
        hook=violation.hook,
        worker=violation.worker,
        receipt=receipt,
    )


def _details(octets: bytes) -> Mapping[str, JSON]:
    if not octets:
        return {}
    try:
        details = _json.decode(octets)
    except MalformedError:
        # A block stays a block, whatever its author wrote beside it.
        return {}
    return details if isinstance(details, dict) else {}


def unavailable(target: str, why: str) -> SidecarUnavailableError:
    """Return the error for a sidecar that does not answer. `why` ends a sentence."""
    command = start_command(target)
    if socket_path(target) is None:
        advice = f"start one there, or name another with SIDEHOOK_TARGET: {command}"
    else:
        advice = f"start one with: {command}"
    return SidecarUnavailableError(
        f"no sidecar at {target}: {why}; {advice}",
        reason="SIDECAR_UNAVAILABLE",
        failure_class=FailureClass.UNREACHABLE,
        metadata={"target": target, "command": command},
    )


def no_tls(target: str, problems: str) -> SidecarUnavailableError:
    """Return the error for a connection that this client has no usable certificates for."""
    return SidecarUnavailableError(
        f"no connection to the sidecar at {target}: TLS cannot be spoken: {problems}",
        reason="SIDECAR_UNAVAILABLE",
        failure_class=FailureClass.UNREACHABLE,
        metadata={"target": target},
    )


def no_token(target: str, problem: str) -> SidecarUnavailableError:
    """Return the error for a connection that this client has no usable token for."""
    return SidecarUnavailableError(
        f"no connection to the sidecar at {target}: {problem}",
        reason="SIDECAR_UNAVAILABLE",
        failure_class=FailureClass.UNREACHABLE,
        metadata={"target": target},
    )


def lost(target: str, why: str) -> SidecarUnavailableError:
    """Return the error for a call whose connection broke. Whether hooks ran is unknown."""
    return SidecarUnavailableError(
        f"the connection to the sidecar at {target} broke before it answered: {why}; "
        "hooks may have run",
        reason="SIDECAR_UNAVAILABLE",
        failure_class=FailureClass.UNREACHABLE,
        metadata={"target": target},
        started=True,
    )


def deadline_exceeded(target: str, budget: float) -> DeadlineExceededError:
    """Return the error for a sidecar that let the whole budget pass without an answer."""
    return DeadlineExceededError(
        f"the sidecar at {target} did not answer within the budget of {budget:g} s; "
        "hooks may have run",
        reason="DEADLINE_EXCEEDED",
        failure_class=FailureClass.TIMEOUT,
        metadata={"target": target, "budget_seconds": f"{budget:g}"},
        started=True,
    )


def overloaded(what: str, **metadata: str) -> OverloadedError:
    """Return the error for a client or a connection without room for one more call."""
    return OverloadedError(
        what, reason="OVERLOADED", failure_class=FailureClass.OVERLOADED, metadata=metadata
    )


def payload_too_large(hook_type: str, size: int, limit: int) -> PayloadTooLargeError:
    """Return the error for a call that the sidecar would not even read; sizes in bytes."""
    return PayloadTooLargeError(
        f"a call of {hook_type} with {size} bytes is over the limit of {limit} bytes that the "
        "sidecar takes; send less, or raise the limit in its configuration",
        reason="PAYLOAD_TOO_LARGE",
        hook_type=hook_type,
        metadata={"size_bytes": str(size), "limit_bytes": str(limit)},
    )


def broken(target: str, problem: str, *, started: bool = False) -> ProtocolError:
    """Return the error for a sidecar that breaks the contract."""
    return ProtocolError(
        f"the sidecar at {target} broke the contract: {problem}",
        reason="PROTOCOL_ERROR",
        failure_class=FailureClass.MALFORMED,
        metadata={"target": target},
        started=started,
    )


def not_served(target: str, service: str) -> ProtocolError:
    """Return the error for a gRPC server that is no sidecar."""
    return ProtocolError(
        f"what listens at {target} does not serve {service}; is it a sidecar, and is this the "
        "socket for applications?",
        reason="PROTOCOL_ERROR",
        metadata={"target": target, "service": service},
    )


def refused(target: str, code: str, why: str) -> SidecarError:
    """Return the error for a sidecar that answers but does not let this client in."""
    return SidecarError(
        f"the sidecar at {target} refused the connection: {why} ({code})",
        reason=code,
        metadata={"target": target, "code": code},
    )


def closed() -> SidecarError:
    """Return the error for a call on a client that is closed."""
    return SidecarError("this client is closed; make another one", reason="CLIENT_CLOSED")


def again(error: SidecarErrorT) -> SidecarErrorT:
    """Return an equal error: each call raises its own, with its own traceback."""
    return type(error)(
        str(error),
        reason=error.reason,
        failure_class=error.failure_class,
        metadata=error.metadata,
        started=error.started,
    )


def other_version(target: str, version: int) -> ProtocolError:
    """Return the error for a sidecar that speaks another version of the contract."""
    return ProtocolError(
        f"the sidecar at {target} speaks version {version} of the contract and this client "
        f"version {PROTOCOL_VERSION}; upgrade the older of the two",
        reason="UNKNOWN_PROTOCOL_VERSION",
        metadata={"target": target, "sidecar": str(version), "client": str(PROTOCOL_VERSION)},
    )

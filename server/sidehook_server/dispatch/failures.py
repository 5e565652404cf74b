"""The failures of a run that dispatch and the transports find, not the hook.

The message says who and what; what to do about it is added where the call ends.
"""

from __future__ import annotations

from typing import Final

from sidehook._run import HookFailure
from sidehook._types import FailureClass

RUN_TOO_LARGE: Final = "RUN_TOO_LARGE"
"""The code of a run that no wait and no repetition would bring to its worker."""


def unreachable(worker: str) -> HookFailure:
    """No instance of the worker is there to take the run."""
    return HookFailure(
        failure_class=FailureClass.UNREACHABLE,
        code="NO_INSTANCE",
        message=f"no instance of worker {worker} that serves the hook is connected",
    )


def connection_lost(worker: str, instance: str) -> HookFailure:
    """The connection broke while the run was under way."""
    return HookFailure(
        failure_class=FailureClass.UNREACHABLE,
        code="CONNECTION_LOST",
        message=f"the connection to worker {worker} ({instance or 'unnamed'}) broke during the run",
    )


def circuit_open(worker: str, hook: str, instance: str) -> HookFailure:
    """The hook failed too often on the instance lately, so that the run was not sent."""
    return HookFailure(
        failure_class=FailureClass.CIRCUIT_OPEN,
        code="CIRCUIT_OPEN",
        message=f"{worker}/{hook} is kept from {instance or 'its worker'} after failures there",
    )


def link_closed(worker: str) -> HookFailure:
    """The link is closing, so that the run was not sent."""
    return HookFailure(
        failure_class=FailureClass.UNREACHABLE,
        code="CONNECTION_CLOSED",
        message=f"the connection to worker {worker} is closed",
    )


def no_room(worker: str, limit: str) -> HookFailure:
    """The worker's own limits leave no room for the run, so that it was not sent."""
    return HookFailure(
        failure_class=FailureClass.OVERLOADED,
        code="WORKER_BUSY",
        message=f"worker {worker} takes no more now: {limit}",
    )


def queue_full(worker: str, limit: int) -> HookFailure:
    """Every instance of the worker is full, and as many runs wait as may, or more pressing ones."""
    return HookFailure(
        failure_class=FailureClass.OVERLOADED,
        code="WORKER_BUSY",
        message=f"worker {worker} is at its limit, and {limit} runs wait for it",
    )


def too_large(worker: str, size: int, limit: int) -> HookFailure:
    """The run is larger than any message that the worker takes, so that it was not sent."""
    return HookFailure(
        failure_class=FailureClass.OVERLOADED,
        code=RUN_TOO_LARGE,
        message=f"the run has {size} bytes; worker {worker} takes messages of {limit} at most",
    )


def no_room_for_answer(worker: str) -> HookFailure:
    """The answer comes in parts, and too many bytes of answers wait for their rest."""
    return HookFailure(
        failure_class=FailureClass.OVERLOADED,
        code="SIDECAR_BUSY",
        message=f"too many large answers of worker {worker} are on their way at once",
    )


def not_in_journal() -> HookFailure:
    """The journal could not note that a detached run is sent, so that it was not sent."""
    return HookFailure(
        failure_class=FailureClass.OVERLOADED,
        code="JOURNAL_FAILED",
        message="the journal cannot be written, which is asked before the hook is",
    )


def unknown_fate() -> HookFailure:
    """The sidecar ended while a detached hook that is not idempotent may have run."""
    return HookFailure(
        failure_class=FailureClass.UNREACHABLE,
        code="FATE_UNKNOWN",
        message="the sidecar ended during its run; it may have run, and is not repeated",
    )


def scope_gone() -> HookFailure:
    """The application that serves the hook itself lost its connection with the sidecar."""
    return HookFailure(
        failure_class=FailureClass.UNREACHABLE,
        code="SCOPE_GONE",
        message="its scope handle ended with the run of the sidecar that accepted the event",
    )

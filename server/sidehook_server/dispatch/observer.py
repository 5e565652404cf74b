"""What dispatch and transport report to whoever counts: metrics, tests."""

from __future__ import annotations

from enum import StrEnum
from typing import Protocol

from sidehook._call import CallAnswer, CallRequest
from sidehook._types import FailureClass
from sidehook_server.dispatch.fair_share import Refusal
from sidehook_server.pipeline.breaker import BreakerState
from sidehook_server.pipeline.model import PlannedHook


class GuardMissed(StrEnum):
    """Why a guard did not run when it should have."""

    FAILED_OPEN = "failed_open"
    """A hook that may change the verdict or the payload failed, and the call went on."""
    DISABLED = "disabled"
    """Such a hook is left out after a failure, under on_error: disable."""
    UNGUARDED = "unguarded"
    """A client let a call proceed without a verdict, and reported it."""


class DetachedLoss(StrEnum):
    """Why a detached event was lost."""

    SHED = "shed"
    """The queue was full."""
    JOURNAL = "journal"
    """It could not be written to the journal, or not in time."""
    SATURATED = "saturated"
    """The sidecar was near its limit when its call began."""
    EXPIRED = "expired"
    """Its time ran out in the queue."""
    UNREACHABLE = "unreachable"
    """No instance of its worker took it, or the connection broke."""
    TIMEOUT = "timeout"
    """Its hook did not answer in time."""
    CIRCUIT_OPEN = "circuit_open"
    """Its hook failed too often lately, so that it was not sent."""
    FAILED = "failed"
    """Its hook answered with an error, or with something malformed."""
    UNKNOWN = "unknown"
    """The sidecar ended while its hook, which is not idempotent, may have run."""
    UNDELIVERED = "undelivered"
    """The sidecar stopped before it was delivered."""


class FrameDrop(StrEnum):
    """Why a frame of a worker was dropped."""

    MALFORMED = "malformed"
    """It breaks the contract."""
    UNKNOWN_ID = "unknown_id"
    """Its run is not under way, and was not lately."""
    UNEXPECTED = "unexpected"
    """A kind of frame that has no place there, or that this sidecar does not know."""


class Observer(Protocol):
    """Takes note of what happens. Called on the event loop: quick, and never raising."""

    def call_finished(self, request: CallRequest, answer: CallAnswer, seconds: float) -> None:
        """A call was answered, refused ones too; its receipt has the fate of each hook."""

    def call_refused(self, hook_type: str, cause: Refusal) -> None:
        """A call was refused for want of room, besides being finished."""

    def run_waited(self, hook: PlannedHook, seconds: float) -> None:
        """A run was sent after it had waited for an instance with room."""

    def run_turned_away(self, hook: PlannedHook) -> None:
        """A run could not even wait, because too many did."""

    def guard_missed(self, hook_type: str, cause: GuardMissed, *, count: int = 1) -> None:
        """Guards did not run when they should have."""

    def block_suppressed(self, hook_type: str, worker: str, hook: str) -> None:
        """A hook blocked in a mode that may not."""

    def patch_discarded(self, hook_type: str, worker: str, hook: str) -> None:
        """Nothing of a hook's patch was applied, because the hook may not write it."""

    def fields_rejected(self, hook_type: str, worker: str, hook: str, *, count: int) -> None:
        """Fields of a hook's patch were not applied, because hooks may not write them."""

    def scopes_unknown(self, hook_type: str, *, count: int) -> None:
        """A call named scopes that no hook knows."""

    def late_answer(self, worker: str) -> None:
        """An answer came after its time, and was dropped."""

    def frame_dropped(self, worker: str, cause: FrameDrop) -> None:
        """A frame of a worker was dropped."""

    def circuit_changed(self, hook: PlannedHook, state: BreakerState) -> None:
        """The circuit breaker of a hook on one instance opened, probes, or closed."""

    def detached_accepted(self, hook: PlannedHook) -> None:
        """A detached event is in the queue."""

    def detached_restored(self, hook: PlannedHook) -> None:
        """One that was accepted came out of the journal; told after `detached_accepted`."""

    def detached_refused(self, hook: PlannedHook, cause: DetachedLoss) -> None:
        """A detached event was not accepted, and the receipt says `shed`."""

    def detached_retried(self, hook: PlannedHook, failure_class: FailureClass) -> None:
        """The run of a detached event failed, and will be repeated."""

    def detached_delivered(self, hook: PlannedHook, seconds: float) -> None:
        """A detached event was handled, so long after it was accepted."""

    def detached_lost(self, hook: PlannedHook, cause: DetachedLoss) -> None:
        """A detached event that was accepted is lost."""


class NullObserver:
    """Takes note of nothing."""

    def call_finished(self, request: CallRequest, answer: CallAnswer, seconds: float) -> None:
        """Ignored."""

    def call_refused(self, hook_type: str, cause: Refusal) -> None:
        """Ignored."""

    def run_waited(self, hook: PlannedHook, seconds: float) -> None:
        """Ignored."""

    def run_turned_away(self, hook: PlannedHook) -> None:
        """Ignored."""

    def guard_missed(self, hook_type: str, cause: GuardMissed, *, count: int = 1) -> None:
        """Ignored."""

    def block_suppressed(self, hook_type: str, worker: str, hook: str) -> None:
        """Ignored."""

    def patch_discarded(self, hook_type: str, worker: str, hook: str) -> None:
        """Ignored."""

    def fields_rejected(self, hook_type: str, worker: str, hook: str, *, count: int) -> None:
        """Ignored."""

    def scopes_unknown(self, hook_type: str, *, count: int) -> None:
        """Ignored."""

    def late_answer(self, worker: str) -> None:
        """Ignored."""

    def frame_dropped(self, worker: str, cause: FrameDrop) -> None:
        """Ignored."""

    def circuit_changed(self, hook: PlannedHook, state: BreakerState) -> None:
        """Ignored."""

    def detached_accepted(self, hook: PlannedHook) -> None:
        """Ignored."""

    def detached_restored(self, hook: PlannedHook) -> None:
        """Ignored."""

    def detached_refused(self, hook: PlannedHook, cause: DetachedLoss) -> None:
        """Ignored."""

    def detached_retried(self, hook: PlannedHook, failure_class: FailureClass) -> None:
        """Ignored."""

    def detached_delivered(self, hook: PlannedHook, seconds: float) -> None:
        """Ignored."""

    def detached_lost(self, hook: PlannedHook, cause: DetachedLoss) -> None:
        """Ignored."""

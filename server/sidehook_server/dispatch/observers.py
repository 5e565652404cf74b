"""Several observers as one."""

from __future__ import annotations

from sidehook._call import CallAnswer, CallRequest
from sidehook._types import FailureClass
from sidehook_server.dispatch.fair_share import Refusal
from sidehook_server.dispatch.observer import DetachedLoss, FrameDrop, GuardMissed, Observer
from sidehook_server.pipeline.breaker import BreakerState
from sidehook_server.pipeline.model import PlannedHook


class Observers:
    """Tells each observer everything, in their order."""

    def __init__(self, *observers: Observer) -> None:
        self._observers = observers

    def call_finished(self, request: CallRequest, answer: CallAnswer, seconds: float) -> None:
        """A call was answered."""
        for each in self._observers:
            each.call_finished(request, answer, seconds)

    def guard_missed(self, hook_type: str, cause: GuardMissed, *, count: int = 1) -> None:
        """Guards did not run when they should have."""
        for each in self._observers:
            each.guard_missed(hook_type, cause, count=count)

    def block_suppressed(self, hook_type: str, worker: str, hook: str) -> None:
        """A hook blocked in a mode that may not."""
        for each in self._observers:
            each.block_suppressed(hook_type, worker, hook)

    def patch_discarded(self, hook_type: str, worker: str, hook: str) -> None:
        """Nothing of a hook's patch was applied."""
        for each in self._observers:
            each.patch_discarded(hook_type, worker, hook)

    def fields_rejected(self, hook_type: str, worker: str, hook: str, *, count: int) -> None:
        """Fields of a hook's patch were not applied."""
        for each in self._observers:
            each.fields_rejected(hook_type, worker, hook, count=count)

    def scopes_unknown(self, hook_type: str, *, count: int) -> None:
        """A call named scopes that no hook knows."""
        for each in self._observers:
            each.scopes_unknown(hook_type, count=count)

    def late_answer(self, worker: str) -> None:
        """An answer came after its time."""
        for each in self._observers:
            each.late_answer(worker)

    def frame_dropped(self, worker: str, cause: FrameDrop) -> None:
        """A frame of a worker was dropped."""
        for each in self._observers:
            each.frame_dropped(worker, cause)

    def detached_accepted(self, hook: PlannedHook) -> None:
        """A detached event is in the queue."""
        for each in self._observers:
            each.detached_accepted(hook)

    def detached_delivered(self, hook: PlannedHook, seconds: float) -> None:
        """A detached event was handled."""
        for each in self._observers:
            each.detached_delivered(hook, seconds)

    def detached_lost(self, hook: PlannedHook, cause: DetachedLoss) -> None:
        """A detached event was lost."""
        for each in self._observers:
            each.detached_lost(hook, cause)

    def circuit_changed(self, hook: PlannedHook, state: BreakerState) -> None:
        """The circuit breaker of a hook on one instance opened, probes, or closed."""
        for each in self._observers:
            each.circuit_changed(hook, state)

    def detached_restored(self, hook: PlannedHook) -> None:
        """One that was accepted came out of the journal; told after `detached_accepted`."""
        for each in self._observers:
            each.detached_restored(hook)

    def detached_refused(self, hook: PlannedHook, cause: DetachedLoss) -> None:
        """A detached event was not accepted, and the receipt says `shed`."""
        for each in self._observers:
            each.detached_refused(hook, cause)

    def detached_retried(self, hook: PlannedHook, failure_class: FailureClass) -> None:
        """The run of a detached event failed, and will be repeated."""
        for each in self._observers:
            each.detached_retried(hook, failure_class)

    def call_refused(self, hook_type: str, cause: Refusal) -> None:
        """A call was refused for want of room, besides being finished."""
        for each in self._observers:
            each.call_refused(hook_type, cause)

    def run_waited(self, hook: PlannedHook, seconds: float) -> None:
        """A run was sent after it had waited for an instance with room."""
        for each in self._observers:
            each.run_waited(hook, seconds)

    def run_turned_away(self, hook: PlannedHook) -> None:
        """A run could not even wait, because too many did."""
        for each in self._observers:
            each.run_turned_away(hook)

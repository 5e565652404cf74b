"""What becomes of a hook's answer before the next hook of the same run is called. Pure.

The sidecar applies the same rights again to what it is sent.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Final

from sidehook._call import Fields, StateChange, Violation
from sidehook._run import OWN_FAILURES, HookFailure, HookResult, HookRun, Patch, RunRequest
from sidehook._types import FailureClass, Mode, OnError, OnRejected, Value

_KEEPS_STATE: Final = frozenset({Mode.SEQUENTIAL, Mode.TRANSFORM, Mode.CONCURRENT})

SHARED: Final = "shared."
"""The prefix of keys of the state that are not under a worker's name."""


def narrowed(run: HookRun, result: HookResult) -> HookResult:
    """The result with what its hook may not write taken out of its patch."""
    answer = result.answer
    if not isinstance(answer, Patch):
        return result
    writable = run.writable_fields if run.may_modify else frozenset[str]()
    rejected = [name for name in answer.fields if name not in writable]
    if not rejected:
        return result
    kept = {name: value for name, value in answer.fields.items() if name in writable}
    rejected = [*result.rejected_fields, *rejected]
    return replace(result, answer=Patch(kept), rejected_fields=tuple(rejected))


def ends_call(run: HookRun, result: HookResult) -> bool:
    """Whether no later hook of the call has its turn after this result."""
    answer = result.answer
    if isinstance(answer, Violation):
        return run.may_block
    if isinstance(answer, HookFailure):
        own = answer.failure_class in OWN_FAILURES
        kind = answer.failure_class if own else FailureClass.RAISED
        action = run.on_error.overrides.get(kind, run.on_error.default)
        # Without a word on it the run is ended, and whoever knows goes on.
        return action not in (OnError.IGNORE, OnError.DISABLE)
    return False


class Standing:
    """Payload and state as the hooks of one run leave them, and how much they may still grow."""

    __slots__ = ("_payload_room", "_state_room", "_worker", "fields", "state")

    def __init__(self, request: RunRequest, worker: str) -> None:
        self.fields: Fields = request.fields
        self.state: Mapping[str, bytes] = request.context.state
        self._worker = worker
        self._payload_room = request.payload_room
        self._state_room = request.state_room

    def take(self, run: HookRun, result: HookResult) -> bool:
        """Take what a hook answered; False when the sidecar may not take it as it is."""
        if isinstance(result.answer, HookFailure):
            return True
        if result.rejected_fields and run.on_rejected is OnRejected.ERROR:
            return False
        if result.state and run.mode in _KEEPS_STATE and not self._take_state(result.state):
            return False
        return not isinstance(result.answer, Patch) or self._take_patch(result.answer.fields)

    def _take_patch(self, patch: Fields) -> bool:
        if not patch:
            return True
        if self._payload_room is not None:
            self._payload_room -= sum(
                _size(name, value) - _size(name, self.fields.get(name))
                for name, value in patch.items()
            )
            if self._payload_room < 0:
                return False
        self.fields = {**self.fields, **patch}
        return True

    def _take_state(self, change: StateChange) -> bool:
        if self._state_room is not None:
            own = len(self._worker.encode()) + 1
            # What a key had before is not taken off: too careful at worst.
            self._state_room -= sum(
                len(key.encode()) + len(text) + (0 if key.startswith(SHARED) else own)
                for key, text in change.set.items()
            )
            if self._state_room < 0:
                return False
        kept = {key: text for key, text in self.state.items() if key not in change.removed}
        self.state = {**kept, **change.set}
        return True


def _size(name: str, value: Value | None) -> int:
    return 0 if value is None else len(name.encode()) + len(value.octets)
